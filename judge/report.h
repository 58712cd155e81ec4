/* SPDX-License-Identifier: GPL-2.0-only */
/* What the judge's files share: the results of a boot, as read.c reads them. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SELFTEST	"svm_nested_event_inj_test"
#define PROBE		"probe"	/* with -m, which prints the matrix */
#define NR_TYPES	8
#define NR_VECTORS	256
#define NR_EXCEPTIONS	32
#define TYPE_EXCEPTION	3
#define MAX_PROBLEMS	20	/* shown, of one boot */
#define TAINT_DIE	(1UL << 7)
#define TAINT_WARN	(1UL << 9)

enum { EXIT_PASS, EXIT_FAIL, EXIT_USAGE, EXIT_UNFINISHED = 4 };

/* From bad to good. A result starts life as CRASHED and must earn another state. */
enum state { CRASHED, FAIL, PASS, SKIP };

extern const char * const state_names[];

struct result {
	char *name;
	char *note;		/* why it failed or was skipped, or "" */
	char *said;		/* by a case, before anything else, or NULL */
	enum state state;
};

/* What the probe saw on one path: a word for each type and vector that it tried. */
struct sweep {
	char *variant;		/* of CPUID: none, shstk, ... */
	char *path;		/* how the event got in: vmrun_64bit, ... */
	const char *word[NR_TYPES][NR_VECTORS];
};

struct test {
	struct result own;
	struct result *cases;
	int nr_cases;
	long plan;		/* of its cases, -1 without one */
	const char *skip_reason;	/* from its plan: "1..0 # SKIP REASON" */
	bool nested;		/* prints KTAP */
	bool deep_fail;		/* a "not ok" below its cases */
	bool broken;		/* its results contradict themselves */
	char *running;		/* the case that began last */
	char *said;		/* the first that it said, or NULL */
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
	struct sweep *sweeps;
	int nr_sweeps;
	struct test *current;	/* began and has no result yet */
	int nr_results;
	long plan;		/* -1 without one */
	bool ended;		/* has the end line */
	unsigned long tainted;	/* which has this mask */
	int problems;		/* breaches of form, other than a failed test */
	int problems_before;	/* the current test */
	bool scanned;		/* for splats: the lists and the console are there */
	int splats;		/* lines that match */
	int own_splats;		/* lines that match, and that another boot has, too */
	char *unfinished;	/* why the guest did not finish, or NULL */
};

/* Appends a zeroed element to an array and gives its address. */
#define push(array, nr)							\
	((array) = check(reallocarray(array, (nr) + 1, sizeof(*(array)))), \
	 memset(&(array)[nr], 0, sizeof(*(array))), &(array)[(nr)++])

#define for_each(e, array, nr) \
	for (typeof(*(array)) *e = (array); e < (array) + (nr); e++)

/* read.c */

/* The lists for the console's lines, -d and -a. */
extern const char *deny_file, *allow_file;

void *check(void *p);
__attribute__((format(printf, 1, 2)))
char *format(const char *fmt, ...);
/* One breach of form or expectation: printed and counted. */
__attribute__((format(printf, 2, 3)))
void problem(struct boot *b, const char *fmt, ...);
/* A file of a folder, control characters replaced; dir may be "". */
struct text load(const char *dir, const char *name);

struct sweep *find_sweep(const struct boot *b, const char *variant, const char *path);
int count(const struct test *t, enum state state);
int count_tests(const struct boot *b, enum state state);
struct result *find_case(const struct test *t, const char *name);
struct test *find_test(struct boot *b, const char *name);

/*
 * Reads and checks what a boot left behind; prints what is out of order. Splats
 * that the boot in other has as well are the kernel's own; other may be NULL.
 */
void read_boot(struct boot *b, const char *label, const char *dir, const char *other);
/* Makes one of two boots that shared the cases of their tests. */
void merge_boot(struct boot *b, const struct boot *part);

/* matrix.c: the verdicts of two kernels side by side. */
void print_matrices(const struct boot *base, const struct boot *patched);
