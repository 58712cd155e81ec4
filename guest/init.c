// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of the guest: load the modules, run the suite, report, restart.
 *
 * Files in the initramfs, besides this one as /init:
 *   /modules/order   one module a line: "kvm.ko parameters..."; NAME=@SYMBOL
 *                    passes the address of a kernel symbol
 *   /suite           one test a line: "TIMEOUT NAME ARG...", # comments
 *   /tests/NAME      static binaries
 *
 * Words on the kernel command line:
 *   lab.shell        run /bin/sh on the console instead of the suite
 *   lab.trace        count the reasons of kvm_nested_vmenter_failed, per test
 *   lab.noise        interrupt what runs every 60 to 260 us by a timer
 *   lab.bail         kill the test at the first of its cases that fails, and
 *                    run no other one
 *
 * Results go to ttyS1, or to Xen's console, which is all that its first domain
 * has, as KTAP, each test behind a line "# running NAME". The last line is one
 * that nothing but a complete run can write:
 *   # end tests=N failed=N skipped=N tainted=MASK
 */
#include "common.h"
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#define TRACING		"/sys/kernel/tracing"
#define TRACEPOINT	"kvm_nested_vmenter_failed"
#define SKIPPED		4	/* exit code of a skipped kselftest */
#define MAX_TESTS	64
#define MAX_ARGS	32

struct test {
	long timeout;			/* seconds */
	char *argv[MAX_ARGS + 1];	/* argv[0] is the test's name */
};

static struct test tests[MAX_TESTS];
static int nr_tests, failed, skipped;
static FILE *results;
static char cmdline[LINE_SIZE];

/* QEMU ends at it (-no-reboot). There is no ACPI to power off. */
static _Noreturn void restart(void)
{
	sync();
	if (results)
		tcdrain(fileno(results));
	tcdrain(STDERR_FILENO);
	reboot(RB_AUTOBOOT);
	_exit(1);	/* the end of PID 1 is a panic: QEMU ends, too */
}

/* The missing end line tells the host. */
static _Noreturn void fail(const char *what, const char *error)
{
	fprintf(stderr, "init: %s: %s\n", what, error);
	restart();
}

static void mount_one(const char *type, const char *dir, bool required)
{
	if (mkdir(dir, 0755) && errno != EEXIST && required)
		die("mkdir %s", dir);
	if (mount(type, dir, type, 0, NULL) && required)
		die("mount %s on %s", type, dir);
}

static void mount_filesystems(void)
{
	mount_one("proc", "/proc", true);
	mount_one("sysfs", "/sys", true);
	mount_one("devtmpfs", "/dev", true);
	mount_one("tmpfs", "/tmp", true);
	mount_one("tracefs", TRACING, false);
}

/* An initramfs need not hold /dev/console: PID 1 may start without stdio. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		die("/dev/console");
	for (int i = 0; i < 3; i++)
		if (fd != i && dup2(fd, i) < 0)
			die("dup2");
	if (fd > 2)
		close(fd);
}

static void open_results(void)
{
	const char *port = strstr(cmdline, "console=hvc0") ? "/dev/hvc0" : "/dev/ttyS1";
	struct termios tio;

	results = fopen(port, "we");
	if (!results || tcgetattr(fileno(results), &tio))
		die("%s", port);
	cfmakeraw(&tio);	/* else each newline becomes CR LF */
	cfsetspeed(&tio, B115200);
	if (tcsetattr(fileno(results), TCSANOW, &tio))
		die("%s", port);
	setvbuf(results, NULL, _IOLBF, 0);
}

/* Reads the first bytes of a file of /proc as one line. */
static void read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(buf, size, f))
		die("%s", path);
	buf[strcspn(buf, "\n")] = '\0';
	fclose(f);
}

static bool option(const char *word)
{
	size_t len = strlen(word);

	for (const char *p = cmdline; (p = strstr(p, word)); p += len)
		if ((p == cmdline || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
			return true;
	return false;
}

static bool parse_test(char *line, struct test *t)
{
	int argc = 0;
	char *word, *end;

	word = strtok(line, " \t\n");
	if (!word || *word == '#')
		return false;
	t->timeout = strtol(word, &end, 10);
	errno = EINVAL;
	if (*end || t->timeout <= 0)
		die("/suite: bad timeout \"%s\"", word);
	while ((word = strtok(NULL, " \t\n"))) {
		if (argc == MAX_ARGS)
			die("/suite: too many arguments");
		t->argv[argc++] = strdup(word);
	}
	if (!argc)
		die("/suite: no test behind its timeout");
	return true;
}

static void read_suite(void)
{
	char line[LINE_SIZE];
	FILE *f = fopen("/suite", "re");

	if (!f)
		die("/suite");
	while (fgets(line, sizeof(line), f)) {
		if (nr_tests == MAX_TESTS) {
			errno = E2BIG;
			die("/suite");
		}
		nr_tests += parse_test(line, &tests[nr_tests]);
	}
	fclose(f);
}

/*
 * The running test prints KTAP. Its header need not come first: the library of
 * KVM's selftests prints its random seed before main() begins.
 */
static bool ktap;

/* lab.bail and lab.noise were asked for. */
static bool may_bail, noise;

static void emit_output(char *line)
{
	ktap |= !strcmp(line, "TAP version 13") || !strcmp(line, "KTAP version 1");
	given_up |= may_bail && ktap && !strncmp(line, "not ok ", 7);
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' && *p != '\t')
			*p = '?';
	fprintf(results, "  %s%s\n", ktap ? "" : "# ", line);
}

static void emit_trace(char *line)
{
	char *text = strstr(line, TRACEPOINT ": ");
	char *lost = strstr(line, "[LOST ");

	if (text)
		count_reason(text + strlen(TRACEPOINT ": "), 1);
	else if (lost)
		count_reason("(lost)", strtoul(lost + strlen("[LOST "), NULL, 10));
}

static void report_reasons(void)
{
	for (int i = 0; i < MAX_REASONS && reasons[i].text; i++) {
		fprintf(results, "  # trace %lu %s\n", reasons[i].count, reasons[i].text);
		free(reasons[i].text);
	}
	memset(reasons, 0, sizeof(reasons));
}

static struct lines child_out = { .fd = -1, .emit = emit_output };

static _Noreturn void exec_test(struct test *t, int out)
{
	char path[LINE_SIZE + 16];

	setsid();
	if (dup2(open("/dev/null", O_RDONLY), 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	snprintf(path, sizeof(path), "/tests/%s", t->argv[0]);
	/* KVM's selftests find their own ELF file by it. */
	t->argv[0] = path;
	execv(path, t->argv);
	dprintf(2, "init: %s: %s\n", path, strerror(errno));
	_exit(127);
}

/*
 * A host that is busy interrupts KVM where a test does not expect it, once in
 * many runs; here it does so all the time. Ends with the test, by reap_all().
 */
static _Noreturn void make_noise(void)
{
	struct timespec nap = { 0 };
	unsigned int seed = 1;

	prctl(PR_SET_TIMERSLACK, 1);
	for (;;) {
		nap.tv_nsec = 60000 + rand_r(&seed) % 200000;
		nanosleep(&nap, NULL);
	}
}

static pid_t start_test(struct test *t)
{
	int pipefd[2];
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		die("pipe");
	fflush(NULL);
	pid = fork_or_die();
	if (!pid)
		exec_test(t, pipefd[1]);
	close(pipefd[1]);
	if (noise && !fork_or_die())
		make_noise();
	ktap = false;
	child_out.fd = pipefd[0];
	return pid;
}

/* Kills what the test left behind: for PID 1, -1 is everybody but itself. */
static int reap_all(pid_t pid)
{
	int status = 0, wstatus;
	pid_t who;

	kill(-1, SIGKILL);
	while ((who = wait(&wstatus)) > 0 || errno == EINTR)
		if (who == pid)
			status = wstatus;
	return status;
}

static void run_test(int nr, struct test *t)
{
	const char *name = t->argv[0];
	int status, code;
	bool ended;
	pid_t pid;

	fprintf(stderr, "init: running %s\n", name);
	fprintf(results, "# running %s\n", name);
	pid = start_test(t);
	ended = watch(pid, t->timeout, (struct lines *[]) { &child_out }, 1);
	status = reap_all(pid);
	finish_lines(&child_out);
	read_all(&trace);
	report_reasons();

	code = ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	skipped += code == SKIPPED;
	failed += code && code != SKIPPED;
	if (!code)
		fprintf(results, "ok %d %s\n", nr, name);
	else if (code == SKIPPED)
		fprintf(results, "ok %d %s # SKIP exit %d\n", nr, name, SKIPPED);
	else if (given_up)
		fprintf(results, "not ok %d %s # killed at its first case that failed\n", nr, name);
	else if (!ended)
		fprintf(results, "not ok %d %s # timeout after %ld s\n", nr, name, t->timeout);
	else if (code > 0)
		fprintf(results, "not ok %d %s # exit %d\n", nr, name, code);
	else
		fprintf(results, "not ok %d %s # signal %d (%s)\n", nr, name,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
}

static void run_suite(void)
{
	char tainted[32];
	int nr = 0;

	read_suite();
	may_bail = option("lab.bail");
	noise = option("lab.noise");
	if (option("lab.trace")) {
		write_file(TRACING "/events/kvm/" TRACEPOINT "/enable", "1");
		open_trace(TRACING "/trace_pipe");
	}
	fprintf(results, "KTAP version 1\n1..%d\n", nr_tests);
	for (; nr < nr_tests && !given_up; nr++)
		run_test(nr + 1, &tests[nr]);
	read_line("/proc/sys/kernel/tainted", tainted, sizeof(tainted));
	fprintf(results, "# end tests=%d failed=%d skipped=%d tainted=%s\n",
		nr, failed, skipped, tainted);
	if (ferror(results))
		die("results");
}

static void run_shell(void)
{
	pid_t pid = fork();

	if (!pid) {
		setenv("PATH", "/bin:/sbin:/tests", 1);
		setsid();
		ioctl(0, TIOCSCTTY, 1);	/* else no job control, no ctrl-C */
		execl("/bin/sh", "-sh", NULL);
		fprintf(stderr, "init: /bin/sh: %s\n", strerror(errno));
		_exit(127);
	}
	while (pid > 0 && wait(NULL) != pid)
		;
}

int main(void)
{
	mount_filesystems();
	open_console();
	read_line("/proc/cmdline", cmdline, sizeof(cmdline));
	load_modules("/modules/order");
	if (option("lab.shell")) {
		run_shell();
	} else {
		open_results();
		run_suite();
	}
	restart();
}
