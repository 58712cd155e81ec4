#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# fetch.sh - Debian's kernel source package into build/pkg; the last line on stdout is its version.
# Usage: BASE=6.12 scripts/fetch.sh [--sources]    (called by source.sh)
#   --sources  prints the line of sources.list for $SUITE on the machine's mirror, and fetches nothing
# Asks the system's apt first, then an apt state of our own under build/pkg/apt that knows one suite more
# of the machine's own mirror. The system's sources stay as they are; signatures are checked on both ways.

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need_base
log=build/log/$ID-fetch.log
private=''
version=''
any=''

# apt TOOL ARGS...: apt-get or apt-cache, on the private state once there is one.
apt() {
	_tool=$1
	shift
	set -- -o APT::Sandbox::User="$(id -un)" "$@"
	if [ -n "$private" ]; then
		set -- -o Dir::Etc::sourcelist="$private/sources.list" -o Dir::Etc::sourceparts=- \
			-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
			-o Dir::State::lists="$private/lists" -o Dir::Cache="$private/cache" \
			-o Acquire::Languages=none "$@"
	fi
	LC_ALL=C "$_tool" "$@"
}

# deb_of VERSION: where that version's package file is kept.
deb_of() {
	echo "build/pkg/${PACKAGE}_${1}_all.deb"
}

# download VERSION: renamed when complete, so that no half file is ever taken for a whole one.
download() {
	rm -rf build/pkg/new
	mkdir -p build/pkg/new
	(cd build/pkg/new && apt apt-get -q download "$PACKAGE=$1") || return 1
	set -- "$1" build/pkg/new/*.deb
	# shellcheck disable=SC2016 # dpkg-deb expands these
	_is=$(dpkg-deb -W --showformat '${Package} ${Version}' "$2")
	[ "$_is" = "$PACKAGE $1" ] || { echo "asked for $PACKAGE $1, apt gives $_is"; return 1; }
	mv "$2" "$(deb_of "$1")"
}

# try WHERE: sets version to the newest that apt knows and has its file in build/pkg; false if apt cannot, or knows
# none that is as new as what the series was written on. With $any, an older one will do.
try() {
	from=$1
	version=$(apt apt-cache policy "$PACKAGE" 2>/dev/null | candidate "$PACKAGE")
	[ -n "$version" ] || return 1
	[ -n "$any" ] || dpkg --compare-versions "$version" ge "$VERSION" || return 1
	if [ -f "$(deb_of "$version")" ]; then
		from="build/pkg, fetched earlier"
	else
		download "$version" >>"$log" 2>&1
	fi
}

# lists_empty: true on a machine on which apt-get update never ran.
lists_empty() {
	_lists=$(apt-config shell _l Dir::State::lists/d | cut -d"'" -f2)
	[ -z "$(find "$_lists" -maxdepth 1 -name '*_Packages*' 2>/dev/null)" ]
}

# mirror: the address of the Debian archive (or of its security part) that this machine is set up for.
mirror() {
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)' 'Created-By: Packages' |
		sort -r | awk -F'|' -v suite="$SUITE" '
		function security(s) { return s ~ /-security$/ }
		($1 == "Debian" || $1 == "") && $2 == "main" && $4 !~ /^cdrom:/ &&
		(security(suite) ? security($3) : $3 !~ /[-\/]/) { print $4; exit }'
}

# sources: the line for $SUITE, signed by Debian's own keys.
sources() {
	_uri=$(mirror)
	[ -n "$_uri" ] || { echo "no Debian mirror in this machine's apt sources" >&2; return 1; }
	_key=$(find /usr/share/keyrings -name 'debian-archive-keyring.*' | sort | head -n 1)
	echo "deb ${_key:+[signed-by=$_key] }$_uri $SUITE main"
}

# open_private: the apt state of our own, with $SUITE and nothing else.
open_private() {
	_line=$(sources) || return 1
	private=$PWD/build/pkg/apt
	mkdir -p "$private/lists/partial" "$private/cache/archives/partial"
	echo "$_line" >"$private/sources.list"
	apt apt-get -q -o APT::Update::Error-Mode=any update
}

# clear_line: takes the "..." line off a terminal.
clear_line() {
	[ ! -t 2 ] || printf '\r\033[K' >&2
}

if [ "${1:-}" = --sources ]; then
	sources
	exit
fi
mkdir -p build/log build/pkg
: >"$log"
t=$(tenths)
[ ! -t 2 ] || printf '  FETCH   %s ...' "$PACKAGE" >&2
if [ -z "${UPDATE:-}" ] && try "apt"; then
	:
elif [ "$(id -u)" = 0 ] && { [ -n "${UPDATE:-}$version" ] || lists_empty; } && apt-get -q update >>"$log" 2>&1 &&
     try "apt, after an update"; then
	:
elif open_private >>"$log" 2>&1 && try "$SUITE, by an apt state of our own"; then
	:
elif private='' any=1 && try "apt"; then
	:
else
	clear_line
	version=$(find build/pkg -maxdepth 1 -name "${PACKAGE}_*_all.deb" | sort -V | tail -n 1 | cut -d_ -f2)
	[ -n "$version" ] || {
		tail -n 20 "$log" >&2
		die 3 "no $PACKAGE from this machine's Debian mirror (log: $log). Is the network up? \
A kernel git tree of yours does as well: KERNEL=/path/to/linux"
	}
	from="build/pkg, for the mirror does not give it now"
fi
clear_line

# The series' own version must be the very file that the series was written on.
if [ "$version" != "$VERSION" ]; then
	say NOTE "$PACKAGE is $version here, the series was written on $VERSION" >&2
elif ! echo "$SHA256  $(deb_of "$version")" | sha256sum -c --status; then
	rm -f "$(deb_of "$version")"
	die 3 "$PACKAGE $version is not the file that series/$BASE/base names (sha256); removed it, run again"
fi
say FETCH "$PACKAGE $version from $from  $(took "$t")" >&2
echo "$version"
