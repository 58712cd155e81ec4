#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# nested.sh - Linux in Linux in Linux: L0 boots L1 with QEMU and KVM, and L1 boots L2, all with the same kernel.
# Usage: [BASE=6.12] [KERNEL=/linux] [ACCEL=tcg|kvm] [L1=kvm|xen] [FAIL=CASE] proof/nested.sh
#   or kernel/stock.sh proof/nested.sh, for Debian's own kernel on all levels: KVM's modules as shipped, and as rebuilt
#   L1    xen: the hypervisor of this Debian's packages, and its first domain is L2 (nested-xen.sh)
#   FAIL  this case of L2's work fails on purpose: does the run?
# L2 works (guest/nested/work.c), so that L1's KVM injects events by EVENTINJ. L0 counts them, and the VMRUNs that it
# refuses. Once without and once with the series. Prints a table of the events, and KTAP.
# Exit: 0 all is well, and the same on both, 1 it is not, 2 bad input, 3 no build, 4 a guest did not finish.

set -eu
cd "$(dirname "$0")/.."
. proof/proof.sh
. proof/nested-images.sh
. proof/nested-xen.sh
# Debian's kernel is larger.
l0_memory=2G l1_memory=768M l2_memory=192M
[ -z "${STOCK:-}" ] || l0_memory=3G l1_memory=1280M l2_memory=320M
MEM=${MEM:-$l0_memory}
export MEM
case ${ACCEL:-tcg} in
kvm) l1_cpu=host ;;
*) l1_cpu=host,$no_xsave ;;
esac
levels='L0 L1 L2' who="L1's KVM" options='' plan=1..9
case ${L1:=kvm} in
kvm) ;;
xen) with_xen ;;
*) die 2 "L1=$L1: kvm or xen" ;;
esac

# take LEVEL FROM TO: what the results in FROM have passed on of a guest's; a folder as after a boot.
take() {
	mkdir -p "$3"
	for _file in console.log report.ktap qemu.err; do : >"$3/$_file"; done
	awk -v tag="  # L$1 " -v to="$3" '
		BEGIN { file["console"] = "console.log"; file["report"] = "report.ktap"; file["qemu"] = "qemu.err"; file["status"] = "status"; file["xen"] = "xen.log" }
		index($0, tag) == 1 {
			s = substr($0, length(tag) + 1); i = index(s, ": ")
			if (i && (substr(s, 1, i - 1) in file)) print substr(s, i + 2) >(to "/" file[substr(s, 1, i - 1)])
		}' "$2/report.ktap"
}

# events: what L1 injected into L2, one line for each kind.
events() {
	printf '  %-29s %10s %10s\n' "injected by $who" without with
	printf '  %-13s%-8s%-8s %10s %10s\n' type vector '' 'the series' it
	for _which in base patched; do
		sed -n "s/^  # injected:/$_which/p" "$run/$_which/report.ktap"
	done | awk '
		BEGIN { split("external,reserved,NMI,exception,software,reserved,reserved,reserved", type, ",") }
		{ key = $2 " " $3; name[key] = $4; n[key, $1] = $5 }
		END {
			for (key in name) {
				split(key, k, " ")
				printf "  %-13s%-8s%-8s %10d %10d\n", k[1] " " type[k[1] + 1], k[2], name[key], n[key, "base"], n[key, "patched"]
			}
		}' | sort -k1,1n -k3,3n
}

# note WHICH CASE: what L0 counted.
note() { sed -nE "s/^  (not )?ok [0-9]+ L1_$2 #//p" "$run/$1/report.ktap"; }

# results WHICH: the verdicts of all levels, but not what they counted.
results() {
	cat "$run/$1/report.ktap" "$run/$1"/L*/report.ktap | grep -E '^ *(not )?ok [0-9]' | sed 's/ #.*//'
}

# kinds WHICH: the events but external interrupts, whose vectors are the guest's affair.
kinds() {
	sed -n 's/^  # injected: //p' "$run/$1/report.ktap" | awk '$1 { print "injected", $1, $2, $3 }'
}

judge() {
	code=0
	echo "$plan"
	for _which in base patched; do
		for _level in $levels; do
			_dir=$run/$_which/$_level _rc=0
			[ "$_level" != L0 ] || _dir=$run/$_which
			judge_boot "$_dir" || _rc=$?
			# "level (5 passed, 0 failed, 0 skipped)", or how it ended.
			_text=$(sed -n '1s/^ *PASS *//p' "$_dir/summary")
			[ $_rc -eq 0 ] || _text=$(tail -n 1 "$_dir/summary")
			worst $_rc "$_which $_level: $_text" "$_dir/summary"
		done
		_rc=0
		grep -q '^  ok [0-9]* L1_refused_none' "$run/$_which/report.ktap" || _rc=1
		worst $_rc "$_which: $who injected$(note "$_which" injects);$(note "$_which" refused_none);$(note "$_which" lost_none)"
		# Which rule refused, and how far the guests got.
		sed -nE 's/^  # (refused:)/# \1/p; s/^  not (ok [0-9]+ L1_reports)/# not \1/p' "$run/$_which/report.ktap"
		[ "$L1" = xen ] || sed -nE 's/^  not (ok [0-9]+ L2_reports)/# not \1/p' "$run/$_which/L1/report.ktap"
	done
	_rc=0
	for _what in results kinds; do
		$_what base >"$run/base/$_what"
		$_what patched >"$run/patched/$_what"
		diff "$run/base/$_what" "$run/patched/$_what" || :
	done | sed -n 's/^</without:/p; s/^>/with:/p' >"$run/diff"
	[ ! -s "$run/diff" ] || _rc=1
	worst $_rc "the same results, and the same kinds of events, with and without the series" "$run/diff"
	[ "$L1" = kvm ] || judge_control
}

ready build run
need_both level work
echo "$((330 * slower)) level -n 1 -t $((300 * slower)) -m $l1_memory -c $l1_cpu -T ${STOCK:+-a} $options" >"$run/suite"
[ "$L1" = kvm ] || need_xen
stage IMAGE "$ID  three levels, base and patched" images base patched
ln -sfn "${run##*/}" "build/run/$VARIANT/last-nested"
stage BOOT "$ID  base patched, ${ACCEL:-tcg}, L0, L1 and L2" side_by_side boot_one base patched
[ "$L1" = kvm ] || boot_xen
for which in base patched; do
	touch "$run/$which/report.ktap"
	if [ "$L1" = xen ]; then
		take 1 "$run/$which" "$run/$which/L2"
	else
		take 1 "$run/$which" "$run/$which/L1"
		take 2 "$run/$which/L1" "$run/$which/L2"
	fi
done
echo
events >"$run/events"
cat "$run/events"
echo
judge >"$run/report"
cat "$run/report"
if [ "$code" -eq 0 ]; then
	echo "PASS: L2 under $who, the same without and with the series, no VMRUN refused"
else
	echo "FAIL: see the lines with 'not ok' above"
fi
echo "All of it: build/run/$VARIANT/last-nested"
[ "$code" -ne 0 ] || rm -f "$run"/*/initrd
exit "$code"
