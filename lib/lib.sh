# SPDX-License-Identifier: GPL-2.0-only
# lib.sh - what the scripts share: messages, timed stages; series.sh has the chosen base and its series, store.sh what is git's,
# kbuild.sh what is kbuild's, machine.sh what this machine is and may do.
# Sourced from the repository root. Reads BASE (6.12), KERNEL, DEBUG and V.

# A hook's GIT_DIR or GIT_INDEX_FILE must not turn our git on the user's repository.
# shellcheck disable=SC2046 # one name a word
unset $(git rev-parse --local-env-vars 2>/dev/null) || :

# say STAGE WHAT: one short line on the screen.
say() { printf '  %-8s%s\n' "$1" "$2"; }

# die CODE MESSAGE: the last line of a failure; 1 test failed, 2 bad input, 3 fetch or build, 4 no VM.
die() {
	printf '%s: %s\n' "$(basename "$0" .sh)" "$2" >&2
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

# replace_text TEXT FILE MARK: that file of text takes the place of what FILE has between the line that begins with MARK
# and the next "<!-- end -->"; dies with 2 where it has not both.
replace_text() {
	sed -n "/^$3/,\$p" "$2" | grep -qxF '<!-- end -->' ||
		die 2 "$2 has no line '$3...' with an '<!-- end -->' behind it"
	sed -e "/^$3/,/^<!-- end -->\$/{ //!d; }" -e "/^$3/r $1" "$2" >"$2.tmp"
	mv "$2.tmp" "$2"
}

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
	if [ "$_rc" -ne 0 ]; then
		tail -n 20 "$_log" >&2
		df -P build | awk 'NR == 2 && $4 < 102400 { print "The disk is full: " $4 " KiB left on " $6 "." }' >&2
		die 3 "$_name $_what failed; all of its output: $_log"
	fi
	say "$_name" "$_what  $(took "$_t")"
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
. lib/series.sh
