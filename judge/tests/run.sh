#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# run.sh - golden tests of the judge. A case is made from a good boot or a good pair, by what differs from it.
#
# Usage: judge/tests/run.sh [REPORT [FOLDER]]
#   REPORT  the program; built into a temporary folder if not given
#   FOLDER  a new one for the cases, which stay there to be looked at; out.now is what the judge printed
#
# The cases are in boot.cases, pair.cases and debug.cases. Each begins with a line
#   NAME CODE FROM [WORDS]    its exit code; the case that it is made from, or a folder here (boot/, pair/); the judge's command
#                             line, if it is not that of FROM
# and goes on with what differs, in order, a line each, with a tab in front and between the words:
#   FILE       SED            sed -E; lines for one file in a row are one script
#   FILE-add   LINE           one more line at the end of a file, old or new
#   FILE-cut   N              the last N bytes are missing
#   FILE-gone                 the file or folder is missing
#   FILE-like  OTHER          a copy of another one
# The file "out" is what the judge has to print. A line that changes nothing fails its case. So does a case that gives the judge
# what FROM gives it.

set -eu
report=${1:-} tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
case $report in
'') report=$tmp/report && make -s -C "$(dirname "$0")/.." OUT="$tmp" ;;
/*) ;;
*) report=$PWD/$report ;;
esac
[ -x "$report" ] || { echo "run: $report: no such program" >&2; exit 2; }
all=${2:-$tmp/cases}
mkdir "$all" || exit 2
all=$(cd "$all" && pwd)
cd "$(dirname "$0")"
here=$PWD nr=0 failed=0 case='' file=''

# wrong TEXT...: what is wrong with the case.
wrong() {
	echo "# $*"
	bad=1
}

# seds: the lines of sed that were collected for FILE are applied. Without any one of them, the result has to be another.
seds() {
	[ -n "$file" ] || return 0
	sed -E -f "$tmp/script" "$file" >"$tmp/new" || wrong "no good script for $file"
	for i in $(seq "$(wc -l <"$tmp/script")"); do
		sed "${i}d" "$tmp/script" >"$tmp/less"
		! sed -E -f "$tmp/less" "$file" 2>&1 | cmp -s - "$tmp/new" || wrong "changes nothing: $file: $(sed -n "${i}p" "$tmp/script")"
	done
	cp "$tmp/new" "$file"
	: >"$tmp/script"
	file=''
}

# begin NAME CODE FROM [WORDS]
begin() {
	case=$1 code=$2 from=$3 bad=''
	shift 3
	case $from in
	*/) from=$here/$from ;;
	*) from=$all/$from ;;
	esac
	[ ! -e "$all/$case" ] || { echo "run: $case is there twice" >&2; exit 2; }
	cp -r "$from" "$all/$case"
	cd "$all/$case"
	[ $# -eq 0 ] || echo "$@" >cmd
}

# change FILE TEXT: a line of the second kind.
change() {
	[ "$1" = "$file" ] || seds
	case $1 in
	*-add) printf '%s\n' "$2" >>"${1%-add}" ;;
	*-cut) truncate -s "-$2" "${1%-cut}" ;;
	*-gone) rm -r "${1%-gone}" ;;
	*-like) cp -r "$2" "${1%-like}" ;;
	*)
		file=$1
		printf '%s\n' "$2" >>"$tmp/script"
		;;
	esac || wrong "cannot be done: $*"
}

# judge: the case that is complete.
judge() {
	[ -n "$case" ] || return 0
	seds
	nr=$((nr + 1)) now=0
	! diff -rq -x 'out*' "$from" . >/dev/null || wrong "gives the judge what ${from##*/} gives it"
	read -r mode words <cmd
	# shellcheck disable=SC2086 # words by intention
	"$report" "$mode" -d "$here/../splat.deny" -a "$here/../splat.allow" $words >out.now 2>"$tmp/err" </dev/null || now=$?
	cat "$tmp/err" >>out.now
	diff -u out out.now >"$tmp/diff" || wrong "$(cat "$tmp/diff")"
	[ "$now" = "$code" ] || wrong "exit code $now, expected $code"
	[ -z "$bad" ] || failed=$((failed + 1))
	echo "${bad:+not }ok $nr - report: $case"
}

: >"$tmp/script"
for table in boot pair debug; do
	while IFS= read -r line; do
		case $line in
		'' | '#'*) ;;
		'	'*)
			IFS='	' read -r what text <<-EOT
				$line
			EOT
			change "$what" "$text"
			;;
		*)
			judge
			# shellcheck disable=SC2086 # words by intention
			begin $line
			;;
		esac
	done <"$here/$table.cases"
done
judge
echo "1..$nr"
echo "# $((nr - failed)) passed, $failed failed"
[ "$nr" -gt 0 ] && [ "$failed" -eq 0 ]
