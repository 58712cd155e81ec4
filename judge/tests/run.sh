#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Golden tests of the judge: each folder here is a case with what a boot
# left behind (or several: base/, patched/, patched-2/), cmd (report's mode and
# options), expect (the exact output) and code (the exit code).
#
# Usage: judge/tests/run.sh [-u] [REPORT]
#   -u      write expect and code anew; look at the difference before a commit
#   REPORT  the program; built into a temporary folder if not given

set -eu

update=
if [ "${1:-}" = -u ]; then
	update=1
	shift
fi
report=${1:-}
if [ -n "$report" ] && ! [ -x "$report" ]; then
	echo "run: $report: no such program" >&2
	exit 2
fi
case $report in
'' | /*) ;;
*) report=$PWD/$report ;;
esac
cd "$(dirname "$0")"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
if [ -z "$report" ]; then
	report=$tmp/report
	make -s -C .. OUT="$tmp"
fi

# Where a folder of several boots is judged, all are named.
judge() {
	dirs=.
	[ ! -d base ] || dirs=$(echo base patched*)
	read -r mode options <cmd
	# shellcheck disable=SC2086 # words by intention
	"$report" "$mode" -d ../../splat.deny -a ../../splat.allow \
		$options $dirs
}

nr=0 failed=0
for case in */cmd; do
	[ -f "$case" ] || break
	case=${case%/cmd}
	nr=$((nr + 1))
	code=0
	(cd "$case" && judge) >"$tmp/out" 2>"$tmp/err" </dev/null || code=$?
	cat "$tmp/err" >>"$tmp/out"
	if [ -n "$update" ]; then
		cp "$tmp/out" "$case/expect"
		echo "$code" >"$case/code"
	fi
	echo "$code" >"$tmp/code"
	if diff -u "$case/expect" "$tmp/out" >"$tmp/diff" 2>&1 &&
	   diff -u "$case/code" "$tmp/code" >>"$tmp/diff" 2>&1; then
		echo "ok $nr - report: $case"
	else
		failed=$((failed + 1))
		echo "not ok $nr - report: $case"
		sed 's/^/# /' "$tmp/diff"
	fi
done
echo "1..$nr"
echo "# $((nr - failed)) passed, $failed failed"
[ "$nr" -gt 0 ] || echo "run: no case found" >&2
[ "$nr" -gt 0 ] && [ "$failed" -eq 0 ]
