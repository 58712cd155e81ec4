# SPDX-License-Identifier: GPL-2.0-only
# judge.sh - what boots left behind becomes a verdict, by report.c, whose head comment has its modes and exit codes.
# Sourced after lib.sh by the scripts of proof/.

# make_judge [COMMAND...]: compiles it, by a command that takes another, such as beside NAME.
# shellcheck disable=SC2120 # proof/run.sh has one
make_judge() {
	"$@" flock build/judge.lock make -s -C judge OUT="$PWD/build/lab"
}

# report MODE [OPTION...] RUNDIR...: the judge itself.
report() {
	make_judge >&2 || die 3 "judge/report.c does not build"
	build/lab/report "$@"
}

# judge_boot RUNDIR: one boot; what there is to say of it goes into RUNDIR/summary, the total last.
judge_boot() {
	report boot "$1" >"$1/summary" 2>&1
}
