#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# tests.sh - bad input and interruptions, for real: the right exit status, a message that names the thing, nothing lost.
# Usage: check/tests.sh
# All of it happens in the small world of tests-setup.sh, in build/tests.XXXXXX: no network, no kernel build, and the
# user's own trees out of reach. A line "ok - ..." or "not ok - ..." a test; 1 if there is any of the latter.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
unset BASE KERNEL ACCEL TEST KVM_AMD TRACE NOISE FROM PATCH DSC FORCE UPDATE SUITE FLAVOUR RELEASE TRY V QEMU QEMU_ARGS BOCHS CPU LAB_LOCK MAKEFLAGS MAKELEVEL
lib/deps.sh tree package build run stock
ACCEL=bochs lib/deps.sh run
mkdir -p build
t=$(mktemp -d "$PWD/build/tests.XXXXXX")

# guests: the ids of the QEMUs that run in here.
guests() {
	find /proc/[0-9]*/exe -maxdepth 0 -lname '*qemu*' 2>/dev/null | while read -r _exe; do
		[ "$(readlink "${_exe%exe}cwd")" != "$t/repo" ] || basename "${_exe%/exe}"
	done
}

trap 'guests | xargs -r kill; rm -rf "$t"' EXIT
trap 'exit 130' INT TERM HUP
# An empty folder in here must not pass for a part of this repository.
export GIT_CEILING_DIRECTORIES="$t"
failed=0
. check/tests-setup.sh

# theirs CODE: a hash of what is the user's: KERNEL and the series; where CODE is no success, the tree and branches, too.
theirs() {
	set -- "$1" "$linux" series
	[ "$1" -eq 0 ] || { set -- "$@" build/tree; store for-each-ref refs/heads refs/saved 2>/dev/null || :; }
	shift
	tar --sort=name --mtime=@0 -cf - "$@" 2>/dev/null | sha256sum
}

# report WHAT OK: the line of one test, and what was seen if OK is not "yes".
report() {
	_not=''
	[ "$2" = yes ] || _not='not '
	echo "${_not}ok - bad input: $1"
	[ "$2" = yes ] || { failed=1; sed 's/^/#   /' "$t/out"; }
}

# expect CODE PATTERN WHAT COMMAND...: it exits with CODE, its last line but make's has PATTERN, what is the user's is as before.
expect() {
	_want=$1 _pattern=$2 _what=$3 _before=$(theirs "$1") _code=0 _ok=yes
	shift 3
	"$@" >"$t/out" 2>&1 </dev/null || _code=$?
	grep -v '^make' "$t/out" | tail -n 1 | grep -q -e "$_pattern" || _ok="no '$_pattern' in the last line"
	[ "$_code" -eq "$_want" ] || _ok="exit $_code, not $_want"
	[ "$(theirs "$_want")" = "$_before" ] || _ok="the user's files or branches have changed"
	[ "$_ok" = yes ] || echo "($_ok)" >>"$t/out"
	report "$_what" "$_ok"
}

# on BASE COMMAND...: a command for a base, applied to the fake kernel tree.
on() {
	_base=$1
	shift
	env BASE="$_base" KERNEL="$linux" "$@"
}

cd "$t/repo"
export PATH="$t/bin:$PATH" BASE=1.0

expect 2 "no base '9.9'; there is BASE=" "an unknown BASE" env BASE=9.9 make tree
expect 2 "no base '../x'" "BASE with a path" env BASE=../x kernel/tree.sh
expect 2 "series/bad/base: the lines above are not KEY=value" "a base file with shell in it" env BASE=bad kernel/tree.sh
expect 2 "series/none has no patches" "a base without patches" on none kernel/tree.sh
expect 2 "KERNEL=/nonexistent is no git work tree" "KERNEL that does not exist" env KERNEL=/nonexistent kernel/tree.sh
expect 2 "/empty is no git work tree" "KERNEL without git" env KERNEL="$t/empty" kernel/tree.sh
expect 0 "1 patches on " "KERNEL in a folder with a space" on 1.0 kernel/tree.sh
expect 2 "series/other/0001.*does not apply to .*my linux: patch failed: arch" "a patch that does not apply" on other kernel/tree.sh --apply
echo dirt >>"$linux/Makefile"
expect 2 "my linux has changes that no commit holds" "KERNEL with uncommitted changes" on 1.0 kernel/tree.sh
(cd "$linux" && g checkout -q Makefile && g rm -q arch/x86/kvm/svm/nested.c && g commit -q -m none)
expect 2 "is no Linux tree: its HEAD has no arch/x86/kvm/svm/nested.c" "KERNEL without KVM" on 1.0 kernel/tree.sh
g -C "$linux" reset -q --hard HEAD^

expect 2 "SUITE=sid: bookworm or trixie" "a bare system of another release" env SUITE=sid check/fresh.sh
expect 2 "leave KERNEL out" "a bare system with KERNEL" on 1.0 check/fresh.sh
expect 3 "a bare system takes root.*: sudo make fresh" "a bare system as a user" env PATH="$t/user:$PATH" check/fresh.sh
. check/tests-machine.sh

echo aside >>build/tree/1.0/Makefile
g -C build/tree/1.0 stash -q
expect 2 "put aside: refs/stash .*make clean FORCE=1" "clean with a stash" make clean
g -C build/tree/1.0 stash drop -q
g -C build/tree/1.0 branch mine
expect 2 "put aside: refs/heads/mine .*make clean FORCE=1" "clean with a branch of the user's" make clean
g -C build/tree/1.0 branch -q -D mine

echo work >build/tree/1.0/new-file
expect 2 "build/tree/1.0 has the changes above in no commit" "export of a dirty tree" kernel/export.sh
expect 2 "holds work that series/1.0 does not: make export" "clean with work in the tree" make clean
cp "$deb" build/pkg/linux-source-1.0_1.0-2_all.deb
expect 2 "from 1.0-1 to 1.0-2, but build/tree/1.0 holds work that no series file has" "a newer base under work" \
	env UPDATE=1 CANDIDATE=1.0-2 kernel/tree.sh
sed -i 's/fifty/Fifty/' series/1.0/0001*
expect 2 "have both changed. Either: make export" "series and tree both changed" kernel/tree.sh
expect 0 "TREE    1.0  1 patches .*anew" "FORCE=1 on both changed" env FORCE=1 kernel/tree.sh
expect 2 "put aside: refs/saved/1.0-.*make clean FORCE=1" "clean with work put aside" make clean
expect 0 "^work$" "and the work is still there" store show "$(store for-each-ref --format='%(refname)' refs/saved):new-file"

# conflict: a port onto a tree whose line 50 is another; it is left to be merged, and git takes it back.
conflict() {
	(cd build/tree/none && g reset -q --hard refs/base/none && sed -i s/50/5O/ arch/x86/kvm/svm/nested.c && g commit -qam other)
	_rc=0
	FROM=1.0 BASE=none review/port.sh || _rc=$?
	[ "$_rc" -eq 1 ] && g -C build/tree/none cherry-pick --abort && ! dirty build/tree/none && echo "taken back"
}
expect 2 "from which base?" "port without FROM" make port
expect 2 "no base '9.9'; there is BASE=" "port from an unknown base" env FROM=9.9 review/port.sh
expect 2 "are both 1.0" "port to where it comes from" env FROM=1.0 review/port.sh
expect 2 "PATCH=7: series/1.0 has the patches 0001 to 0001" "port of an unknown PATCH" env FROM=1.0 BASE=none PATCH=7 review/port.sh
expect 0 "NEXT    make export BASE=none, then make run" "port to a base without patches" env FROM=1.0 BASE=none review/port.sh
echo dirt >build/tree/none/new-file
expect 2 "build/tree/none has changes in no commit" "port onto a dirty tree" env FROM=1.0 BASE=none review/port.sh
rm build/tree/none/new-file
expect 0 "taken back" "port with a conflict" conflict
expect 2 "no base '9.9'; there is BASE=" "compare with an unknown base" env FROM=9.9 make compare
expect 2 "DSC=/nonexistent: there is no such file" "quilt with a package that is not there" env DSC=/nonexistent review/quilt.sh
expect 2 "leave KERNEL out" "send-check of KERNEL" on 1.0 make send-check

. check/tests-stock.sh
. check/tests-run.sh
. check/tests-release.sh
exit $failed
