# SPDX-License-Identifier: GPL-2.0-only
# apply.sh - the series files as commits on a base, or on a tree that has a part of them, aside from everybody's work.
# Sourced after need_base; sets on, the commit to apply to, for who wants another to change.

on=refs/base/$ID
aside=build/apply/$ID
kvm_tests=tools/testing/selftests/kvm

# sparse ARGS...: g in the worktree aside, which has only the files that the series touches.
sparse() { g -C "$aside" -c core.sparseCheckout=true -c core.sparseCheckoutCone=false "$@"; }

drop_aside() {
	rm -rf "$aside" "$aside.moved"
	worktrees prune
}

# there PATCH [COMMIT]: true if $on, or that commit, has what the patch is for, in whatever shape: all that the file "there" beside
# it says is found. Only a tree of the user's is asked, the packaged base is known to need every patch.
there() { [ -n "$KERNEL" ] && _signs=$(signs_of "$1") && has_signs "${2:-$on}" "$_signs"; }

# unfit PATCH: true if $on is no tree for it.
unfit() { [ -n "$KERNEL" ] && _signs=$(signs_of "$1" -) && ! has_signs "$on" "$_signs"; }

# left: the patches that $on needs, one a line.
left() {
	for _p in $(older) $(patches); do
		there "$_p" || echo "$_p"
	done
}

# moved PATCH: it, or a copy that puts the selftest where $on has them, x86/ since 6.14, and its neighbours in a Makefile.
moved() {
	if ! grep -q "^+++ b/$kvm_tests/x86_64/" "$1" || [ "$(selftests_of "$on")" = x86_64 ]; then
		echo "$1"
		return
	fi
	_copy=$PWD/$aside.moved/${1##*/}
	mkdir -p "${_copy%/*}"
	_test=$(sed -n "s,^+++ b/$kvm_tests/x86_64/\(.*\)\.c\$,\1,p" "$1")
	_listed="TEST_GEN_PROGS_x86 += x86/svm_nested_soft_inject_test"
	_at=$(store grep -n "^$_listed\$" "$on" -- "$kvm_tests/Makefile*" | sed 's/^[^:]*://; s/:[^:]*$//')
	sed "s,$kvm_tests/x86_64/,$kvm_tests/x86/,g" "$1" | awk -v makefile="a/${_at:+$kvm_tests/Makefile}" '
		/^diff --git / { skip = $3 == makefile } !skip' >"$_copy"
	if [ -n "$_at" ] && grep -q "^+++ b/$kvm_tests/Makefile" "$1"; then
		_file=${_at%:*} _line=${_at#*:}
		printf '%s\n' "diff --git a/$_file b/$_file" "--- a/$_file" "+++ b/$_file" "@@ -$_line,1 +$_line,2 @@" \
			"+TEST_GEN_PROGS_x86 += x86/$_test" " $_listed" >>"$_copy"
	fi
	echo "$_copy"
}

# am_way PATCH OPTION: git am in one way.
am_way() {
	sparse am "$2" --committer-date-is-author-date "$(moved "$PWD/$1")" >"$log.one" 2>&1 || {
		cat "$log.one" >>"$log"
		sparse am --abort >>"$log" 2>&1
		return 1
	}
}

# blobs PATCH: true if the store has the files on which it was written; if not, once, from the package and the patches before it.
blobs() {
	_lacks=$(sed -n 's/^index \([0-9a-f]*[1-9a-f][0-9a-f]*\)\.\..*/\1/p' "$1" | while read -r _blob; do
		store cat-file -e "$_blob" 2>/dev/null || echo "$_blob"
	done)
	[ -n "$_lacks" ] || return 0
	[ -z "$asked" ] || return 1
	asked=yes
	env KERNEL='' LAB_ID='' sh -c 'flock build/pkg.lock kernel/fetch.sh --pinned &&
		kernel/tree.sh --apply "$(kernel/release.sh "$1")"' sh "$VERSION" >>"$log" 2>&1 || :
	blobs "$1"
}

# am PATCH: plain, as a three-way merge would hide that a patch was written on something else; on a tree of the user's by a
# three-way merge where that fails, which is said.
am() {
	! am_way "$1" --no-3way || return 0
	why=$(sed -n 's/^error: //p' "$log.one" | head -n 1)
	# The hunk as the patch has it names the function.
	_at=$(echo "$why" | sed -n 's/^patch failed: .*:\([0-9]*\)$/\1/p')
	[ -z "$_at" ] || why="$why ($(grep -m 1 "^@@ -${_at}[, ]" "$1"))"
	case $1 in */older/*) return 1 ;; esac
	[ -n "$KERNEL" ] || return 1
	blobs "$1" || { why="$why; no three-way merge without the files of $PACKAGE $VERSION"; return 1; }
	am_way "$1" --3way || { why="$why, and in a three-way merge: $(grep -m 1 '^CONFLICT\|^error: ' "$log.one")"; return 1; }
	say NOTE "$ID  $1 goes in by a three-way merge: $(sed -n 's/^Auto-merging //p' "$log.one" | paste -sd ' ' -)" >&2
}

# optional PATCH: true if a tree is mended without it: tests, documentation, and what ALONE of series/$BASE/base names (0014+0015).
optional() {
	_n=${1##*/}
	case "+$ALONE+$KERNEL" in *"+${_n%%-*}+"?*) return 0 ;; esac
	[ -n "$KERNEL" ] && ! grep -qE '^\+\+\+ b/(arch|virt|include)/' "$1"
}

# without PATCH: one that is optional is left out; of the selftest all is, as what is left of it would not be what red speaks of.
without() {
	say NOTE "$ID  $1 is left out: $why" >&2
	grep -q "^+++ b/$kvm_tests/" "$1" || return 0
	no_tests=yes
	[ -z "$before_tests" ] || sparse reset -q --hard "$before_tests"
}

# apply: sets applied to the commit that the series files give; touches nobody's files. Where a patch of a tree of the user's is to be
# merged by hand, calls $by_hand, if that is set, with it and with all that follow.
apply() {
	log=$PWD/build/log/$ID-am.log asked='' no_tests='' before_tests=''
	mkdir -p build/log
	: >"$log"
	[ -n "$(patches)" ] || die 2 "series/$BASE has no patches"
	_left=$(left)
	new_worktree "$aside" "$on"
	_gd=$(sparse rev-parse --absolute-git-dir)
	mkdir -p "$_gd/info"
	{
		echo "/$kvm_tests/Makefile*"
		for _patch in $_left; do
			sed -n 's|^diff --git a/\(.*\) b/\(.*\)|/\1\n/\2|p' "$(moved "$_patch")"
		done
	} | sort -u >"$_gd/info/sparse-checkout"
	sparse read-tree -m -u HEAD
	fronted=$on
	for _patch in $(older) $(patches); do
		if there "$_patch" "$fronted"; then
			# Not if one in front has just done it.
			case $_patch in */older/*) ;; *) ! there "$_patch" || say NOTE "$ID  $_patch is passed over: $KERNEL has what it is for" >&2 ;; esac
			continue
		fi
		if unfit "$_patch"; then
			say NOTE "$ID  $_patch is passed over: $KERNEL has not what it tests" >&2
			continue
		fi
		if grep -q "^+++ b/$kvm_tests/" "$_patch"; then
			[ -z "$no_tests" ] || continue
			before_tests=${before_tests:-$(sparse rev-parse HEAD)}
		fi
		if am "$_patch"; then
			case $_patch in
			*/older/*)
				fronted=$(sparse rev-parse HEAD)
				say NOTE "$ID  $_patch goes in front: $KERNEL lacks it" >&2
				;;
			esac
		elif optional "$_patch"; then
			without "$_patch"
		else
			_why="$_patch does not apply to ${KERNEL:-$(store log -1 --format=%s "$on")}: ${why:-see $log}"
			[ -z "${by_hand:-}" ] || "$by_hand" "$_patch"
			drop_aside
			die 2 "$_why"
		fi
	done
	# shellcheck disable=SC2034 # for the caller
	applied=$(sparse rev-parse HEAD)
	drop_aside
}
