#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# stock.sh - a command with Debian's own kernel in place of the lab's: as shipped, and with only its KVM modules rebuilt.
# Usage: [BASE=6.12] [FLAVOUR=cloud-amd64] [RELEASE=6.12.117+deb12-amd64] kernel/stock.sh COMMAND [ARGUMENT...]
#   FLAVOUR     amd64 or rt-amd64 instead; of the kernel whose version is that of the base's source
#   RELEASE     a certain kernel, as uname -r says it; its source has to be had in the same version
# COMMAND finds the kernel's release in $STOCK, and what there is of it in build/stock/$STOCK; build.sh makes the rest of that.
# Nothing is installed on this machine.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
[ $# -gt 0 ] || die 2 "usage: kernel/stock.sh COMMAND [ARGUMENT...]"
# A release names its base.
case ${RELEASE:-} in
*.*[!4] | *.*[!d]64) die 2 "RELEASE=$RELEASE is no kernel of Debian's, whose names end in amd64: take its distribution's source \
as a git tree: make run KERNEL=/path/to/it tries the series there (docs/stable.md), and its own build makes the modules" ;;
*.*)
	BASE=$(echo "$RELEASE" | cut -d. -f1,2)
	[ -f "series/$BASE/base" ] || die 2 "RELEASE=$RELEASE: there is no series for $BASE"
	;;
?*) die 2 "RELEASE=$RELEASE is not what uname -r says of a kernel of Debian's" ;;
esac
need_base
. lib/apt.sh
. kernel/stock-packages.sh
FLAVOUR=${FLAVOUR:-cloud-amd64} RELEASE=${RELEASE:-}
log=$PWD/build/log/$BASE-stock.log

look() {
	found=$(image)
	[ -n "$found" ]
}

[ -z "$KERNEL${DEBUG:-}" ] || die 2 "Debian's kernel is as it is: leave KERNEL and DEBUG out"
need_debian "A kernel of Debian's"
of_debian
# Modules for a host take no emulator, unless they are tried.
case $1.${TRY:-} in
proof/modules.sh.) lib/deps.sh tree package build stock ;;
*) lib/deps.sh tree package build run stock ;;
esac
lock
mkdir -p build/log build/pkg
: >"$log"
# The lab's source says which kernel, unless the kernel says which source.
need_store
have=$(base_release)
if [ -n "$RELEASE" ]; then
	export UPDATE=''
else
	will_do "$have" || have=$(flock build/pkg.lock kernel/fetch.sh)
fi
# No other apt of the lab until descriptor 6 is closed: make check has several.
exec 6>build/pkg.lock
flock 6
look || { update_lists >>"$log" 2>&1 && look; } ||
	{ open_private >>"$log" 2>&1 && look; } ||
	die 2 "no linux-image-${RELEASE:-*-$FLAVOUR of version $have} from this machine's Debian mirror (log: $log)"
release=${found% *} version=${found#* }
dir=build/stock/$release root=build/stock/$release/root
[ -e "$dir/version" ] || stage FETCH "linux-image-$release $version" fetch_image >&2
case $(sed -n 's/^CONFIG_KVM_AMD=//p' "$dir/config") in
m) ;;
y) die 2 "$release has KVM built in: no module can replace it" ;;
*) die 2 "$release cannot run nested guests on AMD: its configuration has no KVM_AMD" ;;
esac
gcc=$(sed -n 's/^CONFIG_GCC_VERSION=\(.*\)....$/\1/p' "$dir/config")
command -v "x86_64-linux-gnu-gcc-$gcc" >/dev/null ||
	die 2 "$release was built by gcc $gcc, as its modules have to be, and there is no gcc-$gcc here: $(gcc --version | head -n 1)"
LAB_RELEASE=$version
if [ "$version" != "$have" ]; then
	# It becomes the lab's own source where that has none that will do; else it is beside it, by a name that git takes for any version.
	if will_do "$have" || ! will_do "$version"; then
		LAB_ID=$BASE-$(echo "$version" | sed -E 's/[^A-Za-z0-9.+-]|\.(\.+|$|lock$)/_/g')
		export LAB_ID
	fi
	source_package || die 2 "the source of $release, $PACKAGE $version, is not to be had any more (log: $log)"
fi
if [ ! -e "$dir/version" ]; then
	stage FETCH "linux-headers-$release, and what they depend on" fetch_headers >&2
	[ ! -s "$dir/note" ] || say NOTE "$(cat "$dir/note")"
fi
exec 6>&-
export STOCK="$release" LAB_RELEASE
# KVM for PREEMPT_RT wants a TSC of constant rate. TCG's is, but TCG does not say so.
! grep -q '^CONFIG_PREEMPT_RT=y' "$dir/config" || export CPU_ALSO=x-force-features=on,+invtsc
kernel/source.sh
exec "$@"
