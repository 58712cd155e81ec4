#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# mails.sh - the series as the mails that would be sent, through b4 and git send-email, both of which only pretend to.
# Usage: [BASE=6.12] review/mails.sh
# Prints "ok - ..." or "not ok - ..." a rule. The mails are left in build/send/$BASE: git/ as git format-patch writes them,
# b4/ as b4 does. All of it happens in a repository of its own there, with a sender who does not exist.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
[ -z "$KERNEL" ] || die 2 "what is sent is for the packaged base: leave KERNEL out"
top=$PWD
dir=$top/build/send/$BASE
code=0

# Whom get_maintainer.pl names gets them; what is for an older tree says so in its subject.
prefix=''
case $STANDS_FOR in linux-*.y) prefix=${STANDS_FOR#linux-} ;; esac

# verdict WHAT COMMAND...: a line for a command that prints what is wrong, and fails or not.
verdict() {
	_what=$1
	shift
	_rc=0
	"$@" >"$dir/out" 2>&1 && ! grep -q '^not: ' "$dir/out" || _rc=1
	# The tool's own word for it, or else the end of what it says.
	{ grep -iE '^(not: |critical: |error: |fatal: |refusing)' "$dir/out" || tail -n 5 "$dir/out"; } |
		sed 's/^not: //; s/^#* *//' | cut -c1-150 >"$dir/why"
	result $_rc "$BASE: $_what" "$dir/why"
	[ $_rc -ne 0 ] || sed -n 's/^# /&/p' "$dir/out"
}

# repository: the base and the series on it, with the files that the series touches and those that get_maintainer.pl wants.
repository() {
	rm -rf "$dir"
	mkdir -p "$dir/home"
	git init -q -b base "$dir/repo"
	cd "$dir/repo"
	echo "$top/build/git/objects" >.git/objects/info/alternates
	git update-ref refs/heads/base "$base"
	{
		printf '%s\n' '/*' '!/*/' '/*/Makefile' /include/linux/kvm_host.h /scripts/get_maintainer.pl
		git diff --name-only "$base" "$tip" | sed 's|^|/|'
	} | git sparse-checkout set --no-cone --stdin
	cp "$top/.b4-config" .
	echo .b4-config >.git/info/exclude
	git config b4.prep-cover-strategy branch-description
	# Neither of the two connects anywhere in a dry run, but they want a way to.
	git config sendemail.smtpserver /bin/false
	git checkout -q -b "b4/event-inj-$BASE" "$tip"
	git config "branch.b4/event-inj-$BASE.description" "$(cat "$top/series/$BASE/cover-letter")"
	git format-patch -q --cover-letter --cover-from-description=subject --no-signature --thread=shallow \
		--subject-prefix="PATCH${prefix:+ $prefix}" -o ../git base
}

patch_mails() { find ../git -name '*.patch' ! -name '0000-*' | sort; }

# recipients: by the MAINTAINERS of the tree with the series. Every patch to files of KVM has to reach KVM's list and people,
# and those of KVM x86 if it is theirs. Others, to MAINTAINERS or cpufeatures.h, go to all recipients of the series anyway.
recipients() {
	for _patch in $(patch_mails); do
		perl scripts/get_maintainer.pl --no-git --no-git-fallback "$_patch" 2>"$dir/err" >"$dir/who" || cat "$dir/err"
		cat "$dir/who" >>"$dir/all"
		_files=$(sed -n 's|^diff --git a/.* b/||p' "$_patch")
		echo "$_files" | grep -qE '/kvm/|/svm\.h$' || continue
		grep -qE '^kvm@vger\.kernel\.org ' "$dir/who" || echo "not: ${_patch##*/} does not go to kvm@vger.kernel.org"
		_of='KERNEL VIRTUAL MACHINE'
		! echo "$_files" | grep -qE '^(arch|Documentation/virt/kvm)/x86/' || _of="$_of FOR X86"
		grep -qE "\((maintainer|supporter):$_of" "$dir/who" || echo "not: ${_patch##*/} reaches no maintainer of: $_of"
	done
	grep -q '^linux-kernel@vger' "$dir/all" || echo "not: no patch goes to linux-kernel@vger.kernel.org"
	awk '{ line = $0; sub(/ \([^()]*(\(.*\))*[^()]*\)$/, "") } !seen[$0]++ { print "# " line }' "$dir/all"
}

# patterns: what the series adds to MAINTAINERS is there (the script's own --self-test takes minutes).
patterns() {
	git diff -U0 base HEAD -- MAINTAINERS | sed -n 's/^+F:\t//p' | while read -r _f; do
		[ -n "$(git ls-tree -r HEAD -- "$_f")" ] || echo "not: no file is at $_f"
	done
}

# apply: git am takes the very mails, and they give the tree that the series does.
apply() {
	git checkout -q --detach base
	patch_mails | xargs git am -q || {
		git am --abort
		git checkout -q "b4/event-inj-$BASE"
		return 1
	}
	[ "$(git rev-parse 'HEAD^{tree}')" = "$(git rev-parse "$tip^{tree}")" ] || echo "not: the mails give another tree"
	git checkout -q "b4/event-inj-$BASE"
}

# send_email: it says "Result: OK" for every mail that it takes.
send_email() {
	set --
	while read -r _who; do
		set -- "$@" --to="$_who"
	done <<-EOT
		$(sed 's/ ([^()]*\((.*)\)*[^()]*)$//' "$dir/all" | sort -u)
	EOT
	git send-email --dry-run --confirm=never "$@" ../git/*.patch >"$dir/send-email" 2>&1 </dev/null ||
		{ cat "$dir/send-email"; return 1; }
	_n=$(grep -c '^Result: OK' "$dir/send-email" || :)
	[ "$_n" -eq "$mails" ] || echo "not: it takes $_n of $mails mails"
}

# b4: takes the branch in, adds the recipients, and writes the mails instead of sending them.
b4_all() {
	b4 prep --enroll base || return 1
	[ -z "$prefix" ] || b4 prep --set-prefixes "$prefix" || return 1
	b4 prep --auto-to-cc || return 1
	b4 send --no-sign -o ../b4 || return 1
	_n=$(find ../b4 -name '*.eml' | wc -l)
	[ "$_n" -eq "$mails" ] || echo "not: it takes $_n of $mails mails"
}

lib/deps.sh tree send
tip=$(kernel/tree.sh --tip)
base=$(id_of "refs/base/$ID")
mails=$(($(patches | wc -l) + 1))
# Debian's Python for b4, and nobody's configuration.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$dir/home" GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_GLOBAL="$dir/home/.gitconfig" LC_ALL=C
export GIT_AUTHOR_NAME=Submitter GIT_AUTHOR_EMAIL=submitter@example.com \
	GIT_COMMITTER_NAME=Submitter GIT_COMMITTER_EMAIL=submitter@example.com
repository
git config user.name Submitter
git config user.email submitter@example.com
verdict "C7 get_maintainer.pl finds KVM's people and lists" recipients
verdict "what is added to MAINTAINERS is there" patterns
verdict "no whitespace error (git diff --check)" git diff --check base HEAD
verdict "the mails apply to the base (git am)" apply
verdict "git send-email --dry-run takes $mails mails" send_email
verdict "b4 send takes $mails mails" b4_all
exit $code
