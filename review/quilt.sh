#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# quilt.sh - the series in a Debian kernel source package: quilt import, push, and a kvm-amd.ko with Debian's own .config.
# Usage: [BASE=6.12] [DSC=linux_6.12.117-1.dsc] review/quilt.sh
#   DSC  a source package that is at hand; without it the one of the base's own version, from the machine's mirror
# Not every mirror keeps the source packages of its security suites. Where it does not, the tree of linux-source, which
# is that package with all of Debian's patches applied, stands in for it, with an empty debian/patches.
# The package is left in build/quilt/$BASE/linux. docs/debian-package.md has the same by hand.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
. lib/apt.sh
[ -z "$KERNEL" ] || die 2 "quilt works on Debian's packages: leave KERNEL out"
need_debian "make quilt"
top=$PWD
dir=$top/build/quilt/$BASE
linux=$dir/linux
config=linux-config-$BASE
export QUILT_PATCHES=debian/patches
# Debian's tools are for Debian's Python.
PATH=/usr/bin:/bin:/usr/sbin:/sbin

# fetch: the package of Debian's configurations, and the source package if the mirror has it.
fetch() {
	rm -rf "$dir/pkg"
	mkdir -p "$dir/pkg"
	open_private deb-src
	cd "$dir/pkg"
	# A base that came from the system's own suites may be newer than what $SUITE has.
	apt apt-get -q download "$config=$version" || LC_ALL=C apt-get -q download "$config=$version"
	[ -z "${DSC:-}" ] || return 0
	apt apt-get -q source --download-only "$source=$version" || rm -f -- *.dsc
}

# unpack: the source package with Debian's patches, or what stands in for it.
unpack() {
	rm -rf "$linux"
	if [ -n "$dsc" ]; then
		# apt has compared it with the archive's signed lists.
		dpkg-source --no-check --skip-patches -x "$dsc" "$linux"
		cd "$linux"
		quilt push -a --fuzz=0
	else
		mkdir -p "$linux/debian/patches"
		store archive "refs/base/$ID" | tar -xf - -C "$linux"
		touch "$linux/debian/patches/series"
	fi
}

# dep3 PATCH: it, with the header that Debian wants (DEP-3): Origin is the commit of mainline that it is based on.
dep3() {
	_of=$(sed -n 's/^Based on commits\{0,1\} \([0-9a-f]\{40\}\).*/backport, commit:\1/p' "$1")
	sed "0,/^\$/s/^\$/Origin: ${_of:-other}\nForwarded: no\n/" "$1"
}

# push_series: quilt puts what it imports on top of what is applied, so each is pushed before the next; dpkg-source
# refuses a patch that applies with fuzz only.
push_series() {
	cd "$linux"
	for patch in $fix; do
		dep3 "$top/$patch" >"$dir/patch"
		quilt import -P "bugfix/x86/${patch##*/}" "$dir/patch"
		quilt push --fuzz=0
	done
}

# build: what the series touches, with Debian's .config for amd64.
build() {
	rm -rf "$dir/obj"
	mkdir "$dir/obj"
	dpkg-deb --fsys-tarfile "$dir/pkg/${config}"_*.deb |
		tar -xOf - "./usr/src/$config/config.amd64_none_amd64.xz" | xz -dc >"$dir/obj/.config"
	make -s -C "$linux" O="$dir/obj" olddefconfig
	make -s -C "$linux" O="$dir/obj" -j"$(nproc)" modules_prepare
	# Without a built vmlinux there is nothing to tell modpost which symbols it exports.
	make -C "$linux" O="$dir/obj" -j"$(nproc)" KBUILD_MODPOST_WARN=1 arch/x86/kvm/kvm-amd.ko
}

dsc=${DSC:-}
[ -z "$dsc" ] || dsc=$(readlink -e "$dsc") || die 2 "DSC=$DSC: there is no such file"
of_debian
lib/deps.sh tree package build quilt
lock
kernel/source.sh
version=$(base_release)
source=$(dpkg-deb -f "build/pkg/${PACKAGE}_${version}_all.deb" Source | cut -d' ' -f1)
# The selftests are no part of Debian's packages.
fix=$(patches | xargs grep -l '^diff --git a/arch/') || :
[ -n "$fix" ] || die 2 "series/$BASE has no patch to arch/"
stage FETCH "$config and $source $version" fetch
[ -n "$dsc" ] || dsc=$(find "$dir/pkg" -name '*.dsc')
stage UNPACK "${dsc:-$PACKAGE $version, for the mirror has no source package of $source $version}" unpack
stage QUILT "$(echo "$fix" | wc -l) patches in debian/patches/bugfix/x86" push_series
stage BUILD "kvm-amd.ko with Debian's configuration" build
ko=build/quilt/$BASE/obj/arch/x86/kvm/kvm-amd.ko
say MODULE "$(modinfo -F vermagic "$ko")"
grep -q 'nested_svm_check_event_inj' "$ko" || die 1 "$ko has no nested_svm_check_event_inj()"
echo "ok - $BASE: $(grep -c . <"$linux/debian/patches/series") patches in debian/patches/series, $ko has the check"
