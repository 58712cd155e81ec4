# SPDX-License-Identifier: GPL-2.0-only
# tests-release.sh - the cases of tests.sh for the release of the kernel: a package of another name, and point releases that
# the series was not written on.
# Sourced by tests.sh in its small world, at its end: every case begins with a lab that has nothing yet.

# release VERSION SCRIPT: a release in $MIRROR whose nested.c a sed script has changed; its Makefile has a line more.
release() {
	sed -i "$2" "$linux/arch/x86/kvm/svm/nested.c"
	echo '# a comment' >>"$linux/Makefile"
	package linux-source-1.0 "$1" "$MIRROR"
	g -C "$linux" checkout -q .
}

# afresh: a lab that has no package; the series is as it was.
afresh() {
	rm -rf build/git build/src build/tree build/export build/saved build/pkg series/1.0
	mkdir build/pkg
	cp -r "$t/series.good" series/1.0
}

# said PATTERN WHAT: a line of what the last command has printed.
said() { report "$2" "$(sed -n "s/^.*$1.*\$/yes/p" "$t/out" | head -n 1)"; }

export MIRROR="$t/mirror" CANDIDATE=1.0-1
pinned=$t/deb.good
pinned_name=${deb##*/}
release 1.0-2 '10i/* a comment */'
release 1.0-3 's/^48$/forty-eight/'
package linux-source-1.01 1.01-1 "$MIRROR"
# The series as make export writes it, with a second patch that makes a file.
rm -rf build/git build/src build/tree
cp "$pinned" "$deb"
kernel/tree.sh >/dev/null 2>&1
(cd build/tree/1.0 && sed -i s/80/eighty/ arch/x86/kvm/svm/nested.c && echo new >arch/x86/kvm/svm/new.c && g add -f . &&
	g commit -q -m 'KVM: nSVM: Count further' -m 'There is more than fifty.')
kernel/export.sh >/dev/null 2>&1
cp -r series/1.0 "$t/series.good"

afresh
# other_name COMMAND...: where apt has no linux-source-1.0, but finds another package that has this in its name.
other_name() { env ANSWERS=linux-source-1.01 CANDIDATE=1.01-1 "$@"; }
expect 3 "no linux-source-1.0 from this machine's Debian mirror" "apt answers for a package of another name" other_name kernel/tree.sh
expect 3 "no linux-source-1.0 from this machine's Debian mirror" "apt downloads a package of another name" \
	env GIVES=linux-source-1.01 CANDIDATE=1.01-1 kernel/tree.sh
afresh
cp "$pinned" "$deb"
expect 0 "2 patches on linux-source-1.0 1.0-1 " "another name, and the right package at hand" other_name kernel/tree.sh
expect 3 "^deps: UPDATE apt's lists failed" "deps where apt answers for another name" \
	env PATH="$t/root:$t/bin:$t/less" ANSWERS=qemu-system-misc lib/deps.sh run

# Of a machine that is set up for no security suite.
sed s/SUITE=none/SUITE=none-security/ series/1.0/base >series/bad/base
expect 0 "^deb .*copy:$MIRROR-security/ none-security main$" "no security suite in apt's sources" \
	env BASE=bad sh -euc '. lib/lib.sh; need_base; . lib/apt.sh; sources "$SUITE"'

# With the newer release alone: text, order and patch-id.
afresh
export CANDIDATE=1.0-2
expect 0 "TREE    1.0  2 patches on linux-source-1.0 1.0-2 " "the tree on a newer release" kernel/tree.sh
said 'NOTE .*1.0-2 here, the series was written on 1.0-1' "a note says which release it is"
expect 0 "^ok - 1.0: series -> tree -> series, equal by patch-id on 1.0-2$" "export --check on a newer release" kernel/export.sh --check
said 'NOTE .*bytes were not compared.*1.0-1, on which series.1.0 was written, is neither in build.pkg nor' "a note says that bytes were not compared, and why"

# planted WHAT SCRIPT [FILE]: export --check finds what a sed script does to a patch.
planted() {
	sed -i "$2" series/1.0/000"${3:-1}"*
	! cmp -s "series/1.0/$first" "$t/series.good/$first" || [ -n "${3:-}" ] || { report "$1: nothing planted" no; return; }
	expect 1 "series/1.0 is not what its own commits give on linux-source-1.0 $on" "on $on${with:-}: $1" kernel/export.sh --check
	rm series/1.0/000*
	cp "$t/series.good/"000* series/1.0
}
first=$(basename "$t/series.good/"0001*)
on=1.0-2
planted "a subject with more in brackets" 's/^Subject: \[PATCH\]/Subject: [PATCH 1\/2]/'
planted "a body with a blank line too many" 's/^There is more.*/&\n\n\nMuch more./' 2
planted "a body with a blank at the end of a line" 's/^There is more.*/& /' 2
planted "another diffstat" 's/^ arch.*| 2 +-$/ arch | 2 +-/'
planted "a carriage return in what is added" 's/^+Fifty$/&\r/'
mv series/1.0/0002* series/1.0/0003-KVM-nSVM-Count-further.patch
planted "a number left out" ''  3

# With the pinned release beside it: bytes, too.
afresh
cp "$pinned" "$deb"
expect 0 "^ok - 1.0: series -> tree -> series, byte for byte on 1.0-1, equal by patch-id on 1.0-2$" \
	"export --check with the pinned package at hand" kernel/export.sh --check
with=" at hand" on=1.0-1
planted "another blob id" '/^index /s/\.\../..e/'
planted "another line number" 's/^@@ -47/@@ -48/'

# The pinned release out of the mirror: by apt, which knows it, or by the pool.
afresh
cp "$pinned" "$MIRROR/$pinned_name"
expect 0 "byte for byte on 1.0-1, equal" "export --check with a pinned package that apt knows" kernel/export.sh --check
afresh
mkdir -p "$MIRROR/pool/main/l/linux-1.0"
mv "$MIRROR/$pinned_name" "$MIRROR/pool/main/l/linux-1.0/"
expect 0 "byte for byte on 1.0-1, equal" "export --check with a pinned package in the pool" kernel/export.sh --check
said 'FETCH .* 1.0-1 from the pool of the mirror' "it comes from the pool"
afresh
echo more >>"$MIRROR/pool/main/l/linux-1.0/$pinned_name"
expect 0 "series, equal by patch-id on 1.0-2$" "export --check with another package in the pool" kernel/export.sh --check
rm -r "$MIRROR/pool"

hunks() { grep -h -e '^@@' -e '^index' "$1"/0*; }

# reworded: a commit's text is edited on the newer release, and exported; series/1.0 is left as it was.
reworded() {
	afresh
	[ -z "${1:-}" ] || cp "$1" "$deb"
	kernel/tree.sh
	(cd build/tree/1.0 && g commit -q --amend -m 'KVM: nSVM: Count further' -m 'There is more.')
	kernel/export.sh
	grep -q '^There is more.$' series/1.0/0002* || return 1
	if [ -n "${1:-}" ]; then
		[ "$(hunks series/1.0)" = "$(hunks "$t/series.good")" ] && kernel/export.sh --check && kernel/tree.sh
	else
		[ "$(hunks series/1.0)" != "$(hunks "$t/series.good")" ]
	fi || return 1
	cp "$t/series.good/"0* series/1.0
}
expect 0 "TREE    1.0  2 patches on linux-source-1.0 1.0-2$" "export on a newer release, with the pinned one at hand" reworded "$pinned"
expect 0 "EXPORT  1.0  2 files" "export on a newer release without the pinned one" reworded
said 'NOTE .*series.1.0 is written on 1.0-2 now.*make rebase BASE=1.0' "a note says that the base file names another release"

# A release on which a patch does not apply.
export CANDIDATE=1.0-3
afresh
refused="series/1.0/0001-KVM-nSVM-Count.patch does not apply to linux-source-1.0 1.0-3: patch failed"
expect 2 "$refused" "the tree on a release with other context" kernel/tree.sh
expect 2 "$refused" "export --check on a release with other context" kernel/export.sh --check
expect 2 "$refused" "make tree on a release with other context, again" make tree

. check/tests-rebase.sh
