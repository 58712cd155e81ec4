#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# run.sh - from the series to the verdict: builds the base with and without it, boots both, judges.
# Usage: [BASE=6.12] [KERNEL=/linux] [ACCEL=tcg|kvm|bochs] [TEST="NAME..."] [KVM_AMD="npt=0..."] [TRACE=1] [NOISE=1] [DEBUG=1]
#          proof/run.sh [--shell]
#   TEST     of the tests in kernel/suite, run these, too ("all": every one); the series' own always runs
#   KVM_AMD  parameters of kvm_amd in L0, such as "npt=0 vgif=0"
#   TRACE    counts the rules by which KVM refused VMRUN (tracepoint kvm_nested_vmenter_failed)
#   NOISE    a timer interrupts L0 every 60 to 260 us, all the time: are the tests steady?
#   DEBUG    compares the patched kernel with itself with KASAN, UBSAN, lockdep and KVM's own assertions; TEST is "all"
#   --shell  a shell in the patched kernel instead, with the tests in /tests
# Exit: 0 the series does what it says, 1 it does not, 2 bad input, 3 no build, 4 a guest did not finish.

set -eu
cd "$(dirname "$0")/.."
. proof/proof.sh
# With DEBUG=1, need_patched makes the name plain for the patched kernel without debugging options.
other=base
[ -z "${DEBUG:-}" ] || other=plain TEST=all

# Cases of the series' own test that take, with the probe, half of the time, as KVM's test harness picks cases (-v variant, -t name).
half='-v none -v shstk -t rsvd_bits_vmrun'

# halve: shares the tests between two guests, the half and the probe in patched/, all others in patched-2/ (-V, -T); false if they
# cannot be shared, as with 6.1's harness, which cannot pick.
halve() {
	[ "$(nproc)" -gt 1 ] && [ -z "${TRACE:-}${DEBUG:-}" ] || return
	grep -q test_enabled "build/src/$ID/tools/testing/selftests/kselftest_harness.h" || return
	mkdir -p "$run/patched" "$run/patched-2"
	sed -n "/ svm_nested_event_inj_test /s/\$/ $half/p; / probe /p" "$run/suite" >"$run/patched/suite"
	_rest=$(echo "$half" | sed 's/-v /-V /g; s/-t /-T /g')
	sed "/ svm_nested_event_inj_test /s/\$/ $_rest/; / probe /d" "$run/suite" >"$run/patched-2/suite"
}

# boot_key: equal keys mean that a boot of $other has nothing new to tell.
boot_key() {
	{
		cat "$out/$other/input" "$out/tests/input" "$run/suite" build/lab/init build/lab/probe guest/boot.sh
		guest/boot.sh --check
		echo "${ACCEL:-} ${CPU:-} ${CPU_ALSO:-} ${MEM:-} ${SMP:-} ${QEMU_ARGS:-} ${TRACE:-} ${NOISE:-} ${KVM_AMD:-}"
	} | sha256sum
}

boot_one() { boot "${1%-2}" "$1" ${TRACE:+lab.trace} ${NOISE:+lab.noise}; }

# What is wrong with these is better said now than after the builds.
for name in ${TEST:-}; do
	[ "$name" = all ] || grep -qE "^[0-9]+ $name( |\$)" kernel/suite || die 2 "TEST names '$name', which is not in kernel/suite"
done
[ "${1:-}" != --shell ] || shell=1
ready build run ${shell:+shell}
# With XSAVE, KVM's state_test has failed now and then, on one kernel and not on the other.
export CPU_ALSO="$no_xsave${CPU_ALSO:+,$CPU_ALSO}"
if [ -n "${shell:-}${DEBUG:-}" ]; then
	need_patched
else
	need_both probe
	with_matrix
fi
if [ -n "$KERNEL" ] && [ ! -e "$out/tests/svm_nested_event_inj_test" ]; then
	say NOTE "$ID  the selftest does not build on $KERNEL (above): the probe alone gives the verdict"
	code=0
	LAB_PROBE_ALONE=1 proof/probe.sh --boot || code=$?
	[ "$code" -ne 0 ] || echo "PASS: by the probe alone, without the selftest"
	exit "$code"
fi
for name in ${TEST:-}; do
	[ "$name" = all ] || grep -qE "^[0-9]+ $name( |\$)" "$run/suite" || die 2 "TEST names '$name', which this base's tree does not have"
done
if [ -n "${shell:-}" ]; then
	image patched patched
	guest/boot.sh "$out/patched/vmlinux" "$run/patched/initrd" "$run/patched" 0 lab.shell
	exit
fi
# An edit of the series changes nothing for the base: a boot of it that was judged good is as good as a new one. That leaves
# a core for the patched kernel.
old=build/run/$VARIANT/last/$other
boots="$other patched" key=$(boot_key)
if [ -e "$old/good" ] && [ "$(cat "$old/key")" = "$key" ]; then
	cp -R "$old" "$run/$other"
	say SAME "$VARIANT  $other, as booted before"
	boots=patched
	! halve || boots='patched patched-2'
fi
for name in $boots; do
	image "${name%-2}" "$name"
done
echo "$key" >"$run/$other/key"
ln -sfn "${run##*/}" "build/run/$VARIANT/last"
# shellcheck disable=SC2086 # one word a boot
stage BOOT "$VARIANT  $boots, ${ACCEL:-tcg}, $(grep -c . "$run/suite") tests" side_by_side boot_one $boots
echo
code=0
case $other in
base)
	red=$(red_here)
	report pair ${red:+-r "$red"} ${KERNEL:+-o} "$run/base" "$run"/patched*
	;;
plain) report debug "$run/plain" "$run/patched" ;;
esac >"$run/report" || code=$?
[ "$code" -ne 0 ] || touch "$run/$other/good"
cat "$run/report"
echo "All of it: build/run/$VARIANT/last"
exit $code
