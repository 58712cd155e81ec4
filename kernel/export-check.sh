# SPDX-License-Identifier: GPL-2.0-only
# export-check.sh - export.sh --check: the round trip from the series to a tree and back, on the release that series/$BASE/base
# names and on the one that the base is.
# Sourced by export.sh; uses its format, compare, release and new.
# shellcheck disable=SC2034 # how is for export.sh

# essence PATCH: what it has in common with itself on another release: all above the diff, and the diff's id. That is git
# patch-id --stable, but for blanks, which it would not look at.
essence() {
	sed '/^diff --git /,$d' "$1"
	g patch-id --verbatim <"$1" | cut -d' ' -f1 | grep . || echo "$1 has no id"
}

alike() { [ "$(essence "$1")" = "$(essence "$2")" ]; }

differs() {
	die 1 "series/$BASE is not what its own commits give on $PACKAGE $1, in the files above: make tree export BASE=$BASE"
}

# check: sets how to what is true of the round trip.
check() {
	tip=$(kernel/tree.sh --apply)
	have=$(base_release)
	format "refs/base/$ID" "$tip"
	if [ "$have" = "$VERSION" ]; then
		compare cmp -s || differs "$have"
		how="byte for byte"
		return
	fi
	say NOTE "the base is $PACKAGE $have, series/$BASE was written on $VERSION"
	compare alike || differs "$have"
	how="equal by patch-id on $have"
	if ! flock build/pkg.lock kernel/fetch.sh --pinned 2>"$new.err"; then
		say NOTE "bytes were not compared: $(sed 's/^[^ ]* //' "$new.err")"
		return
	fi
	cat "$new.err"
	pinned=$(kernel/release.sh "$VERSION")
	tip=$(kernel/tree.sh --apply "$pinned")
	format "$pinned" "$tip"
	compare cmp -s || differs "$VERSION"
	how="byte for byte on $VERSION, $how"
}
