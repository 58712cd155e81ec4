// SPDX-License-Identifier: GPL-2.0-only
/*
 * What L2 does: everyday work of a kernel and of its programs, made of the
 * events that a hypervisor has to get right. Prints KTAP, a case for each.
 *
 * Usage: work [-x] [CASE]   CASE fails on purpose: does a failure get to the top?
 *   -x  in Xen's first domain, which has no disk, and gets no NMI
 *
 * Asks its hypervisor for an NMI by the line "# please: nmi".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "disk.h"

#define PAGE		4096
#define PAGES		2048
#define TICKS		30
#define ROUNDS		50	/* of each exception */
#define PROCESSES	8
#define LAPS		100	/* of the token around the processes */
#define PATIENCE	20	/* seconds until something counts as never */
#define EFLAGS_TF	0x100
#define NON_CANONICAL	((void *)0x8000000000000000)	/* what is no address */
#define VIRTIO_CONFIG	0x100	/* in a device's registers; a disk's size is first: 64 bits, 0x2000 sectors */

static bool under_xen;
static char note[256];

/* Why a case failed, or what a good one counted. */
__attribute__((format(printf, 2, 3)))
static bool say(bool good, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note, sizeof(note), fmt, ap);
	va_end(ap);
	return good;
}

static bool failed(const char *what)
{
	return say(false, "%s: %s", what, strerror(errno));
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void sleep_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

/* The number in a line of /proc/interrupts, as L2 has one CPU; -1 without it. */
static long interrupts(const char *name)
{
	FILE *f = fopen("/proc/interrupts", "re");
	char line[512], who[32];
	long n, found = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " %31[^: ]: %ld", who, &n) == 2 && !strcmp(who, name))
			found = n;
	if (f)
		fclose(f);
	return found;
}

/* ---- interrupts ---- */

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static bool timers(void)
{
	struct itimerval every = { { 0, 10000 }, { 0, 10000 } }, never = { 0 };
	/* Xen's clock takes the place of the local APIC's. */
	const char *line = under_xen ? "HYP" : "LOC";
	long before = interrupts(line), after;
	double end = now() + PATIENCE;

	signal(SIGALRM, on_alarm);
	if (setitimer(ITIMER_REAL, &every, NULL))
		return failed("setitimer");
	while (alarms < TICKS && now() < end)
		sleep_ms(5);
	setitimer(ITIMER_REAL, &never, NULL);
	after = interrupts(line);
	return say(before >= 0 && alarms >= TICKS && after - before >= TICKS,
		   "%d signals, %ld timer interrupts", (int)alarms, after - before);
}

static bool nmi(void)
{
	long before = interrupts("NMI");
	double end = now() + PATIENCE;

	if (before < 0)
		return say(false, "no line NMI in /proc/interrupts");
	printf("# please: nmi\n");
	while (interrupts("NMI") == before && now() < end)
		sleep_ms(20);
	return say(interrupts("NMI") == before + 1, "%ld NMIs", interrupts("NMI") - before);
}

/* ---- page faults ---- */

static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static char *map_pages(void)
{
	char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
	return p;
}

static void write_pages(char *p, unsigned int seed)
{
	for (unsigned int i = 0; i < PAGES; i++)
		*(unsigned int *)(p + i * PAGE) = i ^ seed;
}

static bool same_pages(char *p, unsigned int seed)
{
	for (unsigned int i = 0; i < PAGES; i++)
		if (*(unsigned int *)(p + i * PAGE) != (i ^ seed))
			return false;
	return true;
}

static bool page_faults(void)
{
	long before = minor_faults(), faults;
	char *p = map_pages();
	bool good;

	if (!p)
		return failed("mmap");
	write_pages(p, 1);
	faults = minor_faults() - before;
	good = same_pages(p, 1);
	munmap(p, PAGES * PAGE);
	return say(good && faults >= PAGES, "%ld faults for %d pages%s", faults,
		   PAGES, good ? "" : ", wrong content");
}

/* Waits for a child; true if it exited with 0. */
static bool child_good(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool copy_on_write(void)
{
	char *p = map_pages();
	bool child, parent;
	long before;
	pid_t pid;

	if (!p)
		return failed("mmap");
	write_pages(p, 2);
	pid = fork();
	if (pid < 0)
		return failed("fork");
	if (!pid) {
		before = minor_faults();
		write_pages(p, 3);
		_exit(!(same_pages(p, 3) && minor_faults() - before >= PAGES));
	}
	child = child_good(pid);
	parent = same_pages(p, 2);
	munmap(p, PAGES * PAGE);
	return say(child && parent, "child %s, parent %s", child ? "good" : "bad",
		   parent ? "good" : "bad");
}

/* ---- exceptions ---- */

static sigjmp_buf back;
static siginfo_t seen;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	seen = *info;
	seen.si_signo = sig;
	siglongjmp(back, 1);
}

static void handle(int sig, void (*handler)(int, siginfo_t *, void *))
{
	static char alternative[64 << 10];
	stack_t stack = { .ss_sp = alternative, .ss_size = sizeof(alternative) };
	struct sigaction sa = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};

	sigaltstack(&stack, NULL);
	sigaction(sig, &sa, NULL);
}

static char *target;

/*
 * Runs what faults ROUNDS times, with that target: each has to end in the signal
 * sig with the code and, if the kernel tells one, the target's address.
 */
static bool faults(void (*fault)(void), int sig, int code, void *address)
{
	static int volatile i;

	target = address;
	handle(sig, on_fault);
	for (i = 0; i < ROUNDS; i++) {
		memset(&seen, 0, sizeof(seen));
		if (!sigsetjmp(back, 1)) {
			fault();
			return say(false, "round %d: no signal", i);
		}
		if (seen.si_signo != sig || seen.si_code != code ||
		    (address && code != SI_KERNEL && seen.si_addr != address))
			return say(false, "round %d: signal %d, code %d, address %p",
				   i, seen.si_signo, seen.si_code, seen.si_addr);
	}
	signal(sig, SIG_DFL);
	return say(true, "%d times", ROUNDS);
}

/* Instructions that fault. */
#define FAULT(name, instructions)						\
static void name(void)								\
{										\
	asm volatile(instructions ::: "eax", "ecx", "edx", "cc");		\
}

FAULT(divide, "xor %%ecx, %%ecx\n\tdiv %%ecx")
FAULT(undefined, "ud2")
FAULT(breakpoint, "int3")
FAULT(halt, "hlt")			/* not in user mode: #GP(0) */
FAULT(software_interrupt, "int $0x20")	/* a gate that user mode must not use */

static void touch(void)
{
	*(volatile char *)target = 1;
}

static void x87(void)
{
	unsigned short unmasked = 0x37b;	/* all but division by zero masked */

	asm volatile("fninit\n\tfldcw %0\n\tfldz\n\tfld1\n\tfdivp\n\tfwait"
		     :: "m" (unmasked));
}

/* Its first page must not be touched, its second one is not there: main() sees to that. */
static char hole[2 * PAGE] __attribute__((aligned(PAGE)));

static bool no_page(void)
{
	return faults(touch, SIGSEGV, SEGV_ACCERR, hole) &&
	       faults(touch, SIGSEGV, SEGV_MAPERR, hole + PAGE);
}

/*
 * An instruction that reads a device's memory is emulated by KVM. If something
 * else of it faults, then it is KVM that has to inject the exception.
 */
static char *device;

/* Where the disk's registers are, or 0; by ACPI they have the name of the device there. */
static unsigned long disk_registers(void)
{
	FILE *iomem = fopen("/proc/iomem", "re");
	unsigned long start, found = 0;
	char line[128];

	while (iomem && fgets(line, sizeof(line), iomem))
		if ((strstr(line, " virtio-mmio.") || strstr(line, " LNRO0005:")) &&
		    sscanf(line, "%lx-", &start) == 1)
			found = start;
	if (iomem)
		fclose(iomem);
	return found;
}

static bool map_device(void)
{
	/* Or the local APIC's, where 0x104 reads as 0, too. */
	unsigned long registers = under_xen ? 0xfee00000 : disk_registers();
	char *page;
	int fd;

	if (!registers)
		return say(false, "no disk in /proc/iomem");
	fd = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failed("/dev/mem");
	page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, registers & -PAGE);
	close(fd);
	if (page == MAP_FAILED)
		return failed("mapping the disk's registers");
	device = page + registers % PAGE + VIRTIO_CONFIG;
	return true;
}

static void divide_by_device(void)
{
	asm volatile("divl %0" :: "m" (device[4]) : "eax", "edx", "cc");
}

static void push_device(void)
{
	asm volatile("mov %0, %%rsp\n\tpushq (%1)"
		     :: "r" (NON_CANONICAL), "r" (device) : "memory");
}

static void move_device(void)
{
	char *from = device, *to = target;

	asm volatile("movsb" : "+S" (from), "+D" (to) :: "memory");
}

static volatile sig_atomic_t steps, odd_steps;

static void on_step(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	odd_steps += info->si_code != TRAP_TRACE;
	if (++steps == ROUNDS)
		uc->uc_mcontext.gregs[REG_EFL] &= ~EFLAGS_TF;
}

static bool single_step(void)
{
	handle(SIGTRAP, on_step);
	asm volatile("pushfq\n\t"
		     "orl %0, (%%rsp)\n\t"
		     "popfq\n\t"
		     ".rept %c1\n\tnop\n\t.endr"
		     :: "i" (EFLAGS_TF), "i" (2 * ROUNDS) : "cc", "memory");
	signal(SIGTRAP, SIG_DFL);
	return say(steps == ROUNDS && !odd_steps, "%d steps, %d of another kind",
		   (int)steps, (int)odd_steps);
}

/* ---- disk and processes ---- */

static bool disk(void)
{
	static char out[DISK_SIZE], in[DISK_SIZE];
	int fd = open("/dev/vda", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return failed("/dev/vda");
	disk_fill(out, DISK_SIZE);
	if (pwrite(fd, out, DISK_SIZE, 0) != DISK_SIZE || fsync(fd))
		return failed("write");
	/* From the disk, not from the page cache. */
	if (ioctl(fd, BLKFLSBUF, 0))
		return failed("BLKFLSBUF");
	if (pread(fd, in, DISK_SIZE, 0) != DISK_SIZE)
		return failed("read");
	close(fd);
	return say(!memcmp(in, out, DISK_SIZE), "%u KiB written and read", DISK_SIZE >> 10);
}

/* Each process passes a token on to the next one, and adds one to it. */
static void pass_on(int from, int to)
{
	long token;

	for (int i = 0; i < LAPS; i++) {
		if (read(from, &token, sizeof(token)) != sizeof(token))
			_exit(1);
		token++;
		if (write(to, &token, sizeof(token)) != sizeof(token))
			_exit(1);
	}
	_exit(0);
}

static bool processes(void)
{
	int pipes[PROCESSES + 1][2], good = 0;
	pid_t pid[PROCESSES];
	long token = 0;

	for (int i = 0; i <= PROCESSES; i++)
		if (pipe(pipes[i]))
			return failed("pipe");
	for (int i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			return failed("fork");
		if (!pid[i])
			pass_on(pipes[i][0], pipes[i + 1][1]);
	}
	for (int i = 0; i < LAPS; i++)
		if (write(pipes[0][1], &token, sizeof(token)) != sizeof(token) ||
		    read(pipes[PROCESSES][0], &token, sizeof(token)) != sizeof(token))
			return failed("token");
	for (int i = 0; i < PROCESSES; i++)
		good += child_good(pid[i]);
	return say(good == PROCESSES && token == LAPS * PROCESSES,
		   "%d of %d processes, token %ld", good, PROCESSES, token);
}

/* A case is a function, or what faults, where and how that has to end. */
static const struct work {
	const char *name;
	bool (*run)(void);
	void (*fault)(void);
	bool emulated;
	int sig, code;
	void *address;
} cases[] = {
	{ "timer_interrupts", .run = timers },
	{ "nmi", .run = nmi },
	{ "page_faults", .run = page_faults },
	{ "copy_on_write", .run = copy_on_write },
	{ "divide_error", .fault = divide, .sig = SIGFPE, .code = FPE_INTDIV },
	{ "single_step", .run = single_step },
	{ "breakpoint", .fault = breakpoint, .sig = SIGTRAP, .code = SI_KERNEL },
	{ "invalid_opcode", .fault = undefined, .sig = SIGILL, .code = ILL_ILLOPN,
	  .address = undefined },
	{ "general_protection", .fault = halt, .sig = SIGSEGV, .code = SI_KERNEL },
	{ "non_canonical", .fault = touch, .sig = SIGSEGV, .code = SI_KERNEL,
	  .address = NON_CANONICAL },
	{ "software_interrupt", .fault = software_interrupt, .sig = SIGSEGV, .code = SI_KERNEL },
	{ "page_fault_signal", .run = no_page },
	{ "math_fault", .fault = x87, .sig = SIGFPE, .code = FPE_FLTDIV },
	{ "emulated_divide_error", .fault = divide_by_device, .emulated = true,
	  .sig = SIGFPE, .code = FPE_INTDIV },
	{ "emulated_stack_fault", .fault = push_device, .emulated = true,
	  .sig = SIGBUS, .code = SI_KERNEL },
	{ "emulated_protection", .fault = move_device, .emulated = true,
	  .sig = SIGSEGV, .code = SI_KERNEL, .address = NON_CANONICAL },
	{ "emulated_page_fault", .fault = move_device, .emulated = true,
	  .sig = SIGSEGV, .code = SEGV_ACCERR, .address = hole },
	{ "disk", .run = disk },
	{ "processes", .run = processes },
};

static bool run_case(const struct work *w)
{
	if (w->run)
		return w->run();
	if (w->emulated && !device && !map_device())
		return false;
	return faults(w->fault, w->sig, w->code, w->address);
}

int main(int argc, char **argv)
{
	int nr = sizeof(cases) / sizeof(*cases), bad = 0;

	if (argc > 1 && !strcmp(argv[1], "-x")) {
		under_xen = true;
		argc--;
		argv++;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (mprotect(hole, PAGE, PROT_NONE) || munmap(hole + PAGE, PAGE)) {
		perror("work: the hole");
		return 2;
	}
	printf("KTAP version 1\n1..%d\n", nr);
	for (int i = 0; i < nr; i++) {
		bool good;

		if (under_xen && (cases[i].run == nmi || cases[i].run == disk)) {
			printf("ok %d %s # SKIP not under Xen\n", i + 1, cases[i].name);
			continue;
		}
		good = run_case(&cases[i]);
		if (argc > 1 && !strcmp(argv[1], cases[i].name))
			good = say(false, "on purpose");
		printf("%s %d %s # %s\n", good ? "ok" : "not ok", i + 1, cases[i].name, note);
		bad += !good;
	}
	return !!bad;
}
