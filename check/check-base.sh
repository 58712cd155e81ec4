#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# check-base.sh - one part of make check, for one base.
# Usage: check/check-base.sh PART BASE    (check.sh has the parts in their order, and counts their "ok" and "not ok" lines)

set -u
cd "$(dirname "$0")/.."
. lib/lib.sh

# tree: what boots later is the tree, so that it has to be what the files say.
tree() {
	kernel/tree.sh && echo "ok - $BASE: git am" || return
	! has_work || { result 1 "$BASE: build/tree/$BASE holds work that series/$BASE does not: make export BASE=$BASE"; return 1; }
	kernel/export.sh --check
}

# kernels: if this fails, so does all that boots, and with a reason.
kernels() {
	kernel/build.sh base && kernel/build.sh patched && TEST=all kernel/build.sh tests && echo "ok - $BASE: kernels and tests (${STOCK:-kernel/kernel.config})"
}

# compiled: all that takes a compiler: the rules for patches, the mails, the steps built, sparse, documentation; the kernels, but
# not those of LAB_ELSEWHERE, which are made and booted in a bare system. Other bases print, too: the table is kept together.
compiled() {
	QUICK=1 review/send-check.sh >"$log" 2>&1
	code=$?
	flock build/check.lock cat "$log"
	case " $LAB_ELSEWHERE " in *" $BASE "*) return "$code" ;; esac
	on_kernel kernels && [ "$code" -eq 0 ]
}

# on_kernel PART: on Debian's own kernel, if this release of Debian has one of this base; else on the lab's, which takes minutes.
on_kernel() {
	_stock=''
	case " $(kernels_of "$(codename)") " in *" $BASE "*) _stock=${STOCK:-wanted} ;; esac
	if [ "$_stock" = wanted ]; then
		kernel/stock.sh check/check-base.sh "$1" "$BASE"
	else
		boots "$1"
	fi
}

# verdict WHAT STAGE: both kernels, all tests of kernel/suite, or what TESTS has; the whole report only if it is not good, or came without that stage.
verdict() {
	_rc=0
	{ TEST=${TESTS-all} proof/run.sh >"$log" 2>&1 && grep -qE "^  $2 " "$log"; } || _rc=1
	if [ $_rc -eq 0 ]; then grep -E '^  [A-Z]+ +' "$log"; else cat "$log"; fi
	result $_rc "$BASE: $1: $(grep '^PASS: ' "$log")"
	return $_rc
}

# red_and_green: README.md quotes what has been printed for 6.12.
red_and_green() {
	verdict "red without the series, green with it" BOOT || return
	[ "$BASE" != 6.12 ] || check/sample.sh "$log"
}

# as_after_an_edit: the base is not booted, two guests share the tests of the patched kernel.
as_after_an_edit() { verdict "the same, with the base as booted before" SAME; }

# second_cpu: as far as there is time, of which Bochs takes a lot: all encodings on every base, the test on one.
second_cpu() {
	export ACCEL=bochs
	if [ "$BASE" = 6.12 ]; then
		TESTS='' verdict "red and green on Bochs's CPU, too" BOOT
	else
		quietly proof/probe.sh --boot
	fi
}

# mutants: a handful, make mutants has all; where the lab's kernel takes longer to make one, less. "none" is not among them:
# capabilities has just shown that the check as it is passes on the same KVMs.
mutants() {
	MUTANTS="vector-9 mode-rule-dropped${STOCK:+ type-1 shstk-of-cpuid-only not-on-set-nested-state}" proof/mutants.sh
}

# quietly COMMAND...: the stages and results of a command; all that it printed only if it fails.
quietly() {
	"$@" >"$log" 2>&1
	code=$?
	grep -E '^(not )?ok |^  [A-Z]+ +' "$log"
	[ "$code" -eq 0 ] || sed 's/^/# /' "$log"
	return "$code"
}

# boots PART: one that boots a kernel. Of fuzz what a few seconds are good for; make fuzz does fifty times as much.
boots() {
	case $1 in
	capabilities) proof/caps.sh ;;
	probe) quietly proof/probe.sh --boot ;;
	migration) proof/migrate.sh ;;
	fuzz) SEED=1 COUNT=20000 quietly proof/fuzz.sh ;;
	three_levels) proof/nested.sh ;;
	kernels | red_and_green | as_after_an_edit | second_cpu | mutants) "$1" ;;
	*) die 2 "usage: check/check-base.sh PART BASE" ;;
	esac
}

BASE=${2:-} LAB_ELSEWHERE=${LAB_ELSEWHERE:-}
need_base
log=build/log/$ID-check-${1:-}.log
mkdir -p build/log
# What is built and booted is what the series files give, as the tree of the first part has shown to be its own.
[ "${1:-}" = tree ] || LAB_SNAPSHOT=$(id_of "refs/applied/$ID")
export LAB_SNAPSHOT
case ${1:-} in
tree | compiled) "$1" ;;
*) on_kernel "${1:-}" ;;
esac
