# SPDX-License-Identifier: GPL-2.0-only
# expect.sh - for what is tried in a guest: stops at the first surprise, with 1. Sourced by try.sh and try-live.sh, with CODE in $1.
# shellcheck disable=SC2034 # release and before: for them

export PATH=/sbin:/bin:/tests
release=$(uname -r)
code=$1
case $code in
0) before='^checked' ;;
*) before='^not checked' ;;
esac

# expect CODE WORDS COMMAND...: it ends with CODE, and the last that it says has WORDS.
expect() {
	_code=$1 _words=$2
	shift 2
	echo "$ $*"
	_rc=0
	_out=$("$@" 2>&1) || _rc=$?
	echo "$_out" | tail -n 4
	if [ "$_rc" != "$_code" ] || ! echo "$_out" | grep -q "$_words"; then
		echo "exit $_rc, should be $_code, with '$_words'"
		exit 1
	fi
}
