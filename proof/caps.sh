#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# caps.sh - #CP and #VC on a KVM that supports what they need, which no emulator gives it: kernel/caps makes KVM believe so.
# Usage: [BASE=6.12] [KERNEL=/linux] proof/caps.sh
# Boots the patched kernel with each combination of SHSTK and SEV-ES in KVM's capabilities; the selftest goes through
# those in the guest's CPUID. Prints a table, and KTAP. Exit: as run.sh.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
. guest/vm.sh
. judge/judge.sh
CPU=${CPU:-$caps_cpu} TEST=svm_nested_event_inj_test
export CPU
sets='none shstk sev_es shstk_sev_es'

# parameters SET: those of kernel/caps.
parameters() {
	echo 'kvm_cpu_caps=@kvm_cpu_caps'
	case $1 in *shstk*) echo shstk=1 ;; esac
	case $1 in *sev_es*) echo sev_es=1 ;; esac
}

boot_set() {
	boot patched "$1"
}

boot_sets() {
	# Two at a time, on two cores.
	side_by_side boot_set none shstk
	side_by_side boot_set sev_es shstk_sev_es
}

# verdict SET VARIANT PATH VECTOR: what the probe saw.
verdict() {
	sed -n "s/.*matrix: $2\.$3: type 3: //p" "$run/$1/report.ktap" | tr ',' '\n' |
		awk -v v="$4" '{ split($1, r, "-"); if (v >= r[1] && v <= (r[2] == "" ? r[1] : r[2])) print $2 }'
}

# table: a line for each combination; yes is valid both on VMRUN and in KVM_SET_NESTED_STATE, no is neither.
table() {
	echo "  KVM supports   guest CPUID has   #CP   #VC"
	for set in $sets; do
		for variant in $sets; do
			_line=
			for vector in 21 29; do
				case $(verdict "$set" "$variant" vmrun_64bit $vector).$(verdict "$set" "$variant" vmrun_compat $vector).$(verdict "$set" "$variant" set_nested_state $vector) in
				injected.injected.accepted) _line="$_line yes  " ;;
				refused.refused.EINVAL) _line="$_line no   " ;;
				*) _line="$_line MIXED" ;;
				esac
			done
			printf '  %-14s %-16s %s\n' "$set" "$variant" "$_line"
		done
	done
}

# expected SET VARIANT: the line of the table as the architecture has it.
expected() {
	_cp=no _vc=no
	case $1.$2 in *shstk*.*shstk*) _cp=yes ;; esac
	case $1.$2 in *sev_es*.*sev_es*) _vc=yes ;; esac
	echo "$1 $2 $_cp $_vc"
}

# judge: KTAP, a line for each boot and one for the table.
judge() {
	code=0
	echo '1..5'
	for set in $sets; do
		if judge_boot "$run/$set"; then
			echo "ok - $BASE: KVM supports $set: $(tail -n 1 "$run/$set/summary")"
		else
			echo "not ok - $BASE: KVM supports $set"
			sed 's/^/# /' "$run/$set/summary"
			code=1
		fi
	done
	for set in $sets; do
		for variant in $sets; do
			expected "$set" "$variant"
		done
	done >"$run/expected"
	if tail -n +2 "$run/table" | awk '{ print $1, $2, $3, $4 }' | diff "$run/expected" - >"$run/diff" &&
		! grep -q '# SKIP' "$run/shstk_sev_es/report.ktap"; then
		echo "ok - $BASE: #CP and #VC are valid if and only if KVM supports and CPUID has the feature"
	else
		echo "not ok - $BASE: #CP and #VC are valid if and only if KVM supports and CPUID has the feature"
		sed 's/^/# /' "$run/diff"
		code=1
	fi
}

ready build run
need_patched probe
with_matrix
for set in $sets; do
	# shellcheck disable=SC2046 # one word a parameter
	image patched "$set" caps.ko $(parameters "$set")
done
stage BOOT "$ID  KVM with neither, SHSTK, SEV-ES, both" boot_sets
table >"$run/table"
cat "$run/table"
echo
judge
exit $code
