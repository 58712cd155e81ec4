#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# modules-try.sh - build/modules/$STOCK, or build/livepatch/$STOCK, in a guest with that kernel: installed and removed again, and what
# the probe says each time.
# Usage: STOCK=RELEASE proof/modules-try.sh [modules|livepatch]    (called by modules.sh)
# What is done there, and must come of it, is in proof/modules/try.sh and try-live.sh. Prints KTAP.
# Exit: 0 all as it must be, 1 it is not, 4 the guest did not finish.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
. guest/vm.sh
. judge/judge.sh

# guest: the initramfs, with Debian's modules of KVM, and those that they need, as the package has them; kmod and a shell; ours.
guest() {
	root=$run/root
	_modules=$root/lib/modules/$STOCK
	mkdir -p "$root/tests" "$_modules"
	cp build/lab/init "$root/init"
	cp "$run/suite" "$root/suite"
	cp build/lab/probe proof/modules/expect.sh "$root/tests/"
	if [ "$what" = modules ]; then
		cp proof/modules/try.sh "$root/tests/modules-try"
	else
		cp proof/modules/try-live.sh "$root/tests/livepatch-try"
		cp "$out/tests/svm_nested_event_inj_test" "$root/tests/"
		cp "$out/patched/kvm-amd.ko" "$root/rebuilt.ko"
	fi
	cp -r "build/$what/$STOCK" "$root/ours"
	_to=$PWD/$_modules _files=$PWD/$out/patched/files
	(cd "build/stock/$STOCK/modules" && xargs cp --parents -t "$_to" modules.builtin* modules.order <"$_files")
	add_shell "$root"
	# Not busybox's shell, which prefers its own depmod and modprobe to kmod's.
	rm "$root/bin/sh"
	add_program "$root" /bin/sh bin/sh
	add_program "$root" /sbin/modprobe sbin/modprobe
	# Since Debian 13, kmod itself opens the library that reads its modules; xz brings it.
	add_program "$root" /usr/bin/xz usr/bin/xz
	for _name in depmod modinfo insmod rmmod; do
		ln -s modprobe "$root/sbin/$_name"
	done
	pack "$root" "$run/initrd"
}

boot_one() {
	exec guest/boot.sh "$out/patched/vmlinux" "$run/initrd" "$run" 600
}

what=${1:-modules}
ready run shell
if [ "$what" = modules ]; then
	programs probe
	mkdir -p "$run"
	: >"$run/suite"
else
	need_patched probe
fi
# With the live patch in, the selftest comes next.
{ echo "360 $what-try $(red_in_state)"; cat "$run/suite"; } >"$run/suite.new"
mv "$run/suite.new" "$run/suite"
stage IMAGE "$STOCK, its modules, and ours" guest
stage TRY "$STOCK  $what: ./install, ./install --remove, ${ACCEL:-tcg}" side_by_side boot_one "$STOCK"
code=0
judge_boot "$run" || code=$?
sed -n '/^\(not \)\{0,1\}ok 1 /q; s/^  # \{0,1\}//p' "$run/report.ktap"
if [ "$code" -eq 0 ]; then
	echo "ok - $BASE: $what for $STOCK, installed and removed again"
else
	tail -n 3 "$run/summary"
	echo "not ok - $BASE: $what for $STOCK, installed and removed again"
fi
exit $code
