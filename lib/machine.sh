# SPDX-License-Identifier: GPL-2.0-only
# machine.sh - which Debian this is, which kernels it and the other one have, and what may be done here.
# Sourced by lib.sh.

# codename: this machine's release, as Debian calls it; nothing where os-release has none.
codename() {
	# shellcheck source=/dev/null
	(. /etc/os-release && echo "${VERSION_CODENAME:-}")
}

# kernels_of RELEASE: the bases of which it has a kernel that its own compiler has built; its own kernel first.
kernels_of() {
	case $1 in
	bookworm) echo 6.1 6.12 ;;
	trixie) echo 6.12 7.3 ;;
	esac
}

# other_release: the one of the two that this machine is not.
other_release() {
	case $(codename) in
	trixie) echo bookworm ;;
	*) echo trixie ;;
	esac
}

# elsewhere: the bases of which only the other release has a kernel, one a line.
elsewhere() {
	kernels_of "$(other_release)" | tr ' ' '\n' | grep -vxF -e "$(kernels_of "$(codename)" | tr ' ' '\n')" || :
}

# need_debian WHAT: dies where there is no apt, or no dpkg.
need_debian() {
	{ command -v apt-get && command -v dpkg-deb; } >/dev/null ||
		die 3 "$1 takes Debian's packages, and there is no apt or no dpkg here; a kernel tree of yours does without: make run KERNEL=/path/to/linux"
}

# of_debian: dies where the base is no kernel of a release of Debian's.
of_debian() {
	[ "$PACKAGE" != linux ] || die 2 "Debian has no kernel of BASE=$BASE any more, only its source: make run BASE=$BASE builds it"
}

# candidate PACKAGE: the version that apt would take, out of "apt-cache policy PACKAGE" on standard input; nothing where there is
# no package of that very name: Debian 13's apt then takes it for a pattern, and answers for another one.
candidate() {
	awk -v block="$1:" '/^[^ ]/ { mine = $0 == block } mine && $1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# can_mount: true if a bare system can be made here: as root, with the right to mount.
can_mount() {
	[ "$(id -u)" = 0 ] && unshare --mount --pid --fork --propagation private mount -t tmpfs tmpfs /mnt 2>/dev/null
}
