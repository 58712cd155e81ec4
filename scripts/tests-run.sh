# SPDX-License-Identifier: GPL-2.0-only
# tests-run.sh - the cases of tests.sh for what boots: settings that are wrong, no QEMU, guests that hang.
# Sourced by tests.sh in its small world; stub/build.sh there stands in for scripts/build.sh.
# shellcheck shell=sh
# shellcheck disable=SC2154 # t: set by tests.sh

expect 2 "TEST names 'none', which is not in lab/suite" "an unknown TEST" env TEST=none scripts/run.sh
expect 2 "ACCEL=hvf: tcg or kvm" "an unknown ACCEL" env ACCEL=hvf scripts/run.sh
expect 4 "/nonexistent: not found; apt-get install qemu-system-x86" "no QEMU" env QEMU=/nonexistent scripts/run.sh
if ACCEL=kvm lab/boot.sh --check 2>/dev/null; then
	echo "ok - bad input: ACCEL=kvm without nested SVM # SKIP this machine has it"
else
	expect 4 "ACCEL=kvm: .*; without ACCEL the lab uses TCG" "ACCEL=kvm without nested SVM" env ACCEL=kvm scripts/run.sh
fi
expect 4 "QEMU did not end in 2 s and was killed" "a guest that hangs" env QEMU_ARGS=-S lab/boot.sh "$t/image" "$t/image" "$t/hang" 2
expect 4 "QEMU failed with exit code 1" "a kernel that is none" lab/boot.sh Makefile Makefile "$t/hang" 20

# cut_run: run.sh with guests that hang, ended as by ctrl-C when both are there; none of them is left.
cut_run() {
	cp "$t/stub/build.sh" scripts/
	timeout 60 env --default-signal=INT QEMU_ARGS=-S scripts/run.sh &
	_pid=$!
	until [ "$(guests | wc -l)" -eq 2 ]; do
		kill -0 "$_pid" || return 1
		sleep 0.1
	done
	kill -INT "$_pid"
	! wait "$_pid" && [ -z "$(guests)" ] && echo "none left"
}
expect 0 "none left" "ctrl-C while the guests run" cut_run
