#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# bench.sh - what the series costs: instructions of a VMRUN round trip as L1's TSC counts them under -icount, text, stack.
# Usage: [BASE=6.12] proof/bench.sh
# Boots the base and the patched kernel, both on a KVM that was made to support SHSTK and SEV-ES (kernel/caps). Keeps the
# numbers in series/$BASE/bench, and writes the table made of those of all bases into docs/cost.md; not with KERNEL, nor with work
# in build/tree that was not exported.

set -eu
cd "$(dirname "$0")/.."
. proof/proof.sh
CPU=${CPU:-$caps_cpu} QEMU_ARGS="-icount shift=0"
export CPU QEMU_ARGS
src=build/src/$ID

# good base|patched: the boot ended well, without a splat, and every event did what it should.
good() {
	judge_boot "$run/$1" || die 1 "$1: $(tail -n 1 "$run/$1/summary"): $run/$1"
	! grep '^  # bench [^ ]* wrong ' "$run/$1/report.ktap" || die 1 "the events above did not do what they should on $1: $run/$1"
}

# counted base|patched: "CASE RESULT INSTRUCTIONS" a line; the minimum, which is also the median unless QEMU was disturbed.
counted() {
	sed -n 's/^  # bench //p' "$run/$1/report.ktap" | awk '
		$3 != $4 { print "# " $1 ": minimum " $3 ", median " $4 >"/dev/stderr" }
		{ print $1, $2, $3 }'
}

text_size() { size "$out/$1/kvm-amd.ko" | awk 'NR == 2 { print $1 }'; }

# stack_use base|patched COMMIT: bytes of the deepest of nested.c's functions that check vmcb12, by gcc -fstack-usage.
stack_use() {
	g -C "$src" checkout -q -f --detach "$2"
	_cmd=$(sed -n 's/^\(saved\)\{0,1\}cmd_[^ ]* := //p' "build/obj/$VARIANT/arch/x86/kvm/svm/.nested.o.cmd" | head -n 1)
	_cmd=$(echo "${_cmd%% ; *}" | sed "s| -o [^ ]*| -fstack-usage -o $PWD/$run/$1.o|; s|-Wp,-MMD,[^ ]*||")
	(cd "build/obj/$VARIANT" && eval "$_cmd")
	sed -n 's/^[^:]*nested\.c:[0-9]*:[0-9]*:\([a-z0-9_]*\)\t\([0-9]*\)\t.*/\2 \1/p' "$run/$1.su" |
		grep -E 'check|svm_nested_event_inj|nested_svm_event_inj' | sort -n | tail -n 1
}

measure() {
	exec >"$run/bench"
	echo "# By make bench: Linux $(base_release), gcc $(gcc -dumpfullversion), $("${QEMU:-qemu-system-x86_64}" --version | head -n 1 | sed 's/ emulator version//; s/ (.*//'), -icount shift=0"
	counted base >"$run/counts.base"
	counted patched >"$run/counts.patched"
	paste -d' ' "$run/counts.base" "$run/counts.patched" | awk '{ print $1, $2, $3, $5, $6 }'
	echo "text - $(text_size base) - $(text_size patched)"
	_base=$(stack_use base "$(id_of "refs/base/$ID")")
	_patched=$(stack_use patched "$LAB_SNAPSHOT")
	echo "stack ${_base#* } ${_base% *} ${_patched#* } ${_patched% *}"
}

[ -z "${DEBUG:-}" ] || die 2 "what a kernel costs that checks itself is nobody's figure: leave DEBUG out"
ready build run
need_both bench
echo '600 bench' >"$run/suite"
for kernel in base patched; do
	caps_image $kernel $kernel shstk_sev_es
done
stage BOOT "$ID  base and patched, counting instructions" side_by_side boot_one base patched
good base
good patched
stage COUNT "$ID  text and stack" measure
# Figures of anything but the series on its base are for the screen only.
if [ -n "$KERNEL" ] || has_work; then
	mkdir -p "$run/own"
	cp "$run/bench" "$run/own/bench"
	proof/bench-table "$run/own/bench"
	exit
fi
cp "$run/bench" "series/$BASE/bench.tmp"
mv "series/$BASE/bench.tmp" "series/$BASE/bench"
proof/bench-table "series/$BASE/bench"
{ echo '```'; find series -name bench | sort -V | xargs proof/bench-table; echo '```'; } >"$run/table"
replace_text "$run/table" docs/cost.md '<!-- make bench'
