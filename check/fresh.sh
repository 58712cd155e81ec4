#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# fresh.sh - the README's commands on a bare Debian: debootstrap's minbase and make, nothing else. Needs root.
# Usage: [SUITE=bookworm|trixie] [BASE=6.12] check/fresh.sh [--compile | --boot | COMMAND...]
#   without SUITE  both, one after the other
#   COMMAND        this one alone, on what the last run has left in lab/; "check/first.sh COMMAND" in a copy without that
#   --compile      what make check has time for, on the release that this machine is not: the lab's programs, and the selftests
#                  of all bases with -Werror
#   --boot         what follows there, in the same root/: all that check.sh boots, for the base whose kernel only that release has
# build/fresh/SUITE has bare/ (as debootstrap made it, from this machine's own mirror and keys), root/ (a new copy of it for each
# command, so that it has the packages of its own groups in deps.sh and no others), debs/ (what apt has downloaded) and lab/
# (a clone of this repository with a build/ of its own). A command's mounts and processes end with it.
# Prints "ok - ..." or "not ok - ..." for each; 1 if there is any of the latter.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
suites=${SUITE:-bookworm trixie}
need_base
. lib/apt.sh
. check/bare.sh
ID=fresh
code=0

# try WHAT COMMAND...: a line of result; what the command has skipped, its notes and its totals; its end if it fails.
try() {
	_what=$1 _t=$(tenths) _rc=0
	_log=build/log/fresh-$suite-$(echo "$1" | tr -cs '[:alnum:].\n' '-').log
	shift
	inside "$@" >"$_log" 2>&1 </dev/null || _rc=$?
	grep -E '^  (NOTE|FETCH|INSTALL|IMPORT|KERNEL|MODULES|TESTS|BOOT|TRY) |^[0-9]+ passed|# SKIP|^PASS' "$_log" | sed 's/^ */#   /' || :
	[ "$_rc" -eq 0 ] || { tail -n 100 "$_log" | sed 's/^/#   /'; _what="$_what: exit $_rc; all of its output: $_log"; }
	result "$_rc" "$suite: $_what  $(took "$_t")"
}

# compile: whatever that release's compiler warns about is found, on all bases.
compile() {
	try "lab's programs, selftests of all bases with -Werror" sh -euc '
		lib/deps.sh tree build
		make -s -C guest OUT="$PWD/build/programs"
		make -s -C judge OUT="$PWD/build/programs"
		for base in series/*/base; do
			base=${base%/base}
			export BASE="${base#series/}"
			kernel/tree.sh
			kernel/build.sh strict-tests
		done'
}

# boot: with that release's compiler, QEMU and kernel. All results are shown.
boot() {
	_bases=$(elsewhere | paste -sd ' ' -)
	# shellcheck disable=SC2086 # a list
	try "all boots of $_bases" check/check.sh --boots $_bases
	grep -E '^(not )?ok ' "$_log" || :
}

# all: README's two commands, and each of the others as the first one in a clone, with its own packages only.
all() {
	try "make check" make check
	for _base in $(kernels_of "$suite"); do
		try "make modules BASE=$_base, the newest two" check/first.sh --modules 2 "$_base"
	done
	try "make run_tests in a bare Debian" check/first.sh env BASE="$BASE" kernel/stock.sh proof/run-tests.sh
	not_debian
	try "deps.sh shell" sh -euc 'lib/deps.sh shell; busybox true'
	while read -r _command; do
		# shellcheck disable=SC2086 # a list
		try "make $_command" check/first.sh make $_command
	done <<-EOT
		run BASE=$BASE
		$(kernels_of "$suite" | sed 's/\([^ ]*\) */stock BASE=\1\nmodules TRY=1 FLAVOUR=cloud-amd64 BASE=\1\nlivepatch TRY=1 FLAVOUR=cloud-amd64 BASE=\1\n/g')
		stock FLAVOUR=amd64 BASE=$BASE
		stock ACCEL=bochs BASE=$BASE
		tree export BASE=$BASE
		port FROM=6.12 BASE=6.1 PATCH=0001
		rebase BASE=6.1
		lint BASE=$BASE
		compare
		send-check BASE=$BASE
		quilt BASE=$BASE
		probe
		probe BOOT=1 BASE=$BASE
		caps STOCK=1 BASE=$BASE
		migrate STOCK=1 BASE=$BASE
		nested STOCK=1 BASE=$BASE
		nested L1=xen BASE=$BASE
		mutants STOCK=1 BASE=$BASE MUTANTS=vector-9
		fuzz STOCK=1 BASE=$BASE COUNT=20000
	EOT
}

# not_debian: with the tools, and neither dpkg nor apt.
not_debian() {
	try "make tree, lint, export, probe, run KERNEL= without dpkg and apt" sh -euc '
		lib/deps.sh tree package build run check
		make tree BASE=6.12
		check/tests-kernel.sh /tmp/linux
		rm -r /usr/bin/dpkg* /usr/bin/apt* /usr/lib/apt /var/lib/dpkg
		make tree lint export probe BASE=6.12
		make run BASE=6.12 KERNEL=/tmp/linux'
}

case $suites in
bookworm | trixie | 'bookworm trixie') ;;
*) die 2 "SUITE=$suites: bookworm or trixie, or neither for both" ;;
esac
what=all
case ${1:-} in
--compile | --boot)
	what=${1#--}
	suites=$(other_release)
	;;
?*) what=again ;;
esac
[ -z "$KERNEL" ] || die 2 "a bare system has no tree of yours: leave KERNEL out"
can_mount || die 3 "a bare system takes root and the right to mount: sudo make fresh"
need_debian "make fresh"
lib/deps.sh tree package fresh
mkdir -p build/log build/pkg
[ -z "$(git status --porcelain -uno)" ] || say NOTE "a clone has what is committed, and not your changes"
for suite in $suites; do
	dir=$PWD/build/fresh/$suite
	mkdir -p "$dir"
	# Not lock(): for an hour, nothing of the other commands' is touched.
	exec 7>"$dir/lock"
	flock -n 7 || die 2 "another make fresh runs in $dir"
	if [ "$what" = boot ]; then
		[ -d "$dir/root" ] || die 2 "there is no $dir/root: fresh.sh --compile makes it"
	else
		[ -d "$dir/bare" ] || stage BARE "$suite, by debootstrap" bare
		clone
	fi
	case $what in
	again) try "$*" "$@" ;;
	*) $what ;;
	esac
	# A root/ that is left is the next one's.
	[ "$what" = compile ] || rm -rf "$dir/root"
done
exit $code
