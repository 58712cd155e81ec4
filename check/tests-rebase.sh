# SPDX-License-Identifier: GPL-2.0-only
# tests-rebase.sh - the cases of tests.sh for make rebase. A stand-in for run.sh gives the verdict.
# Sourced by tests-release.sh, whose releases and functions it uses.

echo 'echo "PASS: stand-in"; exit ${VERDICT:-0}' | program stub/run.sh
cp "$t/stub/run.sh" proof/run.sh

# as_before: nothing of the series is half-written, and the lab has the older release still.
as_before() {
	diff -r series/1.0 "$t/series.good" && [ "$(store log -1 --format=%s refs/base/1.0)" = "linux-source-1.0 1.0-1" ]
}

# rebased COMMAND...: series/1.0 is on 1.0-2 to the byte, and nothing else of it is another; it is left as it was.
rebased() {
	"$@" || return
	(
		# shellcheck source=/dev/null
		. series/1.0/base
		[ "$VERSION" = 1.0-2 ] && [ "$TREE" = "$(store rev-parse 'refs/base/1.0^{tree}')" ] &&
			echo "$SHA256  $MIRROR/linux-source-1.0_1.0-2_all.deb" | sha256sum -c --status
	) || return
	grep -qx '@@ -48,7 +48,7 @@.*' series/1.0/0001* || return
	! diff -r series/1.0 "$t/series.good" | grep -vE '^[<>] (@@|index|VERSION|SHA256|TREE)|^(diff|---|[0-9])' || return
	kernel/export.sh --check | grep -x 'ok - 1.0: series -> tree -> series, byte for byte' || return
	kernel/tree.sh | grep 'TREE    1.0  2 patches on linux-source-1.0 1.0-2$' && review/rebase.sh | grep NEWEST || return
	rm -r series/1.0
	cp -r "$t/series.good" series/1.0
	echo "as it should be"
}

# cut_rebase WHERE: ended as by ctrl-C when it comes to "git ... WHERE"; then to its end.
cut_rebase() {
	on_first
	export CANDIDATE=1.0-2
	! CUT=$1 timeout 20 env --default-signal=INT PATH="$t/cut:$PATH" review/rebase.sh || return
	diff -r series/1.0 "$t/series.good" && rebased review/rebase.sh
}

# on_first: a lab with a tree on the first release.
on_first() {
	afresh
	cp "$pinned" "$deb"
	CANDIDATE=1.0-1 kernel/tree.sh >"$t/out" 2>&1
}

on_first
expect 2 "leave KERNEL out" "rebase of KERNEL" on 1.0 make rebase
expect 0 "NEWEST  series/1.0 is on linux-source-1.0 1.0-1, and there is none that is newer" "rebase on the newest" \
	env CANDIDATE=1.0-1 make rebase
expect 2 "0001-KVM-nSVM-Count.patch does not apply to linux-source-1.0 1.0-3: .*; nothing was changed. To mend it: make tree" \
	"rebase onto a release with other context" env CANDIDATE=1.0-3 make rebase
report "and all is as before" "$(as_before >>"$t/out" 2>&1 && echo yes)"
export CANDIDATE=1.0-2
echo work >build/tree/1.0/new-file
expect 2 "goes from 1.0-1 to 1.0-2, but build/tree/1.0 holds work" "rebase with work in the tree" make rebase
expect 2 "goes from 1.0-1 to 1.0-2, but build/tree/1.0 holds work" "rebase with work in the tree and FORCE=1" make rebase FORCE=1
rm build/tree/1.0/new-file
GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/" g -C build/tree/1.0 rebase -q -i refs/base/1.0 >/dev/null 2>&1
expect 2 "holds work that no series file has" "rebase in the middle of a rebase" make rebase
g -C build/tree/1.0 rebase --abort
report "and all is as before, again" "$(as_before >>"$t/out" 2>&1 && echo yes)"
expect 0 "as it should be" "rebase onto a newer release" rebased make rebase

# A bench of the older release, and texts that name it.
on_first
echo '# By make bench: Linux 1.0-1, gcc 1' >series/1.0/bench
printf '%s\n' 'Testing: on 1.0-1.' '  Linux 1.0-1, gcc 1' 'Not on 11.0-1.' >series/1.0/cover-letter
make rebase >"$t/out" 2>&1
said 'STALE .*figures of 1.0-1 in .*: make bench BASE=1.0' "rebase says which figures are of the older release"
said 'series.1.0.cover-letter:1:Testing: on 1.0-1' "and which texts name it"
report "and no other" "$([ "$(grep -c 'cover-letter:[0-9]' "$t/out")" -eq 1 ] && echo yes)"

on_first
# The tree is on the newer release then, the series is not.
bad_verdict() {
	! VERDICT=1 make rebase && diff -r series/1.0 "$t/series.good" && kernel/export.sh --check
}
expect 0 "byte for byte on 1.0-1, equal by patch-id on 1.0-2" "rebase without a verdict leaves the series as it was" bad_verdict
for where in "worktree move" " am " format-patch; do
	expect 0 "as it should be" "ctrl-C at git $where of rebase, then again" cut_rebase "$where"
done
