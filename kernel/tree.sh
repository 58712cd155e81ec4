#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# tree.sh - the series as a git work tree, build/tree/$ID: the base and one commit a patch.
# Usage: [BASE=6.12] [KERNEL=/linux] [FORCE=1] kernel/tree.sh [--apply [COMMIT] | --tip | --snapshot | --left]
#   --apply     applies the series files to the base anew, or to COMMIT, aside from the tree; prints the commit
#   --tip       prints the commit that the series files give: as applied before, if neither they nor the base have changed
#   --left      prints the patches that KERNEL needs, those in front included
#   --snapshot  prints a commit of what is in the tree now, committed or not

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
tree=build/tree/$ID
. kernel/apply.sh

# snapshot: prints HEAD, or a commit on top of it with all that is not committed; the tree's own index stays as it is.
snapshot() {
	[ -e "$tree/.git" ] || die 2 "there is no $tree: make tree BASE=$BASE"
	_index=$PWD/build/index.$ID
	cp "$(g -C "$tree" rev-parse --absolute-git-dir)/index" "$_index"
	others "$tree" -z | GIT_INDEX_FILE=$_index g -C "$tree" update-index -z --add --stdin
	GIT_INDEX_FILE=$_index g -C "$tree" add -u .
	_id=$(GIT_INDEX_FILE=$_index g -C "$tree" write-tree)
	rm -f "$_index"
	_head=$(g -C "$tree" rev-parse HEAD)
	if [ "$_id" = "$(g -C "$tree" rev-parse "HEAD^{tree}")" ]; then
		echo "$_head"
	else
		store commit-tree -p "$_head" -m "Uncommitted changes" "$_id"
	fi
}

# keep COMMIT: a name for it under refs/saved/, so that it is never lost.
keep() {
	_saved=refs/saved/$ID-$(date +%Y%m%d-%H%M%S)
	store update-ref "$_saved" "$1"
	say SAVED "$_saved  (back: git -C $tree reset --hard $_saved)"
}

# save: keeps all that the tree holds under refs/saved/ and ends a rebase, so that the tree may be reset.
save() {
	_id=$(snapshot)
	keep "$_id"
	if mid_rebase "$tree"; then
		g -C "$tree" rebase --quit 2>/dev/null || g -C "$tree" am --quit 2>/dev/null || g -C "$tree" cherry-pick --quit
	fi
	# By way of the snapshot: what was untracked is tracked there, so that the next reset clears it away.
	g -C "$tree" reset -q --hard "$_id"
}

# reset_tree: brings the tree to the new series; files that do not differ keep their times.
reset_tree() { g -C "$tree" checkout -q -f -B "series/$ID" "$applied"; }

what() {
	echo "$ID  $(store rev-list --count "refs/base/$ID..$applied") patches on $(store log -1 --format=%s "refs/base/$ID")"
}

# merge_by_hand PATCH: leaves the tree, unless it holds work, in the middle of a git am of this patch and those that follow.
merge_by_hand() {
	! has_work || return 0
	applied=$(sparse rev-parse HEAD)
	_stuck=$1 _yet=''
	set --
	for _p in $(older) $(patches); do
		[ "$_p" != "$_stuck" ] || _yet=yes
		[ -z "$_yet" ] || there "$_p" "$fronted" || unfit "$_p" || set -- "$@" "$(moved "$PWD/$_p")"
	done
	make_tree "$tree" "$applied"
	record "$applied"
	g -C "$tree" am -q --3way --committer-date-is-author-date "$@" >>"$log" 2>&1 || :
	_why="$_why. It waits in $tree: merge it (git status), git add, git am --continue, then the same make again"
}

# series_tree: whatever state the tree is in, to the series as the files have it, or a reason why not.
series_tree() {
	by_hand=''
	[ -z "$KERNEL" ] || by_hand=merge_by_hand
	if [ -e "$tree/.git" ] && [ -e "$(g -C "$tree" rev-parse --absolute-git-dir)/rebase-apply/applying" ]; then
		[ -n "${FORCE:-}" ] || die 2 "$tree is in the middle of git am: end it first (git status there), or FORCE=1"
	fi
	if [ ! -e "$tree/.git" ]; then
		apply
		# The folder may have been removed with commits on its branch.
		_old=$(id_of "refs/heads/series/$ID")
		case $_old in
		'' | "$applied" | "$(id_of "refs/applied/$ID")") ;;
		*) keep "$_old" ;;
		esac
		stage TREE "$(what)" make_tree "$tree" "$applied"
	elif [ -n "${FORCE:-}" ]; then
		apply
		! has_work || save
		stage TREE "$(what), anew" reset_tree
	elif is_applied; then
		if has_work; then
			say TREE "$ID  with your work in $tree  (not exported)"
		else
			applied=$(id_of "refs/applied/$ID")
			say TREE "$(what)"
		fi
		return
	else
		apply
		if [ "$(snapshot)" = "$applied" ]; then
			:
		elif has_work; then
			_ways="Either: make export BASE=$BASE (the tree wins), or: make tree BASE=$BASE FORCE=1 (the files win; \
the tree's work is saved under refs/saved/)"
			[ "$ID" = "$BASE" ] || [ -n "$KERNEL" ] || _ways="Take what you want of it to build/tree/$BASE, and remove it"
			die 2 "series/$BASE and $tree have both changed. $_ways"
		else
			stage TREE "$(what), anew" reset_tree
		fi
	fi
	record "$applied"
}

lock
case ${1:-}.$# in
--apply.2) on=$2 ;;
*) kernel/source.sh >&2 ;;
esac
case ${1:-}.$# in
--apply.[12])
	apply
	echo "$applied"
	;;
--tip.1)
	if is_applied; then
		applied=$(id_of "refs/applied/$ID")
	else
		apply
	fi
	echo "$applied"
	;;
--left.1) left ;;
--snapshot.1) snapshot ;;
.0) series_tree ;;
*) die 2 "usage: kernel/tree.sh [--apply [COMMIT] | --tip | --snapshot | --left]" ;;
esac
