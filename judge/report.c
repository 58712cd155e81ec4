// SPDX-License-Identifier: GPL-2.0-only
/*
 * The judge: what a boot left behind -> verdict.
 *
 * Build: gcc -O2 -Wall -Wextra -Werror -static -o report report.c
 * Usage: report boot [-d DENY] [-a ALLOW] RUNDIR
 *        report pair [-d DENY] [-a ALLOW] [-r RED] BASEDIR PATCHEDDIR...
 *        report debug [-d DENY] [-a ALLOW] PLAINDIR DEBUGDIR
 *
 * RUNDIR holds status, console.log and report.ktap, as guest/boot.sh and
 * guest/init.c write them. DENY and ALLOW are lists of extended regular
 * expressions for console lines (judge/splat.deny and judge/splat.allow). RED
 * names the cases of the selftest that must fail without the series. Several
 * PATCHEDDIRs are guests that shared the cases between them.
 *
 * Exit: 0 all is well, 1 a failure, 2 usage, 4 a guest did not finish.
 * A check that cannot work is a failure, never a clean result.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SELFTEST	"svm_nested_event_inj_test"
#define NR_TYPES	8
#define NR_VECTORS	256
#define NR_EXCEPTIONS	32
#define TYPE_EXCEPTION	3
#define MAX_PROBLEMS	20	/* shown, of one boot */
#define TAINT_DIE	(1UL << 7)
#define TAINT_WARN	(1UL << 9)

enum { EXIT_PASS, EXIT_FAIL, EXIT_USAGE, EXIT_UNFINISHED = 4 };

/* A result starts life as CRASHED and must earn another state. */
enum state { CRASHED, PASS, FAIL, SKIP, NR_STATES };

static const char * const state_names[] = { "crashed", "ok", "not ok", "skip" };

struct result {
	char *name;
	char *note;		/* why it failed or was skipped, or "" */
	enum state state;
};

/* What one case of the selftest saw: a word for each type and vector. */
struct sweep {
	char *variant;		/* capabilities: none, shstk, ... */
	char *path;		/* how the event got in: vmrun_64bit, ... */
	const char *word[NR_TYPES][NR_VECTORS];
};

struct test {
	struct result own;
	struct result *cases;
	int nr_cases;
	long plan;		/* of its cases, -1 without one */
	char *skip_reason;	/* from its plan: "1..0 # SKIP REASON" */
	bool nested;		/* prints KTAP */
	bool deep_fail;		/* a "not ok" below its cases */
	bool broken;		/* its results contradict themselves */
	char *running;		/* the case that began last */
	struct sweep *sweeps;
	int nr_sweeps;
};

struct text {
	char **line;
	int nr;
	bool missing;
	bool cut;		/* the last line has no newline */
};

struct boot {
	const char *label;	/* in front of a message, "" if there is one boot */
	struct text console, ktap;
	struct test *tests;
	int nr_tests;
	struct test *current;	/* began and has no result yet */
	int nr_results;
	long plan;		/* -1 without one */
	bool ended;		/* has the end line */
	int problems;		/* breaches of form, other than a failed test */
	int problems_before;	/* the current test */
	bool scanned;		/* for splats: the lists and the console are there */
	int splats;		/* lines that match */
	char *unfinished;	/* why the guest did not finish, or NULL */
};

static const char *deny_file = "judge/splat.deny";
static const char *allow_file = "judge/splat.allow";

/* ---- helpers ---- */

static void *check(void *p)
{
	if (!p) {
		perror("report");
		exit(EXIT_FAIL);
	}
	return p;
}

/* Appends a zeroed element to an array and gives its address. */
#define push(array, nr)							\
	((array) = check(reallocarray(array, (nr) + 1, sizeof(*(array)))), \
	 memset(&(array)[nr], 0, sizeof(*(array))), &(array)[(nr)++])

__attribute__((format(printf, 1, 2)))
static char *format(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return check(s);
}

/* The text behind a prefix, or NULL. */
static const char *after(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) ? NULL : s + len;
}

static const char *skip_spaces(const char *s)
{
	return s + strspn(s, " \t");
}

__attribute__((format(printf, 2, 3)))
static void problem(struct boot *b, const char *fmt, ...)
{
	va_list ap;

	/* The first ones tell; behind them may be thousands. */
	if (b->problems++ == MAX_PROBLEMS)
		printf("  %s! more of them, not shown\n", b->label);
	if (b->problems > MAX_PROBLEMS)
		return;
	printf("  %s! ", b->label);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static const char *colour(const char *code)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no) ? code : "";
}

#define BOLD	colour("\033[1;33m")
#define NORMAL	colour("\033[0m")

static struct text load(const char *dir, const char *name)
{
	char *path = *dir ? format("%s/%s", dir, name) : format("%s", name);
	FILE *f = fopen(path, "r");
	struct text t = { .missing = !f };
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	free(path);
	while (f && (len = getline(&line, &size, f)) > 0) {
		t.cut = line[len - 1] != '\n';
		while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
			line[--len] = '\0';
		for (char *p = line; *p; p++)
			if (iscntrl((unsigned char)*p) && *p != '\t')
				*p = '?';
		*push(t.line, t.nr) = check(strdup(line));
	}
	if (f && ferror(f))
		t.missing = true;
	free(line);
	if (f)
		fclose(f);
	return t;
}

/* ---- the verdict matrix ---- */

static struct sweep *find_sweep(struct test *t, const char *variant,
				const char *path)
{
	for (int i = 0; t && i < t->nr_sweeps; i++)
		if (!strcmp(t->sweeps[i].variant, variant) &&
		    !strcmp(t->sweeps[i].path, path))
			return &t->sweeps[i];
	return NULL;
}

/* "0-1 injected, 2 refused, ...": each vector once, in order, none left out. */
static bool parse_ranges(const char *s, const char *word[NR_VECTORS])
{
	int next = 0;

	while (next < NR_VECTORS) {
		int first, last, len = 0;
		char *w;

		if (next)
			s = after(s, ", ");
		if (!s || !isdigit((unsigned char)*s) ||
		    sscanf(s, "%3d%n", &first, &len) != 1)
			return false;
		last = first;
		s += len;
		if (*s == '-' && (!isdigit((unsigned char)s[1]) ||
				  sscanf(s, "-%3d%n", &last, &len) != 1))
			return false;
		s += *s == '-' ? len : 0;
		if (*s++ != ' ' || first != next || last < first ||
		    last >= NR_VECTORS)
			return false;
		len = strcspn(s, ", ");
		if (!len)
			return false;
		w = format("%.*s", len, s);
		while (next <= last)
			word[next++] = w;
		s += len;
	}
	return !*skip_spaces(s);
}

/* "none.vmrun_64bit: type 3: RANGES" */
static bool parse_matrix(struct test *t, const char *s)
{
	const char *dot = strchr(s, '.'), *colon = strchr(s, ':');
	char *variant, *path;
	struct sweep *sweep;
	unsigned int type;

	if (!dot || !colon || dot > colon ||
	    !after(colon, ": type ") || !isdigit((unsigned char)colon[7]) ||
	    colon[8] != ':' || colon[9] != ' ')
		return false;
	type = colon[7] - '0';
	if (type >= NR_TYPES)
		return false;
	variant = format("%.*s", (int)(dot - s), s);
	path = format("%.*s", (int)(colon - dot - 1), dot + 1);
	sweep = find_sweep(t, variant, path);
	if (!sweep) {
		sweep = push(t->sweeps, t->nr_sweeps);
		sweep->variant = variant;
		sweep->path = path;
	}
	return !sweep->word[type][0] &&
	       parse_ranges(colon + 10, sweep->word[type]);
}

/* ---- KTAP ---- */

/* "ok 1 NAME # NOTE", "not ok 2 NAME", "ok 3 # SKIP REASON" */
static bool parse_result(const char *s, struct result *r, long *nr)
{
	const char *rest, *note;
	char *end;

	r->state = PASS;
	rest = after(s, "ok ");
	if (!rest) {
		r->state = FAIL;
		rest = after(s, "not ok ");
	}
	if (!rest || !isdigit((unsigned char)*rest))
		return false;
	*nr = strtol(rest, &end, 10);
	if (*end && *end != ' ')
		return false;
	rest = skip_spaces(end);
	note = *rest == '#' ? rest : strstr(rest, " #");
	if (!note)
		note = rest + strlen(rest);
	r->name = format("%.*s", (int)(note - rest), rest);
	note = skip_spaces(note + strspn(note, " #"));
	if (r->state == PASS && !strncasecmp(note, "SKIP", 4)) {
		r->state = SKIP;
		note = skip_spaces(note + 4);
	}
	r->note = format("%s", note);
	return true;
}

static bool parse_plan(const char *s, long *plan)
{
	const char *n = after(s, "1..");
	char *end;

	if (!n || !isdigit((unsigned char)*n))
		return false;
	*plan = strtol(n, &end, 10);
	return !*end || *end == ' ';
}

static int count(const struct test *t, enum state state)
{
	int n = 0;

	for (int i = 0; i < t->nr_cases; i++)
		n += t->cases[i].state == state;
	return n;
}

static struct result *find_case(struct test *t, const char *name)
{
	for (int i = 0; t && i < t->nr_cases; i++)
		if (!strcmp(t->cases[i].name, name))
			return &t->cases[i];
	return NULL;
}

static struct test *find_test(struct boot *b, const char *name)
{
	for (int i = 0; i < b->nr_tests; i++)
		if (!strcmp(b->tests[i].own.name, name))
			return &b->tests[i];
	return NULL;
}

static void add_case(struct boot *b, struct test *t, struct result r, long nr)
{
	/* 6.1's kselftest_harness.h prints a skipped case without its name. */
	if (!*r.name)
		r.name = format("%s", t->running ?: "");
	if (!*r.name)
		problem(b, "%s: case %ld has no name", t->own.name, nr);
	else if (find_case(t, r.name))
		problem(b, "%s: case %s twice", t->own.name, r.name);
	if (nr != t->nr_cases + 1)
		problem(b, "%s: case number %ld where %d was due", t->own.name,
			nr, t->nr_cases + 1);
	*push(t->cases, t->nr_cases) = r;
}

/* KVM's tests put a dash before the reason. */
static char *skip_reason(const char *text)
{
	return format("%s", text + strspn(text, "- "));
}

/* One line of a test's own output, its indentation of two taken away. */
static void parse_nested(struct boot *b, struct test *t, const char *line)
{
	const char *s = skip_spaces(line), *text, *end;
	struct result r;
	long nr;

	if (*s == '#') {
		s = skip_spaces(s + 1);
		text = after(s, "matrix: ");
		if (text && !parse_matrix(t, text))
			problem(b, "%s: malformed matrix line: %.100s",
				t->own.name, text);
		text = after(s, "1..0 # SKIP ");
		if (text)
			t->skip_reason = skip_reason(text);
		text = after(s, "RUN ");
		end = text ? strstr(text, " ...") : NULL;
		if (end) {
			text = skip_spaces(text);
			t->running = format("%.*s", (int)(end - text), text);
		}
	} else if (s != line) {
		t->deep_fail |= !!after(s, "not ok ");
	} else if (!strcmp(s, "TAP version 13") || !strcmp(s, "KTAP version 1")) {
		t->nested = true;
	} else if (!t->nested) {
		problem(b, "%s: not KTAP: %.100s", t->own.name, s);
	} else if (parse_plan(s, &nr)) {
		if (t->plan >= 0)
			problem(b, "%s: a second plan: %s", t->own.name, s);
		t->plan = nr;
		text = strstr(s, "# SKIP ");
		if (text)
			t->skip_reason = skip_reason(text + strlen("# SKIP "));
	} else if (parse_result(s, &r, &nr)) {
		add_case(b, t, r, nr);
	}
}

/* A test's own word against those of its cases and of its matrix. */
static void check_test(struct boot *b, struct test *t)
{
	const char *name = t->own.name;
	int bad = count(t, FAIL);

	if (t->own.state != FAIL && (bad || t->deep_fail))
		problem(b, "%s says %s, but %d of its cases failed", name,
			state_names[t->own.state], bad ?: 1);
	if (t->own.state == PASS && t->nested && t->plan != t->nr_cases)
		problem(b, "%s says ok, but planned %ld cases and reported %d",
			name, t->plan, t->nr_cases);
	if (t->own.state == FAIL && t->nr_cases && t->plan == t->nr_cases &&
	    !bad && !t->deep_fail)
		problem(b, "%s says not ok (%s), but none of its cases failed",
			name, t->own.note);
	for (int i = 0; i < t->nr_sweeps; i++)
		for (int type = 0; type < NR_TYPES; type++)
			if (!t->sweeps[i].word[type][NR_VECTORS - 1])
				problem(b, "%s: matrix %s.%s lacks type %d", name,
					t->sweeps[i].variant,
					t->sweeps[i].path, type);
}

static void begin_test(struct boot *b, const char *name)
{
	if (b->current)
		problem(b, "%s: no result", b->current->own.name);
	if (find_test(b, name))
		problem(b, "%s runs twice", name);
	b->current = push(b->tests, b->nr_tests);
	b->current->own.name = format("%s", name);
	b->current->own.note = format("no result");
	b->current->plan = -1;
	b->problems_before = b->problems;
}

static void end_test(struct boot *b, struct result r, long nr)
{
	struct test *t = b->current;

	if (nr <= b->nr_results)
		problem(b, "result %ld (%s) twice", nr, r.name);
	else if (nr != b->nr_results + 1)
		problem(b, "result number %ld (%s) where %d was due", nr, r.name,
			b->nr_results + 1);
	b->nr_results = nr;
	if (!t || strcmp(t->own.name, r.name)) {
		problem(b, "result %ld is of %s, which was not running", nr,
			r.name);
		return;
	}
	if (r.state == SKIP && t->skip_reason)
		r.note = t->skip_reason;
	t->own = r;
	b->current = NULL;
	check_test(b, t);
	t->broken = b->problems > b->problems_before;
}

static int count_tests(const struct boot *b, enum state state)
{
	int n = 0;

	for (int i = 0; i < b->nr_tests; i++)
		n += b->tests[i].own.state == state;
	return n;
}

/* Gives the taint mask. */
static unsigned long check_end(struct boot *b, const char *line)
{
	long tests, failed, skipped;
	unsigned long tainted;

	if (sscanf(line, "# end tests=%ld failed=%ld skipped=%ld tainted=%lu",
		   &tests, &failed, &skipped, &tainted) != 4) {
		problem(b, "malformed end line: %s", line);
		return 0;
	}
	b->ended = true;
	if (b->plan != b->nr_results)
		problem(b, "planned %ld tests, but %d have a result", b->plan,
			b->nr_results);
	if (tests != b->nr_tests || failed != count_tests(b, FAIL) ||
	    skipped != count_tests(b, SKIP))
		problem(b, "the end line says tests=%ld failed=%ld skipped=%ld, counted were %d, %d, %d",
			tests, failed, skipped, b->nr_tests,
			count_tests(b, FAIL), count_tests(b, SKIP));
	return tainted;
}

/* Gives the taint mask, 0 where the guest did not get to it. */
static unsigned long parse_ktap(struct boot *b)
{
	unsigned long tainted = 0;
	struct result r;
	long nr;

	for (int i = 0; i < b->ktap.nr; i++) {
		const char *s = b->ktap.line[i], *name;

		if (b->ktap.cut && i == b->ktap.nr - 1)
			problem(b, "the results are cut in the middle of: %.100s", s);
		else if (b->ended)
			problem(b, "results after the end line: %.100s", s);
		else if (!i && strcmp(s, "KTAP version 1"))
			problem(b, "the results do not begin with KTAP version 1");
		else if (!i)
			continue;
		else if (after(s, "  ") && b->current)
			parse_nested(b, b->current, s + 2);
		else if ((name = after(s, "# running ")))
			begin_test(b, name);
		else if (after(s, "# end "))
			tainted = check_end(b, s);
		else if (*s == '#' || (b->plan < 0 && parse_plan(s, &b->plan)))
			continue;
		else if (parse_result(s, &r, &nr))
			end_test(b, r, nr);
		else
			problem(b, "line %d of the results is not KTAP: %.100s",
				i + 1, s);
	}
	return tainted;
}

/* ---- splats ---- */

struct patterns {
	regex_t *re;
	int nr;
};

/*
 * One expression a line. An exception needs a comment with its reason right
 * before it. An expression that matches an empty line would match them all.
 */
static bool load_patterns(struct boot *b, const char *path, bool exceptions,
			  struct patterns *p)
{
	struct text t = load("", path);
	const char *fault = t.missing ? "missing" : !t.nr ? "empty" : NULL;
	bool reason = false;
	int i;

	for (i = 0; i < t.nr && !fault; i++) {
		const char *s = t.line[i];

		if (*s && *s != '#') {
			regex_t *re = push(p->re, p->nr);

			if (regcomp(re, s, REG_EXTENDED | REG_NOSUB))
				fault = "is no valid expression";
			else if (!regexec(re, "", 0, NULL, 0))
				fault = "matches every line";
			else if (exceptions && !reason)
				fault = "is without a reason";
		}
		reason = *s == '#';
	}
	if (fault && i)
		problem(b, "%s: line %d %s", path, i, fault);
	else if (fault || (!exceptions && !p->nr))
		problem(b, "%s: %s", path, fault ?: "empty");
	return !fault && (exceptions || p->nr);
}

static bool matches(const struct patterns *p, const char *line)
{
	for (int i = 0; i < p->nr; i++)
		if (!regexec(&p->re[i], line, 0, NULL, 0))
			return true;
	return false;
}

static void print_lines(const struct text *t, int first, int last)
{
	for (int i = first < 0 ? 0 : first; i <= last && i < t->nr; i++)
		printf("    | %s\n", t->line[i]);
}

static void find_splats(struct boot *b)
{
	struct patterns deny = { 0 }, allow = { 0 };
	int first = -1;

	if (!load_patterns(b, deny_file, false, &deny) ||
	    !load_patterns(b, allow_file, true, &allow))
		return;
	if (!b->console.nr) {
		problem(b, "the console is %s",
			b->console.missing ? "missing" : "empty");
		return;
	}
	b->scanned = true;
	for (int i = 0; i < b->console.nr; i++) {
		if (!matches(&deny, b->console.line[i]) ||
		    matches(&allow, b->console.line[i]))
			continue;
		if (first < 0)
			first = i;
		b->splats++;
	}
	if (!b->splats)
		return;
	printf("  %s! kernel splat at line %d of the console (lines that match: %d)\n",
	       b->label, first + 1, b->splats);
	print_lines(&b->console, first - 3, first + 12);
}

/* ---- one boot ---- */

/* Why the guest did not finish, or NULL. */
static char *judge_status(const struct boot *b, const char *dir)
{
	struct text status = load(dir, "status");
	const char *s = status.nr ? status.line[0] : "";
	const char *limit = after(s, "timeout "), *code = after(s, "exit ");
	const char *during = b->current ? b->current->own.name : NULL;

	if (limit && b->ended)
		return format("reported, but did not end; killed after %s s",
			      limit);
	if (limit && during)
		return format("hung in %s, ended after %s s", during, limit);
	if (limit)
		return format("hung, ended after %s s", limit);
	if (!code)
		return format("no exit status: QEMU did not run to its end");
	if (strcmp(code, "0"))
		return format("QEMU failed with exit code %s", code);
	if (b->ended)
		return NULL;
	if (during)
		return format("crashed in %s", during);
	return format("crashed: no end line in the results");
}

/* The last words of the guest, or of QEMU where there was none. */
static void print_end(const struct boot *b, const char *dir)
{
	struct text qemu = load(dir, "qemu.err");
	const struct text *t = b->console.nr ? &b->console : &qemu;

	printf("  %s! %s; the end of %s:\n", b->label, b->unfinished,
	       b->console.nr ? "the console" : "QEMU's messages");
	print_lines(t, t->nr - 15, t->nr - 1);
}

/* Reads and checks what a boot left behind; prints what is out of order. */
static void read_boot(struct boot *b, const char *label, const char *dir)
{
	unsigned long tainted;

	memset(b, 0, sizeof(*b));
	b->label = label;
	b->plan = -1;
	b->console = load(dir, "console.log");
	b->ktap = load(dir, "report.ktap");
	tainted = parse_ktap(b);
	b->unfinished = judge_status(b, dir);
	if (b->ended && !b->nr_tests)
		problem(b, "no test was run");
	find_splats(b);
	if ((tainted & (TAINT_WARN | TAINT_DIE)) && b->scanned && !b->splats)
		problem(b, "the kernel is tainted (%lu), but its console shows no splat",
			tainted);
	if (b->unfinished)
		print_end(b, dir);
}

/* "2 passed, 0 failed, 1 skipped" */
static char *totals(const struct test *t)
{
	return format("%d passed, %d failed, %d skipped", count(t, PASS),
		      count(t, FAIL), count(t, SKIP));
}

/* Each reason once. */
static void print_skips(const struct test *t)
{
	for (int i = 0; i < t->nr_cases; i++) {
		const char *why = t->cases[i].note;
		int before = 0, all = 0;

		if (t->cases[i].state != SKIP)
			continue;
		for (int j = 0; j < t->nr_cases; j++) {
			bool same = t->cases[j].state == SKIP &&
				    !strcmp(t->cases[j].note, why);

			all += same;
			before += same && j < i;
		}
		if (!before)
			printf("          %d skipped: %s\n", all, why);
	}
}

static void print_test(const struct test *t)
{
	static const char * const words[] = { "CRASHED", "PASS", "FAIL", "SKIP" };

	printf("  %-7s %s", words[t->broken ? FAIL : t->own.state], t->own.name);
	if (*t->own.note)
		printf(": %s", t->own.note);
	if (t->nr_cases)
		printf(" (%s)", totals(t));
	putchar('\n');
	for (int i = 0; i < t->nr_cases; i++)
		if (t->cases[i].state == FAIL)
			printf("          not ok %s\n", t->cases[i].name);
	print_skips(t);
}

static int report_boot(const char *dir)
{
	struct boot b;
	bool good;
	int bad;

	read_boot(&b, "", dir);
	for (int i = 0; i < b.nr_tests; i++)
		print_test(&b.tests[i]);
	bad = count_tests(&b, FAIL) + count_tests(&b, CRASHED);
	if (b.unfinished) {
		printf("NOT FINISHED: %s\n", b.unfinished);
		return EXIT_UNFINISHED;
	}
	good = !bad && b.scanned && !b.splats && !b.problems;
	printf("%s: %d tests, %d failed, %d skipped; %s%s\n",
	       good ? "PASS" : "FAIL", b.nr_tests, bad, count_tests(&b, SKIP),
	       !b.scanned ? "not scanned for splats" :
	       b.splats ? "kernel splat" : "no splat",
	       b.problems ? "; see the lines with ! above" : "");
	return good ? EXIT_PASS : EXIT_FAIL;
}

/* ---- one kernel in several boots ---- */

/* The worse one of two results; skipped is what was skipped everywhere. */
static bool is_worse(enum state a, enum state b)
{
	static const int badness[NR_STATES] = {
		[SKIP] = 0, [PASS] = 1, [FAIL] = 2, [CRASHED] = 3,
	};

	return badness[a] > badness[b];
}

static void merge_test(struct boot *b, struct test *t, const struct test *part)
{
	for (int i = 0; i < part->nr_cases; i++) {
		if (find_case(t, part->cases[i].name))
			problem(b, "%s: case %s in two boots", t->own.name,
				part->cases[i].name);
		*push(t->cases, t->nr_cases) = part->cases[i];
	}
	for (int i = 0; i < part->nr_sweeps; i++)
		*push(t->sweeps, t->nr_sweeps) = part->sweeps[i];
	if (is_worse(part->own.state, t->own.state))
		t->own = part->own;
}

/* Makes one of two boots that shared the cases of their tests. */
static void merge_boot(struct boot *b, const struct boot *part)
{
	for (int i = 0; i < part->nr_tests; i++) {
		struct test *t = find_test(b, part->tests[i].own.name);

		if (t)
			merge_test(b, t, &part->tests[i]);
		else
			*push(b->tests, b->nr_tests) = part->tests[i];
	}
	b->problems += part->problems;
	b->splats += part->splats;
	b->unfinished = b->unfinished ?: part->unfinished;
}

/* ---- two kernels, side by side ---- */

static const char * const type_names[NR_TYPES] = {
	"0 external", "1 reserved", "2 NMI", "3 exception",
	"4 software", "5 reserved", "6 reserved", "7 reserved",
};

static const char * const vector_names[NR_EXCEPTIONS] = {
	"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
	"#DF", "-", "#TS", "#NP", "#SS", "#GP", "#PF", "-",
	"#MF", "#AC", "#MC", "#XM", "#VE", "#CP", "-", "-",
	"-", "-", "-", "-", "#HV", "#VC", "#SX", "-",
};

/* The selftest on the base and on the patched kernel; NULL where it did not run. */
static struct test *sides[2];
static const char *short_names[2] = { "without", "with it" };
static const char *long_names[2] = { "without the series", "with it" };

static const char **paths, **variants;
static int nr_paths, nr_variants, width;

static void add_name(const char ***list, int *nr, const char *name)
{
	for (int i = 0; i < *nr; i++)
		if (!strcmp((*list)[i], name))
			return;
	*push(*list, *nr) = name;
}

static const char *heading(const char *path)
{
	if (!strcmp(path, "vmrun_64bit"))
		return "64-bit";
	if (!strcmp(path, "vmrun_compat"))
		return "compat";
	if (!strcmp(path, "set_nested_state"))
		return "state";
	return path;
}

static int max(int a, int b)
{
	return a > b ? a : b;
}

/* Paths and variants in order of first appearance; the width of a column. */
static void collect_names(struct test *t)
{
	for (int i = 0; t && i < t->nr_sweeps; i++) {
		struct sweep *s = &t->sweeps[i];

		add_name(&variants, &nr_variants, s->variant);
		add_name(&paths, &nr_paths, s->path);
		width = max(width, strlen(heading(s->path)));
		for (int type = 0; type < NR_TYPES; type++)
			for (int v = 0; v < NR_VECTORS; v++)
				width = max(width, strlen(s->word[type][v] ?: ""));
	}
}

/* A column is a path on one side: all of the base's, then the patched's. */
static const char *cell(const char *variant, int column, int type, int vector)
{
	struct sweep *s = find_sweep(sides[column / nr_paths], variant,
				     paths[column % nr_paths]);

	return s ? s->word[type][vector] : NULL;
}

static bool same_word(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_rows(const char *variant, int type, int v1, int v2)
{
	for (int c = 0; variant && c < 2 * nr_paths; c++)
		if (!same_word(cell(variant, c, type, v1),
			       cell(variant, c, type, v2)))
			return false;
	return true;
}

/* What a variant did not try is no difference. */
static bool differs_from(const char *variant, const char *reference, int type,
			 int vector)
{
	for (int c = 0; c < 2 * nr_paths; c++) {
		const char *word = cell(variant, c, type, vector);

		if (word && !same_word(word, cell(reference, c, type, vector)))
			return true;
	}
	return false;
}

static bool changed(const char *variant, int type, int vector)
{
	for (int p = 0; p < nr_paths; p++) {
		const char *base = cell(variant, p, type, vector);
		const char *patched = cell(variant, nr_paths + p, type, vector);

		if (base && patched && strcmp(base, patched))
			return true;
	}
	return false;
}

static const char *separator(int column)
{
	return !column ? "" : column == nr_paths ? " | " : " ";
}

/* The last one is not filled up. */
static int column_width(int column)
{
	return column == 2 * nr_paths - 1 ? 0 : width;
}

static void print_row(const char *variant, int type, int first, int last)
{
	bool mark = changed(variant, type, first);
	char *vectors;

	if (type == TYPE_EXCEPTION && last < NR_EXCEPTIONS)
		vectors = format("%d %s", first, vector_names[first]);
	else if (first == last)
		vectors = format("%d", first);
	else
		vectors = format("%d-%d", first, last);
	printf("%s%c %-12s%-8s", mark ? BOLD : "", mark ? '*' : ' ',
	       type_names[type], vectors);
	for (int c = 0; c < 2 * nr_paths; c++)
		printf("%s%-*s", separator(c), column_width(c),
		       cell(variant, c, type, first) ?: "-");
	printf("%s\n", mark ? NORMAL : "");
	free(vectors);
}

static void print_heading(const char *title)
{
	int side = nr_paths * (width + 1);

	printf("\n%s\n  %-20s%-*s| %s\n  %-12s%-8s", title, "", side,
	       "without the series", "with it", "type", "vector");
	for (int c = 0; c < 2 * nr_paths; c++)
		printf("%s%-*s", separator(c), column_width(c),
		       heading(paths[c % nr_paths]));
	putchar('\n');
}

/* All rows of a variant, or only those that differ from the reference. */
static void print_matrix(const char *variant, const char *reference)
{
	bool headed = false;

	for (int type = 0; type < NR_TYPES; type++) {
		for (int first = 0, last; first < NR_VECTORS; first = last + 1) {
			last = first;
			while (last + 1 < NR_VECTORS &&
			       !(type == TYPE_EXCEPTION &&
				 last + 1 <= NR_EXCEPTIONS) &&
			       same_rows(variant, type, first, last + 1) &&
			       same_rows(reference, type, first, last + 1))
				last++;
			if (reference && !differs_from(variant, reference,
						       type, first))
				continue;
			if (!headed) {
				char *title = format(reference ?
						     "Verdicts, %s, where not as %s:" :
						     "Verdicts, %s:",
						     variant, reference);

				print_heading(title);
				free(title);
				headed = true;
			}
			print_row(variant, type, first, last);
		}
	}
	if (!headed)
		printf("\nVerdicts, %s: same as %s\n", variant, reference);
}

static void print_matrices(void)
{
	const char *reference = NULL;

	collect_names(sides[0]);
	collect_names(sides[1]);
	if (!nr_variants) {
		printf("No verdict matrix was printed.\n");
		return;
	}
	printf("refused: by KVM; cpu-refused: KVM let it pass; accepted: by KVM_SET_NESTED_STATE; *: changed\n");
	for (int i = 0; i < nr_variants; i++)
		if (!strcmp(variants[i], "none"))
			reference = variants[i];
	for (int i = 0; i < nr_variants; i++)
		print_matrix(variants[i],
			     variants[i] == reference ? NULL : reference);
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
		printf("%s: %s\n", state_names[sides[i]->own.state],
		       totals(sides[i]));
		print_skips(sides[i]);
	}
}

static bool in_list(const struct text *list, const char *name)
{
	for (int i = 0; i < list->nr; i++)
		if (!strcmp(list->line[i], name))
			return true;
	return false;
}

/*
 * Exactly the listed cases fail on the base, and pass on the patched kernel.
 * With "or-skip" behind its name, a case may also be skipped there.
 */
static void judge_red(struct boot *base, struct boot *patched, const char *file)
{
	struct test *old = find_test(base, SELFTEST);
	struct test *new = find_test(patched, SELFTEST);
	struct text red = load("", file);
	int listed = 0;

	for (int i = 0; i < red.nr; i++) {
		char *name = red.line[i];
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
	for (int i = 0; old && i < old->nr_cases; i++)
		if (old->cases[i].state == FAIL &&
		    !in_list(&red, old->cases[i].name))
			problem(base, "case %s failed, but is not listed in %s",
				old->cases[i].name, file);
	if (old && old->nested && old->plan != old->nr_cases)
		problem(base, "%s planned %ld cases and reported %d", SELFTEST,
			old->plan, old->nr_cases);
}

static void judge_green(struct boot *b)
{
	struct test *t = find_test(b, SELFTEST);

	if (!t) {
		problem(b, "%s did not run", SELFTEST);
		return;
	}
	if (t->own.state != PASS)
		problem(b, "%s: %s (%s)", SELFTEST, state_names[t->own.state],
			t->own.note);
	else if (!count(t, PASS))
		problem(b, "%s: no case passed", SELFTEST);
	for (int i = 0; i < t->nr_cases; i++)
		if (t->cases[i].state == FAIL)
			problem(b, "case %s failed", t->cases[i].name);
}

/* One line of the table; a case is shown only where it differs. */
static int compare(const struct result *a, const struct result *b, bool is_case)
{
	bool same = a && b && a->state == b->state && !strcmp(a->note, b->note);
	const char *name = a ? a->name : b->name;

	if (same && is_case)
		return 0;
	printf("%s  %s%-*s%-10s%-10s%s%s\n", same ? "" : BOLD,
	       is_case ? "  " : "", is_case ? 38 : 40, name,
	       a ? state_names[a->state] : "missing",
	       b ? state_names[b->state] : "missing",
	       !same ? "DIFFERENT" :
	       a->state == FAIL ? "same (fails on both)" : "same",
	       same ? "" : NORMAL);
	if (same && *a->note)
		printf("      on both: %s\n", a->note);
	if (!same && a && *a->note)
		printf("      %s: %s\n", long_names[0], a->note);
	if (!same && b && *b->note)
		printf("      %s: %s\n", long_names[1], b->note);
	return !same;
}

static int compare_tests(struct test *a, struct test *b)
{
	int different = compare(a ? &a->own : NULL, b ? &b->own : NULL, false);

	for (int i = 0; a && i < a->nr_cases; i++)
		different += compare(&a->cases[i],
				     find_case(b, a->cases[i].name), true);
	for (int i = 0; b && i < b->nr_cases; i++)
		if (!find_case(a, b->cases[i].name))
			different += compare(NULL, &b->cases[i], true);
	return different;
}

static bool has_others(struct boot *boot, const char *own)
{
	for (int i = 0; i < boot->nr_tests; i++)
		if (strcmp(boot->tests[i].own.name, own))
			return true;
	return false;
}

/* All tests but the one named own ("": none); gives the number of differences. */
static int compare_boots(struct boot *base, struct boot *patched, const char *own)
{
	int different = 0;

	if (!has_others(base, own) && !has_others(patched, own))
		return 0;
	printf("\n  %-40s%-10s%s\n", *own ? "other tests" : "tests",
	       short_names[0], short_names[1]);
	for (int i = 0; i < base->nr_tests; i++) {
		struct test *t = &base->tests[i];

		if (strcmp(t->own.name, own))
			different += compare_tests(t, find_test(patched,
								t->own.name));
	}
	for (int i = 0; i < patched->nr_tests; i++) {
		struct test *t = &patched->tests[i];

		if (strcmp(t->own.name, own) &&
		    !find_test(base, t->own.name))
			different += compare_tests(NULL, t);
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
static void judge_cases(struct boot *base, struct boot *patched)
{
	struct test *old = find_test(base, SELFTEST);
	struct test *new = find_test(patched, SELFTEST);

	if (!new || new->own.state != PASS)
		return;
	for (int i = 0; old && i < old->nr_cases; i++)
		if (!find_case(new, old->cases[i].name))
			problem(patched, "case %s did not run",
				old->cases[i].name);
}

static int report_pair(const char *red, char **dirs)
{
	struct boot base, patched, part;
	int different, problems, splats;

	read_boot(&base, "base: ", dirs[0]);
	read_boot(&patched, "patched: ", dirs[1]);
	for (int i = 2; dirs[i]; i++) {
		read_boot(&part, format("%s: ", basename(dirs[i])), dirs[i]);
		merge_boot(&patched, &part);
	}
	sides[0] = find_test(&base, SELFTEST);
	sides[1] = find_test(&patched, SELFTEST);
	print_matrices();
	print_selftest();
	different = compare_boots(&base, &patched, SELFTEST);
	putchar('\n');
	if (red)
		judge_red(&base, &patched, red);
	judge_green(&patched);
	judge_cases(&base, &patched);

	if (report_unfinished(&base, &patched))
		return EXIT_UNFINISHED;
	problems = base.problems + patched.problems;
	splats = !!base.splats + !!patched.splats;
	if (problems || splats || different) {
		printf("FAIL: problems: %d; boots with a splat: %d; differences in other tests: %d\n",
		       problems, splats, different);
		return EXIT_FAIL;
	}
	printf("PASS: %d cases fail without the series%s, none with it; other tests the same; no splat\n",
	       sides[0] ? count(sides[0], FAIL) : 0, red ? " (as listed)" : "");
	return EXIT_PASS;
}

/* One kernel without and with its debugging options: equal results, no splat. */
static int report_debug(const char *plain_dir, const char *debug_dir)
{
	struct boot plain, debug;
	int different, problems, splats;

	read_boot(&plain, "plain: ", plain_dir);
	read_boot(&debug, "debug: ", debug_dir);
	short_names[0] = long_names[0] = "plain";
	short_names[1] = long_names[1] = "debug";
	different = compare_boots(&plain, &debug, "");
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
		"usage: report boot [-d DENY] [-a ALLOW] RUNDIR\n"
		"       report pair [-d DENY] [-a ALLOW] [-r RED] BASEDIR PATCHEDDIR...\n"
		"       report debug [-d DENY] [-a ALLOW] PLAINDIR DEBUGDIR\n");
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	bool pair = argc > 1 && !strcmp(argv[1], "pair");
	bool debug = argc > 1 && !strcmp(argv[1], "debug");
	const char *red = NULL;
	int opt;

	if (!pair && !debug && (argc < 2 || strcmp(argv[1], "boot")))
		return usage();
	optind = 2;
	while ((opt = getopt(argc, argv, pair ? "d:a:r:" : "d:a:")) != -1) {
		if (opt == 'd')
			deny_file = optarg;
		else if (opt == 'a')
			allow_file = optarg;
		else if (opt == 'r')
			red = optarg;
		else
			return usage();
	}
	if (pair ? argc - optind < 2 : argc - optind != 1 + debug)
		return usage();
	if (debug)
		return report_debug(argv[optind], argv[optind + 1]);
	return pair ? report_pair(red, &argv[optind]) :
		      report_boot(argv[optind]);
}
