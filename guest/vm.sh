# SPDX-License-Identifier: GPL-2.0-only
# vm.sh - from what build.sh made to a guest: its programs, what has to be built, the boot; image.sh has the image.
# Sourced after lib.sh and need_base by the scripts that boot; sets out, run (the folder of this run), caps_cpu, no_xsave.
# shellcheck disable=SC2034 # caps_cpu and no_xsave: for those scripts

out=build/out/$VARIANT
run=build/run/$VARIANT/$(date +%Y%m%d-%H%M%S)-$$

# How much longer than the lab's kernel Debian's own may take, with all its mitigations.
slower=1
[ -z "${STOCK:-}" ] || slower=3
# Bochs takes as long for either.
[ "${ACCEL:-}" != bochs ] || slower=5

# For images with kernel/caps: a CPU that has SEV's leaf, without which KVM_GET_SUPPORTED_CPUID cannot report what is set in it.
caps_cpu=max,xlevel=0x8000001f
[ "${ACCEL:-}" != bochs ] || caps_cpu=''

# CPUs are without XSAVE where a guest would use AVX: TCG does not intercept XSETBV, so that KVM sets the XCR0 of reset at its
# next entry, and AVX is #UD from then on. What takes XSAVE has to go, too: TCG has it without, and kernels believe it.
no_xsave=-xsave,-avx,-avx2,-pku

# ready GROUP...: what has to be there before anything is built: packages, a QEMU, nobody else in this folder.
ready() {
	case ${ACCEL:-}.${0##*/} in
	bochs.run.sh | bochs.probe.sh | bochs.caps.sh) ;;
	bochs.*) die 2 "ACCEL=bochs is for make run, stock, probe and caps" ;;
	esac
	lib/deps.sh "$@"
	guest/boot.sh --check >/dev/null
	lock
}

# make_programs NAME...: the guest's init and these programs of guest/l1 and guest/nested, in build/lab.
make_programs() {
	printf "$PWD/build/lab/%s\n" init tsc "$@" | xargs make -s -C guest OUT="$PWD/build/lab" >&2 ||
		die 3 "a program of guest/ does not build"
}

# programs NAME...: the same for what boots; TSC_KHZ for boot.sh.
programs() {
	make_programs "$@"
	TSC_KHZ=$(build/lab/tsc) || die 4 "this machine's TSC cannot be used"
	export TSC_KHZ
}

# suite: the lines of kernel/suite for the series' own test and what TEST asks for, as far as this base's tree has them.
suite() {
	_slower=${DEBUG:+4} _lacks=''
	while read -r seconds name arguments; do
		case $seconds in
		[0-9]*) ;;
		*) continue ;;
		esac
		case " svm_nested_event_inj_test ${TEST:-} " in
		*" $name "* | *' all ') ;;
		*) continue ;;
		esac
		if [ -f "$out/tests/$name" ]; then
			echo "$((seconds * ${_slower:-$slower})) $name $arguments"
		else
			_lacks="$_lacks $name"
		fi
	done <kernel/suite
	[ -z "$_lacks" ] || say NOTE "not in the tree of $ID:$_lacks" >&2
}

# with_matrix: the probe, too, whose verdicts the judge makes the matrix of.
with_matrix() { echo "$((60 * slower)) probe -m" >>"$run/suite"; }

# need_snapshot: LAB_SNAPSHOT, a commit of the tree as it is now: one for all builds, so that no edit comes between them.
need_snapshot() {
	[ -z "${LAB_SNAPSHOT:-}" ] || return 0
	kernel/tree.sh
	LAB_SNAPSHOT=$(kernel/tree.sh --snapshot)
	export LAB_SNAPSHOT
}

# need_both PROGRAM...: the base, and all of need_patched. In this order, as the worktree is at the base when it was just made.
need_both() {
	kernel/source.sh
	# Whether the series applies to a tree of the user's is better said before the minutes that its kernel takes.
	[ -z "$KERNEL" ] || need_snapshot
	kernel/build.sh base
	need_patched "$@"
}

# need_patched PROGRAM...: the tree, the patched kernel, the tests, these programs of guest/, this run's folder with its suite.
need_patched() {
	need_snapshot
	kernel/build.sh patched
	_tests=0
	[ -n "${LAB_PROBE_ALONE:-}" ] || TEST=${TEST:-} kernel/build.sh tests || _tests=$?
	# A tree of the user's may not be fit for them.
	case $_tests.$KERNEL in
	0.*) ;;
	3.?*) rm -rf "$out/tests" ;;
	*) exit "$_tests" ;;
	esac
	if [ -n "${DEBUG:-}" ]; then
		DEBUG='' kernel/build.sh patched
		ln -sfn "../$ID/patched" "$out/plain"
	fi
	[ "$VARIANT" = "$ID" ] || ln -sfn "../$ID/tests" "$out/tests"
	programs "$@"
	mkdir -p "$run"
	suite >"$run/suite"
}

# boot base|patched NAME WORD...: one boot, with the tests' own limits and a minute. Replaces its shell: its pid is boot.sh's.
boot() {
	_limit=$(awk '{ s += $1 } END { print s + 60 }' "$run/suite")
	_kernel=$out/$1/vmlinux _name=$2
	case ${ACCEL:-}.${STOCK:+stock} in
	bochs.) _kernel=$out/$1/bzImage ;;
	bochs.stock) _kernel=build/stock/$STOCK/vmlinuz ;;
	esac
	shift 2
	exec guest/boot.sh "$_kernel" "$run/$_name/initrd" "$run/$_name" "$_limit" "$@"
}

# boot_one NAME: boots the kernel that is in NAME before a dot or a dash: base.none, patched-2.
boot_one() { boot "${1%%[.-]*}" "$1"; }

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

. guest/image.sh
