#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# modules-try - in a guest with Debian's kernel: ./install from start to end, and what may go wrong with it.
# Usage: modules-try CODE LAYOUT    (by init)
#   CODE    what the probe says of the modules as shipped: 1 not checked, 0 checked
#   LAYOUT  changed if the series changes a structure that kvm.ko shares with kvm-amd.ko, and the kernel can tell by its
#           MODVERSIONS; else same
# Files: /ours, as make modules leaves it; /tests/probe; kmod and busybox. Stops at the first surprise, with 1.

set -u
export PATH=/sbin:/bin:/tests
release=$(uname -r)
shipped=/lib/modules/$release/kernel/arch/x86/kvm

# expect CODE WORDS COMMAND...: it ends with CODE, and says WORDS.
expect() {
	_code=$1 _words=$2
	shift 2
	echo "$ $*"
	_rc=0
	_out=$("$@" 2>&1) || _rc=$?
	echo "$_out" | tail -n 4
	if [ "$_rc" != "$_code" ] || ! echo "$_out" | grep -q "$_words"; then
		echo "exit $_rc, should be $_code, with '$_words'"
		exit 1
	fi
}

# in_use COMMAND...: while somebody has /dev/kvm open.
in_use() {
	exec 3</dev/kvm
	"$@"
	_in_use=$?
	exec 3<&-
	return $_in_use
}

case $1 in
0) before='^checked' ;;
*) before='^not checked' ;;
esac
depmod "$release" || exit
expect 0 '' modprobe kvm_amd
expect "$1" "$before" probe

expect 2 'nothing of ours' /ours/install --remove
expect 1 'KVM is in use' in_use /ours/install
expect 0 '^loaded: .*/updates/kvm-nsvm/kvm-amd.ko' /ours/install
expect 0 '^checked' probe
expect 0 '^loaded: .*/kernel/arch/x86/kvm/kvm-amd.ko' /ours/install --remove
expect "$1" "$before" probe

# A mixture of both: Debian's kvm-amd.ko on our kvm.ko. The symbols' CRCs keep it out if it would go wrong.
case $2 in
changed) mixture='disagrees about version of symbol' ;;
*) mixture='the kvm_amd that is loaded is shipped' ;;
esac
cp -r /ours /mixed
rm /mixed/kvm-amd.ko
expect 2 'no kvm-amd.ko beside' /mixed/install
if [ -f /ours/kvm.ko ]; then
	kmod_file=$(find "$shipped" -name 'kvm-amd.ko*')
	case $kmod_file in
	*.xz) xz -dc "$kmod_file" ;;
	*) cat "$kmod_file" ;;
	esac >/mixed/kvm-amd.ko
	expect 1 "$mixture" /mixed/install
	expect 0 '^loaded: .*/kernel/arch/x86/kvm/kvm-amd.ko' /mixed/install --remove
fi

# For another kernel.
mkdir /other
cp /ours/* /other/
for ko in /other/*.ko; do
	sed "s/vermagic=./vermagic=0/" "$ko" >/other/new
	mv /other/new "$ko"
done
expect 2 "this host runs $release" /other/install
expect "$1" "$before" probe
