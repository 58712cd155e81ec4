# SPDX-License-Identifier: GPL-2.0-only
# apt.sh - what this machine's apt knows: the address of its Debian mirror, Debian's keys, and lines of sources.list for
# suites that it does not list itself. No mirror has a name in this repository.
# Sourced by fetch.sh and fresh.sh.
# shellcheck shell=sh

# mirror SUITE: the address of the Debian archive, or of its security part if SUITE is of that.
mirror() {
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)' 'Created-By: Packages' |
		sort -r | awk -F'|' -v suite="$1" '
		function security(s) { return s ~ /-security$/ }
		($1 == "Debian" || $1 == "") && $2 == "main" && $4 !~ /^cdrom:/ &&
		(security(suite) ? security($3) : $3 !~ /[-\/]/) { print $4; exit }'
}

# keyring: the file of Debian's own keys, or nothing.
keyring() {
	find /usr/share/keyrings -name 'debian-archive-keyring.*' | sort | head -n 1
}

# apt_lines SUITE...: a line for each, signed by Debian's own keys.
apt_lines() {
	_key=$(keyring)
	for _suite; do
		_uri=$(mirror "$_suite")
		[ -n "$_uri" ] || { echo "no Debian mirror in this machine's apt sources" >&2; return 1; }
		echo "deb ${_key:+[signed-by=$_key] }$_uri $_suite main"
	done
}
