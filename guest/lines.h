/* SPDX-License-Identifier: GPL-2.0-only */
/* Streams cut into lines, a tally of texts and a time limit: for init.c and nested/level.c, each a program of one file. */
#ifndef LAB_LINES_H
#define LAB_LINES_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE	8192
#define MAX_REASONS	64

/* What a line means is up to its reader. */
struct lines {
	int fd;				/* -1 at its end */
	size_t len;
	void (*emit)(char *line);
	char buf[LINE_SIZE];
};

/* Reads what is there; false at the end of the stream. */
static inline bool read_lines(struct lines *in)
{
	ssize_t n = read(in->fd, in->buf + in->len, sizeof(in->buf) - 1 - in->len);
	char *start = in->buf, *newline;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	in->len += n;
	in->buf[in->len] = '\0';
	while ((newline = memchr(start, '\n', in->buf + in->len - start))) {
		*newline = '\0';
		if (newline > start && newline[-1] == '\r')
			newline[-1] = '\0';
		in->emit(start);
		start = newline + 1;
	}
	in->len -= start - in->buf;
	memmove(in->buf, start, in->len + 1);
	if (in->len == sizeof(in->buf) - 1) {	/* too long a line: cut it */
		in->emit(in->buf);
		in->len = 0;
	}
	return true;
}

/* Why something was refused, by the kernel's name of the rule. */
static struct { unsigned long count; char *text; } reasons[MAX_REASONS];

static inline void count_reason(const char *text, unsigned long n)
{
	int i = 0;

	while (i < MAX_REASONS - 1 && reasons[i].text && strcmp(reasons[i].text, text))
		i++;
	if (i == MAX_REASONS - 1)
		text = "(others)";
	if (!reasons[i].text)
		reasons[i].text = strdup(text);
	reasons[i].count += n;
}

/* What is left until then, by CLOCK_MONOTONIC; negative if it is over. */
static inline long ms_until(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (end->tv_sec - now.tv_sec) * 1000 +
	       (end->tv_nsec - now.tv_nsec) / 1000000;
}

#endif
