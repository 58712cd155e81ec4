#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# check.sh - all tests of this repository; its last line counts the "ok" and "not ok" lines of all of them.
# Usage: scripts/check.sh BASE...

set -u
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
unset KERNEL TEST KVM_AMD TRACE DEBUG MUTANTS FROM PATCH DSC FORCE
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

# tree: what boots later is the tree, so that it has to be what the files say.
tree() {
	BASE=$1 scripts/tree.sh && echo "ok - $1: git am" || return
	if (BASE=$1; need_base; has_work); then
		echo "not ok - $1: build/tree/$1 holds work that series/$1 does not: make export BASE=$1"
		return 1
	fi
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

# quietly BASE NAME COMMAND...: the stages and results of a command; all that it printed only if it fails.
quietly() {
	_log=build/log/$1-$2.log
	shift 2
	"$@" >"$_log" 2>&1
	_code=$?
	grep -E '^(not )?ok |^  [A-Z]+ +' "$_log"
	[ "$_code" -eq 0 ] || sed 's/^/# /' "$_log"
	return "$_code"
}

probe() {
	quietly "$1" probe env BASE="$1" scripts/probe.sh --boot
}

migration() {
	BASE=$1 scripts/migrate.sh
}

# fuzz: what a few seconds are good for; make fuzz does fifty times as much.
fuzz() {
	quietly "$1" fuzz env BASE="$1" SEED=1 COUNT=20000 scripts/fuzz.sh
}

three_levels() {
	BASE=$1 scripts/nested.sh
}

# table_in FILE BEGIN END: FILE has the table of standard input between the lines BEGIN and END, and nothing else.
table_in() {
	cat >build/check.table
	if sed -n "/^$2/,/$3/p" "$1" | sed '1d; $d; /^```$/d' | diff build/check.table -; then
		echo "ok - $1 has the figures of make bench"
	else
		echo "not ok - $1 has the figures of make bench: run it"
	fi
}

# tables: README.md and the cover letters have what make bench has measured, as it is.
tables() {
	# shellcheck disable=SC2046 # one word a file
	lab/bench-table $(find series -name bench | sort -V) | table_in README.md '<!-- make bench' '^<!-- end -->$'
	for _bench in series/*/bench; do
		{ lab/bench-table "$_bench" | sed 's/^\(.\)/  \1/'; echo; } | table_in "${_bench%bench}cover-letter" 'Cost, in instructions' '^[^ ]'
	done
}

# sources: the packages of all bases, imported side by side: a base keeps one core busy.
sources() {
	lock
	need_store
	printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' env BASE='{}' scripts/source.sh &&
		echo "ok - the sources of $*"
}

scripts/deps.sh tree build run check docs send || exit
part "scripts" scripts_lint
part "judge" lab/tests/run.sh
part "bad input" scripts/tests.sh
part "tables" tables
[ $# -gt 0 ] || set -- none
part "sources" sources "$@"
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
