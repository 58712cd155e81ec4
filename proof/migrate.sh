#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# migrate.sh - a vCPU that runs L2 is saved, an event edited into its nested state, and all of it restored into a fresh VM; and
# what is saved in the moment in which KVM has taken an event back, as it is.
# Usage: [BASE=6.12] [KERNEL=/linux] proof/migrate.sh
# Boots guest/l1/migrate/ on the base without and with the series, each on a KVM with neither SHSTK nor SEV-ES and, by way
# of kernel/caps, with both. Prints what became of the events, and KTAP. Exit: as run.sh.

set -eu
cd "$(dirname "$0")/.."
. proof/proof.sh
CPU=${CPU:-$caps_cpu}
export CPU

# make_image base|patched none|both: what KVM is made to support, and what the program demands that it does.
make_image() {
	_mode=''
	[ "$1" = base ] || ! grep -q '^event_inj_mode' "series/$BASE/red" || _mode=' mode'
	echo "$((120 * slower)) migrate $2$_mode" >"$run/suite"
	_set=none
	[ "$2" = none ] || _set=shstk_sev_es
	caps_image "$1" "$1.$2" $_set
}

# cases WHICH BOOT: the names of its cases with that result, "ok" or "not ok".
cases() { sed -n "s/^  $1 [0-9]* migrate\.//p" "$run/$2/report.ktap"; }

# red BOOT: the cases that have to fail in it. A base that is red in KVM_SET_NESTED_STATE refuses no event.
red() {
	case $1 in patched.*) return ;; esac
	[ "$(red_in_state)" = 0 ] ||
		{ cases 'ok' "$1"; cases 'not ok' "$1"; } | grep -E '\.EINVAL(\.|$)'
}

# judge BOOT: the table that the program printed, and a line of KTAP.
judge() {
	_dir=$run/$1 _rc=0
	echo
	echo "$BASE, $1:"
	sed -n 's/^  # |//p' "$_dir/report.ktap"
	judge_boot "$_dir" || _rc=$?
	red "$1" | sort >"$_dir/red"
	cases 'not ok' "$1" | sort >"$_dir/failed"
	_all=$(cases '\(not \)\{0,1\}ok' "$1" | wc -l) _red=$(wc -l <"$_dir/red")
	# The judge's own verdict tells of splats, too; of the base, it must not say more than that the test failed.
	case $_rc.$(tail -n 1 "$_dir/summary") in
	0.*) _rc=0 ;;
	"1.FAIL: 1 tests, 1 failed, 0 skipped; no splat") _rc=1 ;;
	*) _rc=2 ;;
	esac
	_same=0
	[ "$_all" -gt 0 ] && [ $_rc -eq $((_red > 0)) ] || _same=1
	diff "$_dir/red" "$_dir/failed" >"$_dir/diff" || _same=1
	{ sed -n 's/^</should have failed:/p; s/^>/should have passed:/p' "$_dir/diff" | head -n 20; tail -n 20 "$_dir/summary"; } >"$_dir/why"
	result $_same "$BASE: migrate on $1: $_all cases, $_red fail, as they have to" "$_dir/why"
}

ready build run
need_both migrate
for which in base patched; do
	make_image $which none
	make_image $which both
done
# More than there may be cores: a guest sleeps for half of its time, while RCU lets go of one VM after the other.
stage BOOT "$ID  migrate on base and patched, KVM with neither and both features" \
	side_by_side boot_one base.none patched.none base.both patched.both
code=0
for name in base.none base.both patched.none patched.both; do
	judge $name
done
exit $code
