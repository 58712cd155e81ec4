#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# modules-try.sh - build/modules/$STOCK in a guest with that kernel: installed and removed again, and what the probe says each time.
# Usage: STOCK=RELEASE proof/modules-try.sh    (called by modules.sh)
# What is done there, and must come of it, is in proof/modules/try.sh. Prints KTAP.
# Exit: 0 all as it must be, 1 it is not, 4 the guest did not finish.

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=lib/lib.sh
. lib/lib.sh
need_base
# shellcheck source=guest/vm.sh
. guest/vm.sh
# shellcheck source=judge/judge.sh
. judge/judge.sh

# guest: the initramfs, with Debian's modules of KVM, and those that they need, as the package has them; kmod and a shell; ours.
guest() {
	root=$run/root
	_modules=$root/lib/modules/$STOCK
	mkdir -p "$root/tests" "$_modules"
	cp build/lab/init "$root/init"
	echo "240 modules-try $(red_in_state) $layout" >"$run/suite"
	cp "$run/suite" "$root/suite"
	cp build/lab/probe "$root/tests/"
	cp proof/modules/try.sh "$root/tests/modules-try"
	cp -r "build/modules/$STOCK" "$root/ours"
	_to=$PWD/$_modules _files=$PWD/$out/patched/files
	(cd "build/stock/$STOCK/modules" && xargs cp --parents -t "$_to" modules.builtin* modules.order <"$_files")
	add_shell "$root"
	# Not busybox's shell, which prefers its own depmod and modprobe to kmod's.
	rm "$root/bin/sh"
	add_program "$root" /bin/sh bin/sh
	add_program "$root" /sbin/modprobe sbin/modprobe
	# Since Debian 13, kmod itself opens the library that reads its modules; xz brings it.
	add_program "$root" /usr/bin/xz usr/bin/xz
	for _name in depmod modinfo; do
		ln -s modprobe "$root/sbin/$_name"
	done
	pack "$root" "$run/initrd"
}

boot_one() {
	exec guest/boot.sh "$out/patched/vmlinux" "$run/initrd" "$run" 300
}

ready run shell
programs probe
mkdir -p "$run"
# Debian's 7.3 has no MODVERSIONS: nothing but ./install notices a mixture.
layout=same
if grep -q '^CONFIG_MODVERSIONS=y' "build/stock/$STOCK/config" &&
   grep -q '^+++ b/arch/x86/include/asm/kvm_host.h' "series/$BASE"/0*.patch; then
	layout=changed
fi
stage IMAGE "$STOCK, its modules, and ours" guest
stage TRY "$STOCK  ./install, ./install --remove, ${ACCEL:-tcg}" side_by_side boot_one "$STOCK"
code=0
judge_boot "$run" || code=$?
sed -n 's/^  # \{0,1\}//p' "$run/report.ktap"
if [ "$code" -eq 0 ]; then
	echo "ok - $BASE: the modules for $STOCK, installed and removed again"
else
	tail -n 3 "$run/summary"
	echo "not ok - $BASE: the modules for $STOCK, installed and removed again"
fi
exit $code
