# SPDX-License-Identifier: GPL-2.0-only
# proof.sh - what every proof begins with: the base, its guests and their judge; which cases are red there; the worst of results.
# Sourced from the repository root.

. lib/lib.sh
need_base
. guest/vm.sh
. judge/judge.sh

# has_own_check: true if a tree of the user's checks by itself: it has no need of a patch to nested.c; to clear EVENTINJ is not to
# check it.
has_own_check() {
	[ -n "$KERNEL" ] || return
	patches | grep -v -e -Clear-EVENTINJ- | grep -vxF -e "$(kernel/tree.sh --left)" |
		xargs -r grep -lF '+++ b/arch/x86/kvm/svm/nested.c' | grep -q .
}

# red_here: the file with the cases that fail here without the series: $BASE's. For a tree of the user's, those of them that its
# selftest has; and of those that the patches in series/older mend, whatever the base, those of the patches that it needs.
# Nothing for one that checks by itself: it fails less, or in nothing.
red_here() {
	[ -n "$KERNEL" ] || { echo "series/$BASE/red"; return; }
	! has_own_check || return 0
	_mended=$(sed -n 's/^[a-z]*\.patch //p' series/older/red)
	{
		grep -v '^#' "series/$BASE/red" | grep -vxF -e "$_mended" | while read -r _case _skip; do
			! grep -qrF "(${_case%%.*})" "build/src/$ID/tools/testing/selftests/kvm" --include=svm_nested_event_inj_test.c ||
				echo "$_case $_skip"
		done
		kernel/tree.sh --left | while read -r _p; do
			sed -n "s/^${_p##*/} //p" "${_p%/*}/red" 2>/dev/null
		done
	} | sort -u >"$run/red"
	echo "$run/red"
}

# red_in_state: 1 if the base does not check: it is red in KVM_SET_NESTED_STATE, where no CPU has a say; else 0, as for a tree
# that has a check of its own. The probe's exit code is the same.
red_in_state() {
	if ! has_own_check && grep -q '\.set_nested_state' "series/$BASE/red"; then
		echo 1
	else
		echo 0
	fi
}

# worst CODE TEXT [FILE]: result, but code is the worst of all: a boot that did not end counts for more than a failure.
worst() {
	_worst=$code
	[ "$1" -le "$code" ] || _worst=$1
	result "$1" "$BASE: $2" "${3:-}"
	code=$_worst
}
