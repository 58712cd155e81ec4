#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# modules.sh - KVM's modules with the series, for a host that runs Debian's kernel RELEASE, in build/modules/RELEASE; or the same
# as a live patch, in build/livepatch/RELEASE.
# Usage: [RELEASE=6.12.117+deb12-amd64 | BASE=6.12 FLAVOUR=amd64] [TRY=1] proof/modules.sh [--live]
#   RELEASE  as uname -r says it there; without it and FLAVOUR, what it says here
#   TRY  installs them, and removes them again, in a guest with that kernel; what is done there, and must come of it, is in
#        modules/try.sh and try-live.sh. Prints KTAP. Exit: 0 all as it must be, 1 it is not, 4 the guest did not finish.
# With them comes the script that installs and removes them there.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
if [ -z "${STOCK:-}" ]; then
	[ -n "${FLAVOUR:-}" ] || export RELEASE="${RELEASE:-$(uname -r)}"
	exec kernel/stock.sh proof/modules.sh "$@"
fi
. proof/proof.sh
what=modules install=./install
case ${1:-} in --live) what=livepatch install='./install --live' ;; esac
dest=build/$what/$STOCK

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

boot_it() { exec guest/boot.sh "$out/patched/vmlinux" "$run/initrd" "$run" 600; }

lock
need_snapshot
rm -rf "$dest.tmp"
mkdir -p "$dest.tmp"
if [ "$what" = livepatch ]; then
	kernel/build.sh livepatch
	cp "$out/livepatch/nsvm-eventinj.ko" "$dest.tmp/"
else
	LAB_MODULES=1 kernel/build.sh patched
	while read -r ko; do
		cp "$out/patched/$ko" "$dest.tmp/"
	done <"$out/patched/rebuilt"
fi
cp proof/modules/install.sh "$dest.tmp/install"
rm -rf "$dest"
mv "$dest.tmp" "$dest"
say MODULES "$dest: copy it to the host, and there, as root: $install  (docs/modules.md)"
[ -n "${TRY:-}" ] || exit 0

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
stage TRY "$STOCK  $what: ./install, ./install --remove, ${ACCEL:-tcg}" side_by_side boot_it "$STOCK"
rc=0
judge_boot "$run" || rc=$?
sed -n '/^\(not \)\{0,1\}ok 1 /q; s/^  # \{0,1\}//p' "$run/report.ktap"
result $rc "$BASE: $what for $STOCK, installed and removed again" "$run/summary"
exit $rc
