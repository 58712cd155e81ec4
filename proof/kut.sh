#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kut.sh - KVM-unit-tests' tests of SVM, in QEMU with KVM, on the base without and with the series, case by case.
# Usage: KUT=/path/to/kvm-unit-tests [BASE=6.12] [KERNEL=/linux] [ACCEL=tcg|kvm] proof/kut.sh
#   or kernel/stock.sh proof/kut.sh, for Debian's own kernel
# The checkout is copied and built in build/kut; those of x86/unittests.cfg run whose file is svm*.flat, with their arguments, on
# one CPU. Prints the cases that differ, and KTAP.
# Exit: 0 no case got worse, 1 one did, or a test did not end, 2 bad input, 3 no build, 4 a guest did not finish.

set -eu
cd "$(dirname "$0")/.."
. proof/proof.sh
. proof/nested-images.sh
firmware='bios-256k.bin multiboot_dma.bin kvmvapic.bin'
MEM=${MEM:-2G}
export MEM
kut=$PWD/build/kut

# sections: "NAME FILE CPU-AND-MEMORY|ARGUMENTS" a line, of x86/unittests.cfg. What only measures, a million times, is left out, and two
# tests that hang where time is emulated, on the base, too. There one ends all that come after it: it gets a line of its own.
sections() {
	awk -v without='-latency_* -reg_corruption -host_rflags -svm_exception_test' '
		function flush() { if (file ~ /^svm.*\.flat$/) print name, file, "|" params "|" args, without; file = params = args = "" }
		/^\[/ { flush(); name = substr($0, 2, index($0, "]") - 2) }
		/^file *=/ { sub(/^[^=]*= */, ""); file = $0 }
		/^qemu_params *=/ { sub(/^[^=]*= */, ""); params = $0 }
		/^test_args *=/ { sub(/^[^=]*= */, ""); gsub(/["'\'']/, ""); args = $0 }
		END { flush(); print "svm_exception_test", "svm.flat", "|-cpu max,+svm|svm_exception_test" }' "$kut/x86/unittests.cfg"
}

# build_kut: a copy, in which what the user has built of it is built anew.
build_kut() {
	mkdir -p "$kut"
	rsync -a --delete --exclude=.git --exclude='*.[oad]' --exclude='*.elf' --exclude='*.flat' --exclude=/config.mak \
		--exclude=/lib/config.h --exclude=/lib/asm "$KUT/" "$kut/"
	cd "$kut"
	./configure --arch=x86_64
	sections | awk '{ print "x86/" $2 }' | sort -u | xargs make -s -j"$(nproc)"
}

# image_of base|patched: L0's: QEMU under the name of each test, with the machine it wants in a file, as its arguments have spaces.
# One of the tests does a VMRUN for every page that there is: memory is little. The KVM of the lab's 7.3 has no IOAPIC: QEMU has.
image_of() {
	root=$run/$1/root
	level "$1" "$root"
	mv "$root/modules/late" "$root/modules/order"
	add_qemu "$root"
	mkdir -p "$root/kut"
	sections >"$run/sections"
	while IFS='|' read -r _what _params _args; do
		_name=${_what%% *} _file=${_what#* }
		cp "$kut/x86/${_file% }" "$root/kut/"
		ln -s /qemu/qemu "$root/tests/$_name"
		printf '[machine]\ntype = "pc"\naccel = "kvm"\nkernel-irqchip = "split"\nkernel = "/kut/%s"\nappend = "%s"\n' "${_file% }" "$_args" >"$root/kut/$_name.cfg"
		echo "$((300 * slower)) $_name -L /qemu/firmware -readconfig /kut/$_name.cfg -nodefaults -no-reboot -display none -serial stdio" \
			"-device pc-testdev -device isa-debug-exit,iobase=0xf4,iosize=0x4 -global kvm-pit.lost_tick_policy=discard" \
			"$(echo "$_params" | sed "s/-cpu max/&,$no_xsave/; s/-m 4g/-m 128M/")"
	done <"$run/sections" >"$root/suite"
	cp "$root/suite" "$run/suite"
	pack "$root" "${root%/root}/initrd"
}

images() {
	image_of base
	image_of patched
}

# cases base|patched: "STATE SECTION: TEXT" a line, without figures that need not repeat; what has the same text is numbered. A test
# that did not come to its summary is a case that failed: it has crashed, or QEMU had something to say.
cases() {
	awk '
		/^# running / { test = $3; end = "FAIL:" }
		/^  # SUMMARY: / { end = "PASS:" }
		/^  # (PASS|FAIL|SKIP|XFAIL): / {
			state = $2; sub(/^  # [A-Z]*: /, "")
			gsub(/0x[0-9a-f]+/, "N"); gsub(/[0-9][0-9]+/, "N")
			print state, test ": " $0 (n[test, $0]++ ? " #" n[test, $0] : "")
		}
		/^(not )?ok [0-9]/ { print end, test ": comes to its end" }' "$run/$1/report.ktap"
}

# compare: a line for each case that differs, and which way.
compare() {
	awk '
		FNR == NR { state = $1; sub(/^[A-Z]*: /, ""); base[$0] = state; next }
		{ state = $1; sub(/^[A-Z]*: /, ""); patched[$0] = state }
		END {
			for (c in base) all[c]
			for (c in patched) all[c]
			for (c in all) {
				b = base[c] ? base[c] : "-"; p = patched[c] ? patched[c] : "-"
				if (b == p) continue
				# A case that has passed may not be gone, and one that fails may not be new.
				worse = b == "PASS:" || p == "FAIL:"
				printf "  %-7s %-6s %-6s %s\n", worse ? "WORSE" : "better", b, p, c
			}
		}' "$run/base/cases" "$run/patched/cases" | sort
}

KUT=${KUT:-}
[ -f "$KUT/x86/svm_tests.c" ] || die 2 "KUT=$KUT is no checkout of kvm-unit-tests: it has no x86/svm_tests.c"
KUT=$(readlink -f "$KUT")
ready build run
need_both
stage KUT "$(g -C "$KUT" describe --always --dirty 2>/dev/null || echo "$KUT")" build_kut
stage IMAGE "$ID  QEMU and $(sections | grep -c .) tests, base and patched" images
ln -sfn "${run##*/}" "build/run/$VARIANT/last-kut"
stage BOOT "$ID  base patched, ${ACCEL:-tcg}, $(grep -c . "$run/suite") tests" side_by_side boot_one base patched
for which in base patched; do
	cases "$which" >"$run/$which/cases"
done
compare >"$run/diff"
echo
printf '  %-7s %-6s %-6s %s\n' '' without with case
cat "$run/diff"
[ -s "$run/diff" ] || echo "  no case differs"
echo
code=0
for which in base patched; do
	rc=0
	judge_boot "$run/$which" || rc=$?
	text=$(tail -n 1 "$run/$which/summary")
	# A test with a case that fails has failed, to the judge of boots; here it is the comparison that counts.
	if [ "$rc" -ne 4 ]; then
		rc=1
		case $text in *'; no splat') ! grep -q '^PASS: ' "$run/$which/cases" || rc=0 ;; esac
	fi
	[ "$rc" -ne 0 ] || text=$(cut -d: -f1 "$run/$which/cases" | sort | uniq -c | awk '{ printf "%s%s %s", sep, $1, $2; sep = ", " }')
	worst "$rc" "$which: $text"
done
worse=$(grep -c '^  WORSE' "$run/diff" || :)
if [ "$worse" -eq 0 ]; then
	worst 0 "no case is worse with the series, $(grep -c '^  better' "$run/diff" || :) are better"
else
	worst 1 "$worse cases are worse with the series"
fi
echo "All of it: build/run/$VARIANT/last-kut"
[ "$code" -ne 0 ] || rm -f "$run"/*/initrd
exit "$code"
