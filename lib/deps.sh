#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# deps.sh - what a command needs: other commands, headers, libraries. Where the user is root on Debian, apt installs what is
# missing; else it is named, in the words of the system at hand.
# Usage: lib/deps.sh GROUP...   (tree package build run shell check clang docs quilt send stock fresh)

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
groups=' tree package build run shell check clang docs quilt send stock fresh '
PATH=$PATH:/usr/sbin:/sbin

# table: GROUP, what it needs, and in which package apt, dnf, pacman and zypper have that: the last name holds for the rest. It needs
# a command; NAME.h, a header; -NAME, what gcc links with; py:NAME and pl:NAME, a module; git:NAME, a command of git's; /NAME, a file,
# where there is apt.
table() {
	cat <<-'EOT'
		tree git git
		tree pl:Term::ANSIColor perl
		package xz xz-utils xz
		package /etc/ssl/certs/ca-certificates.crt ca-certificates
		build gcc gcc
		build -static libc6-dev glibc-static glibc glibc-devel-static
		build make make
		build flex flex
		build bison bison
		build bc bc
		build gelf.h libelf-dev elfutils-libelf-devel libelf libelf-devel
		build openssl/opensslv.h libssl-dev openssl-devel openssl libopenssl-devel
		build uuid/uuid.h uuid-dev libuuid-devel util-linux-libs libuuid-devel
		build cpio cpio
		build modinfo kmod
		build rsync rsync
		run qemu-system-x86_64 qemu-system-x86 qemu-system-x86 qemu-system-x86 qemu-x86
		bochs bochs-bin bochs
		bochs /usr/lib/*/bochs/plugins/libbx_term_gui.so bochs-term
		bochs /usr/share/bochs/BIOS-bochs-latest bochsbios
		bochs /usr/share/vgabios/*.bin vgabios
		bochs /usr/lib/ISOLINUX/isolinux.bin isolinux
		bochs /usr/lib/syslinux/modules/bios/ldlinux.c32 syslinux-common
		bochs xorriso xorriso
		bochs socat socat
		shell busybox busybox-static busybox busybox busybox-static
		check shellcheck shellcheck ShellCheck shellcheck ShellCheck
		check sparse sparse
		check py:ply python3-ply python3-ply python-ply python3-ply
		check py:git python3-git python3-GitPython python-gitpython python3-GitPython
		clang clang-19 clang-19
		clang ld.lld-19 lld-19
		clang llvm-ar-19 llvm-19
		docs py:sphinx python3-sphinx python3-sphinx python-sphinx python3-Sphinx
		docs py:yaml python3-yaml python3-pyyaml python-yaml python3-PyYAML
		docs make make
		quilt quilt quilt
		quilt dpkg-source dpkg-dev
		stock file file
		stock lz4 lz4
		stock zstd zstd
		fresh debootstrap debootstrap
		send b4 b4
		send git:send-email git-email git-email git git-email
		send pl:Mail::Address libmailtools-perl perl-MailTools perl-mailtools perl-MailTools
	EOT
}

# has NEED: true if it is there. Kernel and tests take Debian's python, as kbuild() has it.
# shellcheck disable=SC2086 # /* is a pattern
has() {
	case $1 in
	py:*)
		set -- "${1#py:}" /usr/bin/python3
		[ -x "$2" ] || set -- "$1" python3
		"$2" -c "import $1"
		;;
	pl:*) perl -M"${1#pl:}" -e 1 ;;
	git:*) [ -x "$(git --exec-path)/git-${1#git:}" ] ;;
	/*) ! command -v apt-get || ls $1 ;;
	*.h) echo "#include <$1>" | gcc -E -x c - ;;
	-*) echo 'int main(void) { return 0; }' | gcc "$1" -o "$tmp" -x c - ;;
	*) command -v "$1" ;;
	esac >/dev/null 2>&1
}

# missing COLUMN: the packages that the groups lack, by their names there, or for 0 what is in them; each once.
missing() {
	table | while read -r _group _need _packages; do
		case " $wanted " in *" $_group "*) ;; *) continue ;; esac
		has "$_need" || echo "$_need $_packages"
	done | awk -v column="$1" '{ n = column + 1; print $(n < NF ? n : NF) }' | sort -u | paste -sd ' ' -
}

# system: how packages are installed here, and the column of the table; nothing where it is not known.
system() {
	# shellcheck source=/dev/null
	case " $(. "${LAB_OS_RELEASE:-/etc/os-release}" && echo "${ID:-} ${ID_LIKE:-}") " in
	*' debian '*) command -v apt-get >/dev/null && echo 1 apt-get install -y --no-install-recommends ;;
	*' fedora '* | *' rhel '*) echo 2 dnf install ;;
	*' arch '*) echo 3 pacman -S --needed ;;
	*suse*) echo 4 zypper install ;;
	esac
}

[ $# -gt 0 ] || die 2 "usage: lib/deps.sh GROUP..."
for group; do
	case $groups in *" $group "*) ;; *) die 2 "no group '$group'; there are$groups" ;; esac
done
wanted=$*
[ "${ACCEL:-}" != bochs ] || wanted=$(echo "$wanted" | sed 's/\<run\>/bochs/')
mkdir -p build
tmp=$(mktemp build/deps.XXXXXX)
trap 'rm -f "$tmp"' EXIT
[ -n "$(missing 0)" ] || exit 0

by=$(system) || by=''
[ -n "$by" ] || die 3 "missing here, the commands, headers, libraries or modules: $(missing 0)"
need=$(missing "${by%% *}") sudo=sudo
[ "$(id -u)" != 0 ] || sudo=''
case $sudo$by in
1*) ;;
*) die 3 "missing packages; run: ${sudo:+sudo }${by#* } $need" ;;
esac
# An unknown package means lists that were never fetched; otherwise the system's own are left as they are.
for package in $need; do
	[ -z "$(LC_ALL=C apt-cache policy "$package" | candidate "$package")" ] || continue
	stage UPDATE "apt's lists" apt-get -q update
	break
done
# shellcheck disable=SC2086 # one word a package
stage INSTALL "$need" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $need
need=$(missing 0)
[ -z "$need" ] || die 3 "apt has installed it, and there still is no $need"
