# SPDX-License-Identifier: GPL-2.0-only
# stock-packages.sh - which of Debian's kernels is meant, and its packages, by apt, unpacked in $root.
# Sourced by stock.sh after apt.sh.

# pick: "RELEASE VERSION" of the kernel that is asked for, out of apt's records on standard input: by its name, or by $have, the
# version of the source that the lab has.
pick() {
	awk -v release="$RELEASE" -v flavour="-$FLAVOUR" -v have="$have" '
		/^Package: / { name = $2 }
		/^Version: / && name ~ /^linux-image-[0-9]/ {
			r = substr(name, 13)
			sub(/-unsigned$/, "", r)
			tail = substr(r, length(r) - length(flavour) + 1)
			if (release != "" ? r == release : $2 == have && tail == flavour && r !~ ("-(cloud|rt)" flavour "$"))
				found = r " " $2
		}
		END { print found }'
}

# image: the kernel that is asked for: one that is unpacked here, or else out of all that apt knows, which takes a while.
image() {
	find build/stock -mindepth 2 -maxdepth 2 -name version -exec cat {} + 2>/dev/null |
		sed 's/\(.*\) \(.*\)/Package: linux-image-\1\nVersion: \2/' | pick | grep . || apt apt-cache dumpavail | pick
}

# get NAME [VERSION]: that package, in $version unless told, in build/pkg; sets file.
get() {
	set -- "$1" "${2:-$version}"
	file=$(find build/pkg -maxdepth 1 -name "${1}_${2}_*.deb")
	[ -z "$file" ] || return 0
	download "$1" "$2" >>"$log" 2>&1 || return 1
	file=$(find build/pkg -maxdepth 1 -name "${1}_${2}_*.deb")
}

# source_package: the kernel's source in build/pkg. The one that the series was written on is also looked for in the pool.
source_package() {
	[ ! -f "$(archive_of "$version")" ] || return 0
	_t=$(tenths)
	download "$PACKAGE" "$version" >>"$log" 2>&1 || { [ "$version" = "$VERSION" ] && kernel/fetch.sh --pinned 2>>"$log"; } || return
	say FETCH "$PACKAGE $version  $(took "$_t")" >&2
}

# unpack NAME...: these packages, in the root of the kernel.
unpack() {
	for _name; do
		get "$_name" || { echo "no $_name $version from this machine's Debian mirror (log: $log)"; return 1; }
		dpkg-deb -x "$file" "$root"
	done
}

# depends PATTERN: the packages of that name on which $file depends.
depends() {
	dpkg-deb -f "$file" Depends | tr ',|' '\n' | sed -n "s/^ *\($1\)\( .*\)\{0,1\}\$/\1/p" | sort -u
}

# fetch_image: the kernel and its modules, as they would be in /; since 7.0 they are in packages of their own.
fetch_image() {
	rm -rf "$root"
	mkdir -p "$root"
	get "linux-image-$release" || get "linux-image-$release-unsigned"
	dpkg-deb -x "$file" "$root"
	# shellcheck disable=SC2046 # one word a package
	unpack $(depends "linux-[a-z]*-$(echo "$release" | sed 's/[.+]/[&]/g')")
	# In / or, in Debian 13, in /usr; the kernel and its configuration in /boot or, since 7.0, beside the modules.
	for _at in "lib/modules/$release" "usr/lib/modules/$release"; do
		[ ! -d "$root/$_at" ] || ln -sfn "root/$_at" "$dir/modules"
	done
	for _f in config vmlinuz; do
		for _at in "$root/boot/$_f-$release" "$dir/modules/$_f"; do
			[ ! -f "$_at" ] || cp "$_at" "$dir/$_f"
		done
	done
	[ -f "$dir/config" ] || { echo "linux-image-$release has no configuration where others have it"; return 1; }
}

# tools NAME: linux-kbuild. That of 6.1 has no version in its name, so that apt's lists know the newest only. It serves older
# kernels of that name, too: their headers depend on "this version or a newer one".
tools() {
	rm -f "$dir/note"
	if ! get "$1"; then
		_newer=$(apt apt-cache madison "$1" | cut -d'|' -f2 | tr -d ' ' | sort -V | while read -r _v; do
			! dpkg --compare-versions "$_v" gt "$version" || echo "$_v"
		done | head -n 1)
		{ [ -n "$_newer" ] && get "$1" "$_newer"; } ||
			{ echo "no $1 $version, nor a newer one, from this machine's Debian mirror (log: $log)"; return 1; }
		echo "$1 is $_newer: $version is not to be had any more, and its tools serve this kernel as well" >"$dir/note"
	fi
	dpkg-deb -x "$file" "$root"
}

fetch_headers() {
	unpack "linux-headers-$release"
	_kbuild=$(depends 'linux-kbuild-[^ ]*')
	# shellcheck disable=SC2046 # one word a package
	unpack $(depends 'linux-headers-[^ ]*-common[^ ]*')
	tools "$_kbuild"
	echo "$release $version" >"$dir/version"
}
