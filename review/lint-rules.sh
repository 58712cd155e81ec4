# SPDX-License-Identifier: GPL-2.0-only
# lint-rules.sh - the rules of lint.sh, one function each: it looks at one patch, which split has taken apart in $of, and prints
# what is wrong with it, or nothing. Where a rule has a command in the kernel's documents, the function is that command.
# Sourced by lint.sh; uses its BASE, dir, src, checker, stable, tmp, of, tags, count and tip.

# split PATCH FOLDER: its subject, body, prose (body without tags and quotes), what is under the cut, and its diff, in there.
split() {
	mkdir -p "$2"
	touch "$2/subject" "$2/body" "$2/cut" "$2/diff"
	awk -v d="$2/" '
		part == "" && /^Subject: / { s = substr($0, 10); next }
		part == "" && s != "" && !done && /^ / { s = s $0; next }
		part == "" && s != "" { done = 1 }
		part == "" && /^$/ { print s >(d "subject"); part = "body"; next }
		part == "body" && /^---$/ { part = "cut"; next }
		part ~ /body|cut/ && /^diff --git / { part = "diff" }
		part != "" { print >(d part) }' "$1"
	grep -vE "^($tags|  )" "$2/body" >"$2/prose" || :
}

numbering() {
	_n=$((_n + 1))
	case ${1##*/} in
	$(printf %04d "$_n")-*) ;;
	*) echo "should be number $_n" ;;
	esac
}

# signs: what $dir/there says of the patch came with it, and not before; what it wants of a tree is there.
signs() {
	_n=$((_n + 1))
	_signs=$(signs_of "$1") || { echo "has no line in $dir/there"; return; }
	has_signs "$tip~$((count - _n))" "$_signs" || echo "its tree has not what $dir/there says of it"
	! has_signs "$tip~$((count - _n + 1))" "$_signs" || echo "the tree before it has all that $dir/there says of it"
	! _signs=$(signs_of "$1" -) || has_signs "$tip" "$_signs" || echo "its tree has not what $dir/there wants for it"
}

subject() {
	_s=$(sed 's/^\[PATCH\] //' "$of/subject")
	grep -q '^\[PATCH\] [^[]' "$of/subject" || echo "not '[PATCH] ' and the bare subject: $(cat "$of/subject")"
	echo "$_s" | grep -qE '^(KVM: (x86|x86/mmu|x86/pmu|x86/xen|selftests|SVM|nSVM|VMX|nVMX)|MAINTAINERS): [A-Z].*[^.]$' ||
		echo "not 'KVM: <topic>: Summary': $_s"
	[ ${#_s} -le 75 ] || echo "subject has ${#_s} columns, 75 are allowed"
	[ "$(grep -lxF "Subject: [PATCH] $_s" "$dir"/[0-9]*.patch | wc -l)" -le 1 ] || echo "subject is not unique: $_s"
}

body() {
	grep -q . "$of/prose" || echo "no description"
	grep -vE "^($tags|  )" "$of/body" | awk 'length > 75 { print length " columns, 75 are allowed: " $0 }'
}

signoff() { grep -iE '^(Signed-off-by|Change-Id):' "$of/body" || :; }

pronouns() {
	cat "$of/subject" "$of/prose" | grep -nwiE "we|us|our|you|your|my|me|let's|this (patch|commit|series)" || :
}

# A name counts as a function where the base or the patch itself calls or defines it.
functions() {
	cat "$of/subject" "$of/prose" |
		grep -oP '(?<![\w/.])_{0,2}(nested_svm|nested_vmcb|svm|sev|kvm|vcpu|guest_cpu)_[a-z0-9_]+\b(?![(.])' |
		sort -u | while read -r _f; do
		if grep -qE "\b$_f\(" "$of/diff" || grep -rqE "\b$_f\(" "$src/arch/x86/kvm" "$src/virt/kvm"; then
			echo "$_f is a function: write $_f()"
		fi
	done
}

manual() {
	{ cat "$of/body"; grep '^+' "$of/diff"; } |
		grep -iE '(section|table|figure|chapter|vol(ume)?\.?) *#?[0-9]|APM.*[0-9]+\.[0-9]+' || :
}

cut_only_stat() {
	grep -vE '^( .* \| +([0-9]+( [+-]+)?|Bin .*)| [0-9]+ files? changed.*| (create|delete|rename|mode|copy) .*|)$' \
		"$of/cut" || :
}

# stable: linux-*.y takes mainline's commits by git cherry-pick -x, and nothing that does the same in another shape.
stable() { grep -iE '^Cc: .*stable@' "$of/body" || :; }

# size: the rule of thumb for what stable takes is 100 lines with context; it is about the fix, not about its test.
size() {
	[ -n "$stable" ] && grep -q '^diff --git a/arch/' "$of/diff" && grep -q '^Fixes:' "$of/body" || return 0
	_lines=$(wc -l <"$of/diff")
	[ "$_lines" -le 100 ] || echo "its diff has $_lines lines, 100 are allowed"
}

fixes() {
	grep '^Fixes:' "$of/body" | grep -vE '^Fixes: [0-9a-f]{12,40} \(".+"\)$' | sed 's/$/  (not: Fixes: <12 hex> ("subject"))/'
	if grep -qwE '(Fix|Refuse|Reject|Disallow|Clear|Stop|missing)' "$of/subject"; then
		grep -q '^Fixes:' "$of/body" || echo "its subject is a fix's, and it has no Fixes: tag"
	fi
}

# checker_tool COMMAND...: in the tree that has checkpatch, with the distribution's Python: another one in PATH has not
# the modules of spdxcheck.py. Complaints about the tool are kept apart from those about a patch.
checker_tool() { (cd "$checker" && PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@") 2>>"$tmp.err"; }

# checkpatch PATCH: one at a time, as it keeps a file in its own tree meanwhile, where none is to stay.
# FILE_PATH_CHANGES: asks about MAINTAINERS for any new file; MISSING_SIGN_OFF: the sender adds it;
# UNKNOWN_COMMIT_ID: the base is a package, without history; MISSING_FIXES_TAG: a stable fix's
# prerequisites and its test fix nothing. A series adds its own with ALLOW.
checkpatch() (
	flock 7
	_code=0
	checker_tool perl scripts/checkpatch.pl --strict --no-signoff --show-types --no-summary --quiet --color=never \
		--ignore "FILE_PATH_CHANGES,MISSING_SIGN_OFF,UNKNOWN_COMMIT_ID,MISSING_FIXES_TAG${ALLOW:+,$(echo "$ALLOW" | tr + ,)}" \
		"$PWD/$1" >"$tmp.found" || _code=$?
	sed '/^$/d' "$tmp.found"
	# 1 means findings; all else is trouble of its own.
	[ "$_code" -eq 0 ] || { [ "$_code" -eq 1 ] && [ -s "$tmp.found" ]; } || echo "checkpatch.pl: exit $_code" >>"$tmp.err"
	rm -f "$checker"/.checkpatch-camelcase.*
) 7>build/lint/lock

# spdxcheck: checkpatch takes its silence for a good licence, even if it is missing or has crashed: it has to find a bad one.
spdxcheck() {
	echo "SPDX-License-Identifier: none-such" | checker_tool scripts/spdxcheck.py - | grep -q 'Invalid License ID' ||
		echo "spdxcheck.py takes every licence for a good one"
}
