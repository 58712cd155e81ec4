# SPDX-License-Identifier: GPL-2.0-only
# nested-images.sh - the initramfs of L0 for nested.sh: QEMU, and the kernel and the initramfs of L1, which hold the same for L2; with
# L1=xen, Xen, and those of L2.
# Sourced after vm.sh.

qemu=${QEMU:-qemu-system-x86_64}
firmware='qboot.rom pvh.bin'

# add_qemu ROOT: QEMU with what it needs, its libraries where the loader looks for them.
add_qemu() {
	mkdir -p "$1/qemu/firmware"
	add_program "$1" "$(command -v "$qemu")" qemu/qemu
	for _file in $firmware; do
		_from=$("$qemu" -L help | while read -r _dir; do [ ! -f "$_dir/$_file" ] || echo "$_dir/$_file"; done | head -n 1)
		[ -n "$_from" ] || { echo "$qemu has no $_file"; return 1; }
		cp -L "$_from" "$1/qemu/firmware/"
	done
}

# level base|patched ROOT: the initramfs of one level, but for its suite. guest/nested/level.c loads KVM, later than init would.
# What Debian's kernel needs for the disk, init loads.
level() {
	mkdir -p "$2/modules" "$2/tests"
	cp build/lab/init "$2/init"
	cp "$out/$1"/*.ko "$2/modules/"
	for _ko in $(modules_of "$1"); do
		[ ! -f "$2/modules/$_ko" ] || echo "$_ko"
	done >"$2/modules/late"
	[ ! -d "$out/$1/disk" ] || cp "$out/$1/disk"/* "$2/modules/"
}

# host_of base|patched ROOT GUEST: what ROOT needs to run the guest whose initramfs is in GUEST.
host_of() {
	add_qemu "$2"
	mkdir -p "$2/guest"
	strip -o "$2/guest/vmlinux" "$out/$1/vmlinux"
	pack "$3" "$2/guest/initrd"
}

# images NAME...: from L2, the innermost, out to L0.
# shellcheck disable=SC2154 # L1, l2_memory, options: nested.sh's
images() {
	for _which; do
		_dir=$run/$_which
		level "$_which" "$_dir/l2"
		cp build/lab/work "$_dir/l2/tests/"
		echo "$((150 * slower)) work $options ${FAIL:-}" >"$_dir/l2/suite"
		_guest=l2
		if [ "$L1" = kvm ]; then
			level "$_which" "$_dir/l1"
			cp build/lab/level "$_dir/l1/tests/"
			echo "$((230 * slower)) level -n 2 -t $((210 * slower)) -m $l2_memory -d ${STOCK:+-a}" >"$_dir/l1/suite"
			host_of "$_which" "$_dir/l1" "$_dir/l2"
			_guest=l1
		fi
		level "$_which" "$_dir/l0"
		cp build/lab/level "$_dir/l0/tests/"
		cp "$run/suite" "$_dir/l0/suite"
		host_of "$_which" "$_dir/l0" "$_dir/$_guest"
		[ "$L1" = kvm ] || cp build/xen/xen "$_dir/l0/guest/"
		pack "$_dir/l0" "$_dir/initrd"
	done
}
