# SPDX-License-Identifier: GPL-2.0-only
# lib.sh - what the scripts share: messages, timed stages, the chosen base; store.sh has what is git's, kbuild.sh what is
# kbuild's, machine.sh what this machine is and may do.
# Sourced from the repository root. Reads BASE (6.12), KERNEL, DEBUG, V and NO_COLOR.

# A hook's GIT_DIR or GIT_INDEX_FILE must not turn our git on the user's repository.
# shellcheck disable=SC2046 # one name a word
unset $(git rev-parse --local-env-vars 2>/dev/null) || :

red='' plain=''
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
	red=$(printf '\033[31m') plain=$(printf '\033[0m')
fi

# say STAGE WHAT: one short line on the screen.
say() { printf '  %-8s%s\n' "$1" "$2"; }

# die CODE MESSAGE: the last line of a failure; 1 test failed, 2 bad input, 3 fetch or build, 4 no VM.
die() {
	printf '%s%s:%s %s\n' "$red" "$(basename "$0" .sh)" "$plain" "$2" >&2
	exit "$1"
}

# result CODE WHAT [FILE]: "ok - WHAT" if CODE is 0; else "not ok - WHAT", the lines of FILE as comments, and code, the caller's, is 1.
result() {
	if [ "$1" -eq 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		[ -z "${3:-}" ] || sed 's/^/# /' "$3"
		# shellcheck disable=SC2034 # for the caller
		code=1
	fi
}

# tenths: a clock in tenths of a second.
tenths() { echo $(($(date +%s%N) / 100000000)); }

# took SINCE: the time since then, as "(9.1 s)"; SINCE comes from tenths.
took() {
	set -- $(($(tenths) - $1))
	echo "($(($1 / 10)).$(($1 % 10)) s)"
}

# stage NAME WHAT COMMAND...: runs COMMAND in a subshell under set -e, its output in build/log/; says
# how long it took, or shows the log's tail and dies with 3. Never in a condition: sh drops set -e there.
stage() {
	_name=$1 _what=$2 _t=$(tenths)
	_log=build/log/${ID:-all}-$(echo "$1" | tr '[:upper:]' '[:lower:]').log
	shift 2
	mkdir -p build/log
	[ ! -t 1 ] || printf '  %-8s%s ...' "$_name" "$_what"
	set +e
	(set -e; [ -z "${V:-}" ] || set -x; "$@") >"$_log" 2>&1
	_rc=$?
	set -e
	[ ! -t 1 ] || printf '\r\033[K'
	[ -z "${V:-}" ] || sed -nE '/^\++ (\[|_|shift|trap|wait)/d; s/^\++ /$ /p' "$_log"
	if [ $_rc -ne 0 ]; then
		tail -n 20 "$_log" >&2
		df -P build | awk 'NR == 2 && $4 < 102400 { print "The disk is full: " $4 " KiB left on " $6 "." }' >&2
		die 3 "$_name $_what failed; all of its output: $_log"
	fi
	say "$_name" "$_what  $(took "$_t")"
}

# beside NAME COMMAND...: in the background, its output in build/log/NAME.log; joined() has its end. It hears ctrl-C, as a job of a
# script would not, and ends with this script.
running=''
beside() {
	_name=$1
	shift
	mkdir -p build/log
	env --default-signal=INT,QUIT "$@" >"build/log/$_name.log" 2>&1 &
	running="$running $!"
	trap 'kill $running 2>/dev/null; exit 130' INT TERM HUP
}

# joined PID: waits for what runs beside; its exit code.
joined() {
	_code=0
	wait "$1" || _code=$?
	running=$(echo "$running " | sed "s/ $1 / /; s/ *\$//")
	[ -n "$running" ] || trap - INT TERM HUP
	return "$_code"
}

# make_out NAME WHAT COMMAND...: a stage whose COMMAND fills $out.tmp, which then takes the place of $out; nothing if $out was made
# with the same input, which is what the caller's function of that name prints.
make_out() {
	# shellcheck disable=SC2154 # out: the caller's
	mkdir -p "${out%/*}"
	input >"$out.input"
	! cmp -s "$out.input" "$out/input" || return 0
	rm -rf "$out.tmp"
	mkdir -p "$out.tmp"
	stage "$@"
	mv "$out.input" "$out.tmp/input"
	rm -rf "$out"
	mv "$out.tmp" "$out"
}

# nearest: the base for the release that the Makefile of KERNEL names, by SERVES_FROM of each; nothing if there is none.
nearest() {
	_is=$(git -C "$KERNEL" show HEAD:Makefile 2>/dev/null | sed -n 's/^\(VERSION\|PATCHLEVEL\) = //p' | paste -sd . -)
	for _file in series/*/base; do
		_from=$(sed -n 's/^SERVES_FROM=//p' "$_file")
		[ -z "$_from" ] || ! at_least "$_is" "$_from" || echo "$_from $_file"
	done | sort -V | tail -n 1 | cut -d/ -f2
}

# need_base: reads and checks series/$BASE/base; sets ID (the base's name under build/) and VARIANT with it.
need_base() {
	KERNEL=${KERNEL:-}
	if [ -n "$KERNEL" ] && [ -z "${BASE:-}" ]; then
		BASE=$(nearest)
		[ -z "$BASE" ] || say NOTE "BASE=$BASE, which is nearest to the $(git -C "$KERNEL" show HEAD:Makefile |
			sed -n 's/^\(VERSION\|PATCHLEVEL\|SUBLEVEL\) = //p' | paste -sd . -) of $KERNEL" >&2
	fi
	BASE=${BASE:-6.12}
	_file=series/$BASE/base
	case $BASE in
	*/* | .*) _file= ;;
	esac
	[ -f "$_file" ] ||
		die 2 "no base '$BASE'; there is BASE=$(find series -maxdepth 2 -name base 2>/dev/null | sort -V | cut -d/ -f2 | paste -sd '|' -)"
	! grep -nvE '^(#.*|[A-Z0-9_]+=[A-Za-z0-9._~+/-]+|)$' "$_file" >&2 ||
		die 2 "$_file: the lines above are not KEY=value"
	# shellcheck disable=SC2034 # the scripts that source this use them
	PACKAGE='' VERSION='' SHA256='' SUITE='' TREE='' STANDS_FOR='' LACKS='' ALLOW='' ALONE='' DEBUG_IMAGE=''
	# shellcheck source=/dev/null
	. "./$_file"
	for _key in PACKAGE VERSION SHA256 SUITE TREE STANDS_FOR; do
		eval "[ -n \"\$$_key\" ]" || die 2 "$_file: $_key is missing"
	done
	# Another source of the same base, for a kernel of Debian's that is made of it, has a place of its own.
	ID=${LAB_ID:-$BASE${KERNEL:+-kernel}}
	# What the kernels are built and booted as; trees and tests do not differ.
	# shellcheck disable=SC2034 # as above
	VARIANT=$ID${STOCK:+-$STOCK}${DEBUG:+-debug}
	export BASE KERNEL
}

# lock: one script at a time works on the trees under build/; the scripts it calls share its lock.
lock() {
	[ -z "${LAB_LOCK:-}" ] || return 0
	mkdir -p build
	exec 9>build/lock
	flock -n 9 || { say WAIT "for the other make in this folder" >&2; flock 9; }
	export LAB_LOCK=1
}

. lib/machine.sh
. lib/kbuild.sh
. lib/store.sh
