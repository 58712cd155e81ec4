# SPDX-License-Identifier: GPL-2.0-only
# tests-run.sh - the cases of tests.sh for what boots: settings that are wrong, no QEMU, guests that hang.
# Sourced by tests.sh in its small world; stub/build.sh there stands in for kernel/build.sh.

expect 2 "TEST names 'none', which is not in kernel/suite" "an unknown TEST" env TEST=none proof/run.sh
expect 2 "KUT=.*/empty is no checkout of kvm-unit-tests" "kvm-unit-tests where there are none" env KUT="$t/empty" proof/kut.sh
expect 2 "L1=foo: kvm or xen" "an unknown L1" env L1=foo proof/nested.sh
expect 2 "as Debian's FLAVOUR=amd64 can, and not that of the lab" "Xen without its first domain" env L1=xen proof/nested.sh
expect 2 "MUTANTS names 'none-such', which is not in proof/mutants" "an unknown mutant" env MUTANTS=none-such proof/mutants.sh
expect 2 "none of MUTANTS is for BASE=" "a mutant of another base only" env MUTANTS=mode-rule-dropped proof/mutants.sh
expect 2 "ACCEL=hvf: tcg, kvm or bochs" "an unknown ACCEL" env ACCEL=hvf proof/run.sh
expect 4 "/nonexistent: not found; QEMU names another" "no QEMU" env QEMU=/nonexistent proof/run.sh
if ACCEL=kvm guest/boot.sh --check 2>/dev/null; then
	echo "ok - bad input: ACCEL=kvm without nested SVM # SKIP this machine has it"
else
	expect 4 "ACCEL=kvm: .*; without ACCEL the lab uses TCG" "ACCEL=kvm without nested SVM" env ACCEL=kvm proof/run.sh
fi
expect 4 "QEMU did not end in 2 s and was killed" "a guest that hangs" env QEMU_ARGS=-S guest/boot.sh "$t/image" "$t/image" "$t/hang" 2
expect 4 "QEMU failed with exit code 1" "a kernel that is none" guest/boot.sh Makefile Makefile "$t/hang" 20

# in_bochs VERSION COMMAND...: with a Bochs that is none.
in_bochs() {
	_is=$1
	shift
	env ACCEL=bochs BOCHS="$t/stub/bochs" IS="$_is" "$@"
}

# whole: all that it has reported is there.
whole() {
	in_bochs 3.0 guest/boot.sh "$t/image" "$t/image" "$t/hang" 60
	tail -n 1 "$t/hang/report.ktap"
}
expect 4 "/nonexistent: not found; apt-get install bochs" "no Bochs" env ACCEL=bochs BOCHS=/nonexistent proof/run.sh
expect 4 "Bochs x86 Emulator 3.1: Linux dies in it" "a Bochs that boots no Linux" in_bochs 3.1 proof/run.sh
expect 4 "Bochs did not end in 2 s and was killed" "a Bochs that hangs" in_bochs 2.7 env HANGS=1 guest/boot.sh "$t/image" "$t/image" "$t/hang" 2

# gone: what ran there has ended, in 10 s at the latest, as on a busy machine that takes its time.
gone() {
	for _ in $(seq 100); do
		readlink /proc/[0-9]*/cwd | grep -qxF "$t/hang" || { echo "none left"; return; }
		sleep 0.1
	done
	ps -ef
	return 1
}
expect 0 "none left" "nothing of it is left" gone
expect 0 "^20000$" "a Bochs that ends: its results are whole" whole

# still SCRIPT: true while a process in here runs it.
still() {
	for _p in /proc/[0-9]*; do
		case $(readlink "$_p/cwd") in
		"$t/repo") ! tr '\0' ' ' <"$_p/cmdline" 2>/dev/null | grep -q "^[^ ]*sh $1 " || return 0 ;;
		esac
	done
	return 1
}

# cut_run SCRIPT: with guests that hang, ended as by ctrl-C when both are there; nothing of it is left.
cut_run() {
	cp "$t/stub/build.sh" kernel/
	timeout 60 env --default-signal=INT QEMU_ARGS=-S "$1" &
	_pid=$!
	until [ "$(guests | wc -l)" -eq 2 ]; do
		kill -0 "$_pid" || return 1
		sleep 0.1
	done
	still "$1" || return 1
	kill -INT "$_pid"
	! wait "$_pid" && [ -z "$(guests)" ] || return 1
	sleep 0.5
	! still "$1" && echo "none left"
}
for script in proof/run.sh proof/fuzz.sh; do
	expect 0 "none left" "ctrl-C while the guests of $script run" cut_run "$script"
done
expect 2 "COUNT=0: at least 20" "fuzz with nothing to do" env COUNT=0 proof/fuzz.sh
expect 2 "SEED='08'.*numbers, please" "fuzz with a SEED that is none" env SEED=08 proof/fuzz.sh
