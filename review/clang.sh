#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# clang.sh - what the series touches in KVM, and its selftest, by clang: it has nothing new to say.
# Usage: [BASE=6.12] review/clang.sh    (after steps.sh, whose headers for the tests it uses)
# Clang 19 is the newest that Debian 12 and 13 both have. Prints "ok - ..." or "not ok - ..." for each.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
# What it has is gcc's.
unset KCFLAGS
src=build/src/$ID
obj=$PWD/build/clang/$ID
log=build/log/$ID-clang.log
code=0

kmake() { kbuild "$src" "$obj" -s LLVM=-19 W=1 "$@"; }

# objects COMMIT: compiles them anew; their warnings, without lines, are in $obj/warnings.
objects() {
	g -C "$src" checkout -q -f --detach "$1"
	echo "$objects" | (cd "$obj" && xargs rm -f)
	# shellcheck disable=SC2086 # a list
	kmake $objects >"$log" 2>&1 || return 1
	sed -nE '/warning:/{s/:[0-9]+(:[0-9]+)?: /: /;p}' "$log" | sort -u >"$obj/warnings"
}

# kernel: the base is compiled only if there is something that it might say as well.
kernel() {
	sed "$no_werror" kernel/kernel.config review/steps.config | configure >"$log" 2>&1 && objects "$tip" || return 1
	[ -s "$obj/warnings" ] || return 0
	mv "$obj/warnings" "$obj/warnings.tip"
	objects "$base" && comm -23 "$obj/warnings.tip" "$obj/warnings" >"$log" && [ ! -s "$log" ]
}

# selftest: not static, which 6.1's own strings and clang do not agree on.
selftest() {
	SELFTESTS_OUT=$obj/selftests strict_test LLVM=-19 LDFLAGS=-no-pie >"$log" 2>&1
}

# line WHAT COMMAND: the result of one.
line() {
	_t=$(tenths) _rc=0
	$2 || _rc=$?
	grep -E 'warning:|error:|Error' "$log" | head -n 10 >"$log.failed"
	result $_rc "$BASE: $1  $(took "$_t")" "$log.failed"
}

lib/deps.sh build clang
lock
kernel/source.sh >&2
tip=$(kernel/tree.sh --tip)
base=$(id_of "refs/base/$ID")
mkdir -p build/log
objects=$(series_objects "$base" "$tip")
line "clang has nothing new to say of $(echo "$objects" | wc -l) files of KVM" kernel
line "clang has nothing to say of the selftest" selftest
exit $code
