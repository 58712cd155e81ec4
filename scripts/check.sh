#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# check.sh - all tests of this repository; its last line counts the "ok" and "not ok" lines of all of them.
# Usage: scripts/check.sh BASE...

set -u
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
unset KERNEL TEST TRACE DEBUG MUTANTS FROM PATCH DSC FORCE
mkdir -p build
results=build/check.results
: >"$results"
start=$(tenths)

# part WHAT COMMAND...: what the command prints is shown and counted; a failure that it has no line for gets one.
part() {
	_what=$1 _t=$(tenths)
	shift
	echo "# $_what"
	{ "$@" 2>&1; echo "exit $?"; } | tee build/check.part | grep -v '^exit [0-9]*$'
	_exit=$(tail -n 1 build/check.part)
	grep -E '^(not )?ok ' build/check.part >>"$results"
	if [ "$_exit" != 'exit 0' ] && ! grep -q '^not ok ' build/check.part; then
		echo "not ok - $_what: $_exit" | tee -a "$results"
	elif ! grep -qE '^(not )?ok ' build/check.part; then
		echo "not ok - $_what: nothing was checked" | tee -a "$results"
	fi
	echo "# $_what $(took "$_t")"
}

scripts_lint() {
	shellcheck -x scripts/*.sh lab/*.sh lab/tests/run.sh .ci/run && echo "ok - shellcheck"
}

# verdict: both kernels, all tests of lab/suite; the whole report only if it is not good.
verdict() {
	if BASE=$1 TEST=all scripts/run.sh >"build/log/$1-run.log" 2>&1; then
		grep -E '^  [A-Z]+ +' "build/log/$1-run.log"
		echo "ok - $1: $(grep '^PASS: ' "build/log/$1-run.log")"
	else
		cat "build/log/$1-run.log"
		echo "not ok - $1: red without the series, green with it"
	fi
}

tree() {
	BASE=$1 scripts/tree.sh && echo "ok - $1: git am" &&
		BASE=$1 scripts/export.sh --check && echo "ok - $1: series -> tree -> series, byte for byte"
}

# send_check: the rules for patches, the mails, every step built, sparse, documentation.
send_check() {
	BASE=$1 scripts/send-check.sh
}

caps() {
	BASE=$1 scripts/caps.sh
}

# mutants: a handful, make mutants has all.
mutants() {
	BASE=$1 MUTANTS='vector-9 type-1 shstk-of-cpuid-only not-on-set-nested-state mode-rule-dropped' scripts/mutants.sh
}

probe() {
	BASE=$1 scripts/probe.sh --boot >"build/log/$1-probe.log" 2>&1
	_code=$?
	grep -E '^(not )?ok |^  [A-Z]+ +' "build/log/$1-probe.log"
	[ "$_code" -eq 0 ] || sed 's/^/# /' "build/log/$1-probe.log"
	return "$_code"
}

migration() {
	BASE=$1 scripts/migrate.sh
}

# fuzz: what half a minute is good for; make fuzz does fifty times as much.
fuzz() {
	BASE=$1 SEED=1 COUNT=20000 scripts/fuzz.sh | grep -E '^(not )?ok |^  [A-Z]+ +|^#'
}

three_levels() {
	BASE=$1 scripts/nested.sh
}

# tables: README.md has what make bench has measured, as it is.
tables() {
	# shellcheck disable=SC2046 # one word a file
	lab/bench-table $(find series -name bench | sort -V) >build/check.table
	if awk '/^<!-- end -->$/ { on = 0 } on && !/^```$/; /^<!-- make bench/ { on = 1 }' README.md | diff build/check.table -; then
		echo "ok - README.md has the figures of series/*/bench"
	else
		echo "not ok - README.md has the figures of series/*/bench: make bench"
	fi
}

scripts/deps.sh tree build run check docs send || exit
part "scripts" scripts_lint
part "judge" lab/tests/run.sh
part "bad input" scripts/tests.sh
part "tables" tables
[ $# -gt 0 ] || set -- none
# All trees first: the newest one's checkpatch judges the patches of all.
for base; do
	part "$base: tree" tree "$base"
done
part "all series" scripts/compare.sh
for base; do
	part "$base: ready to be sent" send_check "$base"
	part "$base: red and green" verdict "$base"
	part "$base: capabilities" caps "$base"
	part "$base: mutants" mutants "$base"
	part "$base: probe" probe "$base"
	part "$base: migration" migration "$base"
	part "$base: fuzz" fuzz "$base"
	part "$base: three levels" three_levels "$base"
done

skipped=$(grep -ciE '^ok .*# skip' "$results")
failed=$(grep -c '^not ok' "$results")
passed=$(($(grep -c '^ok' "$results") - skipped))
grep '^not ok' "$results"
echo "# all of it $(took "$start")"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
