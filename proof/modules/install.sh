#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# install - puts these KVM modules in the place of those of the running kernel, or takes them out again.
# Usage: ./install [--remove]    (as root, on the host; beside kvm-amd.ko and, if it was rebuilt, kvm.ko and kvm-intel.ko)
# They go to updates/, which depmod prefers; nothing of Debian's is touched. No VM may run while KVM is loaded anew.
# Exit: 0 the modules that are wanted are loaded, 1 they are not, 2 bad input, and nothing was changed.

set -eu
cd "$(dirname "$0")"
PATH=$PATH:/usr/sbin:/sbin
release=$(uname -r)
updates=/lib/modules/$release/updates/kvm-nsvm

die() {
	echo "install: $2" >&2
	exit "$1"
}

# load ours|shipped: takes KVM out of the kernel, and puts in what modprobe finds now. The kernel marks modules that were not
# built with it, as ours, by an O.
load() {
	vendor=''
	for _m in kvm_amd kvm_intel; do
		[ ! -d "/sys/module/$_m" ] || vendor=$_m
	done
	[ -n "$vendor" ] || { grep -q '^flags.* svm\( \|$\)' /proc/cpuinfo && vendor=kvm_amd; } || vendor=kvm_intel
	modprobe -r "$vendor" kvm 2>/dev/null || :
	[ ! -d /sys/module/kvm ] ||
		die 1 "KVM is in use: end all VMs and run this again, or reboot. On disk, all is done"
	modprobe "$vendor" || {
		dmesg | grep -E 'kvm|odule' | tail -n 3 >&2
		die 1 "$vendor does not load, for the reason above; back to Debian's: $0 --remove"
	}
	is=shipped
	! grep -q O "/sys/module/$vendor/taint" || is=ours
	[ "$is" = "$1" ] || die 1 "the $vendor that is loaded is $is; modprobe finds $(modinfo -n "$vendor")"
	echo "loaded: $(modinfo -n "$vendor")"
}

[ "$(id -u)" = 0 ] || die 2 "that takes root"
case ${1:-} in
--remove)
	[ -d "$updates" ] || die 2 "there is nothing of ours for $release"
	rm -r "$updates"
	want=shipped
	;;
'')
	[ -f kvm-amd.ko ] || die 2 "there is no kvm-amd.ko beside this script"
	is=$(modinfo -F vermagic ./kvm-amd.ko | cut -d' ' -f1)
	[ "$is" = "$release" ] || die 2 "these are for $is, this host runs $release: make modules RELEASE=$release"
	rm -rf "$updates"
	mkdir -p "$updates"
	cp ./*.ko "$updates/"
	want=ours
	;;
*) die 2 "usage: ./install [--remove]" ;;
esac
depmod "$release"
load $want
