#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# tests-kernel.sh - does KERNEL cope with a tree that has a part of the series? Made-up ones of 6.12's files, in a world of their
# own: nothing under build/ is touched.
# Usage: check/tests-kernel.sh        after kernel/tree.sh with BASE=6.12
#        check/tests-kernel.sh DIR    makes DIR, a whole tree with patch 1 of series/6.12 and selftests as since 6.14

set -eu
cd "$(dirname "$0")/.."
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
	tree_of "$tip~5" "$1"
	moved "$1"
	commit "$1"
	exit
fi

# What follows is in another folder, which has a lock of its own.
unset LAB_LOCK
export OBJECTS="$PWD/build/git/objects"
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
trap 'exit 130' INT TERM HUP
code=0

# tried PATTERN... : what make tree gives for $t/linux has, in its output or its diff, every pattern in this order.
tried() {
	commit "$t/linux"
	rm -rf "$t/repo"
	mkdir -p "$t/repo/build"
	cp -r Makefile series lib kernel guest judge proof review check "$t/repo"
	# The files of the base are here, in place of the package.
	# shellcheck disable=SC2016 # the script expands it
	echo 'echo "$OBJECTS" >build/git/objects/info/alternates' >"$t/repo/kernel/"pinned.sh
	true >"$t/repo/kernel/"release.sh
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

# seen WHAT: the line of what was tried.
seen() {
	_rc=0
	[ "$_ok" = yes ] || _rc=1
	grep -E '^  [A-Z]+ |^[a-z]+: ' "$t/out" | tail -n 20 >"$t/why"
	result $_rc "KERNEL: $1" "$t/why"
}

over='is passed over: .*/linux has what it is for$'
tree_of "$tip~5" "$t/linux" Makefile arch/x86/include arch/x86/kvm "$kvm"
moved "$t/linux"
tried "NOTE .*0001-.*$over" "TREE    6.12-kernel  5 patches on A tree of somebody's" \
	"^KVM: selftests: " "^+++ b/$kvm/Makefile.kvm" "^+TEST_GEN_PROGS_x86 += x86/svm_nested_event_inj_test" \
	"^+++ b/$kvm/x86/svm_nested_event_inj_test.c" "^KVM: nSVM: Refuse VMRUN" "^+++ b/arch/x86/kvm/svm/nested.c"
seen "patch 1 is there, and the selftests have moved"
g -C "$t/linux" tag whole

# Of the same purpose, but not the same bytes.
sed -i 's/^#define SX_VECTOR.*/#define SX_VECTOR\t0x1e/' "$t/linux/arch/x86/include/uapi/asm/kvm.h"
tried "NOTE .*0001-.*$over" "TREE    6.12-kernel  5 patches on "
seen "patch 1 is there in another form"

sed -i '/^#define SX_VECTOR/d' "$t/linux/arch/x86/include/uapi/asm/kvm.h"
tried "series/6.12/0001-.* does not apply to .*/linux: patch failed: arch/x86/include/uapi/asm/kvm.h:.* (@@ .*, and in a three-way merge: \
CONFLICT .*\. It waits in build/tree/6.12-kernel: "
[ -n "$_at" ] && _ok=yes || _ok=no
seen "half of patch 1 is there, which is said"

# by_hand: merges what waits, as git status says, and lets the same command look.
by_hand() {
	cd "$t/repo"
	export KERNEL="$t/linux"
	! kernel/tree.sh && g -C build/tree/6.12-kernel checkout -q --theirs . && g -C build/tree/6.12-kernel add -u &&
		g -C build/tree/6.12-kernel am --continue && kernel/tree.sh
}
(by_hand) >"$t/out" 2>&1 && grep -q "is in the middle of git am" "$t/out" &&
	grep -q "TREE    6.12-kernel  with your work in" "$t/out" && _ok=yes || _ok=no
seen "a patch is merged by hand"
g -C "$t/linux" checkout -q whole -- .

# What is within the context of patch 2.
sed -i 's/kvm_vcpu_is_legal_gpa(vcpu, addr + size - 1)/kvm_vcpu_is_legal_gpa(vcpu, size + addr - 1)/' "$t/linux/arch/x86/kvm/svm/nested.c"
tried "NOTE .*0002-.* goes in by a three-way merge: arch/x86/kvm/svm/nested.c" "TREE    6.12-kernel  5 patches on " "^KVM: nSVM: Refuse VMRUN"
seen "a context is another"
g -C "$t/linux" checkout -q whole -- .

# What trees of vendors lack.
sed -i '/vmcb12->control.event_inj\(_err\)\?\s*= 0;/{
	/^\t\t/d
	s/event_inj\s*= 0;/event_inj         = svm->nested.ctl.event_inj;/
	s/event_inj_err\s*= 0;/event_inj_err     = svm->nested.ctl.event_inj_err;\n/
}' "$t/linux/arch/x86/kvm/svm/nested.c"
tried "NOTE .*series/older/eventinj.patch goes in front" "TREE    6.12-kernel  6 patches on " "^KVM: nSVM: Clear EVENTINJ"
seen "EVENTINJ stays"
sed -i 's/exit_code_hi = -1u;/exit_code_hi = 0;/' "$t/linux/arch/x86/kvm/svm/nested.c"
tried "NOTE .*series/older/exitcode.patch goes in front" "TREE    6.12-kernel  7 patches on " "^KVM: nSVM: Give a refused VMRUN"
seen "the exit code has 32 bits, and EVENTINJ stays"
g -C "$t/linux" checkout -q whole -- .

# RSM into L2 is checked since 6.12.86 only.
sed -i 's/nested_svm_check_cached_vmcb12(vcpu)/0/' "$t/linux/arch/x86/kvm/svm/svm.c"
tried "NOTE .*0005-.* is passed over: .*/linux has not what it tests" "TREE    6.12-kernel  4 patches on " "^KVM: selftests: Check the frame"
seen "RSM is not checked"
g -C "$t/linux" checkout -q whole -- .

sed -i '/svm_nested_soft_inject_test/d' "$t/linux/$kvm/Makefile.kvm"
tried "NOTE .*0003-.* is left out: patch failed: $kvm/Makefile" "TREE    6.12-kernel  1 patches on "
seen "the selftest has no neighbours, and is left out"
g -C "$t/linux" checkout -q whole -- .

# A check of another shape, and no selftest, as a cherry-pick leaves it.
echo 'static bool nested_svm_check_event_inj(struct kvm_vcpu *vcpu, u32 event_inj);' >>"$t/linux/arch/x86/kvm/svm/nested.c"
tried "NOTE .*0002-.*$over" "TREE    6.12-kernel  4 patches on " "^KVM: selftests: "
seen "a check of another shape is there"

sed -i 's,^TEST_GEN_PROGS_x86 += x86/svm_nested_soft,TEST_GEN_PROGS_x86 += x86/svm_nested_event_inj_test\n&,' "$t/linux/$kvm/Makefile.kvm"
store show "$tip:$kvm/x86_64/svm_nested_event_inj_test.c" >"$t/linux/$kvm/x86/svm_nested_event_inj_test.c"
tried "NOTE .*0003-.*$over" "NOTE .*0006-.*$over" "TREE    6.12-kernel  0 patches on "
seen "all of it is there"
exit $code
