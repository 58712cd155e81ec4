#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# export.sh - the work tree's commits as the files series/$BASE/NNNN-*.patch.
# Usage: [BASE=6.12] kernel/export.sh [--check | --base FILE]
#   --check  changes nothing: applies the files to the base anew, exports that and compares; 1 if they differ. That is byte
#            for byte on the release that series/$BASE/base names. On another one line numbers and blob ids are others: there
#            the text is compared as it is, and the diff by its patch-id. With the package of the former at hand, or to be
#            had from the mirror, both are done.
#   --base   for rebase.sh: the series is written on the base as it is, and FILE takes the place of series/$BASE/base

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
. kernel/export-check.sh
tree=build/tree/$ID
new=build/export/$ID

# format BASE TIP: the commits between the two as files in $new; every choice is written down, so that bytes are stable.
format() {
	rm -rf "$new"
	mkdir -p "$new"
	store format-patch -q -N --zero-commit --no-signature --full-index --no-base --no-attach --no-thread \
		--no-cover-letter --no-notes --no-renames --diff-algorithm=myers --unified=3 \
		--src-prefix=a/ --dst-prefix=b/ --no-ext-diff --no-textconv -o "$new" "$1..$2"
}

# compare COMMAND...: says which of the series' files $new adds, drops or, as COMMAND sees it, changes; false if any.
compare() {
	_same=true
	for _f in $( (ls "$new"; patches | sed 's|.*/||') | sort -u); do
		if [ ! -e "series/$BASE/$_f" ]; then
			say ADD "$_f"
		elif [ ! -e "$new/$_f" ]; then
			say DROP "$_f"
		elif ! "$@" "$new/$_f" "series/$BASE/$_f"; then
			say CHANGE "$_f"
		else
			continue
		fi
		_same=false
	done
	$_same
}

# refuse_lossy: dies where the files could not hold everything that the tree does.
refuse_lossy() {
	[ -e "$tree/.git" ] || die 2 "there is no $tree to export: make tree BASE=$BASE"
	! mid_rebase "$tree" || die 2 "$tree is in the middle of a rebase, am or cherry-pick: end it first (git status)"
	g -C "$tree" status --short -uno >&2
	others "$tree" | sed 's/^/?? /' >&2
	! dirty "$tree" || die 2 "$tree has the changes above in no commit: git add -f and commit, or remove them"
	tip=$(g -C "$tree" rev-parse HEAD)
	store merge-base --is-ancestor "refs/base/$ID" "$tip" ||
		die 2 "$tree does not stand on its base: git rebase --onto refs/base/$ID"
	_merges=$(store log --merges --format='%h %s' "refs/base/$ID..$tip")
	[ -z "$_merges" ] || die 2 "a merge is no patch: $_merges: make the branch linear with git rebase refs/base/$ID"
	for _c in $(store rev-list "refs/base/$ID..$tip"); do
		! store log -1 --format=%B "$_c" | grep -q '^---' ||
			die 2 "$(store log -1 --format='%h (%s)' "$_c"): am drops what follows a line '---' in a message: reword it"
		[ -n "$(store diff-tree --name-only "$_c^" "$_c")" ] ||
			die 2 "$(store log -1 --format='%h (%s)' "$_c") is empty, and am refuses an empty patch: drop it"
	done
}

# put FILE NAME: a whole file in series/$BASE, or none.
put() {
	cp "$1" "series/$BASE/.new"
	mv "series/$BASE/.new" "series/$BASE/$2"
}

# install [BASE-FILE]: the new files in place of the old ones, which are kept until all are there.
install() {
	# Files that nobody has applied, such as another branch's, may exist nowhere else.
	if [ -n "$(patches)" ] && ! is_applied; then
		_kept=build/saved/series-$BASE-$(date +%Y%m%d-%H%M%S)
		mkdir -p "$_kept"
		patches | xargs cp -t "$_kept"
		say SAVED "$_kept  (files that differ from what the tree was made of)"
	fi
	# Not to be interrupted half-way.
	trap '' INT TERM HUP
	for _f in "$new"/*; do
		put "$_f" "${_f##*/}"
	done
	patches | while read -r _f; do
		[ -e "$new/${_f##*/}" ] || rm "$_f"
	done
	[ -z "$1" ] || put "$1" base
	trap - INT TERM HUP
}

# on_pinned: $new as it is on the release that the series was written on, where that can be had and takes the patches.
on_pinned() {
	_here=build/export/$ID.here
	rm -rf "$_here"
	mv "$new" "$_here"
	if flock build/pkg.lock kernel/fetch.sh --pinned; then
		pinned=$(LAB_SERIES=$_here kernel/release.sh "$VERSION")
		if _tip=$(LAB_SERIES=$_here kernel/tree.sh --apply "$pinned"); then
			format "$pinned" "$_tip"
			return
		fi
	fi
	cp -r "$_here" "$new"
	say NOTE "series/$BASE is written on $have now, series/$BASE/base says $VERSION: make rebase BASE=$BASE"
}

[ -z "$KERNEL" ] || die 2 "export works on the packaged base: leave KERNEL out"
lock
t=$(tenths)
case ${1:-} in
--check)
	check
	say EXPORT "$BASE  $(patches | wc -l) files are the export of what they give  $(took "$t")"
	echo "ok - $BASE: series -> tree -> series, $how"
	;;
'' | --base)
	kernel/source.sh
	refuse_lossy
	format "refs/base/$ID" "$tip"
	[ -n "$(ls "$new")" ] || die 2 "$tree has no commit on top of its base: nothing to export"
	have=$(base_release)
	[ "$have" = "$VERSION" ] || [ -n "${2:-}" ] || on_pinned
	{ compare cmp -s && [ -z "${2:-}" ]; } || install "${2:-}"
	record "$tip"
	say EXPORT "$BASE  $(patches | wc -l) files  $(took "$t")"
	;;
*) die 2 "usage: kernel/export.sh [--check | --base FILE]" ;;
esac
