#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# static.sh - what the series touches in KVM, by sparse, by clang and for its use of the stack: nothing that the base has not; and
# its selftest, by clang.
# Usage: [BASE=6.12] review/static.sh    (after steps.sh, whose objects and headers for the tests it uses)
# Prints "ok - ..." or "not ok - ..." for each. A sparse that make has skipped, and a nested.o in which checkstack.pl sees
# nothing, are failures. Clang 19 is the newest that Debian 12 and 13 both have.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
src=build/src/$ID
obj=$PWD/build/steps/$ID
log=build/log/$ID-static.log
tmp=build/static/$ID
limit=512
code=0

llvm=''

kmake() { kbuild "$src" "$obj" ${llvm:+-s "LLVM=$llvm"} W=1 "$@"; }

# sparse COMMIT: prints what it says of the files, without line numbers. Debian's has no __typeof_unqual__, without which
# the kernel's own check of sparse turns it off.
sparse() {
	g -C "$src" checkout -q -f --detach "$1"
	# shellcheck disable=SC2086 # one word an object
	kmake C=2 CHECK='sparse -D__typeof_unqual__=__typeof__' $objects >"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; die 3 "$BASE does not build; all of its output: $log"; }
	for _o in $objects; do
		grep -qE "^ *CHECK .*${_o%.o}\.c\$" "$log" || echo "sparse did not look at ${_o%.o}.c"
	done
	sed -nE 's/^(.*\/)?(arch\/x86\/[^ :]*):[0-9:]+ ((warning|error): .*)/\2: \3/p' "$log" | sort
}

# frames: the functions of all objects as they are now, and their frames, largest first, as "BYTES OBJECT NAME".
frames() {
	for _o in $objects; do
		objdump -d "$obj/$_o" | perl "$checker/scripts/checkstack.pl" x86_64 1 |
			sed -nE 's|^0x[0-9a-f]* ([^ ]*) .*:[[:space:]]*([0-9]+)$|\2 '"$_o"' \1|p'
	done | sort -rn
}

# objects COMMIT: clang compiles them anew; their warnings, without lines, are in $obj/warnings.
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
selftest() { SELFTESTS_OUT=$obj/selftests strict_test "LLVM=$llvm" LDFLAGS=-no-pie >"$log" 2>&1; }

clang() {
	_t=$(tenths) _rc=0
	$2 || _rc=$?
	grep -E 'warning:|error:|Error' "$log" | head -n 10 >"$log.failed"
	result $_rc "$BASE: C8 clang has nothing $1  $(took "$_t")" "$log.failed"
}

lib/deps.sh build check clang send
lock
kernel/source.sh >&2
tip=$(kernel/tree.sh --tip)
base=$(id_of "refs/base/$ID")
[ -f "$obj/fragment" ] || die 2 "there are no objects in build/steps/$ID: review/steps.sh makes them"
objects=$(series_objects "$base" "$tip")
checker=$(newest_source)

rm -rf "$tmp".*
mkdir -p build/static
# The series first, as most of its objects are there from steps.sh, and as it is their frames that count.
sparse "$tip" >"$tmp.tip"
frames >"$tmp.frames"
# The base is asked only if there is something that it might say as well.
: >"$tmp.base"
: >"$tmp.old"
if [ -s "$tmp.tip" ] || awk -v limit="$limit" '$1 >= limit { found = 1 } END { exit !found }' "$tmp.frames"; then
	sparse "$base" >"$tmp.base"
	frames >"$tmp.old"
fi
# A file of small functions may have no frame at all, such as vmx/main.c with gcc 14; nested.c has some.
grep -q " arch/x86/kvm/svm/nested\.o " "$tmp.frames" || echo "checkstack.pl sees no function in nested.o" >"$tmp.stack"
# What is as large on the base is not the series' doing.
awk -v limit="$limit" 'NR == FNR { old[$2 " " $3] = $1; next }
	$1 >= limit && $1 + 0 > old[$2 " " $3] + 0 { print $2 ": " $3 "() has a frame of " $1 " bytes" }' \
	"$tmp.old" "$tmp.frames" >>"$tmp.stack"
result "$(wc -l <"$tmp.stack")" "$BASE: no stack frame of $limit bytes that the base does not have (in nested.c the largest is $(sed -n 's|^\([0-9]*\) .*/nested\.o |\1 |p' "$tmp.frames" | head -n 1))" \
	"$tmp.stack"
{ sed -n '/^sparse did not/p' "$tmp.tip"; diff "$tmp.base" "$tmp.tip" | sed -n '/^> sparse/d; s/^> //p'; } >"$tmp.new"
result "$(wc -l <"$tmp.new")" \
	"$BASE: C10 sparse has nothing new to say ($(grep -c . "$tmp.base" || :) old; $(echo "$objects" | wc -l) files)" "$tmp.new"
# What is in it is gcc's.
unset KCFLAGS
llvm=-19 obj=$PWD/build/clang/$ID log=build/log/$ID-clang.log
clang "new to say of $(echo "$objects" | wc -l) files of KVM" kernel
clang "to say of the selftest" selftest
exit $code
