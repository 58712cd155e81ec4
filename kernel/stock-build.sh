#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# stock-build.sh - the modules of Debian's kernel $STOCK, out of what stock.sh has unpacked, in build/out/$VARIANT.
# Usage: STOCK=RELEASE kernel/stock-build.sh base|patched|livepatch|mutant|caps    (called by build.sh)
#   base     the image and its modules as shipped
#   patched  the image, and KVM's modules made of what is in build/tree/$ID, with the image's headers, configuration and compiler
#   livepatch  what patched changes of nested.c, as a live patch of the image's kvm-amd
#   mutant   KVM's modules alone, as build.sh has it
#   caps     kernel/caps, for those guests that load it
# LAB_SNAPSHOT: a commit of that tree, if the caller has one. LAB_MODULES: kvm-intel, too, if it is to be rebuilt.
# No kernel is compiled: KVM's two folders go where the headers package would have them in a whole tree.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
what=$1
stock=$PWD/build/stock/$STOCK
root=$stock/root
out=build/out/$VARIANT/$what
modules=$stock/modules
headers=$root/usr/src/linux-headers-$STOCK
. kernel/stock-modules.sh

# make_modules DIR MODULE...: with the flags of the image but for debugging information, which would be stripped.
make_modules() {
	_in=$1
	shift
	sed -i "s@\\([ =]\\)[^ =]*/usr/src/@\\1$root/usr/src/@" "$headers/Makefile"
	KCFLAGS='-g0 -ftrack-macro-expansion=0' make -s -C "$headers" -j"$(nproc)" CONFIG_DEBUG_INFO_BTF_MODULES= M="$_in" "$@"
}

caps() {
	mkdir -p "$stock/caps"
	cp -u kernel/caps/* "$stock/caps/"
	make_modules "$stock/caps" caps.ko
	cp "$stock/caps/caps.ko" "$out.tmp/"
}

# shipped: the kernel in the image, unpacked, as it takes QEMU long to emulate that; kvm-amd; what finds the disk of make nested.
shipped() {
	# Its exit code is 0 even if it finds none, be it for want of a program that unpacks it.
	sh "build/src/$ID/scripts/extract-vmlinux" "$stock/vmlinuz" >"$out.tmp/vmlinux"
	[ -s "$out.tmp/vmlinux" ] || { echo "$stock/vmlinuz cannot be unpacked: $(grep '^CONFIG_KERNEL_[A-Z0-9]*=y' "$stock/config")"; return 1; }
	take "$out.tmp" kvm-amd
	take "$out.tmp/disk" virtio_mmio virtio_blk
}

# sources: KVM's folders of the commit, of which only files that differ are written, and the other headers of the series.
sources() {
	if [ ! -e "$stock/src/.git" ]; then
		new_worktree "$stock/src" "$commit"
		g -C "$stock/src" sparse-checkout set --no-cone /arch/x86/kvm/ /virt/kvm/
	fi
	g -C "$stock/src" checkout -q -f --detach "$commit"
	common=$(readlink -f "$root"/usr/src/linux-headers-*-common*)
	ln -sfn "$stock/src/arch/x86/kvm" "$common/arch/x86/kvm"
	mkdir -p "$common/virt"
	ln -sfn "$stock/src/virt/kvm" "$common/virt/kvm"
	# Those that are newer than the package were another series'.
	{
		store diff --name-only "refs/base/$ID" "$commit" -- include arch/x86/include
		(cd "$common" && find include arch/x86/include -type f -newer "$stock/version")
	} | sort -u | while read -r _h; do
		if ! store show "$commit:$_h" >"$stock/header" 2>/dev/null; then
			rm "$common/$_h"
		elif ! cmp -s "$stock/header" "$common/$_h"; then
			cp "$stock/header" "$common/$_h"
		fi
	done
}

# wanted: the modules to rebuild. All that link to kvm.ko must come from one build if it changes; a verdict needs no kvm-intel.
# LAB_MODULES: all that a host may have.
wanted() {
	if changes_all_of_kvm "refs/base/$ID" "$commit"; then
		echo kvm kvm-amd ${LAB_MODULES:+kvm-intel}
	else
		echo kvm-amd
	fi
}

# rebuild DIR: the modules that are wanted, in DIR; false if they do not build. Called in a condition, where sh drops set -e.
rebuild() {
	for _ko in $(wanted); do
		echo "$_ko.ko"
	done >"$1/rebuilt"
	# shellcheck disable=SC2046 # one word a module
	make_modules "$stock/src/arch/x86/kvm" $(cat "$1/rebuilt") || return
	while read -r _ko; do
		strip -g -o "$1/$_ko" "$stock/src/arch/x86/kvm/$_ko" || return
	done <"$1/rebuilt"
}

# rebuilt: what is not rebuilt is the base's.
rebuilt() {
	cp -R "${out%/*}/base/." "$out.tmp"
	sources
	rebuild "$out.tmp"
}

mutant() {
	sources
	sed -i "$MUTATION" "$stock/src/arch/x86/kvm/svm/nested.c"
	[ -z "$MUTATION" ] || ! g -C "$stock/src" diff --quiet || exit 9
	rebuild "$out" || exit 8
}

input() {
	cat "$stock/version"
	case $what in
	caps) sha256sum kernel/caps/* ;;
	livepatch | patched)
		[ "$what" = patched ] || sha256sum kernel/livepatch/* kernel/stock-livepatch.sh
		wanted
		store rev-parse "$commit:arch/x86" "$commit:virt/kvm" "$commit:include"
		;;
	esac
}

lock
case $what in patched | livepatch | mutant) commit=${LAB_SNAPSHOT:-$(kernel/tree.sh --snapshot)} ;; esac
case $what in
base) make_out SHIPPED "$STOCK" shipped ;;
caps) make_out CAPS "$STOCK" caps ;;
mutant) mutant ;;
patched)
	kernel/stock-build.sh base
	make_out MODULES "$STOCK  $(wanted)" rebuilt
	;;
livepatch)
	. kernel/stock-livepatch.sh
	kernel/stock-build.sh base
	# What comes after the last patch to nested.c (7.3: traces) is none of its business.
	commit=$(store log -1 --format=%H "refs/base/$ID..$commit" -- arch/x86/kvm/svm/nested.c)
	[ -n "$commit" ] || die 2 "series/$BASE does not touch nested.c"
	stage MODULES "$STOCK  kvm-amd, to compare" compare
	choose
	make_out LIVE "$STOCK  $(echo "$functions" | paste -sd ' ' -)" livepatch
	;;
esac
