#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# clean.sh - removes build/ but for the downloaded packages; refuses while it holds work that is nowhere else.
# Usage: [FORCE=1] kernel/clean.sh

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh

# kept: what commands have put aside; the user's stashes and branches; those of trees that were removed with commits of their own.
kept() {
	find build/saved -mindepth 1 -maxdepth 1 2>/dev/null || :
	[ -d build/git ] || return 0
	store for-each-ref --format='%(refname)' | grep -vE '^refs/(base|applied|release)/' | while read -r _ref; do
		_id=${_ref#refs/heads/series/}
		[ "$_id" = "$_ref" ] ||
			{ [ ! -e "build/tree/$_id" ] && [ "$(id_of "$_ref")" != "$(id_of "refs/applied/$_id")" ]; } || continue
		echo "$_ref"
	done
}

[ -d build ] || exit 0
lock
for tree in build/tree/*; do
	[ -e "$tree/.git" ] || continue
	ID=${tree##*/} BASE=${ID%%-*}
	if [ -z "${FORCE:-}" ] && has_work; then
		_out="make export BASE=$BASE, or make clean FORCE=1, which deletes it"
		[ "$ID" = "$BASE" ] || _out="take its commits from there, then make clean FORCE=1, which deletes them"
		die 2 "$tree holds work that series/$BASE does not: $_out"
	fi
done
kept=$(kept | paste -sd ' ' -)
if [ -z "${FORCE:-}" ] && [ -n "$kept" ]; then
	die 2 "build/ holds work that was put aside: $kept (refs are in build/git): take it from there, or make clean FORCE=1, which deletes it"
fi
find build -mindepth 1 -maxdepth 1 ! -name pkg ! -name lock -exec rm -rf {} +
