#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# build.sh - what a boot needs, from the lab's own worktree build/src/$ID to build/out/$ID.
# Usage: [BASE=6.12] [KERNEL=/linux] [DEBUG=1] kernel/build.sh base|patched|livepatch|mutant|caps|tests|strict-tests
#   base, patched  vmlinux (ACCEL=bochs: bzImage, too), kvm's modules and kernel/caps, without and with what is in build/tree/$ID now
#   mutant         kvm's modules of patched alone, in place of those in build/out/$VARIANT/mutant, with $MUTATION, a script of sed,
#                  in nested.c; 9 if that changes nothing, 8 if it does not build
#   livepatch      kernel/livepatch for Debian's own kernel
#   caps           kernel/caps for Debian's own kernel; the lab's base and patched have it
#   tests          from the same tree, the series' own selftest, of the others in kernel/suite those that TEST names ("all": every
#                  one), and those that were built before
#   strict-tests   all, and the series' own once more with -Werror
# LAB_SNAPSHOT: a commit of that tree, if the caller has one.
# DEBUG=1 adds kernel/debug.config to the kernels, in folders of their own ($VARIANT instead of $ID). One object directory serves
# base and patched: git rewrites only files that differ between the two, so that make rebuilds only what the series touches.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
what=${1:-}
# A debugged kernel does not need other tests.
case $what in *tests) DEBUG='' STOCK='' VARIANT=$ID ;; esac
src=build/src/$ID
obj=$PWD/build/obj/$VARIANT
out=build/out/$VARIANT/$what

# kmake ARGUMENT...: kbuild on the lab's worktree, reproducible but for the compiler.
kmake() {
	kbuild "$src" "$obj" -s KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab \
		KBUILD_BUILD_TIMESTAMP=2000-01-01 KBUILD_BUILD_VERSION=1 "$@"
}

fragment() {
	sed "${KERNEL:+$no_werror}" kernel/kernel.config ${DEBUG:+kernel/debug.config}
	# Up to 5.14, KVM depends on it.
	[ -z "$KERNEL" ] || ! store grep -q 'depends on NET' "$commit" -- arch/x86/kvm/Kconfig || echo CONFIG_NET=y
}

# wants_bzimage: true if Bochs is to boot it, or was; its BIOS loads a kernel that unpacks itself.
wants_bzimage() { [ "${ACCEL:-}" = bochs ] || [ -f "$out/bzImage" ]; }

# switch_source: to $commit. The selftests of 5.15 and older install headers out of their own tree, which kbuild then calls dirty;
# and it takes the configuration and the modules of another tree of the user's, or of another release of it, for this one's.
switch_source() {
	[ -z "$KERNEL" ] || g -C "$src" clean -q -dfx
	g -C "$src" checkout -q -f --detach "$commit"
	[ -n "$KERNEL" ] || return 0
	_of="$KERNEL $(sed -n 's/^\(VERSION\|PATCHLEVEL\|SUBLEVEL\|EXTRAVERSION\) = *//p' "$src/Makefile" | paste -sd .)"
	[ "$(cat "$obj/of" 2>/dev/null)" != "$_of" ] || return 0
	rm -rf "$obj"
	mkdir -p "$obj"
	echo "$_of" >"$obj/of"
}

build_kernel() {
	switch_source
	fragment | configure
	# With KASAN, 6.1 does not survive the PVH entry, which is instrumented before there is any shadow memory.
	image=vmlinux
	[ -z "${DEBUG:-}" ] || image=${DEBUG_IMAGE:-vmlinux}
	if wants_bzimage; then
		kmake bzImage modules
		cp "$obj/arch/x86/boot/bzImage" "$out.tmp/"
	else
		kmake "${image##*/}" modules
	fi
	mkdir -p "$obj/lab"
	cp kernel/caps/* "$obj/lab/"
	cp "$obj/$image" "$out.tmp/vmlinux"
	# An old tree of the user's is of use without it, but to make caps.
	if kmake M="$obj/lab" modules; then
		cp "$obj/lab/caps.ko" "$out.tmp/"
	else
		[ -n "$KERNEL" ]
	fi
	take_modules "$out.tmp"
}

# take_modules DIR: those that make kvm-amd, into DIR; irqbypass is one of its own where it is not built in.
take_modules() {
	for ko in virt/lib/irqbypass.ko arch/x86/kvm/kvm.ko arch/x86/kvm/kvm-amd.ko; do
		[ ! -f "$obj/$ko" ] || cp "$obj/$ko" "$1/"
	done
}

mutant() {
	switch_source
	trap switch_source EXIT
	trap 'exit 130' INT TERM
	sed -i "$MUTATION" "$src/arch/x86/kvm/svm/nested.c"
	[ -z "$MUTATION" ] || ! g -C "$src" diff --quiet || exit 9
	kmake modules || exit 8
	take_modules "$out"
}

tests_wanted() {
	sed -nE 's/^[0-9]+ ([^ ]+).*/\1/p' kernel/suite | while read -r _name; do
		case " svm_nested_event_inj_test ${TEST:-} " in
		*" $_name "* | *' all ') echo "$_name" ;;
		*) [ ! -f "$out/$_name" ] || echo "$_name" ;;
		esac
	done
}

build_tests() {
	switch_source
	mkdir -p "$obj"
	tests=$obj/selftests
	set --
	dir=$(selftests_of "$commit")
	for name in $(tests_wanted); do
		[ ! -f "$src/tools/testing/selftests/kvm/$dir/$name.c" ] || set -- "$@" "$tests/$dir/$name"
	done
	[ $# -gt 0 ] || { echo "$src has none of the tests in kernel/suite"; return 1; }
	kmake headers
	mkdir -p "$tests"
	make_selftests "$@"
	for test; do
		strip -o "$out.tmp/${test##*/}" "$test"
	done
}

# input: all that decides what comes out; without it a build is done again.
input() {
	gcc -dumpfullversion
	case $what in
	tests)
		tests_wanted
		for path in tools/testing/selftests tools/include tools/arch/x86 include/uapi arch/x86/include/uapi; do
			store rev-parse "$commit:$path"
		done
		;;
	*)
		fragment | sha256sum
		! wants_bzimage || echo bzImage
		sha256sum kernel/caps/*
		store rev-parse "$commit^{tree}"
		;;
	esac
}

# Debian's own kernel is there already.
case ${STOCK:+stock}.$what in stock.base | stock.patched | stock.livepatch | stock.mutant | stock.caps) exec kernel/stock-build.sh "$what" ;; esac
lock
case $what in
base) commit=$(id_of "refs/base/$ID") ;;
patched | mutant | tests | strict-tests) commit=${LAB_SNAPSHOT:-$(kernel/tree.sh --snapshot)} ;;
*) die 2 "usage: kernel/build.sh base|patched|mutant|caps|tests|strict-tests" ;;
esac
[ -n "$commit" ] || die 2 "there is no base: make tree BASE=$BASE"
lib/deps.sh build
if [ "$what" = strict-tests ]; then
	LAB_SNAPSHOT=$commit TEST=all kernel/build.sh tests
	switch_source
	stage TESTS "$ID  the series' own, with -Werror" strict_test
	exit
fi

case $what in
mutant) mutant ;;
tests) make_out TESTS "$ID  KVM selftests" build_tests ;;
*) make_out KERNEL "$VARIANT  $what" build_kernel ;;
esac
