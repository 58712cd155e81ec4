# SPDX-License-Identifier: GPL-2.0-only
# tests-release.sh - the cases of tests.sh for the release of the kernel: a package of another name.
# Sourced by tests.sh in its small world, at its end: every case begins with a lab that has nothing yet.
# shellcheck shell=sh
# shellcheck disable=SC2154 # t, linux and deb: set by tests.sh and tests-setup.sh

# afresh: a lab that has no package; the series is as it was.
afresh() {
	rm -rf build/git build/src build/tree build/export build/saved build/pkg series/1.0
	mkdir build/pkg
	cp -r "$t/series.good" series/1.0
}

export MIRROR="$t/mirror" CANDIDATE=1.0-1
package linux-source-1.01 1.01-1 "$MIRROR"
cp -r series/1.0 "$t/series.good"

afresh
# other_name COMMAND...: where apt has no linux-source-1.0, but finds another package that has this in its name.
other_name() {
	env ANSWERS=linux-source-1.01 CANDIDATE=1.01-1 "$@"
}
expect 3 "no linux-source-1.0 from this machine's Debian mirror" "apt answers for a package of another name" other_name scripts/tree.sh
expect 3 "no linux-source-1.0 from this machine's Debian mirror" "apt downloads a package of another name" \
	env GIVES=linux-source-1.01 CANDIDATE=1.01-1 scripts/tree.sh
afresh
cp "$t/deb.good" "$deb"
expect 0 "1 patches on linux-source-1.0 1.0-1 " "another name, and the right package at hand" other_name scripts/tree.sh
expect 3 "^deps: UPDATE apt's lists failed" "deps where apt answers for another name" \
	env PATH="$t/root:$PATH" ANSWERS=qemu-system-misc scripts/deps.sh run

# Of a machine that is set up for no security suite.
sed s/SUITE=none/SUITE=none-security/ series/1.0/base >series/bad/base
expect 0 "^deb .*copy:$MIRROR-security/ none-security main$" "no security suite in apt's sources" env BASE=bad scripts/fetch.sh --sources
