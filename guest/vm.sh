# SPDX-License-Identifier: GPL-2.0-only
# vm.sh - from what build.sh made to a guest: its programs, what has to be built, the boot; image.sh has the image.
# Sourced after lib.sh and need_base by the scripts that boot; sets out, run (the folder of this run), caps_cpu, no_xsave.
# shellcheck disable=SC2154,SC2034 # ID and VARIANT: set by need_base; caps_cpu and no_xsave: for those scripts

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
	# shellcheck disable=SC2046 # one word a file
	make -s -C guest OUT="$PWD/build/lab" $(printf "$PWD/build/lab/%s " init tsc "$@") >&2 || die 3 "a program of guest/ does not build"
}

# programs NAME...: the same for what boots; TSC_KHZ for boot.sh.
programs() {
	make_programs "$@"
	TSC_KHZ=$(build/lab/tsc) || die 4 "this machine's TSC cannot be used"
	export TSC_KHZ
}

# suite: the lines of kernel/suite for the series' own test and for what TEST asks for, if this base's tree has them. A kernel
# that checks itself takes its time.
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

# need_snapshot: LAB_SNAPSHOT, a commit of the tree as it is now; one for all builds, so that an edit in between cannot part
# them. make check has one for all its parts.
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

# kernel_and_tests: the patched kernel and the tests, which a tree of the user's may not be fit for. Modules of Debian's kernel come
# from a worktree of their own: the tests are built beside them, as linking and the installing of headers leave a core idle.
kernel_and_tests() {
	_tests=0 _modules=0
	if [ -n "${STOCK:-}" ]; then
		beside "$ID-tests-beside" env TEST="${TEST:-}" kernel/build.sh tests
		kernel/build.sh patched || _modules=$?
		joined $! || _tests=$?
		[ "$_modules" -eq 0 ] || exit "$_modules"
		cat "build/log/$ID-tests-beside.log"
	else
		kernel/build.sh patched
		[ -n "${LAB_PROBE_ALONE:-}" ] || TEST=${TEST:-} kernel/build.sh tests || _tests=$?
	fi
	case $_tests.$KERNEL in
	0.*) ;;
	3.?*) rm -rf "$out/tests" ;;
	*) exit "$_tests" ;;
	esac
}

# need_patched PROGRAM...: the tree, the patched kernel, the tests, these programs of guest/ and the folder of this run with its
# suite.
need_patched() {
	need_snapshot
	kernel_and_tests
	if [ -n "${DEBUG:-}" ]; then
		DEBUG='' kernel/build.sh patched
		ln -sfn "../$ID/patched" "$out/plain"
	fi
	[ "$VARIANT" = "$ID" ] || ln -sfn "../$ID/tests" "$out/tests"
	programs "$@"
	mkdir -p "$run"
	suite >"$run/suite"
}

# has_own_check: true if the tree checks by itself, without the series.
has_own_check() { kernel/tree.sh --has arch/x86/kvm/svm/nested.c; }

# red_here: the file with the cases that fail here without the series: $BASE's. For a tree of the user's, those of them that its
# selftest has, and what the patches that go in front mend besides.
red_here() {
	[ -n "$KERNEL" ] || { echo "series/$BASE/red"; return; }
	{
		grep -v '^#' "series/$BASE/red" | while read -r _case _skip; do
			! grep -qrF "(${_case%%.*})" "build/src/$ID/tools/testing/selftests/kvm" --include=svm_nested_event_inj_test.c ||
				echo "$_case $_skip"
		done
		kernel/tree.sh --left | while read -r _p; do
			sed -n "s/^${_p##*/} //p" "${_p%/*}/red" 2>/dev/null
		done
	} | sort -u >"$run/red"
	echo "$run/red"
}

# red_in_state: 1 if the base does not check: it is red in KVM_SET_NESTED_STATE, where no CPU has a say; else 0, as for a tree
# that has a check of its own. The probe's exit code is the same.
red_in_state() {
	if ! has_own_check && grep -q '\.set_nested_state' "series/$BASE/red"; then
		echo 1
	else
		echo 0
	fi
}

# boot base|patched NAME WORD...: one boot, ended after the tests' own limits and a minute for the rest. Replaces the
# shell that it runs in, so that its pid is that of boot.sh.
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
