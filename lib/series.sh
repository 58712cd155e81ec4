# SPDX-License-Identifier: GPL-2.0-only
# series.sh - the chosen base, the files of its series, what they give in the store, and the work in its tree.
# Sourced by lib.sh; all but nearest and need_base needs the base of need_base.

# nearest: the base for the release that the Makefile of KERNEL names, by SERVES_FROM of each; nothing if there is none.
nearest() {
	_is=$(git -C "$KERNEL" show HEAD:Makefile 2>/dev/null | sed -n 's/^\(VERSION\|PATCHLEVEL\) = //p' | paste -sd . -)
	for _file in series/*/base; do
		_from=$(sed -n 's/^SERVES_FROM=//p' "$_file")
		[ -z "$_from" ] || ! at_least "$_is" "$_from" || echo "$_from $_file"
	done | sort -V | tail -n 1 | cut -d/ -f2
}

# need_base: reads and checks series/$BASE/base; sets ID (the base's name under build/) and VARIANT with it.
need_base() {
	KERNEL=${KERNEL:-}
	if [ -n "$KERNEL" ] && [ -z "${BASE:-}" ]; then
		BASE=$(nearest)
		[ -z "$BASE" ] || say NOTE "BASE=$BASE, which is nearest to the $(git -C "$KERNEL" show HEAD:Makefile |
			sed -n 's/^\(VERSION\|PATCHLEVEL\|SUBLEVEL\) = //p' | paste -sd . -) of $KERNEL" >&2
	fi
	BASE=${BASE:-6.12}
	_file=series/$BASE/base
	case $BASE in
	*/* | .*) _file= ;;
	esac
	[ -f "$_file" ] ||
		die 2 "no base '$BASE'; there is BASE=$(find series -maxdepth 2 -name base 2>/dev/null | sort -V | cut -d/ -f2 | paste -sd '|' -)"
	! grep -nvE '^(#.*|[A-Z0-9_]+=[A-Za-z0-9._~+/-]+|)$' "$_file" >&2 ||
		die 2 "$_file: the lines above are not KEY=value"
	# shellcheck disable=SC2034 # the scripts that source this use them
	PACKAGE='' VERSION='' SHA256='' SUITE='' TREE='' STANDS_FOR='' LACKS='' ALLOW='' ALONE='' DEBUG_IMAGE=''
	# shellcheck source=/dev/null
	. "./$_file"
	for _key in PACKAGE VERSION SHA256 SUITE TREE STANDS_FOR; do
		eval "[ -n \"\$$_key\" ]" || die 2 "$_file: $_key is missing"
	done
	# Another source of the same base, for a kernel of Debian's that is made of it, has a place of its own.
	ID=${LAB_ID:-$BASE${KERNEL:+-kernel}}
	# What the kernels are built and booted as; trees and tests do not differ.
	# shellcheck disable=SC2034 # as above
	VARIANT=$ID${STOCK:+-$STOCK}${DEBUG:+-debug}
	export BASE KERNEL
}

# has_work: true if build/tree/$ID holds work that series/$BASE does not.
has_work() {
	_w=build/tree/$ID
	[ -e "$_w/.git" ] || return 1
	mid_rebase "$_w" || dirty "$_w" || [ "$(g -C "$_w" rev-parse HEAD)" != "$(id_of "refs/applied/$ID")" ]
}

# keep_work WHY: a base that changes under unexported work would cut that off from its series.
keep_work() {
	if [ -z "${FORCE:-}" ] && has_work; then
		_out="make tree BASE=$BASE${KERNEL:+ KERNEL=$KERNEL} FORCE=1, which saves it under refs/saved/ first"
		[ "$ID" != "$BASE" ] || _out="make export BASE=$BASE, or $_out"
		die 2 "$1, but build/tree/$ID holds work that no series file has: $_out"
	fi
}

# newest_source: the folder of the newest base that is unpacked, whose checkpatch judges the patches of all.
newest_source() { find build/src -maxdepth 1 | grep -xE 'build/src/[0-9.]+' | sort -V | tail -n 1; }

# older: what a tree of the user's may lack, one file a line.
older() {
	[ -z "$KERNEL" ] || find series/older "series/$BASE/older" -name '*.patch' 2>/dev/null | sort
}

# patches: the series' patch files, one a line; nothing when there are none. LAB_SERIES: another folder that has them.
patches() { find "${LAB_SERIES:-series/$BASE}" -name '[0-9]*.patch' | sort; }

# signs_of PATCH [-]: the lines of the file "there" beside it that show what it is for; with the minus, what it wants of a tree.
signs_of() {
	_n=${1##*/}
	grep -e "^${2:-}${_n%%-*} " "${1%/*}/there" 2>/dev/null
}

# has_signs COMMIT SIGNS: true if all these lines of a file "there" are found in it.
has_signs() {
	printf '%s\n' "$2" | while read -r _ _path _sign; do
		store grep -qE -e "$_sign" "$1" -- "$_path" || exit 1
	done
}

# selftests_of COMMIT: the folder below tools/testing/selftests/kvm that has those for x86 there: x86, or x86_64 up to 6.13.
selftests_of() {
	! store cat-file -e "$1:tools/testing/selftests/kvm/x86" 2>/dev/null || { echo x86; return; }
	echo x86_64
}

# series_key: a hash of the base and of every patch; equal keys mean that nothing is to be applied anew.
series_key() {
	{ id_of "refs/base/$ID"; find "series/$BASE" -name there -exec cat {} +; { older; patches; } | xargs -r cat; } | sha256sum | cut -d' ' -f1
}

# is_applied: neither the series files nor the base have changed since what is in refs/applied/$ID.
is_applied() { [ "$(cat "build/git/applied-$ID" 2>/dev/null)" = "$(series_key 2>/dev/null)" ]; }

# record COMMIT: what the series files stand for now, in refs/applied/$ID and beside it.
record() {
	store update-ref "refs/applied/$ID" "$1"
	series_key >"build/git/applied-$ID.tmp"
	mv "build/git/applied-$ID.tmp" "build/git/applied-$ID"
}
