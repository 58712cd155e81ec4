# SPDX-License-Identifier: GPL-2.0-only
# judge.sh - what boots left behind becomes a verdict, by report.c, whose head comment has its modes and exit codes.
# Sourced after lib.sh by the scripts of proof/.

# report MODE [OPTION...] RUNDIR...: the judge itself.
report() {
	flock build/judge.lock make -s -C judge OUT="$PWD/build/lab" >&2 || die 3 "judge/report.c does not build"
	build/lab/report "$@"
}

# judge_boot RUNDIR [OTHERDIR]: one boot; what there is to say of it goes into RUNDIR/summary, the total last.
judge_boot() {
	report boot "$@" >"$1/summary" 2>&1
}
