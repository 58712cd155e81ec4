# SPDX-License-Identifier: GPL-2.0-only
# tests-deps.sh - the cases of tests.sh for machines that miss something, and for those that are not Debian.
# Sourced by tests.sh in its small world, with the package of 1.0 at hand.
# shellcheck disable=SC2154 # t, deb, linux: set by tests.sh

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
