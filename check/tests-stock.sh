# SPDX-License-Identifier: GPL-2.0-only
# tests-stock.sh - bad input of stock.sh: kernels that there are not, that cannot be, and whose source or compiler is gone.
# Sourced by tests.sh after tests-setup.sh, with the series 1.0.

# All that apt knows is $t/available; what it downloads is in $MIRROR.
program stock/apt-cache <<-'EOT'
	case " $* " in
	*" dumpavail "*) cat "${0%/stock/*}/available" ;;
	*" madison "*) for p; do :; done; sed -n "/^Package: $p\$/{n;s/^Version: /$p | /p}" "${0%/stock/*}/available" ;;
	*) exec "${0%/stock/*}/bin/apt-cache" "$@" ;;
	esac
EOT
program stock/apt-get <<-'EOT'
	for p; do :; done
	case " $* " in
	*" download "*) cp "$MIRROR/${p%=*}"_"${p#*=}"_*.deb . ;;
	*) exit 100 ;;
	esac
EOT

# deb NAME VERSION [DEPENDS]: a package that apt knows and has, with what is in $t/kernel, which is empty then.
deb() {
	mkdir -p "$t/kernel/DEBIAN" "$t/mirror"
	printf '%s\n' "Package: $1" "Version: $2" 'Architecture: all' 'Maintainer: lab' 'Description: none' ${3:+"Depends: $3"} |
		tee "$t/kernel/DEBIAN/control" >>"$t/available"
	echo >>"$t/available"
	dpkg-deb -Znone -b "$t/kernel" "$t/mirror/${1}_${2}_all.deb" >/dev/null
	rm -rf "$t/kernel"
}

# kernel RELEASE VERSION CONFIG...: an image with that configuration.
kernel() {
	mkdir -p "$t/kernel/boot"
	_release=$1 _version=$2
	shift 2
	printf '%s\n' "$@" >"$t/kernel/boot/config-$_release"
	deb "linux-image-$_release" "$_version"
}

# with NAME=VALUE... COMMAND...: it, with the stand-ins.
with() { env PATH="$t/stock:$PATH" MIRROR="$t/mirror" BASE=1.0 "$@"; }

# stock NAME=VALUE...: what make stock does.
stock() { with "$@" kernel/stock.sh proof/run.sh; }

# Debian's gcc has no more than its major number there.
gcc=$(gcc -dumpversion)
kernel 1.0.1-cloud-amd64 1.0-1 CONFIG_KVM_AMD=m CONFIG_GCC_VERSION=990200
kernel 1.0.2-cloud-amd64 1.0-2 "CONFIG_GCC_VERSION=${gcc}0200"
kernel 1.0.3-amd64 1.0-1 CONFIG_KVM_AMD=y "CONFIG_GCC_VERSION=${gcc}0200"
kernel 1.0.4-rt-amd64 1.0-4 CONFIG_KVM_AMD=m "CONFIG_GCC_VERSION=${gcc}0200"
expect 2 "RELEASE=foo is not what uname -r says" "a RELEASE that is none" stock RELEASE=foo
expect 2 "RELEASE=1.0.12-9-pve is no kernel of Debian's.*make run KERNEL=" "a RELEASE of another distribution" stock RELEASE=1.0.12-9-pve
expect 2 "RELEASE=5.10.0-8-amd64: there is no series for 5.10" "a RELEASE without a series" stock RELEASE=5.10.0-8-amd64
expect 2 "usage: kernel/stock.sh COMMAND" "Debian's kernel for no command" kernel/stock.sh
expect 2 "leave KERNEL and DEBUG out" "make stock with KERNEL" stock KERNEL="$linux"
expect 2 "no linux-image-1.0.9-amd64 from this machine's Debian mirror" "a RELEASE that Debian has not" stock RELEASE=1.0.9-amd64
expect 2 "no linux-image-\*-huge-amd64 of version 1.0-1" "a FLAVOUR that Debian has not" stock FLAVOUR=huge-amd64
expect 2 "which kernel of 1.0? RELEASE=" "modules for a BASE and no kernel" make modules BASE=1.0
expect 2 "1.0.1-cloud-amd64 was built by gcc 99, as its modules have to be, and there is no gcc-99 here" \
	"a kernel of another compiler" stock
expect 2 "1.0.2-cloud-amd64 cannot run nested guests on AMD" "a kernel without KVM for AMD" stock RELEASE=1.0.2-cloud-amd64
expect 2 "1.0.3-amd64 has KVM built in" "a kernel with KVM built in" stock FLAVOUR=amd64
expect 2 "the source of 1.0.4-rt-amd64, linux-source-1.0 1.0-4, is not to be had any more" "a kernel whose source is gone" \
	with RELEASE=1.0.4-rt-amd64 proof/modules.sh
kernel 1.0.5-amd64 1.0-1 CONFIG_KVM_AMD=m "CONFIG_GCC_VERSION=${gcc}0200"
expect 3 "linux-headers-1.0.5-amd64.* failed" "a kernel without headers" stock RELEASE=1.0.5-amd64

# headers RELEASE VERSION: of a kernel whose linux-kbuild has no version in its name, as that of 6.1.
headers() {
	deb "linux-headers-$1" "$2" "linux-headers-$1-common (= $2), linux-kbuild-1.0 (>= $2)"
	deb "linux-headers-$1-common" "$2"
}

# bases: the sources that the lab has once stock.sh is done.
bases() {
	with "$@" kernel/stock.sh sh -c 'git --git-dir=build/git for-each-ref --format="%(refname)" refs/base | paste -sd " "'
}

for release in 1.0.6-amd64=1.0-1 1.0.7-amd64=1.0-0~x1; do
	kernel "${release%=*}" "${release#*=}" CONFIG_KVM_AMD=m "CONFIG_GCC_VERSION=${gcc}0200"
	headers "${release%=*}" "${release#*=}"
done
package linux-source-1.0 '1.0-0~x1' "$t/mirror"
expect 3 "linux-headers-1.0.6-amd64.* failed" "a kernel without linux-kbuild" bases RELEASE=1.0.6-amd64
# A host that runs the newest kernel, and one that runs the one before, with the first command of a lab that has nothing yet.
rm -rf build/git build/src build/tree build/stock
deb linux-kbuild-1.0 1.0-3
deb linux-kbuild-1.0 1.0-2
expect 0 "^refs/base/1.0-1.0-0_x1$" "RELEASE of an older source, first" bases RELEASE=1.0.7-amd64
expect 0 "^refs/base/1.0 refs/base/1.0-1.0-0_x1$" "RELEASE of the source that the lab would take, first" bases RELEASE=1.0.6-amd64
report "the next newer linux-kbuild was taken and named" "$(sed -n 's/^  NOTE    linux-kbuild-1.0 is 1.0-2: 1.0-1 is .*/yes/p' "$t/out")"
