#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# fuzz.sh - random vmcb12s for VMRUN and random states for KVM_SET_NESTED_STATE (guest/l1/fuzz/), in two guests.
# Usage: [BASE=6.12] [KERNEL=/linux] [SEED=1] [COUNT=1000000] [CASE=n|sn] [DEBUG=1] proof/fuzz.sh [--base]
# COUNT VMRUNs and a tenth as many KVM_SET_NESTED_STATE, half of them with SEED, half with the seed after it. Where the
# seed is odd, kernel/caps makes KVM believe in SHSTK and SEV-ES. CASE is one case of SEED again, with its fields.
# --base takes the kernel without the series, on which cases are to be found. Totals, and KTAP. Exit: as run.sh.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
. guest/vm.sh
. judge/judge.sh
SEED=${SEED:-1} COUNT=${COUNT:-1000000} CASE=${CASE:-}
which=patched
[ "${1:-}" != --base ] || which=base
for number in "$SEED" "$COUNT" "${CASE#s}"; do
	case $number in
	*[!0-9]* | 0[0-9]*) die 2 "SEED='$SEED' COUNT='$COUNT' CASE='$CASE': numbers, please, CASE with an s before it if it is one of KVM_SET_NESTED_STATE" ;;
	esac
done
[ "$CASE" != s ] || die 2 "CASE=s: which one of KVM_SET_NESTED_STATE?"
[ "$COUNT" -ge 20 ] || die 2 "COUNT=$COUNT: at least 20, for one KVM_SET_NESTED_STATE in each of two guests"
seeds="$SEED $((SEED + 1))"
count=$((COUNT / 2)) calls=$((COUNT / 20))
[ -z "$CASE" ] || seeds=$SEED count=1
time_limit=$((120 + count / 500))
[ -z "${DEBUG:-}" ] || time_limit=$((time_limit * 4))
# A real CPU has what it has, and a say in some events.
if [ "${ACCEL:-tcg}" = tcg ]; then
	export CPU="${CPU:-$caps_cpu}"
fi

# options SEED: what fuzz gets told.
options() {
	printf '%s ' -s "$1" -n "$count" -k "$calls" ${CASE:+-c "$CASE"}
	! grep -q '^event_inj_mode' "series/$BASE/red" || printf '%s ' -m
	[ "${ACCEL:-tcg}" = tcg ] || printf '%s ' -H
}

# fuzz_image SEED: its initramfs.
fuzz_image() {
	echo "$time_limit fuzz $(options "$1")" >"$run/suite"
	if [ "${ACCEL:-tcg}" != tcg ]; then
		image $which "$1"
	elif [ $(($1 % 2)) -eq 1 ]; then
		image $which "$1" caps.ko kvm_cpu_caps=@kvm_cpu_caps shstk=1 sev_es=1
	else
		image $which "$1" caps.ko kvm_cpu_caps=@kvm_cpu_caps
	fi
}

boot_one() {
	boot "$which" "$1"
}

# output SEED: what fuzz printed, and how to replay what it found.
output() {
	sed -n "s/make fuzz SEED/make fuzz BASE=$BASE ${STOCK:+STOCK=1 RELEASE=$STOCK }${DEBUG:+DEBUG=1 }SEED/; s/^  # \{0,1\}//p" "$run/$1/report.ktap"
}

# progress: one line for all guests, rewritten on a terminal; in a log one in a while. Ends with this script, however it ends.
progress() {
	while sleep $((tty ? 2 : 30)) >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
		_line=
		for _seed in $seeds; do
			_at=$(output "$_seed" 2>/dev/null | sed -n 's/^progress: //p' | tail -n 1)
			_line="$_line  seed $_seed: ${_at:-boots}"
		done
		if [ "$tty" = 1 ]; then
			printf '\r%.*s\033[K' "$(($(tput cols 2>/dev/null || echo 80) - 1))" "  FUZZ  $_line"
		else
			say FUZZ "${_line#  }"
		fi
	done
}

# fuzz_all: the guests, with the progress shown.
fuzz_all() {
	tty=0
	[ ! -t 1 ] || tty=1
	# Not the lock: another make need not wait for the line.
	progress 9>&- &
	_progress=$!
	trap 'kill $_progress 2>/dev/null || :' EXIT
	trap 'exit 130' INT TERM HUP
	# shellcheck disable=SC2086 # one word a guest
	(side_by_side boot_one $seeds) || _rc=$?
	kill $_progress
	wait $_progress 2>/dev/null || :
	trap - EXIT
	[ $tty = 0 ] || printf '\r\033[K'
	return "${_rc:-0}"
}

# judge SEED: what it printed, and a line of KTAP.
judge() {
	echo
	output "$1" | grep -v '^progress:' || :
	if judge_boot "$run/$1"; then
		echo "ok - $VARIANT: fuzz seed $1: $(output "$1" | tail -n 1)"
	else
		echo "not ok - $VARIANT: fuzz seed $1: $(tail -n 1 "$run/$1/summary"), $(output "$1" | tail -n 1)"
		code=1
	fi
}

ready build run
if [ $which = base ]; then
	need_both fuzz
else
	need_patched fuzz
fi
for seed in $seeds; do
	fuzz_image "$seed"
done
start=$(tenths)
fuzz_all
what="$COUNT VMRUNs, $((COUNT / 10)) KVM_SET_NESTED_STATE"
[ -z "$CASE" ] || what="case $CASE of seed $SEED"
say FUZZ "$VARIANT  $which, $what  $(took "$start")"
code=0
for seed in $seeds; do
	judge "$seed"
done
echo "All of it: $run"
exit $code
