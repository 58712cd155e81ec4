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

# tried WHAT COMMAND PATTERN...: the command ends well, and what it says has every pattern, in this order.
tried() {
	_what=$1 _rc=0 _line=0
	("$2") >"$t/out" 2>&1 || _rc=1
	shift 2
	for _pattern; do
		_at=$(tail -n +$((_line + 1)) "$t/out" | grep -n -m 1 -e "$_pattern" | cut -d: -f1)
		[ -n "$_at" ] || { echo "why: missing: $_pattern" >>"$t/out"; _rc=1; break; }
		_line=$((_line + _at))
	done
	grep -E '^  [A-Z]+ |^[a-z]+: ' "$t/out" | tail -n 20 >"$t/why"
	result $_rc "KERNEL: $_what" "$t/why"
}

# make_tree: for $t/linux as it is now, and what came of it.
make_tree() {
	commit "$t/linux"
	rm -rf "$t/repo"
	mkdir -p "$t/repo/build"
	cp -r Makefile series lib kernel guest judge proof review check "$t/repo"
	# The files of the base are here, in place of the package.
	echo 'echo "$OBJECTS" >build/git/objects/info/alternates' >"$t/repo/kernel/"fetch.sh
	true >"$t/repo/kernel/"release.sh
	cd "$t/repo" || exit
	KERNEL=$t/linux kernel/tree.sh && g -C build/tree/6.12-kernel log -p --format=%s%n%b "$(g -C "$t/linux" rev-parse HEAD).."
}
no_tree() { ! make_tree; }

# by_hand: merges what waits, as git status says, and lets the same command look.
by_hand() {
	cd "$t/repo" || exit
	export KERNEL="$t/linux"
	! kernel/tree.sh && g -C build/tree/6.12-kernel checkout -q --theirs . && g -C build/tree/6.12-kernel add -u &&
		g -C build/tree/6.12-kernel am --continue && kernel/tree.sh
}

# edited FILE SCRIPT: the tree as it was, and then sed in that file.
edited() {
	g -C "$t/linux" checkout -q whole -- .
	sed -i "$2" "$t/linux/$1"
}

over='is passed over: .*/linux has what it is for$'
nested=arch/x86/kvm/svm/nested.c uapi=arch/x86/include/uapi/asm/kvm.h
tree_of "$tip~5" "$t/linux" Makefile arch/x86/include arch/x86/kvm "$kvm"
moved "$t/linux"
tried "patch 1 is there, and the selftests have moved" make_tree \
	"NOTE .*0001-.*$over" "TREE    6.12-kernel  5 patches on A tree of somebody's" \
	"^KVM: selftests: " "^+++ b/$kvm/Makefile.kvm" "^+TEST_GEN_PROGS_x86 += x86/svm_nested_event_inj_test" \
	"^+++ b/$kvm/x86/svm_nested_event_inj_test.c" "^KVM: nSVM: Refuse VMRUN" "^+++ b/$nested"
g -C "$t/linux" tag whole

# Of the same purpose, but not the same bytes.
edited $uapi 's/^#define SX_VECTOR.*/#define SX_VECTOR\t0x1e/'
tried "patch 1 is there in another form" make_tree "NOTE .*0001-.*$over" "TREE    6.12-kernel  5 patches on "

edited $uapi '/^#define SX_VECTOR/d'
tried "half of patch 1 is there, which is said" no_tree "series/6.12/0001-.* does not apply to .*/linux: patch failed: \
$uapi:.* (@@ .*, and in a three-way merge: CONFLICT .*\. It waits in build/tree/6.12-kernel: "
tried "a patch is merged by hand" by_hand "is in the middle of git am" "TREE    6.12-kernel  with your work in"

# What is within the context of patch 2.
edited $nested 's/kvm_vcpu_is_legal_gpa(vcpu, addr + size - 1)/kvm_vcpu_is_legal_gpa(vcpu, size + addr - 1)/'
tried "a context is another" make_tree \
	"NOTE .*0002-.* goes in by a three-way merge: $nested" "TREE    6.12-kernel  5 patches on " "^KVM: nSVM: Refuse VMRUN"

# What trees of vendors lack.
edited $nested '/vmcb12->control.event_inj\(_err\)\?\s*= 0;/{
	/^\t\t/d
	s/event_inj\s*= 0;/event_inj         = svm->nested.ctl.event_inj;/
	s/event_inj_err\s*= 0;/event_inj_err     = svm->nested.ctl.event_inj_err;\n/
}'
tried "EVENTINJ stays" make_tree \
	"NOTE .*series/older/eventinj.patch goes in front" "TREE    6.12-kernel  6 patches on " "^KVM: nSVM: Clear EVENTINJ"
sed -i 's/exit_code_hi = -1u;/exit_code_hi = 0;/' "$t/linux/$nested"
tried "the exit code has 32 bits, and EVENTINJ stays" make_tree \
	"NOTE .*series/older/exitcode.patch goes in front" "TREE    6.12-kernel  7 patches on " "^KVM: nSVM: Give a refused VMRUN"

# RSM into L2 is checked since 6.12.86 only.
edited arch/x86/kvm/svm/svm.c 's/nested_svm_check_cached_vmcb12(vcpu)/0/'
tried "RSM is not checked" make_tree "NOTE .*0005-.* is passed over: .*/linux has not what it tests" \
	"TREE    6.12-kernel  4 patches on " "^KVM: selftests: Check the frame"

edited "$kvm/Makefile.kvm" '/svm_nested_soft_inject_test/d'
tried "the selftest has no neighbours, and is left out" make_tree \
	"NOTE .*0003-.* is left out: patch failed: $kvm/Makefile" "TREE    6.12-kernel  1 patches on "

# A check of another shape, and no selftest, as a cherry-pick leaves it.
edited $nested '$astatic bool nested_svm_check_event_inj(struct kvm_vcpu *vcpu, u32 event_inj);'
tried "a check of another shape is there" make_tree "NOTE .*0002-.*$over" "TREE    6.12-kernel  4 patches on " "^KVM: selftests: "

sed -i 's,^TEST_GEN_PROGS_x86 += x86/svm_nested_soft,TEST_GEN_PROGS_x86 += x86/svm_nested_event_inj_test\n&,' "$t/linux/$kvm/Makefile.kvm"
store show "$tip:$kvm/x86_64/svm_nested_event_inj_test.c" >"$t/linux/$kvm/x86/svm_nested_event_inj_test.c"
tried "all of it is there" make_tree "NOTE .*0003-.*$over" "NOTE .*0006-.*$over" "TREE    6.12-kernel  0 patches on "
exit $code
