#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# rooms.sh - a folder of this repository uses those above it in the list below, and of these what the list has as their doors.
# Usage: check/rooms.sh    Prints "ok - ..." or "not ok - ..." for each; 1 if there is any of the latter.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
code=0 doors=none
mkdir -p build
while read -r room door; do
	files=$(git ls-files "$room" | grep -v '^judge/tests/[^/]*/') || files=''
	{
		[ -n "$files" ] || echo "git knows no file of $room/"
		for file in $files; do
			sed '/^[[:space:]]*[#*]/d' "$file" | grep -oE '\b(lib|kernel|guest|judge|proof|review|check)/[A-Za-z0-9._/-]+' | sort -u |
				grep -vE "^($room/.*|$doors)\$" | while read -r used; do
				[ ! -f "$used" ] || echo "$file uses $used"
			done
		done
	} >build/rooms
	result "$(wc -l <build/rooms)" "$room/ keeps to its place" build/rooms
	doors="$doors|$room/($door)"
done <<'EOT'
lib    .*
kernel (fetch|source|release|tree|export|build|stock)\.sh|suite|kernel\.config
guest  (vm|boot)\.sh
judge  judge\.sh|tests/run\.sh
proof  .*
review .*
check  .*
EOT
exit $code
