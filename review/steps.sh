#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# steps.sh - every patch of the series builds without a warning: one after the other.
# Usage: [BASE=6.12] [QUICK=1] review/steps.sh
#   QUICK  of KVM only those files that the series touches, and once all patches are there kvm-intel, which no verdict needs and
#          nothing else builds: a header of KVM's is in every file, and to compile them all takes a minute
# Prints "ok - ..." or "not ok - ..." for each that has something to compile: arch/x86/kvm/ with W=1, or the series' own selftest
# with -Werror.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
src=build/src/$ID
obj=$PWD/build/steps/$ID
log=build/log/$ID-steps.log
code=0

kmake() { kbuild "$src" "$obj" -s W=1 "$@"; }

prepare() {
	sed "$no_werror" kernel/kernel.config review/steps.config | configure
	touch "$obj/warnings"
	kmake prepare
}

# planted WHAT FILE SCRIPT: a mistake, planted in KVM's file by sed, that must break the build, with a word on what to do.
planted() {
	_t=$(tenths) _log=build/log/$ID-guard.log _rc=0
	sed -i "$3" "$src/arch/x86/kvm/$2"
	{ ! g -C "$src" diff --quiet && ! kmake arch/x86/kvm/svm/nested.o; } >"$_log" 2>&1 || _rc=1
	sed -n 's/.*error:\(.*static assertion failed\)/#\1/p' "$_log" | grep . || _rc=1
	result $_rc "$BASE: $1 breaks the build by the static assert  $(took "$_t")"
	g -C "$src" checkout -q -f
}

# guard: where KVM has a list of exceptions, nested SVM has one rule for each.
guard() {
	[ -f "$src/arch/x86/kvm/exceptions.h" ] || return 0
	planted "a vector without a rule" exceptions.h 's/LAST(SX)$/E(SX) LAST(ZZ)\n#define ZZ_VECTOR 22/'
	planted "a vector with two rules" svm/nested.c 's/^\t(BIT(DE_VECTOR) |/& BIT(CP_VECTOR) |/'
}

# untouched: what make modules leaves out, as the series' headers only have names that it does not use, is the same without the
# series. All of it is there, from the last patch.
untouched() {
	_t=$(tenths) _o='arch/x86/kvm/kvm.o arch/x86/kvm/kvm-intel.o' _log=build/log/$ID-untouched.log _rc=0
	g -C "$src" checkout -q -f --detach "$base"
	# shellcheck disable=SC2086 # a list
	{ (cd "$obj" && sha256sum $_o >untouched) && kmake arch/x86/kvm/ && (cd "$obj" && sha256sum -c untouched); } >"$_log" 2>&1 || _rc=$?
	result $_rc "$BASE: kvm and kvm-intel are the same without the series  $(took "$_t")" "$_log"
	g -C "$src" checkout -q -f --detach "$tip"
}

# warnings LOG: those in it, without their lines, which the patches move.
warnings() { sed -nE '/warning:/{s/:[0-9]+(:[0-9]+)?: /: /;p}' "$1" | sort -u; }

# new_warnings: those in the log that are not of the base.
new_warnings() { warnings "$log" | comm -23 - "$obj/warnings"; }

# of_the_base: true if the base has them, too: no patch is to blame for those (6.1 has some with W=1). As make does not repeat
# a warning, only a build of the base's files tells: of those named, or of all if a header is among them.
of_the_base() {
	g -C "$src" checkout -q -f --detach "$base"
	_named=$(new_warnings | sed -E "s|^$PWD/$src/(arch/x86/kvm/[^ ]*)\.c: .*|\1.o|" | sort -u)
	case $_named in
	*' '* | *..*)
		find "$obj/arch/x86/kvm" "$obj/virt/kvm" -name '*.o' -delete
		_named=arch/x86/kvm/
		;;
	*) (cd "$obj" && echo "$_named" | xargs rm -f) ;;
	esac
	# shellcheck disable=SC2086 # one word an object
	kmake $_named >"$log.base" 2>&1 || :
	warnings "$log.base" | sort -u - "$obj/warnings" >"$obj/warnings.new"
	mv "$obj/warnings.new" "$obj/warnings"
	g -C "$src" checkout -q -f --detach "$commit"
	[ -z "$(new_warnings)" ]
}

# touches PATTERN: whether the commit changes a file of that kind.
touches() { store diff --name-only "$commit^" "$commit" | grep -qE "$1"; }

# selftest: warnings of the library are not the series'.
selftest() { strict_test >"$log.test" 2>&1 || { cat "$log.test"; return 1; }; }

# step WHAT COMMAND...: one line for one build; a warning that the base does not have is as bad as an error.
step() {
	_what=$1 _t=$(tenths) _rc=0
	shift
	if (set -e; "$@") >"$log" 2>&1 && { [ -z "$(new_warnings)" ] || of_the_base; }; then
		:
	else
		_rc=1
		{ grep 'error:' "$log" || new_warnings; } | head -n 20 >"$log.failed"
		mv "$log" "build/log/$ID-steps-failed.log"
	fi
	result $_rc "$BASE builds: $_what  $(took "$_t")" "$log.failed"
}

lib/deps.sh build
lock
kernel/source.sh
base=$(id_of "refs/base/$ID")
tip=$(kernel/tree.sh --tip)
mkdir -p build/log

g -C "$src" checkout -q -f --detach "$base"
stage PREPARE "$ID  W=1" prepare >/dev/null
step "all tests of kernel/suite" env LAB_SNAPSHOT="$tip" TEST=all kernel/build.sh tests
targets=arch/x86/kvm/
[ -z "${QUICK:-}" ] || targets=$(series_objects "$base" "$tip")
for commit in $(store rev-list --reverse "$base..$tip"); do
	_subject=$(store log -1 --format=%s "$commit")
	g -C "$src" checkout -q -f --detach "$commit"
	# shellcheck disable=SC2086 # a list
	! touches '^(arch|include|virt)/' || step "$_subject" kmake $targets
	! touches '^tools/testing/selftests/kvm/' || step "$_subject" selftest
done
if [ -n "${QUICK:-}" ]; then
	step "kvm-intel" kmake arch/x86/kvm/kvm-intel.o
elif ! changes_all_of_kvm "$base" "$tip"; then
	untouched
fi
guard
exit $code
