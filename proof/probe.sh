#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# probe.sh - build/lab/probe, one static binary that says whether a host's KVM checks EVENTINJ on nested VMRUN.
# Usage: proof/probe.sh                                builds it
#        [BASE=6.12] [KERNEL=/linux] proof/probe.sh --boot   and runs it on the base without and with the series
# KTAP with --boot: it has to call the patched kernel checked, and the base what series/BASE/red makes of it.

set -eu
cd "$(dirname "$0")/.."
. proof/proof.sh

# verdict base|patched: the probe's exit code and last line, as init reports them.
verdict() {
	_code=$(sed -n 's/^ok 1 probe$/0/p; s/^not ok 1 probe # exit //p' "$run/$1/report.ktap")
	_last=$(grep '^  # .' "$run/$1/report.ktap" | tail -n 1)
	echo "${_code:-none} ${_last#  \# }"
}

# judge base|patched CODE OTHER: a line of KTAP, and what the probe printed.
judge() {
	echo
	sed -n 's/^  # \{0,1\}//p' "$run/$1/report.ktap"
	_v=$(verdict "$1")
	judge_boot "$run/$1" ${KERNEL:+"$run/$3"} || :
	# A probe that says "not checked" is a test that has failed, for the judge of boots; nothing else may be wrong.
	_rc=0
	[ "${_v%% *}" = "$2" ] && tail -n 1 "$run/$1/summary" | grep -qE "^[A-Z]*: 1 tests, .*; no splat( but the tree's own)?\$" || _rc=1
	[ $_rc -eq 0 ] || echo "exit ${_v%% *}, should be $2" >>"$run/$1/summary"
	result $_rc "$BASE: probe on $1: ${_v#* }" "$run/$1/summary"
}

lib/deps.sh build
lock
if [ "${1:-}" != --boot ]; then
	make_programs probe
	say PROBE "build/lab/probe: copy it to an AMD host, run it as a user with access to /dev/kvm"
	exit
fi
ready run
need_both probe
echo '120 probe' >"$run/suite"
image base base
image patched patched
stage BOOT "$ID  probe on base and patched" side_by_side boot_one base patched
code=0
judge base "$(red_in_state)" patched
judge patched 0 base
exit $code
