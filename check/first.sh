#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# first.sh - a command as the first one in a fresh clone: in a copy of this repository with nothing in build/ but packages.
# Usage: check/first.sh COMMAND...
#        check/first.sh --modules N BASE    make modules for each of the N newest kernels of Debian's that have their source there
# The copy is build/first, and stays if the command fails. Prints its stages and totals, or all of its output, and "ok - ..." or "not ok - ...";
# 1 if there is any of the latter.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
copy=build/first log=build/log/first.log
code=0

# first COMMAND...: what it has fetched stays, as it would in the clone.
first() {
	_rc=0 _t=$(tenths)
	rm -rf "$copy"
	mkdir -p "$copy/build/pkg" build/pkg build/log
	find . -mindepth 1 -maxdepth 1 ! -name build ! -name .git -exec cp -R -t "$copy" {} +
	find build/pkg -maxdepth 1 -name '*.deb' -exec cp -l -t "$copy/build/pkg" {} +
	env -C "$copy" -u BASE -u LAB_LOCK -u LAB_SNAPSHOT -u MAKEFLAGS -u MAKELEVEL "$@" >"$log" 2>&1 </dev/null || _rc=$?
	find "$copy/build/pkg" -maxdepth 1 -name '*.deb' -exec cp -ln -t build/pkg {} + 2>/dev/null || :
	result "$_rc" "first in a clone: $*  $(took "$_t")" "$log"
	[ "$_rc" -eq 0 ] || return 0
	grep -E '^  [A-Z]+ +|^PASS|^[0-9]+ passed|# SKIP' "$log" | sed 's/^ok/# &/' || :
	rm -rf "$copy"
}

lock
case ${1:-} in
--modules)
	BASE=$3
	need_base
	. lib/apt.sh
	mkdir -p build/log
	{ update_lists || :; [ -n "$(releases)" ] || open_private; } >"$log" 2>&1 || :
	releases=$(releases | tail -n "$2")
	[ -n "$releases" ] || die 3 "no kernel of $BASE with its source from this machine's Debian mirror (log: $log)"
	for release in $releases; do
		first make modules RELEASE="$release"
	done
	;;
?*) first "$@" ;;
*) die 2 "usage: check/first.sh COMMAND... | --modules N BASE" ;;
esac
exit $code
