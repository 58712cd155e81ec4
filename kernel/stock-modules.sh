# SPDX-License-Identifier: GPL-2.0-only
# stock-modules.sh - the modules that Debian's kernel $STOCK has: where they are, what they depend on, in which order they load.
# Sourced by stock-build.sh, which has their folder in $modules.

# file_of MODULE: where the image has it.
file_of() { find "$modules/kernel" -name "$(echo "$1" | sed 's/[-_]/[-_]/g').ko*" | head -n 1; }

# plain FILE: a module of the image, unpacked.
plain() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -qdc "$1" ;;
	*) cat "$1" ;;
	esac
}

# order MODULE: its name as a file, after those of all that it depends on; nothing if it is built in.
order() {
	[ -n "$(file_of "$1")" ] || return 0
	for _d in $(/sbin/modinfo -F depends "$(file_of "$1")" | tr , ' '); do
		(order "$_d")
	done
	_f=$(file_of "$1")
	_f=${_f##*/}
	echo "${_f%.ko*}.ko"
}

# take DIR MODULE...: these modules, with all that they depend on, in DIR; their order there, and which files of the image they are.
take() {
	_dir=$1
	shift
	mkdir -p "$_dir"
	for _m; do
		order "$_m"
	done | awk '!seen[$0]++' >"$_dir/order"
	while read -r _ko; do
		_f=$(file_of "${_ko%.ko}")
		echo "${_f#"$modules/"}" >>"$_dir/files"
		plain "$_f" >"$_dir/$_ko"
	done <"$_dir/order"
}
