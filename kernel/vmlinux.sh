# SPDX-License-Identifier: GPL-2.0-only
# vmlinux.sh - the image and the modules of a kernel, for build.sh: what decides whether vmlinux is compiled from the beginning.
# Every file includes cpufeatures.h, to which 6.1's series adds a name. Where that makes no difference to vmlinux, make takes
# the header for old, or it would compile minutes for the same bytes.
# Sourced by build.sh after lib.sh.
# shellcheck disable=SC2154 # ID, src, obj, commit and kmake: build.sh's

cpufeatures=arch/x86/include/asm/cpufeatures.h

# cpufeatures_of_base: true if all that the commit adds to cpufeatures.h are names that KVM alone uses and /proc/cpuinfo does
# not show: to vmlinux it is the base's.
cpufeatures_of_base() {
	_new=$(store diff -U0 "refs/base/$ID" "$commit" -- "$cpufeatures" | sed '1,/^@@/d; /^@@/d')
	_define='^\+#define X86_FEATURE_([A-Z0-9_]+)[[:space:]]+\([ 0-9*+]+\) /\* "" [^*]*\*/$'
	[ -n "$_new" ] && ! echo "$_new" | grep -qvE "$_define" || return
	_names="(X86_FEATURE_)?($(echo "$_new" | sed -nE "s|$_define|\1|p" | paste -sd '|' -))"
	set -- '*.[chS]' ":!$cpufeatures" ':!arch/x86/kvm/' ':!tools/'
	! store diff "refs/base/$ID" "$commit" -- "$@" | grep -qwE "$_names" || return
	# The base is asked once, as it takes seconds to look through it.
	_asked="$(id_of "refs/base/$ID") $_names"
	if [ "$(cat "$obj/unused" 2>/dev/null)" != "$_asked" ]; then
		! store grep -qwE "$_names" "refs/base/$ID" -- "$@" || return
		echo "$_asked" >"$obj/unused"
	fi
}

# build_all IMAGE: that and the modules.
build_all() {
	_was=$(cat "$obj/cpufeatures" 2>/dev/null || :)	# what vmlinux was made of, if that build got to its end
	_is=$(store rev-parse "$commit:$cpufeatures")
	_targets="$1 modules"
	rm -f "$obj/cpufeatures"
	if cpufeatures_of_base; then
		_is=$(store rev-parse "refs/base/$ID:$cpufeatures")
		if [ "$_was" = "$_is" ]; then
			# make does not hand its -o down to the makes that it calls.
			kmake MAKE="make -o $PWD/$src/$cpufeatures" "$1"
			_targets=modules
		fi
	fi
	# shellcheck disable=SC2086 # a list
	kmake $_targets
	echo "$_is" >"$obj/cpufeatures"
}
