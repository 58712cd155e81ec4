#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# fetch.sh - Debian's kernel source package into build/pkg; the last line on stdout is its version.
# Usage: BASE=6.12 kernel/fetch.sh    (called by source.sh and rebase.sh)
# Asks the system's apt first, then an apt state of our own under build/pkg/apt that knows one suite more
# of the machine's own mirror. The system's sources stay as they are; signatures are checked on both ways.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
. lib/apt.sh
log=build/log/$ID-fetch.log
version=''
any=''

# try WHERE: sets version to the newest that apt knows and has its file in build/pkg; false if apt cannot, or knows
# none that is as new as what the series was written on. With $any, an older one will do.
try() {
	from=$1
	version=$(apt apt-cache policy "$PACKAGE" 2>/dev/null | candidate "$PACKAGE")
	[ -n "$version" ] || return 1
	[ -n "$any" ] || at_least "$version" "$VERSION" || return 1
	if [ -f "$(archive_of "$version")" ]; then
		from="build/pkg, fetched earlier"
	else
		download "$PACKAGE" "$version" >>"$log" 2>&1
	fi
}

# ways: the system's apt, where root may update its lists; the apt state of our own; and what is older than it should be.
ways() {
	{ [ -z "${UPDATE:-}" ] && try "apt"; } ||
		{ [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && { [ -n "${UPDATE:-}$version" ] || lists_empty; } &&
			apt-get -q update >>"$log" 2>&1 && try "apt, after an update"; } ||
		{ open_private >>"$log" 2>&1 && try "$SUITE, by an apt state of our own"; } ||
		{ private='' any=1 && try "apt"; }
}

# The source package has one version that is looked for by name, as no list of the mirror's has it.
if [ "$PACKAGE" = linux ]; then
	kernel/pinned.sh >&2
	echo "$VERSION"
	exit
fi
mkdir -p build/log build/pkg
: >"$log"
t=$(tenths)
ways || {
	version=$(find build/pkg -maxdepth 1 -name "${PACKAGE}_*_all.deb" | sort -V | tail -n 1 | cut -d_ -f2)
	[ -n "$version" ] || {
		need_debian "BASE=$BASE without KERNEL"
		tail -n 20 "$log" >&2
		die 3 "no $PACKAGE from this machine's Debian mirror (log: $log). Is the network up? \
A kernel git tree of yours does as well: KERNEL=/path/to/linux"
	}
	from="build/pkg, for the mirror does not give it now"
}

# The series' own version must be the very file that the series was written on.
if [ "$version" != "$VERSION" ]; then
	say NOTE "$PACKAGE is $version here, the series was written on $VERSION" >&2
elif ! is_pinned; then
	rm -f "$(archive_of "$version")"
	die 3 "$PACKAGE $version is not the file that series/$BASE/base names (sha256); removed it, run again"
fi
say FETCH "$PACKAGE $version from $from  $(took "$t")" >&2
echo "$version"
