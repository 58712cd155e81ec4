#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# fuzz.sh - random vmcb12s for VMRUN and random states for KVM_SET_NESTED_STATE (guest/l1/fuzz/), in two guests.
# Usage: [BASE=6.12] [KERNEL=/linux] [SEED=1] [COUNT=1000000] [CASE=n|sn] [DEBUG=1] proof/fuzz.sh [--base]
# COUNT VMRUNs and a tenth as many KVM_SET_NESTED_STATE, half of them with SEED, half with the seed after it. Where the
# seed is odd, kernel/caps makes KVM believe in SHSTK and SEV-ES. CASE is one case of SEED again, with its fields.
# --base takes the kernel without the series, on which cases are to be found. Totals, and KTAP. Exit: as run.sh.

set -eu
cd "$(dirname "$0")/.."
. proof/proof.sh
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
[ "${ACCEL:-tcg}" != tcg ] || export CPU="${CPU:-$caps_cpu}"

options() {
	printf '%s ' -s "$1" -n "$count" -k "$calls" ${CASE:+-c "$CASE"}
	! grep -q '^event_inj_mode' "series/$BASE/red" || printf '%s ' -m
	grep -q SVM_SELECTOR_DB_MASK "build/src/$ID/arch/x86/kvm/svm/nested.c" || printf '%s ' -l
	[ "${ACCEL:-tcg}" = tcg ] || printf '%s ' -H
}

fuzz_image() {
	echo "$time_limit fuzz $(options "$1")" >"$run/suite"
	_set=none
	[ $(($1 % 2)) -eq 0 ] || _set=shstk_sev_es
	if [ "${ACCEL:-tcg}" = tcg ]; then
		caps_image $which "$which.$1" $_set
	else
		image $which "$which.$1"
	fi
}

# output SEED: what fuzz printed, and how to replay what it found.
output() {
	sed -n "s/make fuzz SEED/make fuzz BASE=$BASE ${STOCK:+STOCK=1 RELEASE=$STOCK }${DEBUG:+DEBUG=1 }SEED/; s/^  # \{0,1\}//p" "$run/$which.$1/report.ktap"
}

# judge SEED: what it printed, and a line of KTAP.
judge() {
	echo
	output "$1"
	_dir=$run/$which.$1 _rc=0
	judge_boot "$_dir" || _rc=$?
	result $_rc "$VARIANT: fuzz seed $1: $(output "$1" | tail -n 1)" "$_dir/summary"
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
what="$COUNT VMRUNs, $((COUNT / 10)) KVM_SET_NESTED_STATE"
[ -z "$CASE" ] || what="case $CASE of seed $SEED"
# shellcheck disable=SC2046,SC2086 # one word a guest
stage FUZZ "$VARIANT  $which, $what" side_by_side boot_one $(printf "$which.%s " $seeds)
code=0
for seed in $seeds; do
	judge "$seed"
done
echo "All of it: $run"
exit $code
