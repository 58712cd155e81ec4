# SPDX-License-Identifier: GPL-2.0-only
# image.sh - the initramfs of a guest: init, KVM's modules, the tests and programs of its suite, and what else a proof wants in it.
# Sourced by vm.sh.

# modules_of base|patched: KVM's modules in the order of their loading; Debian's kvm-amd may depend on more than ours.
modules_of() { cat "$out/$1/order" 2>/dev/null || echo irqbypass.ko kvm.ko kvm-amd.ko; }

# image base|patched NAME [MODULE PARAMETER...]: the initramfs of one kernel in $run/NAME, with another module after KVM's.
# Its tests are those of $run/NAME/suite, or else of $run/suite.
image() {
	root=$run/$2/root _suite=$run/suite
	[ ! -f "$run/$2/suite" ] || _suite=$run/$2/suite
	mkdir -p "$root/modules" "$root/tests"
	cp build/lab/init "$root/init"
	cp "$_suite" "$root/suite"
	cp "$out/$1"/*.ko "$root/modules/"
	for ko in $(modules_of "$1"); do
		[ "$ko" != kvm-amd.ko ] || ko="$ko ${KVM_AMD:-}"
		[ ! -f "$root/modules/${ko%% *}" ] || echo "$ko"
	done >"$root/modules/order"
	shift 2
	if [ $# -gt 0 ]; then
		echo "$*" >>"$root/modules/order"
		# Debian's kernel gets it when first asked for.
		[ -z "${STOCK:-}" ] || { kernel/build.sh caps; cp "$out/caps/caps.ko" "$root/modules/"; }
	fi
	while read -r _ name _; do
		if [ -f "build/lab/$name" ]; then
			cp "build/lab/$name" "$root/tests/"
		else
			cp "$out/tests/$name" "$root/tests/"
		fi
	done <"$_suite"
	[ -z "${shell:-}" ] || add_shell "$root"
	pack "$root" "${root%/root}/initrd"
}

# caps_image base|patched NAME SET: image(), with kernel/caps for a KVM that supports what SET names: none, shstk, sev_es, shstk_sev_es.
caps_image() {
	_set=$3
	set -- "$1" "$2" caps.ko kvm_cpu_caps=@kvm_cpu_caps
	case $_set in *shstk*) set -- "$@" shstk=1 ;; esac
	case $_set in *sev_es*) set -- "$@" sev_es=1 ;; esac
	image "$@"
}

# pack ROOT FILE: the folder as an initramfs, in its place.
pack() {
	mkdir -p "${2%/*}"
	(cd "$1" && find . | sort | cpio --quiet -o -H newc) >"$2"
	rm -rf "$1"
}

# add_program ROOT PROGRAM NAME: the program, by that name in ROOT, and its libraries where the loader looks for them.
add_program() {
	mkdir -p "$(dirname "$1/$3")"
	cp -L "$2" "$1/$3"
	ldd "$2" | awk '/=> \// { print $3 } /^[ \t]*\// { print $1 }' | while read -r _lib; do
		cp -L --parents "$_lib" "$1/"
	done
}

add_shell() {
	add_program "$1" "$(command -v busybox)" bin/busybox 2>/dev/null
	busybox --list | while read -r name; do
		[ "$name" = busybox ] || ln -s busybox "$1/bin/$name"
	done
}
