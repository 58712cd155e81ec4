# SPDX-License-Identifier: GPL-2.0-only
# tests-cut.sh - the cases of tests.sh for what comes between: ctrl-C at any point of tree.sh, and a checkout that is copied.
# Sourced by tests.sh in its small world, with the package of 1.0 in place.
# shellcheck disable=SC2154 # t: set by tests.sh

# cut WHERE: tree.sh from nothing, ended as by ctrl-C when it comes to "git ... WHERE", then run to its end.
cut() {
	rm -rf build/git build/src build/tree
	! CUT=$1 timeout 20 env --default-signal=INT PATH="$t/cut:$PATH" kernel/tree.sh || return 1
	kernel/tree.sh || return
	! find build -path build/git -prune -o -name '*.tmp' -print -o -path '*/apply/*' -print | grep . || return 1
	[ "$(g -C build/tree/1.0 log --format=%s | paste -sd,)" = "KVM: nSVM: Count,linux-source-1.0 1.0-1" ] && ! dirty build/tree/1.0
}
for where in "add -f ." write-tree "worktree move" "worktree add" " am " " checkout " update-ref; do
	expect 0 "TREE    1.0  1 patches" "ctrl-C at git $where, then again" cut "$where"
done

# copied: this checkout as cp -a leaves it elsewhere: a commit in its tree is in its own store, and in no other.
copied() {
	cp -a . "$t/copy"
	(
		cd "$t/copy"
		kernel/tree.sh
		g -C build/tree/1.0 commit -q --allow-empty -m copy
		[ "$(id_of series/1.0)" = "$(g -C build/tree/1.0 rev-parse HEAD)" ]
	) && [ "$(g -C build/tree/1.0 log -1 --format=%s)" != copy ] && [ "$(id_of series/1.0)" = "$(g -C build/tree/1.0 rev-parse HEAD)" ]
}
expect 0 "TREE    1.0  1 patches" "a copied checkout" copied
