#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# mutants.sh - is there a mistake in the check that the selftest would not find? Plants one after the other.
# Usage: [BASE=6.12] [MUTANTS="NAME..."] [DEBUG=1] proof/mutants.sh
# The mutants are those of proof/mutants, and one for each vector and type whose verdict is flipped. Each is built and
# booted on a KVM with SHSTK and SEV-ES, up to the first test case that fails; if none does, on one without, too, or the other
# way round if its line says so. While some boot, the next one is built. Prints KTAP: ok is killed, or equivalent for a reason.
# "none" is the check as it is.
# With DEBUG=1, it is the kernel's sanitizers that have to find those that proof/mutants marks for that.

set -eu
cd "$(dirname "$0")/.."
. proof/proof.sh
. proof/mutants-boot.sh
CPU=${CPU:-$caps_cpu} TEST=''
# A kernel that checks itself is so slow that a busy machine lets a case run out of time, unless its clock counts instructions.
case ${ACCEL:-tcg}.${DEBUG:+debug} in
tcg.debug) QEMU_ARGS="-icount shift=1,sleep=off ${QEMU_ARGS:-}" ;;
esac
export CPU QEMU_ARGS

# mutants: all of this base, one a line: NAME @ SCRIPT [@ NOTE]
mutants() {
	echo 'none @  @ control: the check as it is'
	for _n in $(seq 0 31); do
		echo "vector-$_n @ s/return exepts;/return exepts ^ BIT($_n);/"
	done
	for _n in $(seq 0 7); do
		echo "type-$_n @ s/if (CC(type != SVM_EVTINJ_TYPE_INTR/if (CC((type == ($_n << SVM_EVTINJ_TYPE_SHIFT)) != (type != SVM_EVTINJ_TYPE_INTR/;s/type != SVM_EVTINJ_TYPE_SOFT))/type != SVM_EVTINJ_TYPE_SOFT)))/"
	done
	awk -F ' @ ' -v OFS=' @ ' -v base="$BASE" '/^[a-z]/ && (" " $2 " " ~ " " base " " || $2 == "*") { print $1, $3, $4 }' proof/mutants
}

all_wanted() {
	for _name in ${MUTANTS:-}; do
		mutants | grep "^$_name @ " || :
	done
	[ -n "${MUTANTS:-}" ] || mutants | awk -F ' @ ' -v debug="${DEBUG:-}" 'debug == "" || $1 == "none" || $3 ~ /^splat:/'
}

# at_most N: waits until no more than N boots are under way. They end in any order, for which POSIX has no wait.
at_most() {
	while :; do
		_alive=''
		for _job in $jobs; do
			! kill -0 "$_job" 2>/dev/null || _alive="$_alive $_job"
		done
		jobs=$_alive
		[ "$(echo "$jobs" | wc -w)" -gt "$1" ] || break
		sleep 0.2
	done
}

# test_mutant NAME SCRIPT NOTE: one line, sooner or later.
test_mutant() {
	_since=$(tenths) _log=$run/$1/build.log _rc=0
	mkdir -p "$run/$1"
	MUTATION=$2 kernel/build.sh mutant >"$_log" 2>&1 || _rc=$?
	by=$(grep -m 1 -o 'static assertion failed.*' "$_log" || :)
	case $_rc.$by in
	0.*)
		caps_image mutant "$1/with" shstk_sev_es
		caps_image mutant "$1/without" none
		at_most $(($(nproc) - 1))
		{ boot_mutant "$1" "$3"; judge "$1" "$3" "$_since"; } &
		jobs="$jobs $!"
		;;
	9.*) echo "not ok - $BASE mutant $1: its script changes nothing" ;;
	*.) echo "not ok - $BASE mutant $1: does not build, which is not the selftest's doing"; grep 'error:' "$_log" | sed 's/^/# /' ;;
	*) judge "$1" "$3" "$_since" ;;
	esac
}

test_mutants() {
	jobs=''
	trap 'kill $jobs 2>/dev/null; wait; exit 130' INT TERM
	while IFS='@' read -r name script note; do
		name=${name% } script=${script# } note=${note# }
		test_mutant "$name" "${script% }" "$note" </dev/null
	done
	at_most 0
}

for name in ${MUTANTS:-}; do
	# One of another base is no mistake, it is left out.
	{ mutants; cat proof/mutants; } | grep -q "^$name @ " || die 2 "MUTANTS names '$name', which is not in proof/mutants"
done
wanted=$(all_wanted)
[ -n "$wanted" ] || die 2 "none of MUTANTS is for BASE=$BASE"
ready build run
need_snapshot
! has_own_check ||
	die 2 "proof/mutants has mistakes in the check of series/$BASE, and $KERNEL has one of its own: make run, probe and fuzz judge that"
need_patched
trap 'exit 130' INT TERM
rm -rf "$out/mutant"
cp -R "$out/patched" "$out/mutant"
start=$(tenths)
printf '%s\n' "$wanted" | test_mutants | tee "$run/mutants"
killed=$(grep -c '^ok .*: killed by' "$run/mutants" || :)
equal=$(grep -c '^ok .*: equivalent' "$run/mutants" || :)
have=$(grep -cE '^(not )?ok ' "$run/mutants" || :)
want=$(printf '%s\n' "$wanted" | wc -l)
[ "$have" -eq "$want" ] || echo "not ok - $BASE mutants: $have of $want have a result" | tee -a "$run/mutants"
echo "# $BASE: $killed of $(printf '%s\n' "$wanted" | grep -vc '^none @') mutants killed, $equal equivalent  $(took "$start")"
! grep -q '^not ok' "$run/mutants"
