#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# caps.sh - #CP and #VC on a KVM that supports what they need, which no emulator gives it: kernel/caps makes KVM believe so.
# Usage: [BASE=6.12] [KERNEL=/linux] proof/caps.sh
# Boots the patched kernel with each combination of SHSTK and SEV-ES in KVM's capabilities; the selftest goes through
# those in the guest's CPUID. Prints a table, and KTAP. Exit: as run.sh.

set -eu
cd "$(dirname "$0")/.."
. proof/proof.sh
CPU=${CPU:-$caps_cpu} TEST=svm_nested_event_inj_test
export CPU
sets='none shstk sev_es shstk_sev_es'

boot_sets() {
	# Two at a time, on two cores.
	side_by_side boot_one patched.none patched.shstk
	side_by_side boot_one patched.sev_es patched.shstk_sev_es
}

# verdict SET VARIANT PATH VECTOR: what the probe saw.
verdict() {
	sed -n "s/.*matrix: $2\.$3: type 3: //p" "$run/patched.$1/report.ktap" | tr ',' '\n' |
		awk -v v="$4" '{ split($1, r, "-"); if (v >= r[1] && v <= (r[2] == "" ? r[1] : r[2])) print $2 }'
}

# seen SET VARIANT VECTOR: yes is valid both on VMRUN and in KVM_SET_NESTED_STATE, no is neither.
seen() {
	case $(verdict "$1" "$2" vmrun_64bit "$3").$(verdict "$1" "$2" vmrun_compat "$3").$(verdict "$1" "$2" set_nested_state "$3") in
	injected.injected.accepted) echo yes ;;
	refused.refused.EINVAL) echo no ;;
	*) echo MIXED ;;
	esac
}

row() { printf '  %-14s %-16s  %-5s %s\n' "$@"; }

# tables: a line for each combination, of what was seen, in $run/table, and as the architecture has it, in $run/expected.
tables() {
	for set in $sets; do
		for variant in $sets; do
			_cp=no _vc=no
			case $set.$variant in *shstk*.*shstk*) _cp=yes ;; esac
			case $set.$variant in *sev_es*.*sev_es*) _vc=yes ;; esac
			row "$set" "$variant" $_cp $_vc >&3
			row "$set" "$variant" "$(seen "$set" "$variant" 21)" "$(seen "$set" "$variant" 29)"
		done
	done >"$run/table" 3>"$run/expected"
}

judge() {
	code=0
	echo '1..5'
	for set in $sets; do
		_dir=$run/patched.$set _rc=0
		judge_boot "$_dir" || _rc=$?
		result $_rc "$BASE: KVM supports $set: $(tail -n 1 "$_dir/summary")" "$_dir/summary"
	done
	_rc=0
	diff "$run/expected" "$run/table" >"$run/diff" || _rc=$?
	! grep '# SKIP' "$run/patched.shstk_sev_es/report.ktap" >>"$run/diff" || _rc=1
	result $_rc "$BASE: #CP and #VC are valid if and only if KVM supports and CPUID has the feature" "$run/diff"
}

ready build run
need_patched probe
with_matrix
for set in $sets; do
	caps_image patched "patched.$set" "$set"
done
stage BOOT "$ID  KVM with neither, SHSTK, SEV-ES, both" boot_sets
tables
echo "  KVM supports   guest CPUID has   #CP   #VC"
cat "$run/table"
echo
judge
exit $code
