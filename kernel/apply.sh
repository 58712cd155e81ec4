# SPDX-License-Identifier: GPL-2.0-only
# apply.sh - the series files as commits on a base, or on a tree that has a part of them, aside from everybody's work.
# Sourced after need_base; sets on, the commit to apply to, for who wants another to change.
# shellcheck shell=sh
# shellcheck disable=SC2154 # BASE, ID, KERNEL: set by need_base

on=refs/base/$ID
aside=build/apply/$ID
kvm_tests=tools/testing/selftests/kvm

# sparse ARGS...: g in the worktree aside, which has only the files that the series touches.
sparse() {
	g -C "$aside" -c core.sparseCheckout=true -c core.sparseCheckoutCone=false "$@"
}

drop_aside() {
	rm -rf "$aside" "$aside.moved"
	worktrees prune
}

# there PATCH: true if $on has what the patch is for, in whatever shape: all that series/$BASE/there says of it is found. Only a
# tree of the user's is asked, the packaged base is known to need every patch.
there() {
	_n=${1##*/}
	[ -n "$KERNEL" ] && _signs=$(grep "^${_n%%-*} " "series/$BASE/there" 2>/dev/null) || return 1
	printf "%s\n" "$_signs" | while read -r _ _path _sign; do
		store grep -qE -e "$_sign" "$on" -- "$_path" || exit 1
	done
}

# left: the patches that $on needs, one a line.
left() {
	for _p in $(patches); do
		there "$_p" || echo "$_p"
	done
}

# passed_over FILE: true if $on has what a patch that touches FILE is for.
passed_over() {
	for _p in $(patches); do
		! grep -qF "+++ b/$1" "$_p" || ! there "$_p" || return 0
	done
	return 1
}

# moved PATCH: its name, or that of a copy that puts the selftest where $on has them: in x86/, not x86_64/, since 6.14.
moved() {
	if ! grep -q "^+++ b/$kvm_tests/x86_64/" "$1" || [ "$(selftests_of "$on")" = x86_64 ]; then
		echo "$1"
		return
	fi
	mkdir -p "$aside.moved"
	sed "s,$kvm_tests/x86_64/,$kvm_tests/x86/,g" "$1" >"$aside.moved/${1##*/}"
	echo "$PWD/$aside.moved/${1##*/}"
}

# list_test PATCH: the program of a patch that has moved, in the Makefile that lists its new neighbours.
list_test() {
	_test=$(sed -n "s,^+++ b/$kvm_tests/x86/\(.*\)\.c\$,\1,p" "$1")
	sed -i "s,^TEST_GEN_PROGS_x86 += x86/svm_nested_soft_inject_test\$,TEST_GEN_PROGS_x86 += x86/$_test\n&," "$aside/$kvm_tests"/Makefile*
	grep -q "/$_test\$" "$aside/$kvm_tests"/Makefile* || { echo "error: no Makefile lists svm_nested_soft_inject_test"; return 1; }
	sparse commit -q -a --amend --no-edit
}

# am PATCH: plain, as a three-way merge would hide that a patch was written on something else.
am() {
	_file=$(moved "$PWD/$1") _moved=''
	[ "$_file" = "$PWD/$1" ] || _moved=yes
	sparse am -q --no-3way --committer-date-is-author-date ${_moved:+"--exclude=$kvm_tests/Makefile"} "$_file" >>"$log" 2>&1 || return
	[ -z "$_moved" ] || ! grep -q "^+++ b/$kvm_tests/Makefile" "$_file" || list_test "$_file" >>"$log" 2>&1
}

# apply: sets applied to the commit that the series files give; touches nobody's files.
apply() {
	log=$PWD/build/log/$ID-am.log
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
	for _patch in $(patches); do
		if ! echo "$_left" | grep -qxF "$_patch"; then
			say NOTE "$ID  $_patch is passed over: $KERNEL has what it is for" >&2
			continue
		fi
		am "$_patch" || {
			drop_aside
			_why=$(sed -n 's/^error: //p' "$log" | head -n 1)
			die 2 "$_patch does not apply to ${KERNEL:-$(store log -1 --format=%s "$on")}: ${_why:-see $log}"
		}
	done
	# shellcheck disable=SC2034 # for the caller
	applied=$(sparse rev-parse HEAD)
	drop_aside
}
