#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# tests-kernel.sh - does KERNEL cope with a tree that has a part of the series? Made-up ones of 6.12's files, in a world of their
# own: nothing under build/ is touched.
# Usage: check/tests-kernel.sh        after kernel/tree.sh with BASE=6.12
#        check/tests-kernel.sh DIR    makes DIR, a whole tree with patches 1 and 2 of series/6.12 and selftests as since 6.14

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=lib/lib.sh
. lib/lib.sh
export BASE=6.12
unset KERNEL LAB_SNAPSHOT FORCE UPDATE
need_base
kvm=tools/testing/selftests/kvm
tip=$(kernel/tree.sh --tip)
[ -n "$tip" ] || die 2 "there is no series to try: make tree BASE=$BASE"

# moved DIR: its selftests for x86 go where they are since 6.14; as little of a new Makefile as makes them.
moved() {
	for _d in "" include/ lib/; do
		mv "$1/$kvm/${_d}x86_64" "$1/$kvm/${_d}x86"
	done
	sed 's/x86_64/x86/g' "$1/$kvm/Makefile" >"$1/$kvm/Makefile.kvm"
	echo 'include Makefile.kvm' >"$1/$kvm/Makefile"
}

# tree_of COMMIT DIR [FILE...]: these files of a commit, as a git tree with one commit of its own.
tree_of() {
	_commit=$1 _dir=$2
	shift 2
	mkdir -p "$_dir"
	store archive "$_commit" "$@" | tar -C "$_dir" -xf -
	g -C "$_dir" init -q -b main
	commit "$_dir"
}

commit() {
	g -C "$1" add -f .
	g -C "$1" commit -q --allow-empty -m "A tree of somebody's"
}

if [ $# -gt 0 ]; then
	[ ! -e "$1" ] || die 2 "$1 is there already"
	tree_of "$tip~2" "$1"
	moved "$1"
	commit "$1"
	exit
fi

# What follows is in another folder, which has a lock of its own.
unset LAB_LOCK
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
trap 'exit 130' INT TERM HUP
failed=0

# tried PATTERN... : what make tree gives for $t/linux has, in its output or its diff, every pattern in this order.
tried() {
	commit "$t/linux"
	rm -rf "$t/repo"
	mkdir "$t/repo"
	cp -r Makefile series lib kernel guest judge proof review check "$t/repo"
	_ok=yes
	(
		cd "$t/repo"
		KERNEL=$t/linux kernel/tree.sh && g -C build/tree/6.12-kernel log -p --format=%s%n%b "$(g -C "$t/linux" rev-parse HEAD).."
	) >"$t/out" 2>&1 || _ok=no
	_line=0
	for _pattern; do
		_at=$(tail -n +$((_line + 1)) "$t/out" | grep -n -m 1 -e "$_pattern" | cut -d: -f1)
		[ -n "$_at" ] || { _ok=no; echo "missing: $_pattern" >>"$t/out"; break; }
		_line=$((_line + _at))
	done
}

# result WHAT: of what was tried.
result() {
	if [ "$_ok" = yes ]; then
		echo "ok - KERNEL: $1"
	else
		failed=1
		echo "not ok - KERNEL: $1"
		grep -v '^[-+ ]' "$t/out" | tail -n 20 | sed 's/^/#   /'
	fi
}

over='is passed over: .*/linux has what it is for$'
tree_of "$tip~5" "$t/linux" Makefile arch/x86/include arch/x86/kvm "$kvm"
moved "$t/linux"
tried "NOTE .*0001-.*$over" "NOTE .*0002-.*$over" "TREE    6.12-kernel  5 patches on A tree of somebody's" \
	"^KVM: selftests: " "^+++ b/$kvm/Makefile.kvm" "^+TEST_GEN_PROGS_x86 += x86/svm_nested_event_inj_test" \
	"^+++ b/$kvm/x86/svm_nested_event_inj_test.c" "^KVM: nSVM: Refuse VMRUN" "^+++ b/arch/x86/kvm/svm/nested.c"
result "patches 1 and 2 are there, and the selftests have moved"
g -C "$t/linux" tag whole

# Of the same purpose, but not the same bytes.
sed -i 's/^#define SX_VECTOR.*/#define SX_VECTOR\t0x1e/' "$t/linux/arch/x86/include/uapi/asm/kvm.h"
tried "NOTE .*0001-.*$over" "TREE    6.12-kernel  5 patches on "
result "patch 1 is there in another form"

sed -i '/^#define SX_VECTOR/d' "$t/linux/arch/x86/include/uapi/asm/kvm.h"
tried "series/6.12/0001-.* does not apply to .*/linux: patch failed: arch/x86/include/uapi/asm/kvm.h"
[ -n "$_at" ] && [ ! -e "$t/repo/build/tree/6.12-kernel" ] && _ok=yes || _ok=no
result "half of patch 1 is there, which is said"
g -C "$t/linux" checkout -q whole -- .

sed -i '/svm_nested_soft_inject_test/d' "$t/linux/$kvm/Makefile.kvm"
tried "series/6.12/0004-.* does not apply to .*: no Makefile lists svm_nested_soft_inject_test"
[ -n "$_at" ] && _ok=yes || _ok=no
result "the selftest has no neighbours, which is said"
g -C "$t/linux" checkout -q whole -- .

# A check of another shape, and no selftest, as a cherry-pick leaves it.
echo 'static bool nested_svm_check_event_inj(struct kvm_vcpu *vcpu, u32 event_inj);' >>"$t/linux/arch/x86/kvm/svm/nested.c"
tried "NOTE .*0003-.*$over" "TREE    6.12-kernel  4 patches on " "^KVM: selftests: "
result "a check of another shape is there"

sed -i 's,^TEST_GEN_PROGS_x86 += x86/svm_nested_soft,TEST_GEN_PROGS_x86 += x86/svm_nested_event_inj_test\n&,' "$t/linux/$kvm/Makefile.kvm"
store show "$tip:$kvm/x86_64/svm_nested_event_inj_test.c" >"$t/linux/$kvm/x86/svm_nested_event_inj_test.c"
tried "NOTE .*0004-.*$over" "NOTE .*0007-.*$over" "TREE    6.12-kernel  0 patches on "
result "all of it is there"
exit $failed
