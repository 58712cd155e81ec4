#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# modules-try.sh - build/modules/$STOCK in a guest with that kernel: installed and removed again, and what the probe says each time.
# Usage: STOCK=RELEASE scripts/modules-try.sh    (called by modules.sh)
# What is done there, and must come of it, is in lab/modules-try.sh. Prints KTAP.
# Exit: 0 all as it must be, 1 it is not, 4 the guest did not finish.

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need_base
# shellcheck source=scripts/vm.sh
. scripts/vm.sh
stock=build/stock/$STOCK/root

# add_program ROOT PROGRAM FOLDER: with its libraries, where the loader looks for them.
add_program() {
	mkdir -p "$1/$3"
	cp -L "$2" "$1/$3/"
	ldd "$2" | awk '/=> \// { print $3 } /^[ \t]*\// { print $1 }' | while read -r _lib; do
		cp -L --parents "$_lib" "$1/"
	done
}

# image: Debian's modules of KVM, and those that they need, as the package has them; kmod and a shell; ours.
image() {
	root=$run/root
	mkdir -p "$root/tests" "$root/lib/modules/$STOCK/kernel/arch/x86/kvm"
	cp build/lab/init "$root/init"
	echo "240 modules-try $red $layout" >"$run/suite"
	cp "$run/suite" "$root/suite"
	cp build/lab/probe "$root/tests/"
	cp lab/modules-try.sh "$root/tests/modules-try"
	cp -r "build/modules/$STOCK" "$root/ours"
	_from=$(dirname "$(find "$stock" -path "*/modules/$STOCK/kernel/arch/x86/kvm")")
	_from=${_from%/kernel/*}
	while read -r _ko; do
		(cd "$_from" && find . -name "$(echo "$_ko" | sed 's/[-_]/[-_]/g')*" -exec cp --parents {} "$OLDPWD/$root/lib/modules/$STOCK/" \;)
	done <"$out/patched/order"
	cp "$_from"/modules.builtin* "$_from"/modules.order "$root/lib/modules/$STOCK/"
	add_shell "$root"
	# Not busybox's shell, which prefers its own depmod and modprobe to kmod's.
	rm "$root/bin/sh"
	add_program "$root" /bin/sh bin
	add_program "$root" /sbin/modprobe sbin
	for _name in depmod modinfo; do
		ln -s modprobe "$root/sbin/$_name"
	done
	(cd "$root" && find . | sort | cpio --quiet -o -H newc >../initrd)
	rm -rf "$root"
}

boot_one() {
	exec lab/boot.sh "$out/patched/vmlinux" "$run/initrd" "$run" 300
}

scripts/deps.sh run shell
lab/boot.sh --check
lab_programs probe
mkdir -p "$run"
# A base that is red in KVM_SET_NESTED_STATE does not check; one that is not, does.
red=0
! grep -q '\.set_nested_state' "series/$BASE/red" || red=1
layout=same
! grep -q '^+++ b/arch/x86/include/asm/kvm_host.h' "series/$BASE"/0*.patch || layout=changed
stage IMAGE "$STOCK, its modules, and ours" image
stage TRY "$STOCK  ./install, ./install --remove, ${ACCEL:-tcg}" side_by_side boot_one "$STOCK"
code=0
build/lab/report boot "$run" >"$run/summary" 2>&1 || code=$?
sed -n 's/^  # \{0,1\}//p' "$run/report.ktap"
if [ "$code" -eq 0 ]; then
	echo "ok - $BASE: the modules for $STOCK, installed and removed again"
else
	tail -n 3 "$run/summary"
	echo "not ok - $BASE: the modules for $STOCK, installed and removed again"
fi
exit $code
