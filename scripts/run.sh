#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# run.sh - from the series to the verdict: builds the base with and without it, boots both, judges.
# Usage: [BASE=6.12] [KERNEL=/linux] [ACCEL=tcg|kvm] [TEST="NAME..."] [TRACE=1] scripts/run.sh [--shell]
#   TEST     of the tests in lab/suite, run these only ("all": every one); the series' own unless told
#   TRACE    counts the rules by which KVM refused VMRUN (tracepoint kvm_nested_vmenter_failed)
#   --shell  a shell in the patched kernel instead, with the tests in /tests
# Exit: 0 the series does what it says, 1 it does not, 2 bad input, 3 no build, 4 a guest did not finish.

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need_base
out=build/out/$ID
run=build/run/$ID/$(date +%Y%m%d-%H%M%S)-$$

# lab_programs: the guest's init and the host's judge, from lab/*.c.
lab_programs() {
	mkdir -p build/lab
	for name in init report; do
		[ -z "$(find "build/lab/$name" -newer "lab/$name.c" 2>/dev/null)" ] || continue
		${CC:-gcc} -O2 -Wall -Wextra -Werror -static -o "build/lab/$name.tmp" "lab/$name.c"
		mv "build/lab/$name.tmp" "build/lab/$name"
	done
}

# suite: the lines of lab/suite that TEST asks for and that this base's tree has.
suite() {
	while read -r seconds name arguments; do
		case $seconds in
		[0-9]*) ;;
		*) continue ;;
		esac
		case " ${TEST:-svm_nested_event_inj_test} " in
		*" $name "* | ' all ') ;;
		*) continue ;;
		esac
		[ ! -f "$out/tests/$name" ] || echo "$seconds $name $arguments"
	done <lab/suite
}

# image base|patched: the initramfs of one kernel.
image() {
	root=$run/$1/root
	mkdir -p "$root/modules" "$root/tests"
	cp build/lab/init "$root/init"
	cp "$run/suite" "$root/suite"
	cp "$out/$1"/*.ko "$root/modules/"
	for ko in irqbypass kvm kvm-amd; do
		[ ! -f "$root/modules/$ko.ko" ] || echo "$ko.ko"
	done >"$root/modules/order"
	while read -r _ name _; do
		cp "$out/tests/$name" "$root/tests/"
	done <"$run/suite"
	[ -z "${shell:-}" ] || add_shell "$root"
	(cd "$root" && find . | sort | cpio --quiet -o -H newc >../initrd)
	rm -rf "$root"
}

# add_shell ROOT: busybox, and a link for each of its commands.
add_shell() {
	mkdir -p "$1/bin"
	cp /bin/busybox "$1/bin/"
	/bin/busybox --list | while read -r name; do
		[ "$name" = busybox ] || ln -s busybox "$1/bin/$name"
	done
}

# boot base|patched WORD...: one boot, ended after the tests' own limits and a minute for the rest. Replaces the
# shell that it runs in, so that its pid is that of boot.sh.
boot() {
	_limit=$(awk '{ s += $1 } END { print s + 60 }' "$run/suite")
	_which=$1
	shift
	exec lab/boot.sh "$out/$_which/vmlinux" "$run/$_which/initrd" "$run/$_which" "$_limit" "$@"
}

# boot_key base|patched: equal keys mean that a boot has nothing new to tell.
boot_key() {
	{
		cat "$out/$1/input" "$out/tests/input" "$run/suite" build/lab/init lab/boot.sh
		"${QEMU:-qemu-system-x86_64}" --version
		echo "${ACCEL:-} ${CPU:-} ${MEM:-} ${SMP:-} ${QEMU_ARGS:-} ${TRACE:-}"
	} | sha256sum
}

# boot_all: what has to be booted, side by side, a core each. Whether a guest finished is the judge's business.
boot_all() {
	_pids=''
	# ctrl-C does not reach what runs in the background: pass it on, and leave no QEMU behind.
	trap 'kill $_pids 2>/dev/null; wait; exit 130' INT TERM
	for _which; do
		boot_key "$_which" >"$run/$_which/key"
		boot "$_which" ${TRACE:+lab.trace} &
		_pids="$_pids $!"
	done
	for _pid in $_pids; do
		wait "$_pid" || [ $? -eq 4 ]
	done
}

# What is wrong with these is better said now than after the builds.
for name in ${TEST:-}; do
	[ "$name" = all ] || grep -qE "^[0-9]+ $name( |\$)" lab/suite || die 2 "TEST names '$name', which is not in lab/suite"
done
[ "${1:-}" != --shell ] || shell=1
scripts/deps.sh build run ${shell:+shell}
lab/boot.sh --check
lock
scripts/source.sh
# In this order: the worktree is at the base when it has just been made.
[ -n "${shell:-}" ] || scripts/build.sh base
scripts/tree.sh
scripts/build.sh patched
scripts/build.sh tests
lab_programs

mkdir -p "$run"
suite >"$run/suite"
[ -s "$run/suite" ] || die 2 "TEST='${TEST:-}' names no test of lab/suite that this tree has"
if [ -n "${shell:-}" ]; then
	image patched
	lab/boot.sh "$out/patched/vmlinux" "$run/patched/initrd" "$run/patched" 0 lab.shell
	exit
fi
image patched
# An edit of the series changes nothing for the base: its last boot is as good as a new one.
old=build/run/$ID/last/base
boots='base patched'
if boot_key base | cmp -s - "$old/key" && [ "$(cat "$old/status")" = 'exit 0' ]; then
	cp -R "$old" "$run/base"
	boots=patched
	say SAME "$ID  base, as booted before"
else
	image base
fi
ln -sfn "${run##*/}" "build/run/$ID/last"
# shellcheck disable=SC2086 # one word a boot
stage BOOT "$ID  $boots, ${ACCEL:-tcg}, $(grep -c . "$run/suite") tests" boot_all $boots
echo
code=0
build/lab/report pair -r "series/$BASE/red" "$run/base" "$run/patched" >"$run/report" || code=$?
cat "$run/report"
echo "All of it: build/run/$ID/last"
exit $code
