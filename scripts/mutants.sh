#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# mutants.sh - is there a mistake in the check that the selftest would not find? Plants one after the other.
# Usage: [BASE=6.12] [MUTANTS="NAME..."] scripts/mutants.sh
# The mutants are those of lab/mutants, and one for each vector and type whose verdict is flipped. Each is built and
# booted twice, on a KVM without and with SHSTK and SEV-ES. Prints KTAP: ok is killed, or equivalent for a reason.

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need_base
# shellcheck source=scripts/vm.sh
. scripts/vm.sh
CPU=${CPU:-max,xlevel=0x8000001f} TEST=''
export CPU
src=build/src/$ID
nested=arch/x86/kvm/svm/nested.c
header=arch/x86/include/asm/svm.h

# mutants: all of this base, one a line: NAME @ FILE @ SCRIPT [@ REASON]
mutants() {
	for _n in $(seq 0 31); do
		echo "vector-$_n @ N @ s/return exepts;/return exepts ^ BIT($_n);/;s/BIT(event_inj_vector) & SVM_EVTINJ_EXEPTS_RESERVED/& \\& ~BIT($_n)/"
	done
	for _n in $(seq 0 7); do
		echo "type-$_n @ N @ s/return type == SVM_EVTINJ_TYPE_INTR/return (type == ($_n << SVM_EVTINJ_TYPE_SHIFT)) != (type == SVM_EVTINJ_TYPE_INTR/;s/type == SVM_EVTINJ_TYPE_SOFT;/type == SVM_EVTINJ_TYPE_SOFT);/"
	done
	awk -F ' @ ' -v OFS=' @ ' -v base="$BASE" '/^[a-z]/ && (" " $2 " " ~ " " base " " || $2 == "*") { print $1, $3, $4, $5 }' lab/mutants
}

# build_mutant FILE SCRIPT: kvm's modules with the mutation, in $out/mutant; 9 if the script changes nothing.
build_mutant() {
	g -C "$src" checkout -q -f --detach "$commit"
	sed -i "$2" "$src/$1"
	! g -C "$src" diff --quiet || return 9
	make -s -C "$src" O="$PWD/build/obj/$ID" -j"$(nproc)" modules || return 8
	for _ko in virt/lib/irqbypass.ko arch/x86/kvm/kvm.ko arch/x86/kvm/kvm-amd.ko; do
		[ ! -f "build/obj/$ID/$_ko" ] || cp "build/obj/$ID/$_ko" "$out/mutant/"
	done
}

boot_mutant() {
	boot mutant "$1"
}

# killer: the first test case that failed, or how the guest ended.
killer() {
	for _set in without with; do
		build/lab/report boot "$run/$_set" >"$run/$_set/summary" 2>&1 && continue
		grep -hoE '^ *not ok [0-9]+ event_inj[a-z0-9_.]*' "$run/$_set/report.ktap" | head -n 1 | sed "s/.* //;s/\$/, KVM $_set the features/"
		grep -qE 'not ok [0-9]+ event_inj' "$run/$_set/report.ktap" || tail -n 1 "$run/$_set/summary"
		return
	done
}

# test_mutant NAME FILE SCRIPT REASON: one line.
test_mutant() {
	_since=$(tenths) _log=build/log/$ID-mutant.log
	case $2 in N) _file=$nested ;; *) _file=$header ;; esac
	_rc=0
	build_mutant "$_file" "$3" >"$_log" 2>&1 || _rc=$?
	case $_rc in
	0)
		image mutant without caps.ko kvm_cpu_caps=@kvm_cpu_caps
		image mutant with caps.ko kvm_cpu_caps=@kvm_cpu_caps shstk=1 sev_es=1
		(side_by_side boot_mutant without with) >>"$_log" 2>&1
		by=$(killer)
		;;
	8) by=$(grep -o 'static assertion failed.*' "$_log" | head -n 1) ;;
	*) by='' ;;
	esac
	if [ $_rc -eq 9 ]; then
		echo "not ok - $BASE mutant $1: its script changes nothing"
	elif [ $_rc -eq 8 ] && [ -z "$by" ]; then
		echo "not ok - $BASE mutant $1: does not build, which is not the selftest's doing"
		grep -E 'error:' "$_log" | sed 's/^/# /'
	elif [ -n "$by" ] && [ -z "$4" ]; then
		echo "ok - $BASE mutant $1: killed by $by  $(took "$_since")"
	elif [ -z "$by" ] && [ -n "$4" ]; then
		echo "ok - $BASE mutant $1: $4  $(took "$_since")"
	elif [ -n "$by" ]; then
		echo "not ok - $BASE mutant $1: not equivalent, killed by $by"
	else
		echo "not ok - $BASE mutant $1: survived"
	fi
}

scripts/deps.sh build run
lab/boot.sh --check
lock
need_patched
commit=$(scripts/tree.sh --snapshot)
trap 'g -C "$src" checkout -q -f --detach "$commit"' EXIT
mkdir -p "$out/mutant"
cp "$out/patched/vmlinux" "$out/patched/caps.ko" "$out/mutant/"
start=$(tenths)
mutants | while IFS='@' read -r name file script reason; do
	name=${name% }
	case " ${MUTANTS:-$name} " in
	*" $name "*) ;;
	*) continue ;;
	esac
	file=${file# } script=${script# } reason=${reason# }
	test_mutant "$name" "${file% }" "${script% }" "$reason" </dev/null
done | tee "$run/mutants"
killed=$(grep -c ': killed by' "$run/mutants" || :)
equal=$(grep -c '^ok .*: equivalent' "$run/mutants" || :)
echo "# $BASE: $killed of $(wc -l <"$run/mutants") mutants killed, $equal equivalent  $(took "$start")"
grep -q . "$run/mutants" || die 2 "MUTANTS='${MUTANTS:-}' names none of lab/mutants"
! grep -q '^not ok' "$run/mutants"
