# SPDX-License-Identifier: GPL-2.0-only
# nested-xen.sh - L1=xen of nested.sh: Xen is L1, as its package has it, and Debian's kernel, as its first domain, runs under VMRUN (PVH)
# and is L2. A third boot is the control: a kvm-amd whose check refuses #GP, which Xen injects.
# Sourced after vm.sh.
# shellcheck disable=SC2034 # what with_xen sets is nested.sh's

# with_xen: Xen takes RDTSCP for RDTSC where the TSC may stop, and TCG has IRET fault at CPL 3 with SMAP.
with_xen() {
	grep -q '^CONFIG_XEN_DOM0=y' "build/stock/${STOCK:-none}/config" 2>/dev/null ||
		die 2 "L1=xen takes a kernel that can be Xen's first domain, as Debian's FLAVOUR=amd64 can, and not ${STOCK:-that of the lab}"
	levels='L0 L2' options=-x plan=1..8
	export CPU_ALSO=x-force-features=on,+invtsc
	l1_cpu=host,migratable=off,+invtsc,$no_xsave,-smap
	firmware='bios-256k.bin multiboot_dma.bin kvmvapic.bin'
}

fetch_xen() {
	mkdir -p build/xen build/pkg
	_deb=build/pkg/${package}_${version}_amd64.deb
	[ -f "$_deb" ] || download "$package" "$version"
	dpkg-deb --fsys-tarfile "$_deb" | tar -xO --wildcards './boot/xen-*.gz' | gzip -dc >build/xen/xen
}

# need_xen: the newest one that this machine's apt has, and the control's modules.
need_xen() {
	. lib/apt.sh
	package=$(apt apt-cache pkgnames xen-hypervisor- | grep -xE 'xen-hypervisor-[0-9.]+-amd64' | sort -V | tail -n 1)
	version=$(apt apt-cache policy "$package" | candidate "$package")
	[ -n "$version" ] || die 3 "no xen-hypervisor-*-amd64 from this machine's Debian mirror"
	who="Xen $(echo "$package" | cut -d- -f3)"
	stage FETCH "$package $version" fetch_xen
	rm -rf "$out/mutant"
	cp -R "$out/patched" "$out/mutant"
	stage CONTROL "$ID  the series, but #GP is refused" env MUTATION='s/return exepts;/return exepts ^ BIT(13);/' kernel/build.sh mutant
}

# boot_xen: once more what has hung, as one boot of the shipped modules did, idle, of which the cause was not found; and the control.
boot_xen() {
	for _which in base patched; do
		if grep -q '^  # L1 status: timeout' "$run/$_which/report.ktap" && ! grep -q '^  # refused: ' "$run/$_which/report.ktap"; then
			say NOTE "$_which: did not come to its end; once more, and this time it counts"
			stage BOOT "$ID  $_which" side_by_side boot_one "$_which"
		fi
	done
	stage IMAGE "$ID  the control" images mutant
	stage BOOT "$ID  the control" side_by_side boot_one mutant
}

# judge_control: without it, none of the others would show that anything is counted.
judge_control() {
	_n=$(sed -nE 's/^  not ok [0-9]+ L1_refused_none # ([0-9]+) .*/\1/p' "$run/mutant/report.ktap")
	_rc=0
	[ "${_n:-0}" -gt 0 ] || _rc=1
	worst $_rc "control: with #GP refused, $who's VMRUNs that are: ${_n:-0}"
	sed -nE 's/^  # (refused:)/# \1/p' "$run/mutant/report.ktap"
}
