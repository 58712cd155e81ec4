// SPDX-License-Identifier: GPL-2.0-only
/* The verdict matrix: a row for each type and vector, the base and the patched kernel side by side. */
#include "report.h"

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

/* The base and the patched kernel. */
static const struct boot *sides[2];

static const char **paths, **variants;
static int nr_paths, nr_variants, width;

static void add_name(const char ***list, int *nr, const char *name)
{
	for_each(known, *list, *nr)
		if (!strcmp(*known, name))
			return;
	*push(*list, *nr) = name;
}

static const char *heading(const char *path)
{
	return !strcmp(path, "vmrun_64bit") ? "64-bit" :
	       !strcmp(path, "vmrun_compat") ? "compat" :
	       !strcmp(path, "set_nested_state") ? "state" : path;
}

static int max(int a, int b)
{
	return a > b ? a : b;
}

/* Paths and variants in order of first appearance; the width of a column. */
static void collect_names(const struct boot *b)
{
	for_each(s, b->sweeps, b->nr_sweeps) {
		add_name(&variants, &nr_variants, s->variant);
		add_name(&paths, &nr_paths, s->path);
		width = max(width, strlen(heading(s->path)));
		for (int type = 0; type < NR_TYPES; type++)
			for (int v = 0; v < NR_VECTORS; v++)
				width = max(width, strlen(s->word[type][v] ?: ""));
	}
}

/* A column is a path on one side: all of the base's, then the patched's. "-": not tried. */
static const char *cell(const char *variant, int column, int type, int vector)
{
	struct sweep *s = find_sweep(sides[column / nr_paths], variant,
				     paths[column % nr_paths]);

	return s && s->word[type][vector] ? s->word[type][vector] : "-";
}

static bool same_rows(const char *variant, int type, int v1, int v2)
{
	for (int c = 0; variant && c < 2 * nr_paths; c++)
		if (strcmp(cell(variant, c, type, v1), cell(variant, c, type, v2)))
			return false;
	return true;
}

/* What a variant did not try is no difference. */
static bool differs_from(const char *variant, const char *reference, int type, int vector)
{
	for (int c = 0; c < 2 * nr_paths; c++) {
		const char *word = cell(variant, c, type, vector);

		if (*word != '-' && strcmp(word, cell(reference, c, type, vector)))
			return true;
	}
	return false;
}

static bool changed(const char *variant, int type, int vector)
{
	for (int p = 0; p < nr_paths; p++) {
		const char *base = cell(variant, p, type, vector);
		const char *patched = cell(variant, nr_paths + p, type, vector);

		if (*base != '-' && *patched != '-' && strcmp(base, patched))
			return true;
	}
	return false;
}

/* The last one is not filled up. */
static void print_cell(int column, const char *text)
{
	printf("%s%-*s", !column ? "" : column == nr_paths ? " | " : " ",
	       column == 2 * nr_paths - 1 ? 0 : width, text);
}

static void print_row(const char *variant, int type, int first, int last)
{
	char *vectors;

	if (type == TYPE_EXCEPTION && last < NR_EXCEPTIONS)
		vectors = format("%d %s", first, vector_names[first]);
	else if (first == last)
		vectors = format("%d", first);
	else
		vectors = format("%d-%d", first, last);
	printf("%c %-12s%-8s", changed(variant, type, first) ? '*' : ' ',
	       type_names[type], vectors);
	for (int c = 0; c < 2 * nr_paths; c++)
		print_cell(c, cell(variant, c, type, first));
	putchar('\n');
	free(vectors);
}

static void print_heading(const char *variant, const char *reference)
{
	printf("\nVerdicts, %s%s%s:\n  %-20s%-*s| %s\n  %-12s%-8s", variant,
	       reference ? ", where not as " : "", reference ?: "", "",
	       nr_paths * (width + 1), "without the series", "with it", "type", "vector");
	for (int c = 0; c < 2 * nr_paths; c++)
		print_cell(c, heading(paths[c % nr_paths]));
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
			       !(type == TYPE_EXCEPTION && last + 1 <= NR_EXCEPTIONS) &&
			       same_rows(variant, type, first, last + 1) &&
			       same_rows(reference, type, first, last + 1))
				last++;
			if (reference && !differs_from(variant, reference, type, first))
				continue;
			if (!headed)
				print_heading(variant, reference);
			headed = true;
			print_row(variant, type, first, last);
		}
	}
	if (!headed)
		printf("\nVerdicts, %s: same as %s\n", variant, reference);
}

void print_matrices(const struct boot *base, const struct boot *patched)
{
	const char *reference = NULL;

	sides[0] = base;
	sides[1] = patched;
	collect_names(sides[0]);
	collect_names(sides[1]);
	if (!nr_variants) {
		printf("No verdict matrix was printed.\n");
		return;
	}
	printf("refused: by KVM; cpu-refused: KVM let it pass; accepted: by KVM_SET_NESTED_STATE; *: changed\n");
	for_each(variant, variants, nr_variants)
		if (!strcmp(*variant, "none"))
			reference = *variant;
	for_each(variant, variants, nr_variants)
		print_matrix(*variant, *variant == reference ? NULL : reference);
}
