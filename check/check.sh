#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# check.sh - all tests of this repository; its last line counts the "ok" and "not ok" lines of all of them.
# Usage: check/check.sh [--boots] BASE...
#   --boots  only what boots a kernel of these bases, in a clone that has their trees

set -u
cd "$(dirname "$0")/.."
. lib/lib.sh
unset LAB_WITHOUT LAB_SNAPSHOT KERNEL KUT L1 TEST KVM_AMD TRACE NOISE DEBUG MUTANTS FROM PATCH DSC FORCE FLAVOUR RELEASE TRY STOCK LAB_ELSEWHERE
# Before anything of another one's is written to.
lock
. check/parts.sh

# scripts_lint: what is sourced is looked at where it is sourced, with the variables that it finds there.
scripts_lint() {
	git grep -l "^#!/bin/sh" | xargs -P "$(nproc)" -n 8 shellcheck -xa && echo "ok - shellcheck"
}

# tables: docs/cost.md has what make bench has measured, as it is, and the cover letters say the same.
tables() {
	find series -name bench | sort -V | xargs proof/bench-table >build/check.table
	_rc=0
	sed -n '/^<!-- make bench/,/^<!-- end -->$/p' docs/cost.md | sed '1d; $d; /^```$/d' | diff build/check.table - >build/check.diff || _rc=1
	result $_rc "docs/cost.md has the figures of make bench" build/check.diff
	for _bench in series/*/bench; do
		_cover=${_bench%bench}cover-letter
		proof/bench-cover "$_bench" | while read -r _phrase; do
			tr -s '[:space:]' ' ' <"$_cover" | grep -qF "$_phrase" || echo "not there: $_phrase"
		done >build/check.diff
		result "$(wc -l <build/check.diff)" "$_cover has the figures of make bench" build/check.diff
	done
}

# own_kernel: KVM's modules for the kernel of this machine's release, and the live patch, installed and removed in a guest with it.
own_kernel() {
	_base=$(kernels_of "$(codename)" | cut -d' ' -f1)
	if [ -z "$_base" ]; then
		echo "ok - modules for a host # SKIP this is neither Debian 12 nor 13"
		return
	fi
	BASE=$_base FLAVOUR=cloud-amd64 TRY=1 proof/modules.sh &&
		BASE=$_base FLAVOUR=cloud-amd64 TRY=1 proof/modules.sh --live
}

# first_commands: that of the README for a host that is affected, and one that judges patches. The base is the last of this release,
# as its versions have a "~".
first_commands() {
	_base=$(kernels_of "$(codename)" | sed 's/.* //') _code=0
	if [ -n "$_base" ]; then
		check/first.sh --modules 1 "$_base" || _code=$?
	else
		echo "ok - first in a clone: make modules # SKIP this is neither Debian 12 nor 13"
	fi
	check/first.sh make lint BASE="${_base:-6.12}" || _code=$?
	return "$_code"
}

# without_source BASE...: those of which only the source as it was released is built, and of which the mirror does not have it now.
without_source() {
	for _base; do
		BASE=$_base ID='' && need_base
		[ "$PACKAGE" != linux ] || flock build/pkg.lock kernel/fetch.sh --pinned >&2 || echo "$_base"
	done
}

# but LIST BASE...: the bases that are not in the list.
but() {
	_list=$1
	shift
	printf '%s\n' "$@" | grep -vxF -e "$(echo "$_list" | tr ' ' '\n')"
}

boots() {
	for _base; do
		for _part in red_and_green $edited second_cpu capabilities mutants probe migration fuzz three_levels; do
			part "$_base: $(echo "$_part" | tr _ ' ')" check/check-base.sh "$_part" "$_base"
		done
		edited=''
	done
}

all() {
	# Why no bare system can be made, or nothing.
	why=''
	can_mount || why="that takes root and the right to mount"
	[ -z "${LAB_FRESH:-}" ] || why="this is one"
	lib/deps.sh tree package build run check clang docs send stock || exit
	[ -n "$why" ] || lib/deps.sh fresh || exit
	ACCEL=bochs lib/deps.sh run || exit
	LAB_WITHOUT=$(without_source "$@" | paste -sd ' ' -) LAB_ELSEWHERE=''
	for _base in $LAB_WITHOUT; do
		echo "ok - $_base # SKIP the mirror has its source no longer (build/log/$_base-pinned.log)" | tee -a "$results"
	done
	# shellcheck disable=SC2046 # one word a base
	set -- $(but "$LAB_WITHOUT" "$@")
	# What only the other release has a kernel of is booted there, and no kernel has to be compiled for it.
	[ -n "$why" ] || LAB_ELSEWHERE=$(elsewhere | paste -sd ' ' -)
	export LAB_WITHOUT LAB_ELSEWHERE
	# It is in a world of its own and seldom busy: it runs beside all that comes before the guests of the bases.
	beside check-tests check/tests.sh
	tests=$!
	part "scripts" scripts_lint
	part "rooms" check/rooms.sh
	part "judge" judge/tests/run.sh
	part "tables" tables
	[ $# -gt 0 ] || set -- none
	need_store
	# All trees first: the newest one's checkpatch judges the patches of all. To import is work for one core, and waits.
	part "trees" side_by_side $# tree "$@"
	part "all series" review/compare.sh
	# The other Debian's is unpacked and compiles in what time the rest leaves, and boots when nothing else does: Linux in Linux
	# in Linux takes five times as long with half a core, as clocks do not wait for it.
	[ -n "$why" ] || beside check-bare nice check/fresh.sh --compile
	bare=$!
	case " $* " in *' 6.12 '*) part "a tree that has a part of the series" check/tests-kernel.sh ;; esac
	# As many as there are cores: much of it keeps no more than one busy, and with more compilers these are in each other's way.
	# The newest has the most patches: it comes first, so that at the end the least is done by one alone.
	# shellcheck disable=SC2046 # one word a base
	part "ready to be sent, and built" side_by_side "$(nproc)" compiled $(printf '%s\n' "$@" | sort -rV)
	joined "$tests"
	part "bad input" said build/log/check-tests.log $?
	# Once: whether the base has to be booted is not a matter of which one it is.
	edited=as_after_an_edit
	# shellcheck disable=SC2046 # one word a base
	boots $(but "$LAB_ELSEWHERE" "$@")
	part "Debian's kernel" own_kernel
	part "first in a clone" first_commands
	if [ -n "$why" ]; then
		echo "ok - a bare system # SKIP $why" | tee -a "$results"
	else
		joined "$bare"
		part "a bare system" said build/log/check-bare.log $?
		part "a bare system: boots" check/fresh.sh --boot
	fi
}

edited=''
if [ "${1:-}" = --boots ]; then
	shift
	need_store
	part "kernels" side_by_side 1 kernels "$@"
	boots "$@"
else
	all "$@"
fi
totals
