# SPDX-License-Identifier: GPL-2.0-only
# kbuild.sh - the kernel's own build of kernels, headers and selftests, as the lab has it.
# Sourced by lib.sh; reads DEBUG, KERNEL, and BASE and ID of need_base.

# gcc takes a tenth less time if it does not track where a macro's tokens come from. The code is the same, but
# warnings that spare macros then no longer do: not for DEBUG=1, where a warning of any file is an error (6.1 has one in
# kernel/workqueue.c), nor for a tree that nobody has tried it on.
[ -n "${DEBUG:-}${KERNEL:-}" ] || export KCFLAGS=-ftrack-macro-expansion=0

# kbuild SRC OBJ ARGUMENT...: make in that tree, with Debian's python: another may come first, and start slowly for every file.
# What a compiler that is newer than a tree of the user's has to say of its own tools, objtool above all, is no error.
kbuild() {
	_src=$1 _obj=$2
	shift 2
	[ ! -x /usr/bin/python3 ] || set -- PYTHON3=/usr/bin/python3 "$@"
	[ -z "$KERNEL" ] || set -- WERROR=0 HOSTCFLAGS=-Wno-error "$@"
	make -C "$_src" O="$_obj" -j"$(nproc)" "$@"
}

# series_objects BASE TIP: the objects of KVM's C files that the series touches between these commits, one a line; there are some.
series_objects() {
	_objects=$(store diff --name-only "$1" "$2" -- 'arch/x86/kvm/*.c' | sed 's/\.c$/.o/')
	[ -n "$_objects" ] || die 2 "series/$BASE touches no C file of KVM"
	echo "$_objects"
}

# changes_all_of_kvm BASE TIP: false if nothing but kvm-amd.ko can differ between these commits: outside of its folder, headers get
# new names for numbers only, and KVM's own whole inline functions. make send-check compares what is built.
changes_all_of_kvm() {
	# All of it where git cannot tell.
	_diff=$(store diff -U0 "$1" "$2" -- include virt arch/x86 ':!arch/x86/kvm/svm' ':!arch/x86/kvm/*.h') || return 0
	_inlines=$(store diff -U0 "$1" "$2" -- 'arch/x86/kvm/*.h' ':!arch/x86/kvm/svm') || return 0
	echo "$_diff" | grep '^[-+]' |
		grep -qvE '^(---|\+\+\+) [ab]/|^\+$|^\+#define [A-Z0-9_]+[[:space:]]+([0-9]+|\([ 0-9*+]+\) /\*.*\*/)$' ||
		echo "$_inlines" | awk '/^(---|\+\+\+) [ab]\// { next } /^-/ { other = 1 } /^@@/ { inside = 0 }
			/^\+static (__always_)?inline / { inside = 1 } /^\+}$/ { inside = 0; next }
			/^\+(\/\*| \*|$)/ { next } /^\+/ && !inside { other = 1 } END { exit !other }'
}

# For sed: warnings stay warnings, or a compiler that is newer than the tree would not get past the base's.
# shellcheck disable=SC2034 # for build.sh, steps.sh and static.sh
no_werror='s/^\(CONFIG_KVM_WERROR\)=y/# \1 is not set/'

# known SRC: options on standard input as the fragment has them, less those that a tree of the user's does not know.
known() {
	while IFS= read -r _option; do
		_n=${_option#CONFIG_}
		[ -n "$KERNEL" ] && ! g -C "$1" grep -qE "^(menu)?config ${_n%%=*}\$" -- '*Kconfig*' || echo "$_option"
	done
}

# configure: allnoconfig and the options on standard input, in $obj, by the caller's kmake. One that is lost is an error, but not
# one that series/$BASE/base names in LACKS (KVM_X+KVM_Y), as that tree does not know it.
# shellcheck disable=SC2154 # obj, src: the caller's
configure() {
	mkdir -p "$obj"
	cat >"$obj/fragment.new"
	! cmp -s "$obj/fragment.new" "$obj/fragment" || return 0
	kmake KCONFIG_ALLCONFIG="$obj/fragment.new" allnoconfig || return
	_lost=$(grep '^CONFIG_' "$obj/fragment.new" | grep -vxF -f "$obj/.config" |
		grep -vxE "CONFIG_($(echo "${LACKS:-none}" | tr + '|'))=.*" | known "$src" || :)
	[ -z "$_lost" ] || { echo "Kconfig does not give what $obj/fragment.new asks for:" "$_lost"; return 1; }
	mv "$obj/fragment.new" "$obj/fragment"
}

# make_selftests ARGUMENT...: KVM's selftests out of build/src/$ID, static, into build/obj/$ID/selftests, or $SELFTESTS_OUT; with
# the headers that kbuild's "make headers" has left in build/obj/$ID, and without debugging information, which would be stripped.
# An absolute name of a program makes that alone.
make_selftests() {
	make -s -C "build/src/$ID/tools/testing/selftests/kvm" -j"$(nproc)" ARCH=x86 \
		OUTPUT="${SELFTESTS_OUT:-$PWD/build/obj/$ID/selftests}" \
		KHDR_INCLUDES="-isystem $PWD/build/obj/$ID/usr/include" LDFLAGS=-static EXTRA_CFLAGS=-g0 "$@"
}

# strict_test ARGUMENT...: the series' own, with -Werror, which the library that it needs is spared.
strict_test() {
	_own=${SELFTESTS_OUT:-$PWD/build/obj/$ID/selftests}/$(selftests_of "$(g -C "build/src/$ID" rev-parse HEAD)")/svm_nested_event_inj_test
	mkdir -p "${_own%/*}"
	make_selftests "$@" "$_own"
	rm -f "$_own" "$_own.o"
	make_selftests "$@" EXTRA_CFLAGS='-g0 -Werror' "$_own"
}
