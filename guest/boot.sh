#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# boot.sh - one boot: one emulator, one wall-clock limit, one run folder.
# Usage: guest/boot.sh VMLINUX INITRD RUNDIR SECONDS [kernel word...]
#        guest/boot.sh --check     only says which emulator that is, and 4 if it or ACCEL is not to be had
# SECONDS 0: no limit, and the console on this terminal (for lab.shell).
# Writes to RUNDIR: qemu.cmd (pasteable), console.log (ttyS0), report.ktap (ttyS1), qemu.err, status (exit CODE, timeout SECONDS).
# Environment: ACCEL=tcg|kvm|bochs (tcg), CPU, CPU_ALSO (more of it, for TCG), MEM (1G), SMP (1), QEMU, QEMU_ARGS
# (further words for QEMU), TSC_KHZ (what lab/tsc prints), V=1 to see the command. Bochs (bochs.sh) wants a bzImage.
# Exit: 0 it ended by itself, 2 usage, 4 it did not, or could not start.

set -eu

die() {
	code=$1
	shift
	echo "boot: $*" >&2
	exit "$code"
}

# quote WORD...: so that a shell reads them back as they are.
quote() {
	for word; do
		printf "'%s' " "$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g")"
	done
	echo
}

need_nested_svm() {
	{ [ -r /dev/kvm ] && [ -w /dev/kvm ]; } ||
		die 4 "ACCEL=kvm: /dev/kvm is missing or not yours; without ACCEL the lab uses TCG"
	grep -qw svm /proc/cpuinfo ||
		die 4 "ACCEL=kvm: not an AMD CPU with SVM; without ACCEL the lab uses TCG"
	case $(cat /sys/module/kvm_amd/parameters/nested 2>/dev/null) in
	1 | Y) ;;
	*) die 4 "ACCEL=kvm: kvm_amd is not loaded with nested=1; without ACCEL the lab uses TCG" ;;
	esac
}

qemu=${QEMU:-qemu-system-x86_64} emulator=QEMU tty=ttyS0
[ "${ACCEL:=tcg}" = bochs ] || command -v "$qemu" >/dev/null ||
	die 4 "$qemu: not found; QEMU names another"

case $ACCEL in
tcg)
	# On a busy host the kernel finds fault with emulated timers, and may even panic: it need not check them.
	accel=tcg,thread=single cpu=${CPU:-max}${CPU_ALSO:+,$CPU_ALSO} timers='tsc=reliable no_timer_check'
	# Nor can it calibrate the TSC then: that is the host's, or counts the nanoseconds of -icount.
	case ${QEMU_ARGS:-} in *-icount*) TSC_KHZ=1000000 ;; esac
	timers="$timers${TSC_KHZ:+ tsc_early_khz=$TSC_KHZ}" ;;
kvm)
	need_nested_svm
	accel=kvm cpu=${CPU:-host} timers='' ;;
bochs)
	qemu=$(dirname "$0")/bochs.sh emulator=Bochs
	# Time is instructions there, 50 million a second: a slow port, mitigations and self-tests cost minutes. A triple fault ends Bochs.
	timers='tsc=reliable no_timer_check reboot=t mitigations=off nokaslr cryptomgr.notests' tty=ttyS0,115200 ;;
*)
	die 2 "ACCEL=$ACCEL: tcg, kvm or bochs" ;;
esac
[ "${1:-}" != --check ] || exec "$qemu" --version

[ $# -ge 4 ] || die 2 "usage: $0 VMLINUX INITRD RUNDIR SECONDS [kernel word...]"
vmlinux=$1 initrd=$2 dir=$3 limit=$4
shift 4
case $limit in *[!0-9]* | '' | 0?*) die 2 "\"$limit\" is not a number of seconds" ;; esac
for file in "$vmlinux" "$initrd"; do
	{ [ -f "$file" ] && [ -r "$file" ]; } || die 2 "$file: no such file, or not readable"
done

mkdir -p "$dir" || die 4 "$dir: cannot be made"
rm -f "$dir/qemu.cmd" "$dir/console.log" "$dir/report.ktap" "$dir/qemu.err" "$dir/status"

# A comma in a file name would end the option there.
log=$(printf '%s\n' "$dir" | sed 's/,/,,/g')
console=file,id=console,path=$log/console.log
[ "$limit" -gt 0 ] ||
	console=stdio,id=console,mux=on,signal=off,logfile=$log/console.log

words="console=$tty panic=-1 oops=panic${timers:+ $timers}${*:+ $*}"
if [ "$ACCEL" = bochs ]; then
	[ "$limit" -gt 0 ] || die 2 "ACCEL=bochs has no shell"
	set -- "$qemu" "$vmlinux" "$initrd" "$dir" "$words"
else
	set -- "$qemu" -nodefaults -no-user-config -display none \
		-machine pc -accel "$accel" -cpu "$cpu" \
		-smp "${SMP:-1}" -m "${MEM:-1G}" -no-reboot \
		-chardev "$console" -serial chardev:console \
		-chardev "file,id=report,path=$log/report.ktap" -serial chardev:report \
		-kernel "$vmlinux" -initrd "$initrd" -append "$words"
	# shellcheck disable=SC2086 # QEMU_ARGS is split into words by intention
	[ -z "${QEMU_ARGS:-}" ] || set -- "$@" $QEMU_ARGS
fi

quote "$@" >"$dir/qemu.cmd"
[ -z "${V:-}" ] || cat "$dir/qemu.cmd"

code=0
if [ "$limit" -eq 0 ]; then
	"$@" 2>"$dir/qemu.err" || code=$?
else
	# In the background, so that the trap runs at once; timeout passes TERM on.
	since=$(date +%s)
	timeout -k 5 "$limit" "$@" </dev/null >"$dir/qemu.err" 2>&1 &
	pid=$!
	trap 'kill "$pid" 2>/dev/null; wait "$pid" || :; die 4 "interrupted"' INT TERM HUP
	wait "$pid" || code=$?
	trap - INT TERM HUP
	# That is what timeout says, too, of a QEMU that it had to kill.
	[ "$code" -ne 137 ] || [ $(($(date +%s) - since)) -lt "$limit" ] || code=124
fi

if [ "$code" -eq 124 ]; then
	echo "timeout $limit" >"$dir/status"
	die 4 "$emulator did not end in $limit s and was killed; see $dir/console.log"
fi
echo "exit $code" >"$dir/status"
if [ "$code" -ne 0 ]; then
	tail -n 20 "$dir/qemu.err" >&2
	die 4 "$emulator failed with exit code $code; see $dir/qemu.err"
fi
