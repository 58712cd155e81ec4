#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# clean.sh - removes build/ but for the downloaded packages; refuses while a tree holds unexported work.
# Usage: [FORCE=1] scripts/clean.sh

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
[ -d build ] || exit 0
lock
for tree in build/tree/*; do
	[ -e "$tree/.git" ] || continue
	ID=${tree##*/} BASE=${ID%-kernel}
	if [ -z "${FORCE:-}" ] && has_work; then
		die 2 "$tree holds work that series/$BASE does not: make export BASE=$BASE, or make clean FORCE=1"
	fi
done
find build -mindepth 1 -maxdepth 1 ! -name pkg ! -name lock -exec rm -rf {} +
