# SPDX-License-Identifier: GPL-2.0-only
# tests-setup.sh - a small world for tests.sh, in the folder $t: a copy of the scripts, a kernel of three files, its
# Debian package and its series, and stand-ins for the commands that would reach outside.
# Sourced by tests.sh from the repository root; sets linux and deb.

# program NAME: a stand-in from standard input; its folder is for the front of $PATH.
program() {
	mkdir -p "$t/${1%/*}"
	{ echo '#!/bin/sh'; cat; } >"$t/$1"
	chmod +x "$t/$1"
}

# package NAME VERSION FOLDER: what is in $linux, as Debian packages it, and a driver that the lab has no use for.
package() {
	mkdir -p "$t/deb/DEBIAN" "$t/deb/usr/src" "$t/driver/drivers/gpu/drm" "$3"
	echo 'int gpu;' >"$t/driver/drivers/gpu/drm/gpu.c"
	tar -cJf "$t/deb/usr/src/linux-source.tar.xz" --exclude=.git --transform "s,^\.,$1," -C "$linux" . -C "$t/driver" .
	printf '%s\n' "Package: $1" "Version: $2" 'Architecture: all' 'Maintainer: lab' 'Description: none' >"$t/deb/DEBIAN/control"
	dpkg-deb -Zxz -z0 -b "$t/deb" "$3/${1}_${2}_all.deb" >/dev/null
}

mkdir -p "$t/repo" "$t/empty"
cp -r Makefile lib kernel guest judge proof review check "$t/repo"

# The user's git tree, and series/1.0 with one patch on it.
linux="$t/my linux"
mkdir -p "$linux/arch/x86/kvm/svm" "$t/repo/series/1.0"
echo all: >"$linux/Makefile"
seq 100 >"$linux/arch/x86/kvm/svm/nested.c"
# Does not compress: what fills the small disk.
head -c 3000000 /dev/urandom >"$linux/blob"
(cd "$linux" && g init -q -b main . && g add . && g commit -q -m base &&
	sed -i s/50/fifty/ arch/x86/kvm/svm/nested.c && g commit -qam 'KVM: nSVM: Count' &&
	g format-patch -q -N -o "$t/repo/series/1.0" HEAD^ && g reset -q --hard HEAD^)

# The first release, and the base file of series/1.0.
deb=build/pkg/linux-source-1.0_1.0-1_all.deb
package linux-source-1.0 1.0-1 "$t/repo/build/pkg"
printf '%s\n' PACKAGE=linux-source-1.0 VERSION=1.0-1 "SHA256=$(sha256sum "$t/repo/$deb" | cut -d' ' -f1)" SUITE=none \
	"TREE=$(g -C "$linux" rev-parse 'HEAD^{tree}')" STANDS_FOR=nothing >"$t/repo/series/1.0/base"

# Series that are wrong.
mkdir "$t/repo/series/none" "$t/repo/series/bad"
cp "$t/repo/series/1.0/base" "$t/repo/series/none"
{ cat "$t/repo/series/1.0/base"; echo 'PACKAGE=$(touch oops)'; } >"$t/repo/series/bad/base"
cp -r "$t/repo/series/1.0" "$t/repo/series/other"
sed -i 's/^-50/-51/' "$t/repo/series/other/0001"*

# bin/ is always in front, user/ is not root, cut/ for an interruption; stub/ builds nothing. other/ is all of this machine but
# Debian's tools, less/ has no git, xz and QEMU either.
mkdir "$t/other"
ln -sf -t "$t/other" /usr/bin/* /usr/sbin/*
rm "$t"/other/dpkg* "$t"/other/apt*
cp -r "$t/other" "$t/less"
rm "$t/less/git" "$t/less/xz" "$t"/less/qemu-system-x86_64
# $ANSWERS: the package that both find, as apt 3 takes a name for a pattern; $GIVES: the one that is downloaded. $MIRROR is
# a folder of packages, and an archive with a pool.
program bin/apt-cache <<-'EOT'
	for p; do :; done
	printf '%s:\n  Candidate: %s\n' "${ANSWERS:-$p}" "${CANDIDATE:-1.0-1}"
EOT
program bin/apt-get <<-'EOT'
	case " $* " in
	*" download "*) for p; do :; done; cp "$MIRROR/${GIVES:-${ANSWERS:-${p%=*}}}_${p#*=}_all.deb" . ;;
	*" indextargets "*) [ -z "$MIRROR" ] || echo "Debian|main|none|copy:$MIRROR/" ;;
	*) exit 100 ;;
	esac
EOT
# Nothing is installed, and everything may be.
echo 'echo 0' | program root/id
echo 'echo 65534' | program user/id
# As ctrl-C does, when git comes to what $CUT says.
echo 'case " $* " in *"$CUT"*) kill -INT 0; sleep 9 ;; esac; PATH=${PATH#*:} exec git "$@"' | program cut/git
echo 'out=build/out/1.0/$1; mkdir -p $out; cp ../image $out/vmlinux; touch $out/kvm.ko $out/svm_nested_event_inj_test' |
	program stub/build.sh
# A Bochs of the version $IS: it hangs, or it reports up to its very end.
program stub/bochs <<-'EOT'
	[ "$1" != --help ] || { echo "Bochs x86 Emulator $IS"; exit; }
	[ -z "$HANGS" ] || exec sleep 60
	exec 3>com1 4>com2
	seq 20000 >&4
	echo '>>PANIC<< exception(): 3rd (13) exception with no resolution' >bochs.log
	exit 1
EOT
# As little of a kernel as QEMU takes: a boot sector that claims protocol 2.2.
{ head -c 497 /dev/zero; printf '\001'; head -c 16 /dev/zero; printf 'HdrS\002\002'; head -c 4096 /dev/zero; } >"$t/image"
