#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# port.sh - carries patches from one base to another, by a three-way merge, as commits in build/tree/$BASE.
# Usage: FROM=6.12 [BASE=6.1] [PATCH=0003] review/port.sh
#   PATCH  one patch of series/$FROM by its number; without it all of them, in order
# git cherry-pick does it: all bases are in one store, so that it sees what both trees were. It finds a file that has been
# renamed in between, such as the selftests' folder (x86_64 before 6.14, x86 since). What it cannot merge it leaves in the
# tree as it does anywhere. Exit: 0 all of it is in, 1 a conflict is left to be resolved, 2 bad input.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
[ -n "${FROM:-}" ] || die 2 "from which base? FROM=6.12, say"
to=${BASE:-6.12}
[ "$FROM" != "$to" ] || die 2 "FROM and BASE are both $to: nothing to port"
[ -z "${KERNEL:-}" ] || die 2 "port works on the packaged bases: leave KERNEL out"

conflicts() { g -C "$tree" diff --name-only --diff-filter=U; }

BASE=$FROM
need_base
count=$(patches | wc -l)
[ "$count" -gt 0 ] || die 2 "series/$FROM has no patches to port"
number=$(echo "${PATCH:-1}" | sed 's/^0*//')
case $number in
'' | *[!0-9]*) number=0 ;;
esac
{ [ "$number" -ge 1 ] && [ "$number" -le "$count" ]; } || die 2 "PATCH=$PATCH: series/$FROM has the patches 0001 to $(printf %04d "$count")"
tip=$(kernel/tree.sh --tip)
BASE=$to
need_base
tree=build/tree/$ID
lock
if [ -e "$tree/.git" ]; then
	kernel/source.sh
	! mid_rebase "$tree" || die 2 "$tree is in the middle of a rebase, am or cherry-pick: end it first (git status)"
	! dirty "$tree" || die 2 "$tree has changes in no commit: commit or remove them first (git -C $tree status)"
elif [ -n "$(patches)" ]; then
	kernel/tree.sh
else
	kernel/source.sh
	stage TREE "$ID  without patches" make_tree "$tree" "refs/base/$ID"
fi
old=$(g -C "$tree" rev-parse HEAD)
log=build/log/$ID-port.log
# The folder of the selftests has another name in newer trees: what is new in it goes there.
pick='-c merge.directoryRenames=true -c merge.renameLimit=20000'
# shellcheck disable=SC2086 # two words an option
store rev-list --reverse "refs/base/$FROM..$tip" | sed -n "${PATCH:+$number}p" |
	g -C "$tree" $pick cherry-pick --stdin >"$log" 2>&1 || :
# One whose change the tree has already is empty, and is left out.
while in_pick "$tree" && [ -z "$(conflicts)" ] && g -C "$tree" diff --quiet HEAD; do
	say SAME "$(g -C "$tree" log -1 --format=%s CHERRY_PICK_HEAD)"
	g -C "$tree" cherry-pick --skip >>"$log" 2>&1 || :
done
g -C "$tree" log --reverse --format=%s "$old.." | while read -r subject; do
	say PORTED "$subject"
done
if in_pick "$tree"; then
	g -C "$tree" log -1 --format='  MERGE   %s' CHERRY_PICK_HEAD
	conflicts | sed "s|^|          $tree/|"
	die 1 "merge the files above (git diff shows both sides), then in $tree: git add, git cherry-pick --continue; \
or git cherry-pick --abort, and all is as before"
fi
! grep -E '^(error|fatal): ' "$log" || die 3 "git cherry-pick failed; all of its output: $log"
if [ -n "$(patches)" ]; then
	say NEXT "make run BASE=$BASE, then make export BASE=$BASE"
else
	say NEXT "make export BASE=$BASE, then make run BASE=$BASE"
fi
