# SPDX-License-Identifier: GPL-2.0-only
# parts.sh - how check.sh runs its parts, one after the other or side by side, and what it makes of their "ok" and "not ok" lines.
# Sourced by check.sh after lib.sh.

results=build/check.results failures=build/check.failures
mkdir -p build/log
: >"$results"
: >"$failures"
start=$(tenths)

# part WHAT COMMAND...: what the command prints is shown and counted; a failure that it has no line for gets one.
part() {
	_what=$1 _t=$(tenths)
	shift
	echo "# $_what"
	{ "$@" 2>&1; echo "exit $?"; } | tee build/check.part | grep --line-buffered -v '^exit [0-9]*$'
	_exit=$(tail -n 1 build/check.part)
	if [ "$_exit" != 'exit 0' ] && ! grep -q '^not ok ' build/check.part; then
		echo "not ok - $_what: $_exit" | tee -a build/check.part
	elif ! grep -qE '^(not )?ok ' build/check.part; then
		echo "not ok - $_what: nothing was checked" | tee -a build/check.part
	fi
	grep -E '^(not )?ok ' build/check.part >>"$results"
	grep -B 60 -A 20 '^not ok ' build/check.part >>"$failures"
	echo "# $_what $(took "$_t")"
}

# side_by_side N PART BASE...: of N bases at once.
side_by_side() {
	_n=$1 _part=$2
	shift 2
	printf '%s\n' "$@" | xargs -P "$_n" -n 1 check/check-base.sh "$_part"
}

# beside NAME COMMAND...: in the background, its output in build/log/NAME.log. It hears ctrl-C, as a job of a script would not,
# and ends with this script.
running=''
beside() {
	_name=$1
	shift
	env --default-signal=INT,QUIT "$@" >"build/log/$_name.log" 2>&1 &
	running="$running $!"
	trap 'kill $running 2>/dev/null; exit 130' INT TERM HUP
}

# joined PID: waits for it; its exit code.
joined() {
	_code=0
	wait "$1" || _code=$?
	running=$(echo "$running " | sed "s/ $1 / /; s/ *\$//")
	return "$_code"
}

# said LOG CODE: what it has said, and how it ended.
said() {
	cat "$1"
	return "$2"
}

# totals: what led to failures, and how many results there are of each kind; false if one is "not ok", or if there is none.
totals() {
	_skipped=$(grep -ciE '^ok .*# skip' "$results")
	_failed=$(grep -c '^not ok' "$results")
	_passed=$(($(grep -c '^ok' "$results") - _skipped))
	# What led to a failure once more, in a row: of a log of thousands of lines, the end is what one reads first.
	sed 's/^/# /' "$failures"
	grep '^not ok' "$results"
	echo "# all of it $(took "$start")"
	echo "$_passed passed, $_failed failed, $_skipped skipped"
	[ "$_failed" -eq 0 ] && [ "$_passed" -gt 0 ]
}
