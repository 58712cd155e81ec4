# SPDX-License-Identifier: GPL-2.0-only
# tests-machine.sh - the cases of tests.sh for machines that miss something or are not Debian, and for what comes between: a
# package that is not whole, a full disk, ctrl-C at any point of tree.sh, a checkout that is copied.
# Sourced by tests.sh in its small world, with the package of 1.0 at hand.

# missed PATTERN ID: what a user is told on a system of that name.
missed() {
	echo "ID=$2" >"$t/os-release"
	expect 3 "$1" "packages that a user misses on $2" env LAB_OS_RELEASE="$t/os-release" PATH="$t/user:$t/bin:$t/less" lib/deps.sh tree package run
}
missed "run: sudo apt-get install -y --no-install-recommends git qemu-system-x86 xz-utils$" debian
missed "run: sudo dnf install git qemu-system-x86 xz$" fedora
missed "run: sudo pacman -S --needed git qemu-system-x86 xz$" arch
missed "run: sudo zypper install git qemu-x86 xz$" opensuse
missed "missing here, the commands, headers, libraries or modules: git qemu-system-x86_64 xz$" nixos

# other COMMAND...: it, where there is neither dpkg nor apt.
other() { env PATH="$t/other" "$@"; }
expect 0 "TREE    1.0-kernel  1 patches" "no dpkg, no apt: KERNEL" other KERNEL="$linux" kernel/tree.sh
mv "$deb" "$t/deb.good"
expect 3 "BASE=1.0 without KERNEL takes Debian's packages, and there is no apt" "no dpkg, no apt: no package" other kernel/tree.sh
cp "$t/deb.good" "$deb"
expect 0 "TREE    1.0  1 patches" "no dpkg, no apt: a package at hand" other kernel/tree.sh
other kernel/export.sh >/dev/null 2>&1
expect 0 "EXPORT  1.0  1 files" "no dpkg, no apt: export" other kernel/export.sh
expect 3 "A kernel of Debian's takes Debian's packages" "no dpkg, no apt: stock" other kernel/stock.sh proof/run.sh
expect 3 "make quilt takes Debian's packages" "no dpkg, no apt: quilt" other review/quilt.sh
rm -rf build/git build/src build/tree

mv "$deb" "$t/deb.good"
expect 3 "no linux-source-1.0 from this machine's Debian mirror.*KERNEL=" "no package and no network" kernel/tree.sh
head -c 1000 "$t/deb.good" >"$deb"
expect 3 "is not the file that series/1.0/base names (sha256); removed it" "a package cut short" kernel/tree.sh

# full_disk: tree.sh where there is room for the package and little else, and again when there is more.
full_disk() {
	unshare -m sh -euc 'mount -t tmpfs -o size=8m tmpfs build; mkdir build/pkg; cp "$1" "$2"
		! kernel/tree.sh || exit; mount -o remount,size=64m build; kernel/tree.sh >&2' sh "$t/deb.good" "$deb"
}
if unshare -m mount -t tmpfs tmpfs build 2>/dev/null; then
	expect 0 "TREE    1.0  1 patches" "a full disk, then room again" full_disk
	report "the full disk was named" "$(sed -n 's/^The disk is full: .*build\.$/yes/p' "$t/out")"
else
	echo "ok - bad input: a full disk # SKIP no right to mount here"
fi

cp "$t/deb.good" "$deb"
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
