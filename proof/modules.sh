#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# modules.sh - KVM's modules with the series, for a host that runs Debian's kernel RELEASE, in build/modules/RELEASE; or the same
# as a live patch, in build/livepatch/RELEASE.
# Usage: [RELEASE=6.12.117+deb12-amd64 | BASE=6.12 FLAVOUR=amd64] [TRY=1] proof/modules.sh [--live]
#   RELEASE  as uname -r says it there; without it and FLAVOUR, what it says here
#   TRY  installs them, and removes them again, in a guest with that kernel (modules-try.sh)
# With them comes the script that installs and removes them there.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
if [ -z "${STOCK:-}" ]; then
	[ -n "${FLAVOUR:-}" ] || export RELEASE="${RELEASE:-$(uname -r)}"
	exec kernel/stock.sh proof/modules.sh "$@"
fi
need_base
. guest/vm.sh
what=modules install=./install
case ${1:-} in --live) what=livepatch install='./install --live' ;; esac
dest=build/$what/$STOCK

lock
need_snapshot
rm -rf "$dest.tmp"
mkdir -p "$dest.tmp"
if [ "$what" = livepatch ]; then
	kernel/build.sh livepatch
	cp "$out/livepatch/nsvm-eventinj.ko" "$dest.tmp/"
else
	LAB_MODULES=1 kernel/build.sh patched
	while read -r ko; do
		cp "$out/patched/$ko" "$dest.tmp/"
	done <"$out/patched/rebuilt"
fi
cp proof/modules/install.sh "$dest.tmp/install"
rm -rf "$dest"
mv "$dest.tmp" "$dest"
say MODULES "$dest: copy it to the host, and there, as root: $install  (docs/modules.md)"
[ -z "${TRY:-}" ] || exec proof/modules-try.sh $what
