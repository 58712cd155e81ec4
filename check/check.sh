#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# check.sh - all tests of this repository; its last line counts the "ok" and "not ok" lines of all of them.
# Usage: check/check.sh [--boots] BASE...
#   --boots  only what boots a kernel of these bases, in a clone that has their trees

set -u
cd "$(dirname "$0")/.."
# shellcheck source=lib/lib.sh
. lib/lib.sh
unset LAB_SNAPSHOT KERNEL TEST KVM_AMD TRACE NOISE DEBUG MUTANTS FROM PATCH DSC FORCE FLAVOUR RELEASE TRY STOCK LAB_ELSEWHERE
results=build/check.results failures=build/check.failures
mkdir -p build/log
: >"$results"
: >"$failures"
start=$(tenths)

# part WHAT COMMAND...: what the command prints is shown and counted; a failure that it has no line for gets one.
part() {
	_what=$1 _t=$(tenths)
	shift
	echo "# $_what"
	{ "$@" 2>&1; echo "exit $?"; } | tee build/check.part | grep --line-buffered -v '^exit [0-9]*$'
	_exit=$(tail -n 1 build/check.part)
	if [ "$_exit" != 'exit 0' ] && ! grep -q '^not ok ' build/check.part; then
		echo "not ok - $_what: $_exit" | tee -a build/check.part
	elif ! grep -qE '^(not )?ok ' build/check.part; then
		echo "not ok - $_what: nothing was checked" | tee -a build/check.part
	fi
	grep -E '^(not )?ok ' build/check.part >>"$results"
	grep -B 60 '^not ok ' build/check.part >>"$failures"
	echo "# $_what $(took "$_t")"
}

scripts_lint() {
	printf '%s\n' */*.sh */*/*.sh .ci/run | grep -v ^build/ | xargs -P "$(nproc)" -n 8 shellcheck -x && echo "ok - shellcheck"
}

# tables: README.md has what make bench has measured, as it is.
tables() {
	# shellcheck disable=SC2046 # one word a file
	proof/bench-table $(find series -name bench | sort -V) >build/check.table
	if sed -n '/^<!-- make bench/,/^<!-- end -->$/p' README.md | sed '1d; $d; /^```$/d' | diff build/check.table -; then
		echo "ok - README.md has the figures of make bench"
	else
		echo "not ok - README.md has the figures of make bench: run it"
	fi
}

# side_by_side N PART BASE...: of N bases at once.
side_by_side() {
	_n=$1 _part=$2
	shift 2
	printf '%s\n' "$@" | xargs -P "$_n" -n 1 check/check-base.sh "$_part"
}

# most_patches_first BASE...: what takes the longest comes first, so that at the end the least is done by one alone.
most_patches_first() {
	for _base; do
		echo "$(find "series/$_base" -name '[0-9]*.patch' 2>/dev/null | wc -l) $_base"
	done | sort -rn | cut -d' ' -f2
}

# said LOG CODE: what a command that ran beside the other parts has said, and how it ended.
said() {
	cat "$1"
	return "$2"
}

# own_kernel: KVM's modules for the kernel of this machine's release, installed and removed in a guest with it.
own_kernel() {
	_base=$(kernels_of "$(codename)" | cut -d' ' -f1)
	if [ -z "$_base" ]; then
		echo "ok - modules for a host # SKIP this is neither Debian 12 nor 13"
		return
	fi
	BASE=$_base FLAVOUR=cloud-amd64 TRY=1 proof/modules.sh
}

# no_bare_system: why none can be made, or nothing.
no_bare_system() {
	if [ -n "${LAB_FRESH:-}" ]; then
		echo "this is one"
	elif [ "$(id -u)" != 0 ] || ! unshare --mount --pid --fork --propagation private mount -t tmpfs tmpfs /mnt 2>/dev/null; then
		echo "that takes root and the right to mount"
	fi
}

# bare_system LOG CODE: what a system with nothing in it, of the other Debian, has said.
bare_system() {
	if [ -n "$why" ]; then
		echo "ok - a bare system # SKIP $why"
	else
		said "$@"
	fi
}

# boots BASE...: all that boots a kernel.
boots() {
	# Once: whether the base has to be booted is not a matter of which one it is.
	_edited=as_after_an_edit
	for _base; do
		for _part in red_and_green $_edited capabilities mutants probe migration fuzz three_levels; do
			part "$_base: $(echo "$_part" | tr _ ' ')" check/check-base.sh "$_part" "$_base"
		done
		_edited=''
	done
}

# beside NAME COMMAND...: in the background, its output in build/log/NAME.log. It hears ctrl-C, as a job of a script would not.
beside() {
	_name=$1
	shift
	env --default-signal=INT,QUIT "$@" >"build/log/$_name.log" 2>&1 &
	running="$running $!"
	trap 'kill $running 2>/dev/null; exit 130' INT TERM HUP
}

# all BASE...: everything.
all() {
	lib/deps.sh tree build run check clang docs send stock fresh || exit
	why=$(no_bare_system) here=''
	# What only the other release has a kernel of is booted there, and no kernel has to be compiled for it.
	LAB_ELSEWHERE=''
	[ -n "$why" ] || LAB_ELSEWHERE=$(elsewhere | paste -sd ' ' -)
	for _base; do
		case " $LAB_ELSEWHERE " in
		*" $_base "*) ;;
		*) here="$here $_base" ;;
		esac
	done
	export LAB_ELSEWHERE
	# It is in a world of its own and seldom busy: it runs beside all that comes before the guests of the bases.
	beside check-tests check/tests.sh
	tests=$!
	part "scripts" scripts_lint
	part "rooms" check/rooms.sh
	part "judge" judge/tests/run.sh
	part "tables" tables
	[ $# -gt 0 ] || set -- none
	# The bases share what is in build/: from here on none of their scripts waits for another, and nobody else comes between.
	lock
	need_store
	# All trees first: the newest one's checkpatch judges the patches of all. To import is work for one core, and waits.
	part "trees" side_by_side $# tree "$@"
	part "all series" review/compare.sh
	case " $* " in *' 6.12 '*) part "a tree that has a part of the series" check/tests-kernel.sh ;; esac
	# As many as there are cores: much of it keeps no more than one busy, and with more compilers these are in each other's way.
	# shellcheck disable=SC2046 # one word a base
	part "ready to be sent, and built" side_by_side "$(nproc)" compiled $(most_patches_first "$@")
	wait "$tests"
	part "bad input" said build/log/check-tests.log $?
	# Much of what a new system needs keeps one core busy, and so do some guests.
	[ -n "$why" ] || beside check-bare check/fresh.sh --part
	bare=$!
	# shellcheck disable=SC2086 # a list
	boots $here
	part "Debian's kernel" own_kernel
	wait "$bare"
	part "a bare system" bare_system build/log/check-bare.log $?
	trap - INT TERM HUP
}

running=''
if [ "${1:-}" = --boots ]; then
	shift
	lock
	need_store
	part "kernels" side_by_side 1 kernels "$@"
	boots "$@"
else
	all "$@"
fi

skipped=$(grep -ciE '^ok .*# skip' "$results")
failed=$(grep -c '^not ok' "$results")
passed=$(($(grep -c '^ok' "$results") - skipped))
# What led to a failure once more, in a row: of a log of thousands of lines, the end is what one reads first.
sed 's/^/# /' "$failures"
grep '^not ok' "$results"
echo "# all of it $(took "$start")"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
