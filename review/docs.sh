#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# docs.sh - the documentation of KVM, as HTML, has no warning that it does not have without the series.
# Usage: [BASE=7.3] review/docs.sh
# For a series that touches Documentation/. The page is left in build/steps/$ID/docs/ to be looked at.

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
need_base
src=build/src/$ID
log=build/log/$ID-docs.log
out=$PWD/build/steps/$ID/docs
files=$(patches | xargs sed -n 's|^diff --git a/\(Documentation/virt/kvm/.*\) b/.*|\1|p' | sort -u)
[ -n "$files" ] || { echo "ok - $BASE: documentation # SKIP the series has none"; exit; }

# warnings COMMIT FOLDER: what sphinx has to say of it; from scratch, as it is silent about a page it has already read.
warnings() {
	g -C "$src" checkout -q -f --detach "$1"
	rm -rf "$2"
	mkdir -p "$2"
	# Debian's python, not another that may come first: it is the one that has sphinx.
	PATH=/usr/bin:/bin:/usr/sbin:/sbin make -C "$src" O="$2" SPHINXDIRS=virt/kvm htmldocs >"$log" 2>&1 ||
		die 3 "htmldocs failed; all of its output: $log"
	grep -E 'WARNING|ERROR' "$log" | grep -v 'dot(1)' | sed 's/:[0-9]*: /: /' | sort -u || :
}

lib/deps.sh docs
lock
kernel/source.sh
tip=$(kernel/tree.sh --tip)
_t=$(tenths)
warnings "$tip" "$out" >"$log.tip"
# The base is asked only if there is something that it might say as well.
: >"$log.base"
[ ! -s "$log.tip" ] || warnings "$(id_of "refs/base/$ID")" "$out.base" >"$log.base"
comm -13 "$log.base" "$log.tip" >"$log.new"
for page in $files; do
	name=$(basename "$page" .rst)
	[ "$name" = "$(basename "$page")" ] || find "$out" -name "$name.html" | grep -q . || echo "no page for $page" >>"$log.new"
done
code=0
result "$(wc -l <"$log.new")" "$BASE: documentation without a new warning ($(wc -l <"$log.base") old ones)  $(took "$_t")" "$log.new"
exit $code
