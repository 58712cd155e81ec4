# SPDX-License-Identifier: GPL-2.0-only
# vm.sh - from what build.sh made to a guest: the image, the boot, the programs of lab/.
# Sourced after lib.sh and need_base by the scripts that boot; sets out and run, the folder of this run.
# shellcheck shell=sh
# shellcheck disable=SC2154 # ID: set by need_base

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

# suite: the lines of lab/suite for the series' own test and for what TEST asks for, if this base's tree has them.
suite() {
	while read -r seconds name arguments; do
		case $seconds in
		[0-9]*) ;;
		*) continue ;;
		esac
		case " svm_nested_event_inj_test ${TEST:-} " in
		*" $name "* | *' all ') ;;
		*) continue ;;
		esac
		[ ! -f "$out/tests/$name" ] || echo "$seconds $name $arguments"
	done <lab/suite
}

# need_patched: the tree, the patched kernel, the tests, the programs and the folder of this run with its suite.
need_patched() {
	scripts/tree.sh
	scripts/build.sh patched
	scripts/build.sh tests
	lab_programs
	mkdir -p "$run"
	suite >"$run/suite"
}

# image base|patched NAME [MODULE PARAMETER...]: the initramfs of one kernel in $run/NAME, with another module after KVM's.
image() {
	root=$run/$2/root
	mkdir -p "$root/modules" "$root/tests"
	cp build/lab/init "$root/init"
	cp "$run/suite" "$root/suite"
	cp "$out/$1"/*.ko "$root/modules/"
	for ko in irqbypass.ko kvm.ko kvm-amd.ko; do
		[ ! -f "$root/modules/$ko" ] || echo "$ko"
	done >"$root/modules/order"
	shift 2
	[ $# -eq 0 ] || echo "$*" >>"$root/modules/order"
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

# boot base|patched NAME WORD...: one boot, ended after the tests' own limits and a minute for the rest. Replaces the
# shell that it runs in, so that its pid is that of boot.sh.
boot() {
	_limit=$(awk '{ s += $1 } END { print s + 60 }' "$run/suite")
	_which=$1 _name=$2
	shift 2
	exec lab/boot.sh "$out/$_which/vmlinux" "$run/$_name/initrd" "$run/$_name" "$_limit" "$@"
}

# side_by_side COMMAND NAME...: boots, a core each. Whether a guest finished is the judge's business.
side_by_side() {
	_pids='' _command=$1
	shift
	# ctrl-C does not reach what runs in the background: pass it on, and leave no QEMU behind.
	trap 'kill $_pids 2>/dev/null; wait; exit 130' INT TERM
	for _name; do
		"$_command" "$_name" &
		_pids="$_pids $!"
	done
	for _pid in $_pids; do
		wait "$_pid" || [ $? -eq 4 ]
	done
}
