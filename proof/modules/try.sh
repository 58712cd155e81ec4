#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# modules-try - in a guest with Debian's kernel: ./install from start to end, and what may go wrong with it.
# Usage: modules-try CODE    (by init; CODE: what the probe says of the modules as shipped, 1 not checked, 0 checked)
# Files: /ours, as make modules leaves it; /tests/probe; kmod and busybox. Stops at the first surprise, with 1.

set -u
# shellcheck source=proof/modules/expect.sh
. /tests/expect.sh
shipped=/lib/modules/$release/kernel/arch/x86/kvm

# in_use COMMAND...: while somebody has /dev/kvm open.
in_use() {
	exec 3</dev/kvm
	"$@"
	_in_use=$?
	exec 3<&-
	return $_in_use
}

# stopped SIGNAL TOOL COMMAND...: it gets the signal when it calls that tool; for KILL, instead of it.
stopped() {
	mkdir /stopped
	printf '#!/bin/sh\nkill -%s $PPID\n[ %s = KILL ] || exec /sbin/%s "$@"\n' "$1" "$1" "$2" >"/stopped/$2"
	chmod +x "/stopped/$2"
	shift 2
	PATH=/stopped:$PATH "$@"
	_stopped=$?
	rm -r /stopped
	return $_stopped
}

# loaded SHIPPED|OURS: it is, with the parameters of the start, and so it is if it is loaded again; the probe agrees.
loaded() {
	expect 0 "$1" modinfo -n kvm_amd
	grep . /sys/module/kvm*/parameters/* >/now
	expect 0 '' diff /parameters /now
	[ "$1" = "$ours" ] || { expect "$code" "$before" probe; return; }
	expect 0 '^checked' probe
}

ours=/updates/kvm-nsvm/kvm-amd.ko theirs=/kernel/arch/x86/kvm/kvm-amd.ko
depmod "$release" || exit
expect 0 '' modprobe kvm halt_poll_ns=4321
expect 0 '' modprobe kvm_amd vgif=0 pause_filter_count=1234
grep . /sys/module/kvm*/parameters/* >/parameters
loaded $theirs

expect 2 'nothing of ours' /ours/install --remove
expect 137 '' stopped KILL depmod /ours/install
expect 0 '' rmmod kvm_amd
expect 0 '' modprobe kvm_amd vgif=0 pause_filter_count=1234
loaded $theirs
expect 1 'KVM is in use' in_use /ours/install
expect 0 "^loaded: .*$ours" stopped INT rmmod /ours/install
loaded $ours
expect 137 '' stopped KILL depmod /ours/install --remove
loaded $ours
expect 0 "^loaded: .*$theirs" stopped HUP rmmod /ours/install --remove
loaded $theirs

# What the kernel refuses at the last moment only: it asks for a symbol that there is not.
cp -r /ours /broken
sed s/kvm_emulate_wbinvd/kvm_emulate_wbnone/ /ours/kvm-amd.ko >/broken/kvm-amd.ko
expect 1 'does not load: .*; what was there before is back, on disk and in the kernel' /broken/install
loaded $theirs

# Unloaded on purpose, with and without kvm.
for unloaded in kvm_amd kvm; do
	expect 0 '' rmmod $unloaded
	expect 0 'was not loaded, and is not now' /ours/install
	expect 0 "$ours" modinfo -n kvm_amd
	expect 1 '' test -d /sys/module/kvm_amd
	expect 0 'was not loaded, and is not now' /ours/install --remove
	expect 1 '' test -d /sys/module/$unloaded
done
expect 0 '' modprobe kvm halt_poll_ns=4321
expect 0 '' modprobe kvm_amd vgif=0 pause_filter_count=1234
loaded $theirs

# A mixture of both: Debian's kvm-amd.ko on our kvm.ko, as far as there is one.
cp -r /ours /mixed
rm /mixed/kvm-amd.ko
expect 2 'no kvm-amd.ko beside' /mixed/install
if [ -f /ours/kvm.ko ]; then
	kmod_file=$(find "$shipped" -name 'kvm-amd.ko*')
	case $kmod_file in
	*.xz) xz -dc "$kmod_file" ;;
	*) cat "$kmod_file" ;;
	esac >/mixed/kvm-amd.ko
	expect 1 'the kvm_amd that is loaded is shipped' /mixed/install
	loaded $theirs
fi

# For another kernel.
mkdir /other
cp /ours/* /other/
for ko in /other/*.ko; do
	sed "s/vermagic=./vermagic=0/" "$ko" >/other/new
	mv /other/new "$ko"
done
expect 2 "this host runs $release" /other/install

# A kernel that takes no module but signed ones.
echo 1 >/sys/module/module/parameters/sig_enforce
expect 2 'rejected by service (module.sig_enforce), .*Nothing was changed' /ours/install
mount -t securityfs securityfs /sys/kernel/security
echo integrity >/sys/kernel/security/lockdown
expect 2 '(lockdown and module.sig_enforce), .*Nothing was changed' /ours/install
expect 0 '' rmmod kvm_amd
expect 2 '(lockdown and module.sig_enforce), .*Nothing was changed' /ours/install
expect 0 '' modprobe kvm_amd vgif=0 pause_filter_count=1234
loaded $theirs
