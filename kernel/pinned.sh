#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# pinned.sh - the very package that the series was written on in build/pkg, whatever is the newest; 3 if it is not to be had.
# Usage: BASE=6.12 kernel/pinned.sh    (called by export.sh)
# Asks apt, an apt state of our own that knows $SUITE, and the mirror's pool, which keeps a file for longer than the lists
# name it. The hash in series/$BASE/base says whether it is the one.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
. lib/apt.sh
log=build/log/$ID-pinned.log

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

# pinned: sets from to where it came from.
pinned() {
	from=''
	! is_pinned || return 0
	from="the pool of the mirror"
	[ "$PACKAGE" != linux ] || { from_pool && is_pinned; return; }
	from=apt
	! { download "$PACKAGE" "$VERSION" && is_pinned; } || return 0
	from="$SUITE, by an apt state of our own"
	! { open_private && download "$PACKAGE" "$VERSION" && is_pinned; } || return 0
	private='' from="the pool of the mirror"
	from_pool && is_pinned
}

is_pinned || need_debian "To compare bytes on $PACKAGE $VERSION"
mkdir -p build/log build/pkg
t=$(tenths)
pinned >"$log" 2>&1 ||
	die 3 "$PACKAGE $VERSION, on which series/$BASE was written, is neither in build/pkg nor to be had from the mirror (log: $log)"
[ -z "$from" ] || say FETCH "$PACKAGE $VERSION from $from  $(took "$t")" >&2
