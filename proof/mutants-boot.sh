# SPDX-License-Identifier: GPL-2.0-only
# mutants-boot.sh - for mutants.sh: boots of one mutant, what killed it, and what that is worth.
# Sourced after vm.sh; a mutant NAME has its images in $run/NAME/with and $run/NAME/without: KVM has the features there, or not.

# killer DIR: a kernel splat, the first test case that failed, or where the guest ended, out of what a boot left;
# nothing if all is well. A boot that says none of it is no kill but the lab's failure, and so is a case that ran out of
# time: that may be this machine's doing.
killer() {
	! judge_boot "$1" || return 0
	_by=''
	! grep -q 'kernel splat' "$1/summary" ||
		_by=$(grep -m 1 -oE '(UBSAN|KASAN|BUG|WARNING|Oops|Kernel panic).*' "$1/console.log" | tr -d '\r' | sed 's|/[^ ]*/arch/x86/|arch/x86/|')
	[ -n "$_by" ] || ! grep -q 'terminated by timeout' "$1/report.ktap" || _by=LAB
	[ -n "$_by" ] || _by=$(sed -nE 's/^  not ok [0-9]+ (event_inj[a-z0-9_.]*).*/\1/p' "$1/report.ktap" | head -n 1)
	[ -n "$_by" ] || _by=$(sed -n 's/^NOT FINISHED: crashed in/crashed in/p' "$1/summary")
	echo "${_by:-LAB}"
}

# boot_mutant NAME NOTE: sets by to what killed it, and where.
boot_mutant() {
	_sets='with without'
	[ "${2%%:*}" != without ] || _sets='without with'
	for _set in $_sets; do
		(boot mutant "$1/$_set" lab.bail) >"$run/$1/$_set/log" 2>&1 &
		trap 'kill $! 2>/dev/null; wait; exit 130' INT TERM
		wait $! || :
		by=$(killer "$run/$1/$_set")
		[ -z "$by" ] || { by="$by, KVM $_set the features"; break; }
	done
	rm -f "$run/$1"/*/initrd
}

# judge NAME NOTE SINCE: one line.
judge() {
	_not='' _why="killed by $by"
	case ${2%%:*}.$by in
	*.LAB*) _not='not ' _why="no verdict, see $run/$1" ;;
	control. | equivalent.) _why=$2 ;;
	control.* | equivalent.*) _not='not ' _why="not so, $_why" ;;
	*.) _not='not ' _why=survived ;;
	splat.*)
		case ${DEBUG:+$by} in
		'' | "${2#splat: }"*) ;;
		*) _not='not ' _why="$_why, but not by ${2#splat: }" ;;
		esac
		;;
	esac
	echo "${_not}ok - $BASE mutant $1: $_why  $(took "$3")"
}
