#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# lint.sh - the kernel's rules for the patches of a series, one result line a rule; 1 if any is broken.
# Usage: [BASE=6.12] scripts/lint.sh    (without BASE: every series that has patches)
# Needs no network, and an unpacked base (make tree) for checkpatch and for telling functions from other names.
# shellcheck disable=SC2317 # the rules are called by name, through rule

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
tmp=build/lint/patch
failed=0
tags='(Fixes|Cc|Link|Closes|Message-ID|[A-Z][a-z]+(-[a-z]+)*-by): '
reword="reword it in build/tree (git rebase -i), then make export"

# split PATCH: its subject, body, prose (body without tags and quotes), what is under the cut, and its diff.
split() {
	rm -rf "$tmp"
	mkdir -p "$tmp"
	touch "$tmp/subject" "$tmp/body" "$tmp/cut" "$tmp/diff"
	awk -v d="$tmp/" '
		part == "" && /^Subject: / { s = substr($0, 10); next }
		part == "" && s != "" && !done && /^ / { s = s $0; next }
		part == "" && s != "" { done = 1 }
		part == "" && /^$/ { print s >(d "subject"); part = "body"; next }
		part == "body" && /^---$/ { part = "cut"; next }
		part ~ /body|cut/ && /^diff --git / { part = "diff" }
		part != "" { print >(d part) }' "$1"
	grep -vE "^($tags|  )" "$tmp/body" >"$tmp/prose" || :
}

numbering() {
	_n=$((_n + 1))
	case ${1##*/} in
	$(printf %04d "$_n")-*) ;;
	*) echo "should be number $_n" ;;
	esac
}

subject() {
	_s=$(sed 's/^\[PATCH\] //' "$tmp/subject")
	grep -q '^\[PATCH\] [^[]' "$tmp/subject" || echo "not '[PATCH] ' and the bare subject: $(cat "$tmp/subject")"
	echo "$_s" | grep -qE '^(KVM: (x86|x86/mmu|x86/pmu|x86/xen|selftests|SVM|nSVM|VMX|nVMX)|MAINTAINERS): [A-Z].*[^.]$' ||
		echo "not 'KVM: <topic>: Summary': $_s"
	[ ${#_s} -le 75 ] || echo "subject has ${#_s} columns, 75 are allowed"
	[ "$(grep -lxF "Subject: [PATCH] $_s" "$dir"/[0-9]*.patch | wc -l)" -le 1 ] || echo "subject is not unique: $_s"
}

body() {
	grep -q . "$tmp/prose" || echo "no description"
	grep -vE "^($tags|  )" "$tmp/body" | awk 'length > 75 { print length " columns, 75 are allowed: " $0 }'
}

signoff() {
	grep -iE '^(Signed-off-by|Change-Id):' "$tmp/body" || :
}

pronouns() {
	cat "$tmp/subject" "$tmp/prose" | grep -nwiE "we|us|our|you|your|my|me|let's|this (patch|commit|series)" || :
}

# A name counts as a function where the base or the patch itself calls or defines it.
functions() {
	cat "$tmp/subject" "$tmp/prose" |
		grep -oP '(?<![\w/.])_{0,2}(nested_svm|nested_vmcb|svm|sev|kvm|vcpu|guest_cpu)_[a-z0-9_]+\b(?![(.])' |
		sort -u | while read -r _f; do
		if grep -qE "\b$_f\(" "$tmp/diff" || grep -rqE "\b$_f\(" "$src/arch/x86/kvm" "$src/virt/kvm"; then
			echo "$_f is a function: write $_f()"
		fi
	done
}

manual() {
	{ cat "$tmp/body"; grep '^+' "$tmp/diff"; } |
		grep -iE '(section|table|figure|chapter|vol(ume)?\.?) *#?[0-9]|APM.*[0-9]+\.[0-9]+' || :
}

cut_only_stat() {
	grep -vE '^( .* \| +([0-9]+( [+-]+)?|Bin .*)| [0-9]+ files? changed.*| (create|delete|rename|mode|copy) .*|)$' \
		"$tmp/cut" || :
}

stable() {
	[ "$BASE" != 7.3 ] && grep -q '^diff --git a/arch/' "$tmp/diff" || return 0
	grep -qE '^Cc: (<stable@vger\.kernel\.org>|stable@vger\.kernel\.org)( *#.*)?$' "$tmp/body" ||
		echo "touches arch/ and has no 'Cc: stable@vger.kernel.org'"
}

fixes() {
	grep '^Fixes:' "$tmp/body" | grep -vE '^Fixes: [0-9a-f]{12,40} \(".+"\)$' | sed 's/$/  (not: Fixes: <12 hex> ("subject"))/'
	if grep -qwE '(Fix|Refuse|Reject|Disallow|Clear|Stop|missing)' "$tmp/subject"; then
		grep -q '^Fixes:' "$tmp/body" || echo "its subject is a fix's, and it has no Fixes: tag"
	fi
}

# checker_tool COMMAND...: in the tree that has checkpatch, with the distribution's Python: another one in PATH has not
# the modules of spdxcheck.py. Complaints about the tool are kept apart from those about a patch.
checker_tool() {
	(cd "$checker" && PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@") 2>>"$tmp.err"
}

# FILE_PATH_CHANGES: asks about MAINTAINERS for any new file; MISSING_SIGN_OFF: the sender adds it;
# UNKNOWN_COMMIT_ID: the base is a package, without history; MISSING_FIXES_TAG: a stable fix's
# prerequisites and its test carry Cc: stable and fix nothing. A series adds its own with ALLOW.
checkpatch() {
	_code=0
	checker_tool perl scripts/checkpatch.pl --strict --no-signoff --show-types --no-summary --quiet --color=never \
		--ignore "FILE_PATH_CHANGES,MISSING_SIGN_OFF,UNKNOWN_COMMIT_ID,MISSING_FIXES_TAG${ALLOW:+,$(echo "$ALLOW" | tr + ,)}" \
		"$PWD/$1" >"$tmp.found" || _code=$?
	sed '/^$/d' "$tmp.found"
	# 1 means findings; all else is trouble of its own.
	[ "$_code" -eq 0 ] || { [ "$_code" -eq 1 ] && [ -s "$tmp.found" ]; } || echo "checkpatch.pl: exit $_code" >>"$tmp.err"
	rm -f "$checker"/.checkpatch-camelcase.*
}

# spdxcheck: checkpatch takes its silence for a good licence, even if it is missing or has crashed: it has to find a bad one.
spdxcheck() {
	echo "SPDX-License-Identifier: none-such" | checker_tool scripts/spdxcheck.py - | grep -q 'Invalid License ID' ||
		echo "spdxcheck.py takes every licence for a good one"
}

# result WHAT REPAIR: the line of one rule, by the complaints in $tmp.bad.
result() {
	if [ ! -s "$tmp.bad" ]; then
		echo "ok - lint $BASE: $1 ($count patches)"
		return
	fi
	failed=1
	echo "not ok - lint $BASE: $1 ($count patches)"
	sed 's/^/#   /' "$tmp.bad"
	echo "#   repair: $2"
}

# rule WHAT REPAIR FUNCTION: applies FUNCTION, which prints complaints, to every patch.
rule() {
	_n=0
	: >"$tmp.bad"
	for patch in "$dir"/[0-9]*.patch; do
		[ -e "$patch" ] || continue
		split "$patch"
		"$3" "$patch" >"$tmp.out"
		sed "s|^|${patch##*/}: |" "$tmp.out" >>"$tmp.bad"
	done
	result "$1" "$2"
}

# cover: the series' letter, which am never sees.
cover() {
	if [ ! -s "$dir/cover-letter" ]; then
		echo "no $dir/cover-letter"
	else
		sed -n '1{/^[A-Z].\{9,\}[^.]$/!s/$/  (is no subject)/p}; 2{/./s/$/  (line 2 is not blank)/p}' "$dir/cover-letter"
		sed '3q;d' "$dir/cover-letter" | grep -q . || echo "no text from line 3 on"
		grep -n '^Signed-off-by:' "$dir/cover-letter" || :
	fi >"$tmp.bad"
	result "cover letter" "edit $dir/cover-letter: subject, blank line, text"
}

# lint: every rule on the series of $BASE.
lint() {
	need_base
	dir=series/$BASE
	count=$(patches | wc -l)
	: >"$tmp.bad"
	[ "$count" -gt 0 ] || echo "0 patches checked" >"$tmp.bad"
	result "there are patches" "make tree BASE=$BASE, commit, make export BASE=$BASE"
	[ "$count" -gt 0 ] || return 0
	src=build/src/$BASE
	[ -d "$src" ] || src=build/src/7.3
	# The newest checkpatch judges every series.
	checker=build/src/7.3
	[ -d "$checker" ] || checker=$src
	rule "numbers without gaps" "make export BASE=$BASE" numbering
	rule "subject form" "$reword" subject
	rule "description, 75 columns" "$reword" body
	rule "no sign-off, no Change-Id" "$reword; whoever sends it adds it with git am -s" signoff
	rule "no pronouns" "in the imperative, without them: $reword" pronouns
	rule "manuals by name, not number" "name the manual's topic instead; $reword" manual
	rule "only the diffstat under the cut" "move the notes to $dir/cover-letter, then make export BASE=$BASE" cut_only_stat
	rule "Cc: stable" "$reword" stable
	rule "Fixes:" "$reword" fixes
	cover
	if [ ! -f "$checker/scripts/checkpatch.pl" ]; then
		echo "no source tree with checkpatch" >"$tmp.bad"
		result "checkpatch" "make tree BASE=$BASE"
		return
	fi
	rule "functions with ()" "$reword" functions
	: >"$tmp.err"
	rule "checkpatch of $checker" "mend it in build/tree, then make export BASE=$BASE" checkpatch
	spdxcheck >>"$tmp.err"
	cp "$tmp.err" "$tmp.bad"
	result "checkpatch and its helpers run" "scripts/deps.sh check; make tree BASE=$BASE"
}

# Only the patches count here, whatever they are to be applied to.
KERNEL=''
scripts/deps.sh check
mkdir -p build/lint
lock
[ -n "${BASE:-}" ] || BASE=$(find series -name '[0-9]*.patch' | cut -d/ -f2 | sort -uV)
[ -n "$BASE" ] || die 1 "0 patches checked: no series has any"
for BASE in $BASE; do
	lint
done
exit $failed
