# SPDX-License-Identifier: GPL-2.0-only
# stock-livepatch.sh - kernel/livepatch for Debian's kernel $STOCK: which functions it replaces, and the module.
# Sourced by stock-build.sh.

# code FILE: its functions, one a line, without what moves when others grow: addresses, and places among strings and data.
code() {
	objdump -dr --no-show-raw-insn "$1" | awk '
		/^[0-9a-f]+ <.*>:$/ { if (name) print name, code; name = substr($2, 2, length($2) - 3); code = ""; next }
		name && NF {
			sub(/^[ \t]*[0-9a-f]+:[ \t]*/, "")
			gsub(/ +[0-9a-f]+ </, " <")
			gsub(/<[^>]*\.cold[^>]*>/, "<cold>")
			gsub(/[ \t]\.(rodata|text|data|bss|LC)[A-Za-z0-9._]*([-+]0x[0-9a-f]+)?/, " .")
			code = code ";" $0
		}
		END { print name, code }' | sort
}

compare() {
	sources
	make_modules "$stock/src/arch/x86/kvm" kvm-amd.ko
}

# choose: functions, those whose code the series changes; all of them, so that none calls another that does not take what it is
# given. What gcc has taken out of one goes with it.
choose() {
	mkdir -p "$stock/livepatch"
	for _m in kvm kvm-amd; do
		plain "$(file_of "$_m")" >"$stock/livepatch/$_m.shipped"
	done
	code "$stock/livepatch/kvm-amd.shipped" >"$stock/livepatch/code"
	nm "$stock/livepatch/kvm-amd.shipped" >"$stock/livepatch/names"
	functions=$(code "$stock/src/arch/x86/kvm/kvm-amd.ko" | comm -13 "$stock/livepatch/code" - | cut -d' ' -f1 |
		sed 's/\.\(cold\|part\)\(\.[0-9]*\)\{0,1\}$//' | sort -u | while read -r _f; do
		! grep -qE " [tT] ${_f%%.*}(\.|\$)" "$stock/livepatch/names" || echo "$_f"
	done)
	[ -n "$functions" ] || die 2 "$STOCK: the series changes no function of its kvm-amd.ko"
	for _f in $functions; do
		case $(grep -c " [tT] $_f\$" "$stock/livepatch/names").$(nm "$stock/src/arch/x86/kvm/svm/nested.o" | grep -c " [tT] $_f\$") in
		1.1) ;;
		*) die 2 "$STOCK: $_f of its kvm-amd.ko would have to be replaced, and is inlined, split, or not nested.c's: make modules RELEASE=$STOCK" ;;
		esac
	done
}

# private: the symbols that the live patch asks for and that are not for every module, as MODULE.SYMBOL.
private() {
	awk 'NR == FNR { if ($5 !~ /^module:/) exported[$2]; next } $1 == "U" && !($2 in exported) { print $2 }' \
		"$headers/Module.symvers" - | while read -r _s; do
		for _m in kvm-amd kvm; do
			! nm "$stock/livepatch/$_m.shipped" | grep -q "^[0-9a-f]* [A-Za-z] $_s\$" || { echo "$_m.$_s" | tr - _; break; }
		done
	done
}

livepatch() {
	cp -u kernel/livepatch/* "$stock/livepatch/"
	_id=$(readelf -n "$stock/livepatch/kvm-amd.shipped" | sed -n 's/.*Build ID: *//p' | sed 's/../\\x&/g')
	[ -n "$_id" ] || { echo "kvm-amd.ko of $STOCK has no build-id"; return 1; }
	{
		# shellcheck disable=SC2086 # one word a function
		echo "#define FUNCTIONS $(printf 'FUNCTION(%s) ' $functions)"
		echo "#define BUILD_ID \"$_id\""
	} >"$stock/livepatch/made.h"
	gcc -O2 -Wall -Wextra -Werror -o "$stock/livepatch/relocs" kernel/livepatch/relocs.c -lelf
	# modpost does not know what relocs is for.
	KBUILD_MODPOST_WARN=1 make_modules "$stock/livepatch" nsvm-eventinj.ko CONFIG_MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS=y
	strip -g -o "$out.tmp/nsvm-eventinj.ko" "$stock/livepatch/nsvm-eventinj.ko"
	# A copy of a variable would not be kvm_amd's.
	_twice=$(nm "$out.tmp/nsvm-eventinj.ko" | sed -n '/ __/d; s/.*\( [bBdD] .*\)/\1$/p' | grep -f - "$stock/livepatch/names" || :)
	[ -z "$_twice" ] || { echo "the live patch would have its own $_twice"; return 1; }
	nm -u "$out.tmp/nsvm-eventinj.ko" | private | xargs "$stock/livepatch/relocs" "$out.tmp/nsvm-eventinj.ko" kvm_amd
}
