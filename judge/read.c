// SPDX-License-Identifier: GPL-2.0-only
/* Reads what a boot left behind: its results, whether it finished, splats on its console. */
#include "report.h"
#include <regex.h>

const char * const state_names[] = { "crashed", "not ok", "ok", "skip" };

const char *deny_file = "judge/splat.deny";
const char *allow_file = "judge/splat.allow";

/* ---- helpers ---- */

void *check(void *p)
{
	if (!p) {
		perror("report");
		exit(EXIT_FAIL);
	}
	return p;
}

char *format(const char *fmt, ...)
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

void problem(struct boot *b, const char *fmt, ...)
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

struct text load(const char *dir, const char *name)
{
	char *path = format("%s%s%s", dir, *dir ? "/" : "", name);
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

struct sweep *find_sweep(const struct boot *b, const char *variant, const char *path)
{
	for_each(s, b->sweeps, b->nr_sweeps)
		if (!strcmp(s->variant, variant) && !strcmp(s->path, path))
			return s;
	return NULL;
}

/* "0-1 injected, 2 refused, ...": each vector once, in order, none left out. */
static bool parse_ranges(const char *s, const char *word[NR_VECTORS])
{
	for (int next = 0; next < NR_VECTORS; ) {
		int first, last, len;
		char *w;

		if (next && !(s = after(s, ", ")))
			return false;
		if (sscanf(s, "%d-%d %m[^, ]%n", &first, &last, &w, &len) != 3) {
			if (sscanf(s, "%d %m[^, ]%n", &first, &w, &len) != 2)
				return false;
			last = first;
		}
		if (first != next || last < first || last >= NR_VECTORS)
			return false;
		while (next <= last)
			word[next++] = w;
		s += len;
	}
	return !*skip_spaces(s);
}

/* "none.vmrun_64bit: type 3: RANGES" */
static bool parse_matrix(struct boot *b, const char *s)
{
	char *variant, *path;
	struct sweep *sweep;
	unsigned int type;
	const char *ranges;

	if (sscanf(s, "%m[^.:].%m[^:]: type %1u", &variant, &path, &type) != 3)
		return false;
	/* sscanf() does not look at how many blanks there are. */
	ranges = after(s, format("%s.%s: type %u: ", variant, path, type));
	if (!ranges || type >= NR_TYPES)
		return false;
	sweep = find_sweep(b, variant, path);
	if (!sweep) {
		sweep = push(b->sweeps, b->nr_sweeps);
		sweep->variant = variant;
		sweep->path = path;
	}
	return !sweep->word[type][0] && parse_ranges(ranges, sweep->word[type]);
}

/* ---- KTAP ---- */

/* "ok 1 NAME # NOTE", "not ok 2 NAME", "ok 3 # SKIP REASON" */
static bool parse_result(const char *s, struct result *r, long *nr)
{
	const char *rest, *note;
	char *end;

	rest = after(s, "not ");
	r->state = rest ? FAIL : PASS;
	rest = after(rest ?: s, "ok ");
	if (!rest || !isdigit((unsigned char)*rest))
		return false;
	*nr = strtol(rest, &end, 10);
	if (*end && *end != ' ')
		return false;
	rest = skip_spaces(end);
	note = *rest == '#' ? rest : strstr(rest, " #") ?: strchr(rest, '\0');
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

int count(const struct test *t, enum state state)
{
	int n = 0;

	for_each(r, t->cases, t->nr_cases)
		n += r->state == state;
	return n;
}

struct result *find_case(const struct test *t, const char *name)
{
	if (!t)
		return NULL;
	for_each(r, t->cases, t->nr_cases)
		if (!strcmp(r->name, name))
			return r;
	return NULL;
}

struct test *find_test(struct boot *b, const char *name)
{
	for_each(t, b->tests, b->nr_tests)
		if (!strcmp(t->own.name, name))
			return t;
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
	r.said = t->said;
	*push(t->cases, t->nr_cases) = r;
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
		if (text && !parse_matrix(b, text))
			problem(b, "%s: malformed matrix line: %.100s", t->own.name, text);
		text = after(s, "1..0 # SKIP ");
		if (text)
			t->skip_reason = text;
		text = after(s, "RUN ");
		end = text ? strstr(text, " ...") : NULL;
		if (end) {
			text = skip_spaces(text);
			t->running = format("%.*s", (int)(end - text), text);
			t->said = NULL;
		} else if (!t->said && !after(s, "matrix: ") && !after(s, "FAIL ")) {
			t->said = format("%s", s);
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
			t->skip_reason = text + strlen("# SKIP ");
	} else if (parse_result(s, &r, &nr)) {
		add_case(b, t, r, nr);
	}
}

/* A test's own word against those of its cases. */
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
		problem(b, "result %ld is of %s, which was not running", nr, r.name);
		return;
	}
	/* KVM's tests put a dash before the reason. */
	if (r.state == SKIP && t->skip_reason)
		r.note = format("%s", t->skip_reason + strspn(t->skip_reason, "- "));
	t->own = r;
	b->current = NULL;
	check_test(b, t);
	t->broken = b->problems > b->problems_before;
}

int count_tests(const struct boot *b, enum state state)
{
	int n = 0;

	for_each(t, b->tests, b->nr_tests)
		n += t->own.state == state;
	return n;
}

static void check_end(struct boot *b, const char *line)
{
	long tests, failed, skipped;

	if (sscanf(line, "# end tests=%ld failed=%ld skipped=%ld tainted=%lu",
		   &tests, &failed, &skipped, &b->tainted) != 4) {
		problem(b, "malformed end line: %s", line);
		return;
	}
	b->ended = true;
	if (b->plan != b->nr_results)
		problem(b, "planned %ld tests, but %d have a result", b->plan, b->nr_results);
	if (tests != b->nr_tests || failed != count_tests(b, FAIL) ||
	    skipped != count_tests(b, SKIP))
		problem(b, "the end line says tests=%ld failed=%ld skipped=%ld, counted were %d, %d, %d",
			tests, failed, skipped, b->nr_tests,
			count_tests(b, FAIL), count_tests(b, SKIP));
}

static void parse_ktap(struct boot *b)
{
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
			check_end(b, s);
		else if (*s == '#' || (b->plan < 0 && parse_plan(s, &b->plan)))
			continue;
		else if (parse_result(s, &r, &nr))
			end_test(b, r, nr);
		else
			problem(b, "line %d of the results is not KTAP: %.100s", i + 1, s);
	}
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
static bool load_patterns(struct boot *b, const char *path, bool exceptions, struct patterns *p)
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
	for_each(re, p->re, p->nr)
		if (!regexec(re, line, 0, NULL, 0))
			return true;
	return false;
}

static void print_lines(const struct text *t, int first, int last)
{
	for (int i = first < 0 ? 0 : first; i <= last && i < t->nr; i++)
		printf("    | %s\n", t->line[i]);
}

/* Times, CPUs, process ids and addresses differ from boot to boot. */
static bool same_but_digits(const char *a, const char *b)
{
	static const char skipped[] = "0123456789 ";

	for (;; a++, b++) {
		a += strspn(a, skipped);
		b += strspn(b, skipped);
		if (*a != *b || !*a)
			return *a == *b;
	}
}

static bool has_line(const struct text *t, const char *line)
{
	for_each(other, t->line, t->nr)
		if (same_but_digits(*other, line))
			return true;
	return false;
}

static void find_splats(struct boot *b, const struct text *other)
{
	struct patterns deny = { 0 }, allow = { 0 };
	int first = -1;

	if (!load_patterns(b, deny_file, false, &deny) ||
	    !load_patterns(b, allow_file, true, &allow))
		return;
	if (!b->console.nr) {
		problem(b, "the console is %s", b->console.missing ? "missing" : "empty");
		return;
	}
	b->scanned = true;
	for (int i = 0; i < b->console.nr; i++) {
		if (!matches(&deny, b->console.line[i]) || matches(&allow, b->console.line[i]))
			continue;
		if (has_line(other, b->console.line[i])) {
			b->own_splats++;
			if (!strstr(b->console.line[i], "cut here") &&
			    !strstr(b->console.line[i], "Call Trace"))
				printf("  %sthe tree's own, on both kernels: %s\n",
				       b->label, b->console.line[i]);
			continue;
		}
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

/* For other CPUIDs than none, the probe tries exceptions only. */
static void check_matrix(struct boot *b)
{
	for_each(s, b->sweeps, b->nr_sweeps)
		for (int type = 0; type < NR_TYPES; type++)
			if (!s->word[type][NR_VECTORS - 1] &&
			    (type == TYPE_EXCEPTION || !strcmp(s->variant, "none")))
				problem(b, "matrix %s.%s lacks type %d", s->variant,
					s->path, type);
}

/* Why the guest did not finish, or NULL. */
static char *judge_status(const struct boot *b, const char *dir)
{
	struct text status = load(dir, "status");
	const char *s = status.nr ? status.line[0] : "";
	const char *limit = after(s, "timeout "), *code = after(s, "exit ");
	const char *during = b->current ? b->current->own.name : NULL;

	if (limit && b->ended)
		return format("reported, but did not end; killed after %s s", limit);
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

void read_boot(struct boot *b, const char *label, const char *dir, const char *other)
{
	struct text others = { 0 };

	memset(b, 0, sizeof(*b));
	b->label = label;
	b->plan = -1;
	b->console = load(dir, "console.log");
	b->ktap = load(dir, "report.ktap");
	parse_ktap(b);
	b->unfinished = judge_status(b, dir);
	if (b->ended && !b->nr_tests)
		problem(b, "no test was run");
	check_matrix(b);
	if (other)
		others = load(other, "console.log");
	find_splats(b, &others);
	if ((b->tainted & (TAINT_WARN | TAINT_DIE)) && b->scanned && !b->splats && !b->own_splats)
		problem(b, "the kernel is tainted (%lu), but its console shows no splat",
			b->tainted);
	if (b->unfinished)
		print_end(b, dir);
}

/* ---- one kernel in several boots ---- */

static void merge_test(struct boot *b, struct test *t, const struct test *part)
{
	for_each(r, part->cases, part->nr_cases) {
		if (find_case(t, r->name))
			problem(b, "%s: case %s in two boots", t->own.name, r->name);
		*push(t->cases, t->nr_cases) = *r;
	}
	/* The worse one of two results; skipped is what was skipped everywhere. */
	if (part->own.state < t->own.state)
		t->own = part->own;
}

void merge_boot(struct boot *b, const struct boot *part)
{
	for_each(other, part->tests, part->nr_tests) {
		struct test *t = find_test(b, other->own.name);

		if (t)
			merge_test(b, t, other);
		else
			*push(b->tests, b->nr_tests) = *other;
	}
	for_each(s, part->sweeps, part->nr_sweeps)
		*push(b->sweeps, b->nr_sweeps) = *s;
	b->problems += part->problems;
	b->splats += part->splats;
	b->own_splats += part->own_splats;
	b->unfinished = b->unfinished ?: part->unfinished;
}
