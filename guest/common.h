/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For init.c and nested/level.c, each a program of one file: streams cut into
 * lines, a child watched, a tally of texts, KVM's modules.
 */
#ifndef LAB_COMMON_H
#define LAB_COMMON_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "kallsyms.h"

#define LINE_SIZE	8192
#define MAX_REASONS	64
#define MAX_STREAMS	3

/* What a line means is up to its reader. */
struct lines {
	int fd;				/* -1 at its end */
	size_t len;
	void (*emit)(char *line);
	char buf[LINE_SIZE];
};

/* The program has these: it says its own error, and ends; a line of the trace. */
static _Noreturn void fail(const char *what, const char *error);
static void emit_trace(char *line);

static struct lines trace = { .fd = -1, .emit = emit_trace };

/* What the child still does is of no interest any more. */
static bool given_up;

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *what, ...)
{
	const char *error = strerror(errno);
	char text[LINE_SIZE];
	va_list ap;

	va_start(ap, what);
	vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	fail(text, error);
}

static pid_t fork_or_die(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

/* Reads what is there; false at the end of the stream. */
static bool read_lines(struct lines *in)
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

/* Up to where it runs dry: the end of the stream or, as in trace_pipe, EAGAIN. */
static void read_all(struct lines *in)
{
	do
		errno = 0;
	while (read_lines(in) && errno != EAGAIN);
}

/* Reads the rest, completes a last line that has no newline, and closes the stream. */
static void finish_lines(struct lines *in)
{
	read_all(in);
	if (in->len)
		in->emit(in->buf);
	in->len = 0;
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}

/*
 * Reads the trace and the streams of a child until it ends (true), or has to
 * (false): the seconds are over, or it was given up.
 */
static bool watch(pid_t pid, long seconds, struct lines * const streams[], int nr)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fds[1 + MAX_STREAMS] = { { .fd = pidfd, .events = POLLIN } };
	struct timespec now, end;
	bool ended = false;
	long left;

	if (pidfd < 0)
		die("pidfd_open");
	for (int i = 0; i < nr; i++)
		fds[1 + i] = (struct pollfd) { .fd = streams[i]->fd, .events = POLLIN };
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	while (!ended && !given_up) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = (end.tv_sec - now.tv_sec) * 1000 + (end.tv_nsec - now.tv_nsec) / 1000000;
		if (left <= 0)
			break;
		/* trace_pipe wakes nobody before it is half full: look often. */
		if (trace.fd >= 0 && left > 50)
			left = 50;
		if (poll(fds, 1 + nr, left) < 0)
			die("poll");
		/* What is in the trace happened before what is in a stream. */
		read_all(&trace);
		for (int i = 0; i < nr; i++)
			if (fds[1 + i].revents && !read_lines(streams[i]))
				fds[1 + i].fd = -1;
		ended = fds[0].revents;
	}
	close(pidfd);
	return ended;
}

/* Why something was refused, by the kernel's name of the rule. */
static struct { unsigned long count; char *text; } reasons[MAX_REASONS];

static void count_reason(const char *text, unsigned long n)
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

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("%s", path);
	close(fd);
}

static void open_trace(const char *path)
{
	trace.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (trace.fd < 0)
		die("%s", path);
}

/* Module parameters as they are, but NAME=@SYMBOL becomes NAME=0xADDRESS. */
static void load_module(const char *path, char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char expanded[LINE_SIZE + 32] = "";
	char *at = params ? strstr(params, "=@") : NULL;
	unsigned long address;
	char *end;

	if (at) {
		*at++ = '\0';
		end = at + strcspn(at, " ");
		if (*end)
			*end++ = '\0';
		address = address_of(at + 1);
		errno = ENOENT;
		if (!address)
			die("%s in /proc/kallsyms", at + 1);
		snprintf(expanded, sizeof(expanded), "%s=%#lx %s", params, address, end);
		params = expanded;
	}
	if (fd < 0 || syscall(SYS_finit_module, fd, params ?: "", 0))
		die("%s", path);
	close(fd);
}

/* Those that the file names, if it is there: one a line, with parameters. */
static void load_modules(const char *order)
{
	char line[LINE_SIZE], path[LINE_SIZE + 16];
	FILE *f = fopen(order, "re");

	if (!f && errno != ENOENT)
		die("%s", order);
	while (f && fgets(line, sizeof(line), f)) {
		char *params = line, *name;

		line[strcspn(line, "\n")] = '\0';
		name = strsep(&params, " ");
		if (!*name || *name == '#')
			continue;
		snprintf(path, sizeof(path), "/modules/%s", name);
		load_module(path, params);
	}
	if (f)
		fclose(f);
}

#endif
