#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# bochs.sh - one boot in Bochs, for boot.sh: an emulator whose SVM is other people's work than QEMU's.
# Usage: guest/bochs.sh VMLINUZ INITRD RUNDIR WORDS
#        guest/bochs.sh --version     what it is; 4 if it is none that boots Linux
# The kernel is on an ISO image, packed, as a BIOS wants it. The serial ports are pseudo terminals, which socat reads to their
# end; Bochs's screen, which needs a terminal, too, is in RUNDIR/screen.log, and what it says of itself in RUNDIR/bochs.log.
# Environment: BOCHS (bochs-bin), CPU, a model of its own (ryzen).
# Exit: 0 the guest restarted, by a triple fault, as it also does when it dies: only the end of its results tells the
# difference. 1 it did not.

set -eu

die() {
	echo "bochs: $*" >&2
	exit 4
}

bochs=$(command -v "${BOCHS:-bochs-bin}") || die "${BOCHS:-bochs-bin}: not found; apt-get install bochs bochs-term"
bochs=$(readlink -f "$bochs") share=/usr/share/bochs
help=$("$bochs" --help 2>&1 </dev/null) || :
version=$(echo "$help" | sed -n 's/^ *\(Bochs x86 Emulator [0-9.]*\).*/\1/p' | head -n 1)
case $version in
*' 3.1') die "$version: Linux dies in it early, of a divide error; 2.7 and 3.0 boot it" ;;
'') die "$bochs is not Bochs" ;;
esac
if [ "$1" = --version ]; then
	echo "$version"
	# Builds of one version differ in their CPUs.
	sha256sum "$bochs" "$0"
	exit
fi
dir=$3 words=$4
vmlinuz=$(readlink -f "$1") initrd=$(readlink -f "$2")

# With MWAITX, the console crawls. Bochs 3 can leave it out of the CPU; from 2.7's the kernel has to, which taints it (4).
without=', exclude_features="mwait,mwaitx"'
case $version in *' 2.'*) without='' words="$words clearcpuid=mwaitx" ;; esac
# One that was built with a debugger begins in it, up to 2.7.
debugger=''
case $help in
*' -debugger '*) ;;
*' -rc '*) debugger='-rc debugger' ;;
esac
export bochs debugger

cd "$dir"
# Interrupted, what runs here ends first: xorriso takes its time, Bochs ends when its terminal is gone.
pids=''
# shellcheck disable=SC2086 # a list
trap '[ -z "$pids" ] || { kill $pids; wait $pids; } 2>/dev/null; rm -rf iso iso.img com1 com2' EXIT
trap 'exit 130' INT TERM HUP
rm -rf iso com1 com2 bochs.log
mkdir iso
ln -s "$vmlinuz" iso/linux
ln -s "$initrd" iso/initrd
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 iso/
printf 'default linux\nlabel linux\nkernel linux\nappend initrd=initrd %s\n' "$words" >iso/isolinux.cfg
xorriso -as mkisofs -quiet -f -o iso.img -b isolinux.bin -no-emul-boot -boot-load-size 4 -boot-info-table iso
echo c >debugger
cat >bochsrc <<END
config_interface: textconfig
display_library: term
romimage: file=$share/BIOS-bochs-latest
vgaromimage: file=$share/VGABIOS-lgpl-latest
cpu: model=${CPU:-ryzen}, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1$without
memory: guest=512, host=512
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=iso.img, status=inserted
boot: cdrom
clock: sync=none, time0=utc
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=report
debug: action=ignore
com1: enabled=1, mode=term, dev=com1
com2: enabled=1, mode=term, dev=com2
sound: waveoutdrv=dummy
speaker: enabled=0
END

socat -u PTY,raw,echo=0,link=com1,wait-slave,pty-interval=0.1 CREATE:console.log &
ports=$! pids=$!
socat -u PTY,raw,echo=0,link=com2,wait-slave,pty-interval=0.1 CREATE:report.ktap &
ports="$ports $!" pids="$pids $!"
until [ -e com1 ] && [ -e com2 ]; do sleep 0.1; done
script -qfc 'TERM=vt100 exec "$bochs" -q -f bochsrc $debugger' /dev/null </dev/null >screen.log 2>&1 &
pids="$pids $!"
wait $! || :
pids=$ports
# What it wrote to the ports is read up to the end, which a port that was never open has not got yet.
for port in com1 com2; do
	[ ! -L $port ] || sleep 1 >$port
done
# shellcheck disable=SC2086 # a list
wait $ports || :
pids=''
grep -qsE '(3rd|triple).*(exception|fault)' bochs.log || { tail -n 5 screen.log >&2; exit 1; }
