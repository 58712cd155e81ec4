#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# deps.sh - the Debian packages that a command needs: installed where the user is root, else named.
# Usage: lib/deps.sh GROUP...   (tree build run shell check clang docs quilt send stock fresh)

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=lib/lib.sh
. lib/lib.sh

# packages GROUP: what the group needs, the same names on Debian 12 and 13.
packages() {
	case $1 in
	tree) echo git xz-utils ca-certificates perl ;;
	build) echo gcc libc6-dev make flex bison bc libelf-dev libssl-dev cpio perl kmod rsync uuid-dev ;;
	run) if [ "${ACCEL:-}" = bochs ]; then echo bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso socat; else echo qemu-system-x86; fi ;;
	shell) echo busybox-static ;;
	check) echo shellcheck sparse python3-ply python3-git ;;
	clang) echo clang-19 lld-19 llvm-19 ;;
	docs) echo python3-sphinx python3-yaml make ;;
	quilt) echo quilt dpkg-dev kmod xz-utils ;;
	stock) echo binutils file kmod lz4 xz-utils zstd ;;
	fresh) echo debootstrap util-linux ;;
	send) echo b4 git-email libmailtools-perl binutils ;;
	*) die 2 "no group '$1'; there are tree, build, run, shell, check, clang, docs, quilt, send, stock, fresh" ;;
	esac
}

# missing PACKAGE...: those that are not installed, one a line.
missing() {
	{
		# shellcheck disable=SC2016 # dpkg-query expands these
		dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^.i  *//p'
		echo ---
		printf '%s\n' "$@"
	} | awk '$0 == "---" { want = 1; next } !want { have[$0] } want && !($0 in have)' | sort -u
}

[ $# -gt 0 ] || die 2 "usage: lib/deps.sh GROUP..."
all=''
for group; do
	all="$all $(packages "$group")"
done
# shellcheck disable=SC2086 # one word a package, here and below
need=$(missing $all | paste -sd ' ' -)
[ -n "$need" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	die 3 "missing packages; run: sudo apt-get install -y --no-install-recommends $need"
fi
# An unknown package means lists that were never fetched; otherwise the system's own are left as they are.
for package in $need; do
	[ -z "$(LC_ALL=C apt-cache policy "$package" | candidate "$package")" ] || continue
	stage UPDATE "apt's lists" apt-get -q update
	break
done
# shellcheck disable=SC2086
stage INSTALL "$need" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $need
