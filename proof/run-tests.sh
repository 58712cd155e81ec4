#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# run-tests.sh - the series' selftest as its users run it, "make run_tests" in a bare Debian, as docs/selftest.md says: where there is no
# /dev/kvm it is skipped, and in a guest with that Debian as its root it fails without the series and passes with it.
# Usage: [BASE=6.12] kernel/stock.sh proof/run-tests.sh    (as root; part of make fresh)
# The Debian is build/debian, with the packages that docs/selftest.md names; the kernel is Debian's own. Of KVM's tests the others are left
# out: these take half an hour. Exit: 0 all as it must be, 1 it is not.

set -eu
cd "$(dirname "$0")/.."
. proof/proof.sh
. lib/apt.sh
root=$PWD/build/debian
test=svm_nested_event_inj_test
code=0

# bare: the system, and in it the kernel's source with the series, as far as it takes part.
bare() {
	[ -e "$root/usr/bin/gcc" ] || { rm -rf "$root"; debian "$(codename)" "$root" make,gcc,libc6-dev; }
	rm -rf "$root/var/cache/apt/archives"/*.deb "$root/var/lib/apt/lists"/* "$root/usr/share/doc" "$root/usr/share/locale" "$root/linux"
	mkdir "$root/linux"
	store archive "$LAB_SNAPSHOT" Makefile Kbuild include scripts arch/x86 tools | tar -C "$root/linux" -xf -
}

# script: /tests/run_tests. make ends with 0 whatever the tests do: what counts is the line of this one.
script() {
	cat <<-EOT
		#!/bin/sh
		export PATH=/usr/bin:/bin
		ln -s /proc/self/fd/1 /dev/stdout
		make -C /linux/tools/testing/selftests/kvm run_tests $only >/tmp/out 2>&1
		sed 's/^/| /' /tmp/out
		grep -q '^ok [0-9]* selftests: kvm: $test\$' /tmp/out
	EOT
}

# as_user COMMAND...: in there, with a /proc, into which /dev/stdout is a link.
as_user() {
	unshare --mount --propagation private sh -euc '
		mount -t proc proc "$0/proc"
		exec chroot "$0" env -i PATH=/usr/bin:/bin "$@"' "$root" "$@"
}

build() {
	as_user make -C /linux headers
	# shellcheck disable=SC2086 # one word a setting
	as_user make -j"$(nproc)" -C /linux/tools/testing/selftests/kvm $only
	(cd "$root" && find . -xdev | sort | cpio --quiet -o -H newc) >"$run/debian.cpio"
}

boot_one() {
	image "$1" "$1"
	cat "$run/debian.cpio" >>"$run/$1/initrd"
	MEM=3G boot "$1" "$1"
}

# judge WHAT PATTERN FILE [RUNDIR]: the line of one run; that of a guest has no splat.
judge() {
	[ -z "${4:-}" ] || judge_boot "$4" || :
	_rc=0
	grep -qE "$2" "$3" && { [ -z "${4:-}" ] || grep -q '; no splat$' "$4/summary"; } || _rc=1
	tail -n 30 -q "$3" ${4:+"$4/summary"} >"$run/why"
	result $_rc "$BASE: make run_tests $1: $(grep -oE "$2" "$3" | sed 's/^  # | //; s/ *#/,/' | head -n 1)" "$run/why"
}

ready run fresh
kernel/source.sh
need_snapshot
kernel/build.sh base
kernel/build.sh patched
programs
mkdir -p "$run"
echo "$((300 * slower)) run_tests" >"$run/suite"
folder=$(selftests_of "$LAB_SNAPSHOT")
only="TEST_GEN_PROGS_$folder=$folder/$test TEST_GEN_PROGS_EXTENDED_$folder= TEST_PROGS_$folder="
stage DEBIAN "$(codename), make, gcc and libc6-dev, by debootstrap" bare
script >build/lab/run_tests
chmod +x build/lab/run_tests
stage BUILD "make headers && make -C tools/testing/selftests/kvm, in there" build
# shellcheck disable=SC2086 # as above
stage RUN "where there is no /dev/kvm" as_user make -C /linux/tools/testing/selftests/kvm run_tests $only
stage BOOT "$VARIANT  base patched, ${ACCEL:-tcg}" side_by_side boot_one base patched
_line="selftests: kvm: $test"
judge "without /dev/kvm" "^ok 1 $_line # SKIP" "build/log/$ID-run.log"
judge "without the series" "^  # \| not ok 1 $_line # exit=1" "$run/base/report.ktap" "$run/base"
judge "with the series" "^  # \| ok 1 $_line\$" "$run/patched/report.ktap" "$run/patched"
rm -f "$run/debian.cpio" "$run"/*/initrd
exit $code
