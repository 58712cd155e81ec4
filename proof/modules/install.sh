#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# install - puts these KVM modules in the place of those of the running kernel, or takes them out again.
# Usage: ./install [--remove]           beside kvm-amd.ko and, if they were rebuilt, kvm.ko and kvm-intel.ko; no VM may run
#        ./install --live [--remove]    beside nsvm-eventinj.ko, the live patch; VMs run on
# As root, on the host. Modules go to updates/, which depmod prefers; nothing of Debian's is touched. A live patch is gone after
# the next boot. From the first change on, signals are ignored: a run that is interrupted goes on to its end.
# Exit: 0 it is as wanted, 1 it is not, and what was there before is back, 2 bad input, and nothing was changed.

set -eu
cd "$(dirname "$0")"
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
release=$(uname -r)
updates=/lib/modules/$release/updates/kvm-nsvm
live=/sys/kernel/livepatch/nsvm_eventinj

die() {
	echo "install: $2" >&2 || :
	exit "$1"
}

# say WORDS: though the terminal may be gone.
say() { echo "$*" 2>/dev/null || :; }

# why: what of the kernel's settings keeps modules out.
why() {
	! grep -qs '\[[ic]' /sys/kernel/security/lockdown || echo lockdown
	! grep -qs Y /sys/module/module/parameters/sig_enforce || echo module.sig_enforce
	! grep -qs 1 /proc/sys/kernel/modules_disabled || echo kernel.modules_disabled
}

log() { dmesg | grep -v taint | tail -n 5 | sed 's/^\[[^]]*\] *//' | paste -sd ';' - | sed 's/;/; /g'; }

# refused FILE WORDS: the kernel has said these.
refused() {
	_why=$(why | paste -sd , - | sed 's/,/ and /g')
	_ways="Two ways out: sign it with a key that this machine trusts (docs/modules.md), or boot without $_why. "
	die 2 "the kernel does not take $1: ${2##*: }${_why:+ ($_why)}, $(log). ${_why:+$_ways}Nothing was changed"
}

# taken FILE: asks the kernel. Signature and vermagic come first; then a module that is there already, a symbol that is missing or
# a parameter that cannot be ends it, before anything of the module's runs.
taken() {
	_said=$(insmod "$1" nested=neither halt_poll_ns=neither 2>&1) && rmmod "$1" && return
	case $_said in
	*'File exists'* | *'Invalid argument'* | *'Invalid parameters'* | *'Unknown symbol'*) return 0 ;;
	esac
	refused "$1" "$_said"
}

fits() {
	[ -f "$1" ] || die 2 "there is no $1 beside this script"
	_for=$(modinfo -F vermagic "./$1" | cut -d' ' -f1)
	[ "$_for" = "$release" ] || die 2 "these are for $_for, this host runs $release: make ${2:-modules} RELEASE=$release"
}

# put DIR: its modules, if there are any, become those in updates/. There is no time at which modprobe wants a file that is gone.
put() {
	if [ -d "$updates" ] && [ "$(ls "$updates")" != "$(ls "$1")" ]; then
		echo 'search built-in' >"$tmp/conf" && depmod -C "$tmp/conf" "$release" && rm -r "$updates" || return
	fi
	for _f in "$1"/*.ko; do
		[ -f "$_f" ] || continue
		mkdir -p "$updates" && cp "$_f" "$updates/new" && mv "$updates/new" "$updates/${_f##*/}" || return
	done
	depmod "$release"
}

# unload, load: those that were loaded; with the parameters that they had.
unload() {
	for _m in $loaded; do
		[ ! -d "/sys/module/$_m" ] || rmmod "$_m" || return
	done
}
load() {
	for _m in $(echo "$loaded" | tr ' ' '\n' | tac); do
		# shellcheck disable=SC2046 # one word a parameter
		[ -d "/sys/module/$_m" ] || modprobe "$_m" $(cat "$tmp/$_m.parameters") || return
	done
}

# back WHY: all as it was.
back() {
	_end="what was there before is back, on disk and in the kernel"
	put "$tmp/old" && unload && load || _end="and what was there before does not come back: see dmesg"
	die 1 "$1; $_end"
}

# replace DIR: what is on disk, and what of it was loaded.
replace() {
	# kvm_amd goes before kvm, and comes after it.
	loaded=''
	for _m in kvm_amd kvm_intel kvm; do
		_ko=$(echo "$_m" | tr _ -).ko
		[ -d "/sys/module/$_m" ] || continue
		[ -f "$1/$_ko" ] || [ -f "$updates/$_ko" ] || [ -f "$1/kvm.ko" ] || [ -f "$updates/kvm.ko" ] || continue
		loaded="${loaded:+$loaded }$_m"
		for _p in "/sys/module/$_m/parameters"/*; do
			[ ! -r "$_p" ] || echo "${_p##*/}=$(cat "$_p")"
		done >"$tmp/$_m.parameters"
	done
	trap '' INT TERM HUP PIPE
	[ ! -d "$updates" ] || cp "$updates"/*.ko "$tmp/old/"
	put "$1" || back "the files cannot be put into $updates"
	if [ -z "$loaded" ]; then
		say "on disk: $(modinfo -n kvm_amd); it was not loaded, and is not now"
		return
	fi
	if ! rmmod "${loaded%% *}" 2>/dev/null; then
		die 1 "KVM is in use: end all VMs and run this again, or reboot, or take the live patch (docs/modules.md). On disk, all is done"
	fi
	unload || back "KVM is in use"
	load || back "${loaded%% *} does not load: $(log)"
	for _m in $loaded; do
		# The kernel marks modules that were not built with it, as ours, by an O.
		_is=shipped
		! grep -q O "/sys/module/$_m/taint" || _is=ours
		_file=$(modinfo -n "$_m")
		case $_is.$_file in
		ours."$updates"/* | shipped.*/kernel/*) say "loaded: $_file" ;;
		*) back "the $_m that is loaded is $_is, and not $_file" ;;
		esac
	done
}

# settled: waits for all tasks to have left the old functions, or the new ones.
settled() {
	_n=0
	while [ -d "$live" ] && [ "$(cat "$live/transition")" = 1 ]; do
		[ "$_n" -lt 60 ] || die 1 "the transition does not end: cat /proc/*/task/*/patch_state says who keeps it (0 or 1 among the others)"
		_n=$((_n + 1))
		sleep 1
	done
}

[ "$(id -u)" = 0 ] || die 2 "that takes root"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/old" "$tmp/new"
case $* in
--live*) ;;
*) [ ! -d "$live" ] || die 2 "the live patch is in, which takes no other kvm_amd: first ./install --live --remove" ;;
esac
case $* in
--remove)
	[ -d "$updates" ] || die 2 "there is nothing of ours for $release"
	replace "$tmp/new"
	;;
'')
	fits kvm-amd.ko
	for ko in *.ko; do
		fits "$ko"
		taken "$ko"
		cp "$ko" "$tmp/new/"
	done
	replace "$tmp/new"
	;;
--live)
	fits nsvm-eventinj.ko livepatch
	[ ! -d "$live" ] || die 2 "it is there already: /sys/kernel/livepatch/nsvm_eventinj"
	modprobe kvm
	_said=$(insmod nsvm-eventinj.ko 2>&1) || refused nsvm-eventinj.ko "$_said"
	settled
	say "live: /sys/kernel/livepatch/nsvm_eventinj; VMs that run have it, too"
	;;
'--live --remove')
	[ -d "$live" ] || die 2 "there is no live patch of ours"
	echo 0 >"$live/enabled"
	settled
	rmmod nsvm_eventinj
	say "the live patch is out"
	;;
*) die 2 "usage: ./install [--live] [--remove]" ;;
esac
