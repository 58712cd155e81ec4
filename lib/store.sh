# SPDX-License-Identifier: GPL-2.0-only
# store.sh - build/git, the object store of all bases, its worktrees, and what the series files give in it.
# Sourced by lib.sh; most of it needs the base of need_base.
# shellcheck disable=SC2154 # BASE, ID and VERSION: set by need_base

# g ARGS...: git without anybody's configuration and with a fixed committer: same input, same bytes and ids.
g() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_OPTIONAL_LOCKS=0 LC_ALL=C \
	GIT_AUTHOR_NAME=lab GIT_AUTHOR_EMAIL=lab@localhost GIT_AUTHOR_DATE=2000-01-01T00:00:00Z \
	GIT_COMMITTER_NAME=lab GIT_COMMITTER_EMAIL=lab@localhost GIT_COMMITTER_DATE=2000-01-01T00:00:00Z \
		git -c core.hooksPath=/dev/null -c advice.detachedHead=false "$@"
}

# For git fetch and clone by g: at the other end, somebody else's folder perhaps, the user's own settings count, safe.directory above
# all.
# shellcheck disable=SC2034 # for source.sh and fresh.sh
upload_pack='env -u GIT_CONFIG_GLOBAL -u GIT_CONFIG_SYSTEM git-upload-pack'

# store ARGS...: g on the object store of all bases.
store() { g --git-dir=build/git "$@"; }

# id_of NAME: the commit that NAME is in the store, or nothing.
id_of() { store rev-parse -q --verify "$1^{commit}" || :; }

# base_release: the release of the package that the store has as the base, or nothing.
base_release() {
	store log -1 --format=%s "refs/base/$ID" -- 2>/dev/null | cut -d' ' -f2
}

# at_least A B: true if a version of Debian's is B or newer; sort sees them as dpkg does, and is everywhere.
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# archive_of VERSION: where that version's source is kept: Debian's package of it or, of a kernel that no release of Debian has, the
# source as it was released, out of Debian's source package "linux".
archive_of() {
	case $PACKAGE in
	linux) echo "build/pkg/linux_$1.orig.tar.xz" ;;
	*) echo "build/pkg/${PACKAGE}_${1}_all.deb" ;;
	esac
}

# source_in ARCHIVE: the kernel's source as a tar archive, in a folder of its own.
source_in() {
	case $1 in
	*.orig.tar.xz) cat "$1" ;;
	*)
		if command -v dpkg-deb >/dev/null; then
			dpkg-deb --fsys-tarfile "$1"
		else
			ar p "$1" data.tar.xz | xz -T0 -dc
		fi | tar -xOf - --wildcards './usr/src/*.tar.xz' ;;
	esac | xz -T0 -dc
}

# will_do RELEASE: true if the series does not ask for a newer one, nor UPDATE for the newest.
will_do() { [ -n "$1" ] && [ -z "${UPDATE:-}" ] && at_least "$1" "$VERSION"; }

# worktrees ARGS...: git worktree on the store, one at a time, as check.sh imports bases side by side.
worktrees() { (flock 8; store worktree "$@") 8>build/git/worktrees.lock; }

# need_store: makes build/git, or mends its worktrees' links when the repository was moved or copied.
need_store() {
	if [ ! -d build/git ]; then
		rm -rf build/git.tmp
		mkdir -p build
		g init -q --bare --template= -b none build/git.tmp
		g --git-dir=build/git.tmp config gc.auto 0
		mv build/git.tmp build/git
	fi
	# Bare is the store alone; in the configuration that its worktrees share, spdxcheck.py takes them for bare, too.
	if g config -f build/git/config core.bare >/dev/null; then
		store config extensions.worktreeConfig true
		store config --worktree core.bare true
		g config -f build/git/config --unset core.bare
	fi
	# Not by git worktree repair, which would have the store that a copy was made of mended to look at the copy.
	for _w in build/src/* build/tree/* build/stock/*/src; do
		[ -f "$_w/.git" ] || continue
		_gd=$PWD/build/git/worktrees/$(sed 's|.*/||' "$_w/.git")
		if [ -d "$_gd" ] && [ "$(cat "$_w/.git")" != "gitdir: $_gd" ]; then
			echo "gitdir: $_gd" >"$_w/.git"
			echo "$PWD/$_w/.git" >"$_gd/gitdir"
		fi
	done
}

# new_worktree DIR COMMIT: an empty linked worktree at COMMIT in place of whatever DIR was.
new_worktree() {
	rm -rf "$1"
	worktrees prune
	# Forced twice: an interrupted add leaves its entry locked.
	worktrees add -q -f -f --no-checkout --detach "$1" "$2"
}

# publish DIR: the worktree DIR.tmp, now that it is complete, gets its name.
publish() {
	rm -rf "$1"
	worktrees prune
	worktrees move "$1.tmp" "$1"
}

# make_tree DIR COMMIT: the user's tree DIR, a new worktree on branch series/$ID.
make_tree() {
	new_worktree "$1.tmp" "$2"
	g -C "$1.tmp" checkout -q -f -B "series/$ID"
	publish "$1"
}

# others DIR [-z]: untracked files, ignored or not (Debian's .gitignore hides every new one); editors' own excepted.
others() { g -C "$1" ls-files --others -x '*~' -x '.*.sw?' -x '.#*' -x '#*#' ${2:+"$2"}; }

# dirty DIR: true if the worktree holds what no commit has.
dirty() { [ -n "$(g -C "$1" status --porcelain -uno; others "$1")" ]; }

# in_pick DIR: true while a cherry-pick waits for somebody.
in_pick() {
	g -C "$1" rev-parse -q --verify CHERRY_PICK_HEAD >/dev/null || [ -d "$(g -C "$1" rev-parse --absolute-git-dir)/sequencer" ]
}

# mid_rebase DIR: true in the middle of a rebase, am or cherry-pick.
mid_rebase() {
	_gd=$(g -C "$1" rev-parse --absolute-git-dir)
	[ -d "$_gd/rebase-merge" ] || [ -d "$_gd/rebase-apply" ] || in_pick "$1"
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
newest_source() {
	for _b in series/*/base; do
		_b=${_b%/base}
		[ ! -d "build/src/${_b#series/}" ] || echo "build/src/${_b#series/}"
	done | sort -V | tail -n 1
}

# older: what a tree of the user's may lack, one file a line.
older() {
	[ -z "$KERNEL" ] || find series/older "series/$BASE/older" -name '*.patch' 2>/dev/null | sort
}

# patches: the series' patch files, one a line; nothing when there are none. LAB_SERIES: another folder that has them.
patches() { find "${LAB_SERIES:-series/$BASE}" -name '[0-9]*.patch' | sort; }

# has_signs COMMIT SIGNS: true if all these lines of a file "there" are found in it.
has_signs() {
	printf '%s\n' "$2" | while read -r _ _path _sign; do
		store grep -qE -e "$_sign" "$1" -- "$_path" || exit 1
	done
}

# selftests_of COMMIT: the folder below tools/testing/selftests/kvm that has those for x86 there: x86, or x86_64 up to 6.13.
selftests_of() {
	if store cat-file -e "$1:tools/testing/selftests/kvm/x86" 2>/dev/null; then
		echo x86
	else
		echo x86_64
	fi
}

# series_key: a hash of the base and of every patch; equal keys mean that nothing is to be applied anew.
series_key() {
	{ id_of "refs/base/$ID"; find "series/$BASE" -name there -exec cat {} +; { older; patches; } | xargs -r cat; } | sha256sum | cut -d' ' -f1
}

# is_applied: neither the series files nor the base have changed since what is in refs/applied/$ID.
is_applied() {
	[ "$(cat "build/git/applied-$ID" 2>/dev/null)" = "$(series_key 2>/dev/null)" ]
}

# record COMMIT: what the series files stand for now, in refs/applied/$ID and beside it.
record() {
	store update-ref "refs/applied/$ID" "$1"
	series_key >"build/git/applied-$ID.tmp"
	mv "build/git/applied-$ID.tmp" "build/git/applied-$ID"
}
