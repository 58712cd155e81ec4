# SPDX-License-Identifier: GPL-2.0-only
# tests-port.sh - the cases of tests.sh for what goes from one base to another, and out of the house.
# Sourced by tests.sh in its small world; there is a build/tree/1.0, and series/none has a base and no patches.

# conflict: a port onto a tree whose line 50 is another; it is left to be merged, and git takes it back.
conflict() {
	(cd build/tree/none && g reset -q --hard refs/base/none && sed -i s/50/5O/ arch/x86/kvm/svm/nested.c && g commit -qam other)
	_rc=0
	FROM=1.0 BASE=none review/port.sh || _rc=$?
	[ "$_rc" -eq 1 ] && g -C build/tree/none cherry-pick --abort && ! dirty build/tree/none && echo "taken back"
}
expect 2 "from which base?" "port without FROM" make port
expect 2 "no base '9.9'; there is BASE=" "port from an unknown base" env FROM=9.9 review/port.sh
expect 2 "are both 1.0" "port to where it comes from" env FROM=1.0 review/port.sh
expect 2 "PATCH=7: series/1.0 has the patches 0001 to 0001" "port of an unknown PATCH" env FROM=1.0 BASE=none PATCH=7 review/port.sh
expect 0 "NEXT    make export BASE=none, then make run" "port to a base without patches" env FROM=1.0 BASE=none review/port.sh
echo dirt >build/tree/none/new-file
expect 2 "build/tree/none has changes in no commit" "port onto a dirty tree" env FROM=1.0 BASE=none review/port.sh
rm build/tree/none/new-file
expect 0 "taken back" "port with a conflict" conflict
expect 2 "there is no series for '9.9' to compare" "compare with an unknown base" env FROM=9.9 make compare
expect 2 "DSC=/nonexistent: there is no such file" "quilt with a package that is not there" env DSC=/nonexistent review/quilt.sh
expect 2 "leave KERNEL out" "send-check of KERNEL" on 1.0 make send-check
