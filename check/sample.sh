#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# sample.sh - README.md quotes a part of what make run prints for 6.12, or make stock: is it what they print now?
# Usage: check/sample.sh [--write] REPORT    e.g. build/run/6.12/last/report; --write renews the quotation

set -eu
cd "$(dirname "$0")/.."
. lib/lib.sh
write='' sample=build/check.sample
[ "${1:-}" != --write ] || { write=1; shift; }
grep -qs '^PASS: ' "${1:-}" || die 2 "'${1:-}' is no report of a make run that was good"

# The legend, the rows of interest of the first matrix, the tests and the verdict; nothing that a machine may have its own of.
{
	echo '```'
	sed -n '/^refused: by KVM/,/^$/p' "$1"
	sed -n '/^Verdicts, none:/,/^$/p' "$1" |
		grep -E '^Verdicts|without the series|^  type|^[* ] (1 reserved|3 exception (6|9|21|32-255) )'
	echo '    ...'
	echo
	sed -n '/^svm_nested_event_inj_test$/,/^$/p; /^PASS: /p' "$1" | grep -v ' skipped: '
	echo '```'
} >"$sample"

[ -z "$write" ] || replace_text "$sample" README.md '<!-- make run'
code=0
sed -n '/^<!-- make run/,/^<!-- end -->$/p' README.md | sed '1d; $d' | diff - "$sample" >"$sample.diff" ||
	echo "check/sample.sh --write build/run/6.12/last/report, or that of make stock" >>"$sample.diff"
result "$(wc -l <"$sample.diff")" "README.md has what make run prints" "$sample.diff"
exit $code
