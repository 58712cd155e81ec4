#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# send-check.sh - whether the series is ready to be sent: every rule of the kernel that has a command, as a table of
# result, rule, what it says and what checks it; and what is left to whoever submits it.
# Usage: [BASE=6.12] review/send-check.sh
# The rules C1 to C13 are the commands that the kernel's own documents ask for; C6 has none.
# The lines begin with "ok" or "not ok", so that they can be counted; 1 if any is "not ok".

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
[ -z "$KERNEL" ] || die 2 "what is sent is for the packaged base: leave KERNEL out"
results=build/send-check.$BASE

# rows RULE CHECKED-BY: result lines become rows of the table; RULE is for those that name none. All other lines are
# details or stages and stay as they are, but for the long ones of checks that have passed.
rows() {
	awk -v base="$BASE" -v rule="$1" -v by="$2" '
	!/^(not )?ok - / { print; next }
	{
		result = /^not/ ? "not ok" : "ok"
		sub(/^(not )?ok - (lint )?/, "")
		if (!sub(/^[^ :]* builds: /, "builds: "))
			sub(/^[^ :]*: /, "")
		r = rule
		if (match($0, /^C[0-9]+ /)) { r = substr($0, 1, RLENGTH - 1); $0 = substr($0, RLENGTH + 1) }
		skip = match($0, / *# SKIP.*/) ? "  " substr($0, RSTART) : ""
		if (skip != "") { sub(/^ */, "", skip); skip = "  " skip; $0 = substr($0, 1, RSTART - 1) }
		printf "%-6s - %-5s %-3s  %-70s  %s%s\n", result, base, r, $0, by, skip
	}'
}

# part RULE SCRIPT: runs it and shows its rows; one that fails without saying so, or that checks nothing, is a failure.
part() {
	_rule=$1 _script=$2 _exit=0
	"review/$_script" >"$results.part" 2>"$results.err" || _exit=$?
	rows "$_rule" "$_script" <"$results.part" | tee "$results.rows" | grep -E '^((not )?ok |#)' || :
	cat "$results.rows" >>"$results"
	if ! grep -qE '^(not )?ok ' "$results.rows" || { [ "$_exit" -ne 0 ] && ! grep -q '^not ok ' "$results.rows"; }; then
		echo "not ok - $BASE: $_script did not run to its end: exit $_exit" | rows "$_rule" "$_script" | tee -a "$results"
		tail -n 5 "$results.err" | sed 's/^/# /'
	fi
}

# submitter WHAT HOW: what no command can do.
submitter() { printf '%-6s - %-5s      %-70s  %s\n' yours "$BASE" "$1" "$2"; }

lib/deps.sh tree build check clang docs send
lock
kernel/source.sh
: >"$results"
rm -f "$results".*
echo "result   base  rule $(printf '%-70s' 'what it says')  checked by"
part '' lint.sh
part '' mails.sh
part C8 steps.sh
part '' static.sh
part C11 docs.sh

submitter "Signed-off-by: the DCO, which only you can certify" "git am -s"
submitter "From: the patches have this repository as their author" "git commit --amend --reset-author"
submitter "attribution of tools and people, as the kernel asks of a submitter" "by hand"
submitter "base-commit: of a public tree ($STANDS_FOR)" "git format-patch --base"
submitter "a run on AMD hardware, with kvm_amd's nested, npt, vgif and nrips" "make run ACCEL=kvm"
case $STANDS_FOR in
linux-*.y) submitter "not for $STANDS_FOR, which takes git cherry-pick -x of mainline's commits" "docs/stable.md" ;;
esac
echo "# the mails: build/send/$BASE"
failed=$(grep -c '^not ok' "$results" || :)
skipped=$(grep -c '# SKIP' "$results" || :)
say SENDCHK "$BASE  $(($(grep -c '^ok' "$results") - skipped)) rules kept, $failed broken, $skipped skipped"
rm -f "$results" "$results".*
[ "$failed" -eq 0 ]
