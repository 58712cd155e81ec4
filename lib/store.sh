# SPDX-License-Identifier: GPL-2.0-only
# store.sh - build/git, the object store of all bases, and its worktrees.
# Sourced by lib.sh; most of it needs the base of need_base.

# g ARGS...: git without anybody's configuration and with a fixed committer: same input, same bytes and ids.
g() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_OPTIONAL_LOCKS=0 LC_ALL=C \
	GIT_AUTHOR_NAME=lab GIT_AUTHOR_EMAIL=lab@localhost GIT_AUTHOR_DATE=2000-01-01T00:00:00Z \
	GIT_COMMITTER_NAME=lab GIT_COMMITTER_EMAIL=lab@localhost GIT_COMMITTER_DATE=2000-01-01T00:00:00Z \
		git -c core.hooksPath=/dev/null -c advice.detachedHead=false "$@"
}

# For git fetch and clone by g: at the other end, which may be another's folder, the user's settings count (safe.directory).
# shellcheck disable=SC2034 # for source.sh and fresh.sh
upload_pack='env -u GIT_CONFIG_GLOBAL -u GIT_CONFIG_SYSTEM git-upload-pack'

store() { g --git-dir=build/git "$@"; }

# id_of NAME: the commit that NAME is in the store, or nothing.
id_of() { store rev-parse -q --verify "$1^{commit}" || :; }

# base_release: the release of the package that the store has as the base, or nothing.
base_release() { store log -1 --format=%s "refs/base/$ID" -- 2>/dev/null | cut -d' ' -f2; }

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
		# Bare is the store alone; in the configuration that its worktrees share, spdxcheck.py takes them for bare, too.
		g --git-dir=build/git.tmp config extensions.worktreeConfig true
		g --git-dir=build/git.tmp config --worktree core.bare true
		g config -f build/git.tmp/config --unset core.bare
		mv build/git.tmp build/git
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
