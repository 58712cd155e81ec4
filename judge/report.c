// SPDX-License-Identifier: GPL-2.0-only
/*
 * The judge: what a boot left behind -> verdict.
 *
 * Reading is in read.c, the verdict matrix in matrix.c.
 * Usage: report boot [-d DENY] [-a ALLOW] RUNDIR [OTHERDIR]
 *        report pair [-d DENY] [-a ALLOW] [-o] [-r RED] BASEDIR PATCHEDDIR...
 *        report debug [-d DENY] [-a ALLOW] PLAINDIR DEBUGDIR
 *
 * RUNDIR holds status, console.log and report.ktap, as guest/boot.sh and
 * guest/init.c write them. DENY and ALLOW are lists of extended regular
 * expressions for console lines (judge/splat.deny and judge/splat.allow). RED
 * names the cases of the selftest that must fail without the series. Several
 * PATCHEDDIRs are guests that shared the cases between them. With -o, or in
 * boot with the other kernel's folder, a splat that both log is the tree's own
 * and no failure.
 *
 * Exit: 0 all is well, 1 a failure, 2 usage, 4 a guest did not finish.
 * A check that cannot work is a failure, never a clean result.
 */
#include "report.h"

/* The selftest on the base and on the patched kernel; NULL where it did not run. */
static struct test *sides[2];
static const char *short_names[2] = { "without", "with it" };
static const char *long_names[2] = { "without the series", "with it" };

/* "2 passed, 0 failed, 1 skipped" */
static char *totals(const struct test *t)
{
	return format("%d passed, %d failed, %d skipped", count(t, PASS),
		      count(t, FAIL), count(t, SKIP));
}

/* Each reason once. */
static void print_skips(const struct test *t)
{
	for_each(r, t->cases, t->nr_cases) {
		int before = 0, all = 0;

		if (r->state != SKIP)
			continue;
		for_each(other, t->cases, t->nr_cases) {
			bool same = other->state == SKIP && !strcmp(other->note, r->note);

			all += same;
			before += same && other < r;
		}
		if (!before)
			printf("          %d skipped: %s\n", all, r->note);
	}
}

static void print_test(const struct test *t)
{
	static const char * const words[] = { "CRASHED", "FAIL", "PASS", "SKIP" };

	printf("  %-7s %s", words[t->broken ? FAIL : t->own.state], t->own.name);
	if (*t->own.note)
		printf(": %s", t->own.note);
	if (t->nr_cases)
		printf(" (%s)", totals(t));
	putchar('\n');
	for_each(r, t->cases, t->nr_cases)
		if (r->state == FAIL)
			printf("          not ok %s\n", r->name);
	print_skips(t);
}

/* What there was of splats, in words. */
static const char *splat_word(bool any, bool own)
{
	return any ? "kernel splat" : own ? "no splat but the tree's own" : "no splat";
}

static int report_boot(const char *dir, const char *other)
{
	struct boot b;
	bool good;
	int bad;

	read_boot(&b, "", dir, other);
	for_each(t, b.tests, b.nr_tests)
		print_test(t);
	bad = count_tests(&b, FAIL) + count_tests(&b, CRASHED);
	if (b.unfinished) {
		printf("NOT FINISHED: %s\n", b.unfinished);
		return EXIT_UNFINISHED;
	}
	good = !bad && !b.splats && !b.problems;
	printf("%s: %d tests, %d failed, %d skipped; %s%s\n",
	       good ? "PASS" : "FAIL", b.nr_tests, bad, count_tests(&b, SKIP),
	       !b.scanned ? "not scanned for splats" :
	       splat_word(b.splats, b.own_splats),
	       b.problems ? "; see the lines with ! above" : "");
	return good ? EXIT_PASS : EXIT_FAIL;
}

static void print_selftest(void)
{
	printf("\n%s\n", SELFTEST);
	for (int i = 0; i < 2; i++) {
		printf("  %-10s", short_names[i]);
		if (!sides[i]) {
			printf("did not run\n");
			continue;
		}
		printf("%s: %s\n", state_names[sides[i]->own.state], totals(sides[i]));
		print_skips(sides[i]);
	}
}

static bool in_list(const struct text *list, const char *name)
{
	for_each(line, list->line, list->nr)
		if (!strcmp(*line, name))
			return true;
	return false;
}

/*
 * Exactly the listed cases fail on the base, and pass on the patched kernel.
 * With "or-skip" behind its name, a case may also be skipped there.
 */
static void judge_red(struct boot *base, struct boot *patched, const char *file)
{
	struct test *old = sides[0], *new = sides[1];
	struct text red = load("", file);
	int listed = 0;

	for_each(line, red.line, red.nr) {
		char *name = *line;
		bool may_skip = strstr(name, " or-skip");
		struct result *r;

		name[strcspn(name, " \t#")] = '\0';
		if (!*name)
			continue;
		listed++;
		r = find_case(old, name);
		if (!r || r->state != FAIL)
			problem(base, "case %s should fail, its result is: %s",
				name, r ? state_names[r->state] : "missing");
		r = find_case(new, name);
		if (!r || (r->state != PASS && r->state != FAIL &&
			   !(r->state == SKIP && may_skip)))
			problem(patched, "case %s should pass, its result is: %s",
				name, r ? state_names[r->state] : "missing");
	}
	if (!listed) {
		problem(base, "%s: %s", file, red.missing ? "missing" : "empty");
		return;
	}
	if (!old)
		return;
	for_each(r, old->cases, old->nr_cases)
		if (r->state == FAIL && !in_list(&red, r->name))
			problem(base, "case %s failed, but is not listed in %s", r->name, file);
	if (old->nested && old->plan != old->nr_cases)
		problem(base, "%s planned %ld cases and reported %d", SELFTEST,
			old->plan, old->nr_cases);
}

static void judge_own(struct boot *b, const struct test *t)
{
	if (t->own.state != PASS)
		problem(b, "%s: %s (%s)", t->own.name, state_names[t->own.state], t->own.note);
}

static void judge_green(struct boot *b)
{
	struct test *t = find_test(b, SELFTEST);

	if (!t) {
		problem(b, "%s did not run", SELFTEST);
		return;
	}
	judge_own(b, t);
	if (t->own.state == PASS && !count(t, PASS))
		problem(b, "%s: no case passed", SELFTEST);
	for_each(r, t->cases, t->nr_cases)
		if (r->state == FAIL)
			problem(b, "case %s failed%s%s", r->name,
				r->said ? ": " : "", r->said ?: "");
}

/* Without the matrix, there is nothing to look at. */
static void judge_probe(struct boot *b)
{
	struct test *t = find_test(b, PROBE);

	if (t)
		judge_own(b, t);
}

/* One line of the table; a case is shown only where it differs. */
static int compare(const struct result *a, const struct result *b, bool is_case)
{
	bool same = a && b && a->state == b->state && !strcmp(a->note, b->note);
	const char *name = a ? a->name : b->name;

	if (same && is_case)
		return 0;
	printf("  %s%-*s%-10s%-10s%s\n",
	       is_case ? "  " : "", is_case ? 38 : 40, name,
	       a ? state_names[a->state] : "missing",
	       b ? state_names[b->state] : "missing",
	       !same ? "DIFFERENT" :
	       a->state == FAIL ? "same (fails on both)" : "same");
	if (same && *a->note)
		printf("      on both: %s\n", a->note);
	if (!same && a && *a->note)
		printf("      %s: %s\n", long_names[0], a->note);
	if (!same && b && *b->note)
		printf("      %s: %s\n", long_names[1], b->note);
	return !same;
}

static int compare_tests(const struct test *a, const struct test *b)
{
	int different = compare(a ? &a->own : NULL, b ? &b->own : NULL, false);

	for (int i = 0; a && i < a->nr_cases; i++)
		different += compare(&a->cases[i], find_case(b, a->cases[i].name), true);
	for (int i = 0; b && i < b->nr_cases; i++)
		if (!find_case(a, b->cases[i].name))
			different += compare(NULL, &b->cases[i], true);
	return different;
}

/* One that is compared, and not judged by itself. */
static bool is_other(const struct test *t, bool all)
{
	return all || (strcmp(t->own.name, SELFTEST) && strcmp(t->own.name, PROBE));
}

/* All tests, or all others; gives the number of differences. */
static int compare_boots(struct boot *base, struct boot *patched, bool all)
{
	struct boot *boots[2] = { base, patched };
	int different = 0;
	bool headed = false;

	for (int side = 0; side < 2; side++) {
		for_each(t, boots[side]->tests, boots[side]->nr_tests) {
			struct test *other = find_test(boots[!side], t->own.name);

			if (!is_other(t, all) || (side && other))
				continue;
			if (!headed)
				printf("\n  %-40s%-10s%s\n", all ? "tests" : "other tests",
				       short_names[0], short_names[1]);
			headed = true;
			different += side ? compare_tests(NULL, t) : compare_tests(t, other);
		}
	}
	return different;
}

static bool report_unfinished(const struct boot *a, const struct boot *b)
{
	if (!a->unfinished && !b->unfinished)
		return false;
	printf("NOT FINISHED: %s%s%s%s%s\n",
	       a->unfinished ? a->label : "", a->unfinished ?: "",
	       a->unfinished && b->unfinished ? "; " : "",
	       b->unfinished ? b->label : "", b->unfinished ?: "");
	return true;
}

/* A test that says ok on the patched kernel had all the cases of the base. */
static void judge_cases(struct boot *patched)
{
	struct test *old = sides[0], *new = sides[1];

	if (!old || !new || new->own.state != PASS)
		return;
	for_each(r, old->cases, old->nr_cases)
		if (!find_case(new, r->name))
			problem(patched, "case %s did not run", r->name);
}

static int report_pair(const char *red, bool own, char **dirs)
{
	struct boot base, patched, part;
	int different, problems, splats;

	read_boot(&base, "base: ", dirs[0], own ? dirs[1] : NULL);
	read_boot(&patched, "patched: ", dirs[1], own ? dirs[0] : NULL);
	for (int i = 2; dirs[i]; i++) {
		read_boot(&part, format("%s: ", basename(dirs[i])), dirs[i],
			  own ? dirs[0] : NULL);
		merge_boot(&patched, &part);
	}
	sides[0] = find_test(&base, SELFTEST);
	sides[1] = find_test(&patched, SELFTEST);
	print_matrices(&base, &patched);
	print_selftest();
	different = compare_boots(&base, &patched, false);
	putchar('\n');
	if (red)
		judge_red(&base, &patched, red);
	judge_probe(&base);
	judge_probe(&patched);
	judge_green(&patched);
	judge_cases(&patched);

	if (report_unfinished(&base, &patched))
		return EXIT_UNFINISHED;
	problems = base.problems + patched.problems;
	splats = !!base.splats + !!patched.splats;
	if (problems || splats || different) {
		printf("FAIL: problems: %d; boots with a splat: %d; differences in other tests: %d\n",
		       problems, splats, different);
		return EXIT_FAIL;
	}
	printf("PASS: %d cases fail without the series%s, none with it; other tests the same; %s\n",
	       sides[0] ? count(sides[0], FAIL) : 0, red ? " (as listed)" : "",
	       splat_word(false, base.own_splats));
	return EXIT_PASS;
}

/* One kernel without and with its debugging options: equal results, no splat. */
static int report_debug(const char *plain_dir, const char *debug_dir)
{
	struct boot plain, debug;
	int different, problems, splats;

	read_boot(&plain, "plain: ", plain_dir, NULL);
	read_boot(&debug, "debug: ", debug_dir, NULL);
	short_names[0] = long_names[0] = "plain";
	short_names[1] = long_names[1] = "debug";
	different = compare_boots(&plain, &debug, true);
	putchar('\n');
	judge_green(&plain);
	judge_green(&debug);

	if (report_unfinished(&plain, &debug))
		return EXIT_UNFINISHED;
	problems = plain.problems + debug.problems;
	splats = !!plain.splats + !!debug.splats;
	printf("%s: %d tests on the debug kernel, results that differ from the plain one: %d; problems: %d; boots with a splat: %d\n",
	       problems || splats || different ? "FAIL" : "PASS",
	       debug.nr_tests, different, problems, splats);
	return problems || splats || different ? EXIT_FAIL : EXIT_PASS;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: report boot [-d DENY] [-a ALLOW] RUNDIR [OTHERDIR]\n"
		"       report pair [-d DENY] [-a ALLOW] [-o] [-r RED] BASEDIR PATCHEDDIR...\n"
		"       report debug [-d DENY] [-a ALLOW] PLAINDIR DEBUGDIR\n");
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	bool pair = argc > 1 && !strcmp(argv[1], "pair");
	bool debug = argc > 1 && !strcmp(argv[1], "debug");
	const char *red = NULL;
	bool own = false;
	int opt, dirs;

	if (!pair && !debug && (argc < 2 || strcmp(argv[1], "boot")))
		return usage();
	optind = 2;
	while ((opt = getopt(argc, argv, pair ? "d:a:or:" : "d:a:")) != -1) {
		switch (opt) {
		case 'd': deny_file = optarg; break;
		case 'a': allow_file = optarg; break;
		case 'o': own = true; break;
		case 'r': red = optarg; break;
		default: return usage();
		}
	}
	dirs = argc - optind;
	if (pair ? dirs < 2 : debug ? dirs != 2 : dirs < 1 || dirs > 2)
		return usage();
	if (debug)
		return report_debug(argv[optind], argv[optind + 1]);
	return pair ? report_pair(red, own, &argv[optind]) :
		      report_boot(argv[optind], argv[optind + 1]);
}
