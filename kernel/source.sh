#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# source.sh - the pristine base: refs/base/$ID in build/git and its worktree build/src/$ID.
# Usage: [BASE=6.12] [KERNEL=/linux] [UPDATE=1] [FORCE=1] kernel/source.sh
# The base is the newest point release of Debian's package when it is first needed, and stays until
# series/$BASE/base asks for a newer one or UPDATE=1 does; with KERNEL it is that git tree's HEAD.
# LAB_RELEASE: the release to take, if the caller has it in build/pkg.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
# shellcheck disable=SC2046 # a word, or none
lib/deps.sh tree $([ -n "$KERNEL" ] || will_do "$(base_release)" || echo package)
lock

src=build/src/$ID
ref=refs/base/$ID

# import: the package becomes a commit with nothing of today in it, and its unpacked files the worktree: all but those of
# kernel/source.exclude, which would be two thirds of it.
import() {
	none=$(store commit-tree -m none "$(store mktree </dev/null)")
	new_worktree "$src.tmp" "$none"
	_top=$PACKAGE
	[ "$_top" != linux ] || _top=linux-$version
	sed -n "/^[^#]/s|^|$_top/|p" kernel/source.exclude >"$src.exclude"
	source_in "$(archive_of "$version")" |
		tar -xf - -C "$src.tmp" --strip-components=1 --anchored --exclude-from="$src.exclude"
	rm "$src.exclude"
	# Threshold 1 makes one pack of it all, not 30,000 files; -f for Debian's .gitignore, which hides them all.
	g -C "$src.tmp" -c core.bigFileThreshold=1 -c core.compression=1 add -f .
	imported=$(g -C "$src.tmp" write-tree)
	if [ "$version" = "$VERSION" ] && [ "$imported" != "$TREE" ]; then
		die 3 "the imported tree is $imported, series/$BASE/base says $TREE"
	fi
	commit=$(store commit-tree -m "$PACKAGE $version" "$imported")
	g -C "$src.tmp" update-ref --no-deref HEAD "$commit"
	store update-ref "$ref" "$commit"
	publish "$src"
}

checkout() {
	new_worktree "$src.tmp" "$ref"
	g -C "$src.tmp" reset -q --hard
	publish "$src"
}

# from_package: the base out of Debian's package, unless the one that is there will do.
from_package() {
	have=$(base_release)
	[ -n "${LAB_RELEASE:-}" ] || ! will_do "$have" || return 0
	version=${LAB_RELEASE:-$(flock build/pkg.lock kernel/fetch.sh)}
	[ "$have" != "$version" ] || return 0
	[ -z "$have" ] || keep_work "$PACKAGE goes from $have to $version"
	stage IMPORT "$PACKAGE $version" import
}

# from_kernel: fetches the HEAD of the user's tree, which is only ever read.
from_kernel() {
	export GIT_OPTIONAL_LOCKS=0
	# git's reason may be that the tree is another user's.
	kernel=$(LC_ALL=C git -C "$KERNEL" rev-parse --show-toplevel 2>build/kernel.err) ||
		die 2 "KERNEL=$KERNEL is no git work tree to use: $(sed -n '1s/^fatal: //p' build/kernel.err)"
	head=$(git -C "$kernel" rev-parse -q --verify HEAD) || die 2 "KERNEL=$KERNEL has no commit"
	git -C "$kernel" cat-file -e "$head:arch/x86/kvm/svm/nested.c" 2>/dev/null ||
		die 2 "KERNEL=$KERNEL is no Linux tree: its HEAD has no arch/x86/kvm/svm/nested.c"
	[ -z "$(git -C "$kernel" status --porcelain -uno)" ] ||
		die 2 "KERNEL=$KERNEL has changes that no commit holds, and its HEAD is what is tested: commit or stash them"
	have=$(id_of "$ref")
	[ "$have" != "$head" ] || return 0
	[ -z "$have" ] || keep_work "the HEAD of $KERNEL has moved"
	# A shallow fetch of a commit that the store has would cut off that commit's history here.
	if [ -n "$(id_of "$head")" ]; then
		store update-ref "$ref" "$head"
		return
	fi
	stage FETCH "HEAD of $KERNEL" store fetch -q --no-tags --depth=1 --no-auto-maintenance \
		--upload-pack "$upload_pack" "file://$kernel" "+HEAD:$ref"
}

need_store
if [ -n "$KERNEL" ]; then
	from_kernel
else
	from_package
fi
[ -e "$src/Makefile" ] || stage SOURCE "$src" checkout
