#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# livepatch-try - in a guest with Debian's kernel: ./install --live under VMs that run, and what may go wrong with it.
# Usage: livepatch-try CODE    (by init; CODE: what the probe says of the modules as shipped, 1 not checked, 0 checked)
# Files: /ours, as make livepatch leaves it; /rebuilt.ko, another build of kvm-amd; those of try.sh. Leaves the live patch in.

set -u
# shellcheck source=proof/modules/expect.sh
. /tests/expect.sh
tracing=/sys/kernel/tracing
events=$tracing/events/kvm/kvm_nested_vmenter_failed/enable
ours='^checked'
# 7.3 checks as shipped, but not what the mode of L2 makes impossible.
case $release in 7.3.*) before='64-bit mode: \(not \|cpu-\)refused' ours='64-bit mode: refused$' ;; esac

# says WORDS: what the probe says now, in VMs that are as old as this guest.
asked=0
says() {
	asked=$((asked + 1))
	echo >&3
	while [ "$(grep -cE '^(not )?checked|^unclear|^hardware' /said)" -lt $asked ]; do
		kill -0 "$kept" || break
		sleep 1
	done
	expect 0 "$1" tail -n 4 /said
}

# named CODE: 0 if the tracepoint has named a rule of the new functions since the last time. It is read at rest: runs overtake it.
named() {
	echo 0 >$tracing/tracing_on
	expect "$1" '' grep -q FIRST_EXTERNAL_VECTOR $tracing/trace
	echo >$tracing/trace
	echo 1 >$tracing/tracing_on
}

# altered FROM TO CODE WORDS: with that in its place in the live patch.
altered() {
	rm -rf /altered
	cp -r /ours /altered
	sed "s/$1/$2/" /ours/nsvm-eventinj.ko >/altered/nsvm-eventinj.ko
	expect "$3" "$4" /altered/install --live
}

depmod "$release" || exit
expect 0 '' modprobe kvm_amd
mkfifo /ask
probe -k </ask >/said 2>&1 &
kept=$!
exec 3>/ask
says "$before"
until [ -e /idle ]; do probe -m; done >/busy 2>&1 &

expect 2 'no live patch of ours' /ours/install --live --remove
altered vermagic=. vermagic=0 2 "this host runs $release"
# The first symbol that it asks for, whichever that is: another name, no longer than its own. What comes after the 0, nobody reads.
klp='\(\.klp\.sym\.[a-z_]*\.\)'
altered "$klp......" '\1none,0' 2 "symbol 'none' not found"
altered "$klp......" '\1.LC0,0' 2 "unresolvable ambiguity for symbol '.LC0'"
echo 1 >$events
says "$before"
named 1

expect 0 '^live: ' /ours/install --live
expect 0 0 cat /sys/kernel/livepatch/nsvm_eventinj/transition
says "$ours"
echo 0 >$events
named 0
says "$ours"
named 1
expect 2 'it is there already' /ours/install --live
expect 2 'the live patch is in' /ours/install
expect 0 'is out' /ours/install --live --remove
echo 1 >$events
says "$before"
named 1
expect 0 '' grep -qE '^matrix: ' /busy
# Both end.
touch /idle
exec 3>&-
wait

# What is rebuilt has the release, and another build-id.
expect 0 '' rmmod kvm_amd
expect 0 '' insmod /rebuilt.ko
expect 2 'for another build of kvm_amd' /ours/install --live
expect 0 '' rmmod kvm_amd

# Before kvm_amd, as at boot. 6.1 does not patch a module that comes again.
expect 0 '^live: ' /ours/install --live
expect 0 '' modprobe kvm_amd
expect 0 "$ours" probe
expect 0 '' rmmod kvm_amd
case $release in
6.1.*)
	expect 1 'Exec format error' modprobe kvm_amd
	expect 0 'is out' /ours/install --live --remove
	expect 0 '^live: ' /ours/install --live
	;;
esac
expect 0 '' modprobe kvm_amd
expect 0 "$ours" probe
