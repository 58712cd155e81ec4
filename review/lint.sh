#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# lint.sh - the kernel's rules for the patches of a series, one result line a rule; 1 if any is broken.
# Usage: [BASE=6.12] review/lint.sh    (without BASE: every series that has patches)
# Takes the bases' sources, for telling functions from other names, and that of the newest base, whose checkpatch judges all.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
. review/lint-rules.sh
code=0
tags='(Fixes|Cc|Link|Closes|Message-ID|[A-Z][a-z]+(-[a-z]+)*-by): '
reword="reword it in build/tree (git rebase -i), then make export"

# kept WHAT REPAIR: the line of one rule, by the complaints in $tmp.bad.
kept() {
	_bad=$(wc -l <"$tmp.bad")
	[ "$_bad" -eq 0 ] || echo "repair: $2" >>"$tmp.bad"
	result "$_bad" "lint $BASE: $1 ($count patches)" "$tmp.bad"
}

# rule WHAT REPAIR FUNCTION: applies FUNCTION, which prints complaints, to every patch.
rule() {
	_n=0
	: >"$tmp.bad"
	for patch in "$dir"/[0-9]*.patch; do
		[ -e "$patch" ] || continue
		of=$tmp/${patch##*/}
		"$3" "$patch" >"$tmp.out"
		sed "s|^|${patch##*/}: |" "$tmp.out" >>"$tmp.bad"
	done
	kept "$1" "$2"
}

# cover: the series' letter, which am never sees.
cover() {
	if [ ! -s "$dir/cover-letter" ]; then
		echo "no $dir/cover-letter"
	else
		sed -n '1{/^[A-Z].\{9,\}[^.]$/!s/$/  (is no subject)/p}; 2{/./s/$/  (line 2 is not blank)/p}' "$dir/cover-letter"
		sed '3q;d' "$dir/cover-letter" | grep -q . || echo "no text from line 3 on"
		grep -n '^Signed-off-by:' "$dir/cover-letter" || :
		for _says in 'Testing:' 'Not tested:'; do
			grep -q "^$_says" "$dir/cover-letter" || echo "has no paragraph '$_says'"
		done
	fi >"$tmp.bad"
	kept "cover letter" "edit $dir/cover-letter: subject, blank line, text"
}

lint() {
	need_base
	dir=series/$BASE tmp=build/lint/$BASE
	# A stable tree, as STANDS_FOR says, has rules of its own.
	stable=''
	case $STANDS_FOR in linux-*.y) stable=$STANDS_FOR ;; esac
	count=$(patches | wc -l)
	: >"$tmp.bad"
	[ "$count" -gt 0 ] || echo "0 patches checked" >"$tmp.bad"
	kept "there are patches" "make tree BASE=$BASE, commit, make export BASE=$BASE"
	[ "$count" -gt 0 ] || return 0
	rm -rf "$tmp"
	for patch in "$dir"/[0-9]*.patch; do
		split "$patch" "$tmp/${patch##*/}"
	done
	rule "numbers without gaps" "make export BASE=$BASE" numbering
	rule "C1 subject: KVM: <topic>: Summary, unique" "$reword" subject
	rule "C2 description, 75 columns" "$reword" body
	rule "C5 no sign-off, no Change-Id" "$reword; whoever sends it adds it with git am -s" signoff
	rule "C3 no pronouns" "in the imperative, without them: $reword" pronouns
	rule "C9 manuals by name, not number" "name the manual's topic instead; $reword" manual
	rule "only the diffstat under the cut" "move the notes to $dir/cover-letter, then make export BASE=$BASE" cut_only_stat
	rule "no Cc: stable" "$reword" stable
	rule "Fixes:" "$reword" fixes
	rule "C13 the fix in 100 lines" "split it, or make it smaller, in build/tree; then make export BASE=$BASE" size
	cover
	_newest=$(find series -name '[0-9]*.patch' | cut -d/ -f2 | sort -V | tail -n 1)
	BASE=$_newest kernel/source.sh
	tip=$(kernel/tree.sh --tip)
	src=build/src/$BASE checker=build/src/$_newest
	rule "what shows that a tree has it" "mend $dir/there, which has a patch's number first" signs
	rule "C4 functions with ()" "$reword" functions
	: >"$tmp.err"
	rule "C12 checkpatch --strict of ${checker##*/}" "mend it in build/tree, then make export BASE=$BASE" checkpatch
	spdxcheck >>"$tmp.err"
	cp "$tmp.err" "$tmp.bad"
	kept "C12 checkpatch and its helpers run" "lib/deps.sh check; make tree BASE=$BASE"
}

# Only the patches count here, whatever they are to be applied to.
KERNEL=''
lib/deps.sh check
mkdir -p build/lint
lock
[ -n "${BASE:-}" ] || BASE=$(find series -name '[0-9]*.patch' | cut -d/ -f2 | sort -uV)
[ -n "$BASE" ] || die 1 "0 patches checked: no series has any"
for BASE in $BASE; do
	lint
done
exit $code
