#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# release.sh - a release of the package as a commit of only those files that the series touches; prints it.
# Usage: BASE=6.12 kernel/release.sh VERSION    (called by export.sh and rebase.sh)
# Whether the series applies there, and what its patches look like there to the byte, takes no more, and no second import of
# a whole tree. Needs the package in build/pkg.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
version=${1:-}
dir=$PWD/build/release/$ID
ref=refs/release/$ID

# touched: the files that the series finds in the base, that is all that it touches but for those that it makes.
touched() {
	patches | xargs sed -n '/^--- \/dev\/null/{n; s|^+++ b/||p}' | sort -u >"$dir/made"
	patches | xargs sed -n 's|^--- a/||p' | sort -u | comm -23 - "$dir/made"
}

# extract: those files become a commit whose message says what it was made of.
extract() {
	source_in "$archive" |
		tar -xf - -C "$dir/tree" --strip-components=1 --wildcards --no-wildcards-match-slash -T "$dir/files"
	GIT_INDEX_FILE=$dir/index store --work-tree="$dir/tree" add -f "$dir/tree"
	store commit-tree -F "$dir/message" "$(GIT_INDEX_FILE=$dir/index store write-tree)" >"$dir/commit"
	store update-ref "$ref" "$(cat "$dir/commit")"
}

archive=$(archive_of "$version")
[ -f "$archive" ] || die 2 "usage: kernel/release.sh VERSION; there is no $archive"
lock
need_store
rm -rf "$dir"
mkdir -p "$dir/tree"
touched | sed 's|^|*/|' >"$dir/files"
{ printf '%s %s\n\n' "$PACKAGE" "$version"; sha256sum <"$archive"; cat "$dir/files"; } >"$dir/message"
if [ "$(store log -1 --format=%B "$ref" -- 2>/dev/null)" != "$(cat "$dir/message")" ]; then
	stage RELEASE "$PACKAGE $version, the files that the series touches" extract >&2
fi
rm -rf "$dir"
id_of "$ref"
