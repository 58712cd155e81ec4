# SPDX-License-Identifier: GPL-2.0-only
# apt.sh - $PACKAGE by apt: from the system's state, or from one of our own under build/pkg/apt, as long as $private is set;
# and where this machine's mirror is, which has no name in this repository.
# Sourced after need_base.
private=''

# apt TOOL ARGS...: apt-get or apt-cache, on the private state once there is one.
apt() {
	_tool=$1
	shift
	if [ -n "$private" ]; then
		set -- -o Dir::Etc::sourcelist="$private/sources.list" -o Dir::Etc::sourceparts=- \
			-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
			-o Dir::State::lists="$private/lists" -o Dir::Cache="$private/cache" \
			-o Acquire::Languages=none "$@"
	fi
	LC_ALL=C "$_tool" -o APT::Sandbox::User="$(id -un)" "$@"
}

# lists_empty: true on a machine on which apt-get update never ran.
lists_empty() {
	_lists=$(apt-config shell _l Dir::State::lists/d | cut -d"'" -f2)
	[ -z "$(find "$_lists" -maxdepth 1 -name '*_Packages*' 2>/dev/null)" ]
}

# update_lists: apt's, by root, on a machine that has none.
update_lists() { [ "$(id -u)" = 0 ] && lists_empty && apt-get -q update; }

# download PACKAGE VERSION: into build/pkg when it is complete, so that no half file is ever taken for a whole one.
download() {
	rm -rf build/pkg/new
	mkdir -p build/pkg/new
	(cd build/pkg/new && apt apt-get -q download "$1=$2") || return 1
	set -- "$1 $2" build/pkg/new/*.deb
	_is=$(dpkg-deb -W --showformat '${Package} ${Version}' "$2")
	[ "$_is" = "$1" ] || { echo "asked for $1, apt gives $_is"; return 1; }
	mv "$2" build/pkg/
}

# is_pinned: true if the file in build/pkg is the one that the series was written on.
is_pinned() { echo "$SHA256  $(archive_of "$VERSION")" | sha256sum -c --status 2>/dev/null; }

# mirror SUITE: the address of the Debian archive (or of its security part) that this machine is set up for. Where it is set up
# for no security suite, as after a bare debootstrap, that part is looked for beside the archive, where mirrors have it.
mirror() {
	apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)' 'Created-By: Packages' |
		sort -r | awk -F'|' -v suite="$1" '
		function security(s) { return s ~ /-security$/ }
		!($1 == "Debian" || $1 == "") || $2 != "main" || $4 ~ /^cdrom:/ { next }
		security($3) { if (!beside) beside = $4; next }
		$3 !~ /[-\/]/ && !archive { archive = $4 }
		END {
			if (!beside && archive) { beside = archive; sub(/\/*$/, "-security/", beside) }
			print security(suite) ? beside : archive
		}'
}

# keyring: the file of Debian's own keys, or nothing.
keyring() { find /usr/share/keyrings -name 'debian-archive-keyring.*' | sort | head -n 1; }

# sources SUITE...: a line of sources.list for each, signed by Debian's own keys.
sources() {
	_key=$(keyring)
	for _suite; do
		_uri=$(mirror "$_suite")
		[ -n "$_uri" ] || { echo "no Debian mirror in this machine's apt sources" >&2; return 1; }
		echo "deb ${_key:+[signed-by=$_key] }$_uri $_suite main"
	done
}

# open_private [deb-src]: the apt state of our own, with $SUITE and nothing else; with its source packages, too.
open_private() {
	_line=$(sources "$SUITE") || return 1
	[ -z "${1:-}" ] || _line=$(echo "$_line" | sed "p; s/^deb /$1 /")
	private=$PWD/build/pkg/apt
	mkdir -p "$private/lists/partial" "$private/cache/archives/partial"
	echo "$_line" >"$private/sources.list"
	apt apt-get -q -o APT::Update::Error-Mode=any update
}

# releases: the cloud kernels of $BASE that apt knows, as uname -r says them, whose source it has in the same version; newest last.
releases() {
	apt apt-cache dumpavail | awk -v base="$BASE." -v sources="$(apt apt-cache madison "$PACKAGE" | cut -d'|' -f2 | paste -sd ' ')" '
		BEGIN { n = split(sources, s); while (n) have[s[n--]] }
		/^Package: / { name = $2; sub(/^linux-image-/, "", name); sub(/-unsigned$/, "", name) }
		/^Version: / && index(name, base) == 1 && name ~ /-cloud-amd64$/ && $2 in have { print $2, name }' | sort -uV | cut -d' ' -f2
}

# debian SUITE FOLDER PACKAGE,...: a bare system of that release, from this machine's own mirror and keys, with these packages.
debian() {
	debootstrap --variant=minbase --include="$3" --keyring="$(keyring)" "$1" "$2" "$(mirror "$1")"
}
