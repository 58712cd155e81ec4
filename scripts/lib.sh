# SPDX-License-Identifier: GPL-2.0-only
# lib.sh - what the scripts share: messages, timed stages, the chosen base, one neutral git.
# Sourced from the repository root. Reads BASE (6.12), KERNEL, DEBUG, V and NO_COLOR.
# shellcheck shell=sh

# A hook's GIT_DIR or GIT_INDEX_FILE must not turn our git on the user's repository.
# shellcheck disable=SC2046 # one name a word
unset $(git rev-parse --local-env-vars 2>/dev/null) || :

red='' plain=''
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
	red=$(printf '\033[31m') plain=$(printf '\033[0m')
fi

# say STAGE WHAT: one short line on the screen.
say() {
	printf '  %-8s%s\n' "$1" "$2"
}

# die CODE MESSAGE: the last line of a failure; 1 test failed, 2 bad input, 3 fetch or build, 4 no VM.
die() {
	printf '%s%s:%s %s\n' "$red" "$(basename "$0" .sh)" "$plain" "$2" >&2
	exit "$1"
}

# tenths: a clock in tenths of a second.
tenths() {
	echo $(($(date +%s%N) / 100000000))
}

# took SINCE: the time since then, as "(9.1 s)"; SINCE comes from tenths.
took() {
	set -- $(($(tenths) - $1))
	echo "($(($1 / 10)).$(($1 % 10)) s)"
}

# stage NAME WHAT COMMAND...: runs COMMAND in a subshell under set -e, its output in build/log/; says
# how long it took, or shows the log's tail and dies with 3. Never in a condition: sh drops set -e there.
stage() {
	_name=$1 _what=$2 _t=$(tenths)
	_log=build/log/${ID:-all}-$(echo "$1" | tr '[:upper:]' '[:lower:]').log
	shift 2
	mkdir -p build/log
	[ ! -t 1 ] || printf '  %-8s%s ...' "$_name" "$_what"
	set +e
	(set -e; [ -z "${V:-}" ] || set -x; "$@") >"$_log" 2>&1
	_rc=$?
	set -e
	[ ! -t 1 ] || printf '\r\033[K'
	[ -z "${V:-}" ] || sed -nE '/^\++ (\[|_|shift|trap|wait)/d; s/^\++ /$ /p' "$_log"
	if [ $_rc -ne 0 ]; then
		tail -n 20 "$_log" >&2
		df -P build | awk 'NR == 2 && $4 < 102400 { print "The disk is full: " $4 " KiB left on " $6 "." }' >&2
		die 3 "$_name $_what failed; all of its output: $_log"
	fi
	say "$_name" "$_what  $(took "$_t")"
}

# need_base: reads and checks series/$BASE/base; sets ID (the base's name under build/) and VARIANT with it.
need_base() {
	BASE=${BASE:-6.12} KERNEL=${KERNEL:-}
	_file=series/$BASE/base
	case $BASE in
	*/* | .*) _file= ;;
	esac
	[ -f "$_file" ] ||
		die 2 "no base '$BASE'; there is BASE=$(find series -maxdepth 2 -name base 2>/dev/null | sort -V | cut -d/ -f2 | paste -sd '|' -)"
	! grep -nvE '^(#.*|[A-Z0-9_]+=[A-Za-z0-9._~+/-]+|)$' "$_file" >&2 ||
		die 2 "$_file: the lines above are not KEY=value"
	# shellcheck disable=SC2034 # the scripts that source this use them
	PACKAGE='' VERSION='' SHA256='' SUITE='' TREE='' SELFTESTS='' STANDS_FOR='' LACKS='' ALLOW=''
	# shellcheck source=/dev/null
	. "./$_file"
	for _key in PACKAGE VERSION SHA256 SUITE TREE SELFTESTS STANDS_FOR; do
		eval "[ -n \"\$$_key\" ]" || die 2 "$_file: $_key is missing"
	done
	ID=$BASE${KERNEL:+-kernel}
	# What the kernels are built and booted as; trees and tests do not differ.
	# shellcheck disable=SC2034 # as above
	VARIANT=$ID${DEBUG:+-debug}
	export BASE KERNEL
}

# lock: one script at a time works on the trees under build/; the scripts it calls share its lock.
lock() {
	[ -z "${LAB_LOCK:-}" ] || return 0
	mkdir -p build
	exec 9>build/lock
	flock -n 9 || { say WAIT "for the other make in this folder"; flock 9; }
	export LAB_LOCK=1
}

# g ARGS...: git without anybody's configuration and with a fixed committer: same input, same bytes and ids.
g() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_OPTIONAL_LOCKS=0 LC_ALL=C \
	GIT_AUTHOR_NAME=lab GIT_AUTHOR_EMAIL=lab@localhost GIT_AUTHOR_DATE=2000-01-01T00:00:00Z \
	GIT_COMMITTER_NAME=lab GIT_COMMITTER_EMAIL=lab@localhost GIT_COMMITTER_DATE=2000-01-01T00:00:00Z \
		git -c core.hooksPath=/dev/null -c advice.detachedHead=false "$@"
}

# store ARGS...: g on the object store of all bases.
store() {
	g --git-dir=build/git "$@"
}

# id_of NAME: the commit that NAME is in the store, or nothing.
id_of() {
	store rev-parse -q --verify "$1^{commit}" || :
}

# need_store: makes build/git, or mends its worktrees' links when the repository was moved or copied.
need_store() {
	if [ ! -d build/git ]; then
		rm -rf build/git.tmp
		mkdir -p build
		g init -q --bare --template= -b none build/git.tmp
		g --git-dir=build/git.tmp config gc.auto 0
		mv build/git.tmp build/git
	fi
	# Bare is the store alone; in the configuration that its worktrees share, spdxcheck.py takes them for bare, too.
	if g config -f build/git/config core.bare >/dev/null; then
		store config extensions.worktreeConfig true
		store config --worktree core.bare true
		g config -f build/git/config --unset core.bare
	fi
	for _w in build/src/* build/tree/*; do
		[ -f "$_w/.git" ] || continue
		case $(cat "$_w/.git") in
		"gitdir: $PWD/build/git/"*) ;;
		*) store worktree repair "$_w" >/dev/null 2>&1 || : ;;
		esac
	done
}

# new_worktree DIR COMMIT: an empty linked worktree at COMMIT in place of whatever DIR was.
new_worktree() {
	rm -rf "$1"
	store worktree prune
	# Forced twice: an interrupted add leaves its entry locked.
	store worktree add -q -f -f --no-checkout --detach "$1" "$2"
}

# others DIR [-z]: untracked files, ignored or not (Debian's .gitignore hides every new one); editors' own excepted.
others() {
	g -C "$1" ls-files --others -x '*~' -x '.*.sw?' -x '.#*' -x '#*#' ${2:+"$2"}
}

# dirty DIR: true if the worktree holds what no commit has.
dirty() {
	[ -n "$(g -C "$1" status --porcelain -uno; others "$1")" ]
}

# mid_rebase DIR: true in the middle of a rebase or am.
mid_rebase() {
	_gd=$(g -C "$1" rev-parse --absolute-git-dir)
	[ -d "$_gd/rebase-merge" ] || [ -d "$_gd/rebase-apply" ]
}

# has_work: true if build/tree/$ID holds work that series/$BASE does not.
has_work() {
	_w=build/tree/$ID
	[ -e "$_w/.git" ] || return 1
	mid_rebase "$_w" || dirty "$_w" || [ "$(g -C "$_w" rev-parse HEAD)" != "$(id_of "refs/applied/$ID")" ]
}

# patches: the series' patch files, one a line; nothing when there are none.
patches() {
	find "series/$BASE" -name '[0-9]*.patch' | sort
}

# series_key: a hash of the base and of every patch; equal keys mean that nothing is to be applied anew.
series_key() {
	{ id_of "refs/base/$ID"; patches | xargs -r cat; } | sha256sum | cut -d' ' -f1
}

# series_tip: the commit that the series files give: as applied before, if neither they nor the base have changed since.
series_tip() {
	if [ "$(cat "build/git/applied-$ID" 2>/dev/null)" = "$(series_key 2>/dev/null)" ]; then
		id_of "refs/applied/$ID"
	else
		scripts/tree.sh --apply | tail -n 1
	fi
}

# record COMMIT: what the series files stand for now, in refs/applied/$ID and beside it.
record() {
	store update-ref "refs/applied/$ID" "$1"
	series_key >"build/git/applied-$ID.tmp"
	mv "build/git/applied-$ID.tmp" "build/git/applied-$ID"
}

# check_config FRAGMENT CONFIG: fails, with their names, if options of the fragment did not reach the final
# configuration. Those that series/$BASE/base names in LACKS (KVM_X+KVM_Y) are not known to that tree.
check_config() {
	_lost=$(grep '^CONFIG_' "$1" | grep -vxF -f "$2" |
		grep -vxE "CONFIG_($(echo "${LACKS:-none}" | tr + '|'))=.*" || :)
	[ -z "$_lost" ] || { echo "Kconfig does not give what $1 asks for:" "$_lost"; return 1; }
}
