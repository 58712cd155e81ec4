#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# rebase.sh - a new point release: the series on the newest there is, tried on it, and written anew as on that.
# Usage: [BASE=6.12] [TEST="NAME..."] review/rebase.sh
# First whatever may fail: that every patch applies (git am), and the verdict (run.sh, with TEST as there). Only then
# series/$BASE changes: VERSION, SHA256 and TREE in base, line numbers and blob ids in the patches. At its end it says which
# figures and texts are of the older release.
# Exit: 0 done, or nothing newer; 1 the verdict is another; 2 a patch does not apply, or work in build/tree/$BASE; 3 no fetch
# or no build; 4 a guest did not finish.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
unset FORCE DEBUG
need_base
new=build/rebase/$ID.base

# figures: what make bench has measured on another release than $version.
figures() {
	[ -f "series/$BASE/bench" ] || return 0
	_of=$(sed -n '1s/^# By make bench: Linux \([^ ,]*\),.*/\1/p' "series/$BASE/bench")
	[ "$_of" = "$version" ] ||
		say STALE "figures of $_of in series/$BASE/bench and docs/cost.md: make bench BASE=$BASE; and by hand in series/$BASE/cover-letter"
}

# texts: what else names the older release.
texts() {
	_name=${VERSION%%-*}
	[ "$_name" != "${version%%-*}" ] || _name=$VERSION
	find README.md docs "series/$BASE/cover-letter" -type f -exec grep -HnwF -e "$_name" {} + 2>/dev/null |
		grep -vE "Linux [^ ]*, gcc" | cut -c1-110 >"$new.texts" || :
	[ ! -s "$new.texts" ] || say STALE "these name $_name, to be edited once it is tested as they say:"
	sed 's/^/          /' "$new.texts"
}

[ -z "$KERNEL" ] || die 2 "a point release is one of the packaged base: leave KERNEL out"
[ -n "$(patches)" ] || die 2 "series/$BASE has no patches"
lib/deps.sh tree package
lock
need_store
version=$(UPDATE=1 flock build/pkg.lock kernel/fetch.sh)
unset UPDATE
if at_least "$VERSION" "$version"; then
	say NEWEST "series/$BASE is on $PACKAGE $VERSION, and there is none that is newer"
	exit
fi
keep_work "series/$BASE goes from $VERSION to $version"

release=$(kernel/release.sh "$version")
why=$(kernel/tree.sh --apply "$release" 2>&1 >/dev/null) ||
	die 2 "${why#tree: }; nothing was changed. To mend it: make tree BASE=$BASE UPDATE=1 takes the release in; \
in build/tree/$BASE, git rebase --onto refs/base/$BASE HEAD~$(patches | wc -l); make export and make rebase BASE=$BASE"
LAB_RELEASE=$version kernel/source.sh
kernel/tree.sh
code=0
proof/run.sh || code=$?
[ "$code" -eq 0 ] || die "$code" "no verdict as series/$BASE/red has it on $PACKAGE $version (above): series/$BASE is still as on $VERSION"
# Whoever edits the tree while it is tried exports that first.
keep_work "series/$BASE was tried as it was before"

mkdir -p build/rebase
sed "s/^VERSION=.*/VERSION=$version/
	s/^SHA256=.*/SHA256=$(sha256sum <"$(archive_of "$version")" | cut -d' ' -f1)/
	s/^TREE=.*/TREE=$(store rev-parse "refs/base/$ID^{tree}")/" "series/$BASE/base" >"$new"
kernel/export.sh --base "$new"
figures
texts
say REBASED "series/$BASE from $VERSION to $version; git diff series/$BASE shows it"
