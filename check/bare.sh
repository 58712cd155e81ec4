# SPDX-License-Identifier: GPL-2.0-only
# bare.sh - for fresh.sh: how a bare Debian is made, this repository cloned, and a command run in there.
# Sourced by fresh.sh after apt.sh; $suite is which Debian, $dir its folder, $what what is to be done there.

bare() {
	rm -rf "$dir/bare" "$dir/bare.tmp"
	debian "$suite" "$dir/bare.tmp" make
	sources "$suite" "$suite-updates" "$suite-security" >"$dir/bare.tmp/etc/apt/sources.list"
	apt-config dump | grep -iE '^Acquire::[a-z]+::proxy' >"$dir/bare.tmp/etc/apt/apt.conf.d/90proxy" || :
	cp /etc/resolv.conf /etc/hosts "$dir/bare.tmp/etc/"
	rm -rf "$dir/bare.tmp/var/cache/apt/archives"/*.deb "$dir/bare.tmp/var/lib/apt/lists"/*
	mkdir -p "$dir/bare.tmp/lab"
	mv "$dir/bare.tmp" "$dir/bare"
}

# clone: this repository as somebody else would get it; of build/ it has the packages of kernels alone.
clone() {
	if [ "$what" = again ] && [ -d "$dir/lab/.git" ]; then
		g -C "$dir/lab" fetch -q --upload-pack "$upload_pack" "file://$PWD" HEAD
		g -C "$dir/lab" reset -q --hard FETCH_HEAD
		return
	fi
	rm -rf "$dir/lab"
	g clone -q --upload-pack "$upload_pack" "file://$PWD" "$dir/lab"
	mkdir -p "$dir/lab/build/pkg" "$dir/debs/partial"
	find build/pkg -maxdepth 1 -name '*_all.deb' -exec cp -t "$dir/lab/build/pkg" {} +
}

# inside COMMAND...: in a new copy of the bare system, or for boot in the one that compile has left, as root, in the clone.
inside() {
	if [ "$what" != boot ]; then
		rm -rf "$dir/root"
		cp -a "$dir/bare" "$dir/root"
	fi
	unshare --mount --pid --fork --kill-child --propagation private sh -euc '
		dir=$1
		shift
		# A place to mount: what is in there may have namespaces of its own.
		mount --bind "$dir/root" "$dir/root"
		mount --bind "$dir/lab" "$dir/root/lab"
		mount --bind "$dir/debs" "$dir/root/var/cache/apt/archives"
		mount --rbind /dev "$dir/root/dev"
		mount -t proc proc "$dir/root/proc"
		mount -t tmpfs tmpfs "$dir/root/tmp"
		exec chroot "$dir/root" env -i -C /lab HOME=/root LAB_FRESH=1 \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"' sh "$dir" "$@" &
	_pid=$!
	# Without its parent, the first process in there is killed, and all others with it.
	trap 'kill -KILL "$_pid" 2>/dev/null; exit 130' INT TERM HUP
	wait "$_pid"
}
