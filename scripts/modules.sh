#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# modules.sh - KVM's modules with the series, for a host that runs Debian's kernel $STOCK, in build/modules/$STOCK.
# Usage: STOCK=RELEASE [TRY=1] scripts/modules.sh    (called by stock.sh --modules, which has fetched what it takes)
#   TRY  installs them, and removes them again, in a guest with that kernel (modules-try.sh)
# With them comes the script that installs and removes them there.

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need_base
# shellcheck source=scripts/vm.sh
. scripts/vm.sh
dest=build/modules/$STOCK

lock
need_snapshot
export LAB_MODULES=1
scripts/build.sh patched
rm -rf "$dest"
mkdir -p "$dest"
while read -r ko; do
	cp "$out/patched/$ko" "$dest/"
done <"$out/patched/rebuilt"
cp lab/modules-install.sh "$dest/install"
say MODULES "$dest: copy it to the host, and there, as root: ./install  (docs/modules.md)"
[ -z "${TRY:-}" ] || exec scripts/modules-try.sh
