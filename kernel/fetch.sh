#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# fetch.sh - Debian's kernel source package into build/pkg; the last line on stdout is its version.
# Usage: BASE=6.12 kernel/fetch.sh [--pinned]
#   --pinned  the very package that the series was written on, whatever is the newest; 3 if it is not to be had
# Asks the system's apt first, then an apt state of our own under build/pkg/apt that knows one suite more of the machine's own
# mirror, and for --pinned the mirror's pool, which keeps a file for longer than the lists name it. The system's sources stay as
# they are. apt checks signatures; of the pool's file, as of every one of that version, the hash is that in series/$BASE/base.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
. lib/apt.sh
mkdir -p build/log build/pkg
log=build/log/$ID-fetch.log version='' any='' t=$(tenths)

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

# from_pool: Debian's source package is linux or, for the kernel of another release of Debian, linux-6.12.
from_pool() {
	_name=$(archive_of "$VERSION")
	_name=${_name##*/}
	rm -rf build/pkg/new
	mkdir -p build/pkg/new
	for _pool in "$(mirror any-security)|pool/updates/main" "$(mirror any)|pool/main"; do
		for _source in linux "$(echo "$PACKAGE" | sed 's/-source//')"; do
			[ -n "${_pool%%|*}" ] || continue
			PATH=$PATH:/usr/lib/apt apt apt-helper download-file "${_pool%%|*}${_pool#*|}/l/$_source/$_name" \
				"build/pkg/new/$_name" "SHA256:$SHA256" || continue
			mv "build/pkg/new/$_name" "$(archive_of "$VERSION")"
			return
		done
	done
	return 1
}

# pinned: sets from to where it came from. The source package "linux" has one version, and no list of the mirror's has it.
pinned() {
	if [ "$PACKAGE" != linux ]; then
		from=apt
		! { download "$PACKAGE" "$VERSION" && is_pinned; } || return 0
		from="$SUITE, by an apt state of our own"
		! { open_private && download "$PACKAGE" "$VERSION" && is_pinned; } || return 0
	fi
	private='' from="the pool of the mirror"
	from_pool && is_pinned
}

if [ "${1:-}" = --pinned ] || [ "$PACKAGE" = linux ]; then
	if ! is_pinned; then
		log=build/log/$ID-pinned.log
		need_debian "To compare bytes on $PACKAGE $VERSION"
		pinned >"$log" 2>&1 || die 3 "$PACKAGE $VERSION, on which series/$BASE was written, is neither in build/pkg \
nor to be had from the mirror (log: $log)"
		say FETCH "$PACKAGE $VERSION from $from  $(took "$t")" >&2
	fi
	[ -n "${1:-}" ] || echo "$VERSION"
	exit
fi
: >"$log"
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
