#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# compare.sh - the series of all bases side by side: which patch corresponds to which, how much it differs, and why.
# Usage: review/compare.sh                        every purpose that series/map names, over all bases
#        FROM=6.12 BASE=6.1 review/compare.sh     the two series by git range-diff: what differs, in full
# series/map says what a patch is for and why it differs; what differs is counted here. 1 if the map and the series do
# not agree: a patch that it does not name, a subject that is no patch, a base left out, a difference without a reason.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
map=series/map
dir=build/compare
unset KERNEL

tip_of() { BASE=$1 kernel/tree.sh --tip; }

# collect BASE: a line "COMMIT NUMBER SUBJECT" a patch, newest last.
collect() {
	_tip=$(tip_of "$1")
	store log --reverse --format='%H %s' "refs/base/$1..$_tip" |
		awk '{ id = $1; sub(/^[^ ]* /, ""); printf "%s %04d %s\n", id, NR, $0 }' >"$dir/$1.patches"
}

# lines PURPOSE BASE: what the base's patches for it change, blank lines apart, and what they say, as files in $dir.
lines() {
	while read -r _id; do
		store diff-tree -p -U0 --no-renames "$_id^" "$_id" | grep '^[-+].*[^[:space:]]' | grep -vE '^(---|\+\+\+) ' || :
	done <"$dir/$1.$2.ids" >"$dir/$1.$2.diff"
	while read -r _id; do
		store log -1 --format=%B "$_id" | grep -vE '^(Fixes|Cc): ' | fmt -w 2500
	done <"$dir/$1.$2.ids" >"$dir/$1.$2.text"
}

# differ A B: as "-2 +3 lines", or nothing where they are equal.
differ() { diff "$1" "$2" | awk '/^</ { a++ } /^>/ { b++ } END { if (a + b) printf "-%d +%d", a, b }'; }

complain() {
	echo "  $1" >>"$dir/bad"
	echo "          NOT IN ORDER: $1"
}

# show PURPOSE-NUMBER PURPOSE: its patches in every base, each compared with that of the next newer base that has one.
show() {
	_newer=''
	echo
	echo "$2"
	for base in $bases; do
		sed -n "s/^$1	$base	- //p" "$dir/map" >"$dir/reason"
		sed -n "s/^$1	$base	~ //p" "$dir/map" >"$dir/why"
		# Of a base that is not here, what was said for it holds for the next one.
		[ -s "$dir/why" ] || [ -z "${LAB_WITHOUT:-}" ] || sed -n "s/^$1	$LAB_WITHOUT	~ //p" "$dir/map" >"$dir/why"
		sed -n "s/^$1	$base	\([^-~]\)/\1/p" "$dir/map" >"$dir/subjects"
		: >"$dir/$1.$base.ids"
		if [ ! -s "$dir/subjects" ]; then
			printf '  %-6s  -    %s\n' "$base" "$(cat "$dir/reason")"
			[ -s "$dir/reason" ] || complain "$base: neither a patch nor a reason for: $2"
			continue
		fi
		_label=$base
		while read -r _subject; do
			_line=$(grep -F " $_subject" "$dir/$base.patches" | grep -xE '[0-9a-f]+ [0-9]+ .*' | head -n 1)
			if [ "$(echo "$_line" | cut -d' ' -f3-)" != "$_subject" ]; then
				complain "$base has no patch: $_subject"
				continue
			fi
			echo "${_line%% *}" >>"$dir/$1.$base.ids"
			printf '  %-6s  %s\n' "$_label" "${_line#* }"
			_label=''
		done <"$dir/subjects"
		lines "$1" "$base"
		if [ -n "$_newer" ]; then
			_code=$(differ "$dir/$1.$_newer.diff" "$dir/$1.$base.diff")
			_text=$(differ "$dir/$1.$_newer.text" "$dir/$1.$base.text")
			_what="${_code:+adapted from $_newer: $_code lines, now $(wc -l <"$dir/$1.$base.diff")}"
			printf '          %s%s%s\n' "${_what:-same as $_newer}" \
				"${_text:+, changelog $_text paragraphs}" "$(sed 's/^/: /' "$dir/why")"
			[ -z "$_code" ] || [ -s "$dir/why" ] ||
				complain "$base: no reason why its patch differs from $_newer's for: $2"
		fi
		_newer=$base
	done
}

mkdir -p "$dir"
rm -f "$dir"/*
if [ -n "${FROM:-}" ]; then
	# shellcheck disable=SC2031 # a subshell's BASE is its own
	BASE=${BASE:-6.12}
	[ "$FROM" != "$BASE" ] || die 2 "FROM and BASE are both $BASE: there is nothing to compare"
	from=$(tip_of "$FROM")
	to=$(tip_of "$BASE")
	echo "git range-diff, '<' $FROM, '>' $BASE, '!' in both and different, '=' the same"
	[ ! -t 1 ] || set -- --color
	store range-diff --creation-factor=95 "$@" "refs/base/$FROM..$from" "refs/base/$BASE..$to"
	exit
fi
# LAB_WITHOUT: those whose source is not to be had, as make check has found.
bases=$(find series -name '[0-9]*.patch' | cut -d/ -f2 | sort -urV | grep -vxF -e "$(echo "${LAB_WITHOUT:-none}" | tr ' ' '\n')")
[ -f "$map" ] || die 2 "there is no $map"
awk '/^#/ || !NF { next } /^\[/ { n++; print n "\t*\t" substr($0, 2, length($0) - 2); next }
	{ b = $1; sub(/^[^ \t]+[ \t]+/, ""); print n "\t" b "\t" $0 }' "$map" >"$dir/map"
: >"$dir/bad"
for base in $bases; do
	collect "$base"
	cut -d' ' -f3- "$dir/$base.patches" | while read -r subject; do
		[ "$(cut -f2- "$dir/map" | grep -cxF "$base	$subject")" -eq 1 ] || echo "  $base: $map has not exactly one line for: $subject"
	done >>"$dir/bad"
done
t=$(printf '\t')
grep "$t\*$t" "$dir/map" >"$dir/purposes"
while IFS=$t read -r n _ purpose; do
	show "$n" "$purpose"
done <"$dir/purposes"
echo
sort -u -o "$dir/bad" "$dir/bad"
code=0
result "$(wc -l <"$dir/bad")" "$map and the series agree: $(wc -l <"$dir/purposes") purposes, $(cat "$dir"/*.patches | wc -l) patches, \
$(echo "$bases" | wc -l) bases" "$dir/bad"
exit $code
