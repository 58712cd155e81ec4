// SPDX-License-Identifier: GPL-2.0-only
/*
 * From one level of virtualization to the next: runs a QEMU with KVM, whose
 * guest is another Linux with guest/init.c, and watches it to its end. Prints
 * KTAP. L0 runs it for L1, and L1 for L2.
 *
 * Usage: level -n LEVEL -t SECONDS -m MEMORY [-c CPU] [-a] [-d] [-T] [-x]
 *   -n  the guest's level: 1 or 2
 *   -t  the guest's wall-clock limit
 *   -m  its memory, as QEMU has it
 *   -c  its CPU, as QEMU has it (host)
 *   -a  the guest's kernel has ACPI, and finds a disk by it; else on its command
 *       line
 *   -d  a disk for the guest; in the end it has to hold what disk.h says
 *   -T  count the events that the guest injects into its own guests, and the
 *       VMRUNs that KVM refuses, from tracepoints
 *   -x  the guest is Xen, /guest/xen; /guest has its first domain, which runs
 *       under VMRUN, too (PVH), and reports in its place
 *
 * Files: /qemu/qemu, /qemu/firmware, /guest/vmlinux, /guest/initrd, and
 * /modules/late, which names KVM's modules, one a line, in order.
 *
 * What the guest prints is passed on line by line, for the host to take apart:
 *   # LN console: LINE	its console
 *   # LN xen: LINE	Xen's part of it
 *   # LN report: LINE	its results
 *   # LN qemu: LINE	QEMU's messages
 *   # LN status: STATUS	as in guest/boot.sh's file status
 *   # LN reached: WHAT	how far it got
 */
#include "../common.h"
#include <glob.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../exceptions.h"
#include "disk.h"

#define INSTANCE	"/sys/kernel/tracing/instances/nested"
#define EVENTS		INSTANCE "/events/kvm/"
#define BUFFER_KIB	"8192"	/* of trace: some 100,000 events between two looks */
#define DISK		"/tmp/disk"
#define EVTINJ_VALID	"0x80000000"
#define NR_TYPES	8
#define NR_VECTORS	256
#define NAME_SIZE	128

static unsigned long events[NR_TYPES][NR_VECTORS];
static unsigned long refused, lost;

static const char *level = "1", *memory = "256M", *cpu = "host";
static long seconds = 60;
static bool with_acpi, with_disk, with_trace, with_xen;

static char reached[NAME_SIZE] = "nothing";
static char stopped[NAME_SIZE];		/* why QEMU gave up on its guest */
static bool ended;			/* the guest reported to the end */
static unsigned long guest_failed, guest_tests, tainted;
static int qmp = -1;

static _Noreturn void fail(const char *what, const char *error)
{
	printf("Bail out! L%s: %s: %s\n", level, what, error);
	exit(1);
}

static void reach(const char *who, const char *what)
{
	char text[NAME_SIZE];

	snprintf(text, sizeof(text), "L%s %s", who, what);
	if (!strcmp(text, reached))
		return;
	strcpy(reached, text);
	printf("# L%s reached: %s\n", who, what);
}

/* ---- the guest's lines ---- */

static void emit_console(char *line)
{
	if (strstr(line, "Linux version"))
		reach(level, "kernel");
	printf("# L%s console: %s\n", level, line);
}

static bool ask_qemu(const char *command)
{
	return dprintf(qmp, "{\"execute\": \"%s\"}\n", command) > 0;
}

static void emit_report(char *line)
{
	const char *inner = strstr(line, " reached: ");
	char text[NAME_SIZE];
	char who[8];

	printf("# L%s report: %s\n", level, line);
	if (!strcmp(line, "  # please: nmi")) {
		if (!ask_qemu("inject-nmi"))
			printf("# L%s qemu: cannot be asked for an NMI: %s\n", level,
			       strerror(errno));
	} else if (inner && sscanf(line, "  # L%7s", who) == 1) {
		reach(who, inner + strlen(" reached: "));
	} else if (!strncmp(line, "# running ", 10)) {
		snprintf(text, sizeof(text), "userspace, running %s", line + 10);
		reach(level, text);
	} else if (sscanf(line, "# end tests=%lu failed=%lu skipped=%*u tainted=%lu",
			  &guest_tests, &guest_failed, &tainted) == 3) {
		ended = true;
		reach(level, "end");
	}
}

/* Xen and its domain share a port: what is no line of Xen's, of a kernel or of init's is a result. */
static void emit_xen(char *line)
{
	static bool begun;

	begun |= !strcmp(line, "KTAP version 1");
	if (!strncmp(line, "(XEN)", 5))
		printf("# L%s xen: %s\n", level, line);
	else if (!begun || strchr("[<", *line) || !strncmp(line, "init: ", 6))
		emit_console(line);
	else
		emit_report(line);
}

/* With the guest's CPU stopped, and -no-reboot, nothing would happen any more. */
static void emit_qemu(char *line)
{
	printf("# L%s qemu: %s\n", level, line);
	if (strstr(line, "entry failed") || strstr(line, "internal error"))
		snprintf(stopped, sizeof(stopped), "%s", line);
	else if (strstr(line, "\"event\": \"STOP\"") && !*stopped)
		strcpy(stopped, "QEMU stopped its guest");
	given_up = *stopped;
}

static struct lines console = { .emit = emit_console };
static struct lines report = { .emit = emit_report };
static struct lines messages = { .emit = emit_qemu };

/* ---- the trace ---- */

/* EVENTINJ: bits 7:0 are the vector, 10:8 the type. The filter asks for V. */
static void emit_trace(char *line)
{
	static const char failed[] = "kvm_nested_vmenter_failed: ";
	char *event = strstr(line, "event_inj: 0x");
	char *reason = strstr(line, failed);
	char *gap = strstr(line, "[LOST ");

	if (reason) {
		refused++;
		count_reason(reason + strlen(failed), 1);
	} else if (event) {
		unsigned long e = strtoul(event + strlen("event_inj: "), NULL, 16);

		events[e >> 8 & 7][e & 0xff]++;
	} else if (gap) {
		lost += strtoul(gap + strlen("[LOST "), NULL, 10);
	}
}

/* An instance of its own: lab.trace may read the main buffer. */
static void start_trace(void)
{
	bool old;	/* 6.1 has another name */

	if (mkdir(INSTANCE, 0755) && errno != EEXIST)
		die(INSTANCE);
	old = !access(EVENTS "kvm_nested_vmrun", F_OK);
	write_file(INSTANCE "/buffer_size_kb", BUFFER_KIB);
	write_file(old ? EVENTS "kvm_nested_vmrun/filter" : EVENTS "kvm_nested_vmenter/filter",
		   "event_inj & " EVTINJ_VALID);
	write_file(old ? EVENTS "kvm_nested_vmrun/enable" : EVENTS "kvm_nested_vmenter/enable", "1");
	write_file(EVENTS "kvm_nested_vmenter_failed/enable", "1");
	open_trace(INSTANCE "/trace_pipe");
}

/* What no reader ever saw, by the buffers' own account. */
static unsigned long overruns(void)
{
	unsigned long sum = 0, n;
	char line[NAME_SIZE];
	glob_t cpus;
	FILE *f;

	if (glob(INSTANCE "/per_cpu/cpu*/stats", 0, NULL, &cpus))
		die(INSTANCE "/per_cpu");
	for (size_t i = 0; i < cpus.gl_pathc; i++) {
		f = fopen(cpus.gl_pathv[i], "re");
		while (f && fgets(line, sizeof(line), f))
			if (sscanf(line, "overrun: %lu", &n) == 1 ||
			    sscanf(line, "commit overrun: %lu", &n) == 1 ||
			    sscanf(line, "dropped events: %lu", &n) == 1)
				sum += n;
		if (f)
			fclose(f);
	}
	globfree(&cpus);
	return sum;
}

/* Gives the number of events of a type. */
static unsigned long report_events(int type)
{
	unsigned long sum = 0;

	for (int v = 0; v < NR_VECTORS; v++) {
		if (events[type][v])
			printf("# injected: %d %d %s %lu\n", type, v,
			       type == 2 ? "NMI" : type == 3 ? exception_name(v) ?: "-" : "-",
			       events[type][v]);
		sum += events[type][v];
	}
	return sum;
}

/* ---- QEMU ---- */

/*
 * A second after its boot a kernel knows the TSC's frequency better, and changes
 * tsc_khz. A KVM that was loaded before still gives its guests the old one; their
 * TSC then has to catch up, and their timers fire late or never. Wait for it.
 */
static void wait_for_tsc(void)
{
	static const char path[] =
		"/sys/devices/system/clocksource/clocksource0/current_clocksource";
	struct timespec pause = { .tv_nsec = 100000000 };
	char name[NAME_SIZE] = "tsc-early\n";

	for (int i = 0; i < 300 && !strcmp(name, "tsc-early\n"); i++) {
		FILE *f = fopen(path, "re");

		if (!f || !fgets(name, sizeof(name), f))
			die(path);
		fclose(f);
		nanosleep(&pause, NULL);
	}
	printf("# L%ld clocksource: %s", strtol(level, NULL, 10) - 1, name);
}

static void make_disk(void)
{
	int fd = open(DISK, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, DISK_SIZE))
		die(DISK);
	close(fd);
}

static bool disk_good(void)
{
	static char want[DISK_SIZE], have[DISK_SIZE];
	int fd = open(DISK, O_RDONLY | O_CLOEXEC);
	bool good;

	if (fd < 0)
		die(DISK);
	disk_fill(want, DISK_SIZE);
	good = read(fd, have, DISK_SIZE) == DISK_SIZE && !memcmp(want, have, DISK_SIZE);
	close(fd);
	return good;
}

static void append(char **argv, char * const *more)
{
	while (*argv)
		argv++;
	while (*more)
		*argv++ = *more++;
}

static _Noreturn void exec_qemu(int in, int out, int serial0, int serial1)
{
	/* Its ports are the pipes, by their numbers. */
	char *argv[64] = {
		"/qemu/qemu", "-L", "/qemu/firmware",
		"-nodefaults", "-no-user-config", "-display", "none",
		"-accel", "kvm", "-cpu", (char *)cpu,
		"-smp", "1", "-m", (char *)memory, "-no-reboot",
		"-chardev", "file,id=console,path=/proc/self/fd/3",
		/*
		 * The lab's kernel has no PCI and no ACPI, and its KVM no IOAPIC from 7.3 on: QEMU has. A kernel with
		 * ACPI polls a clock that is not there for half a minute; with acpi=on, QEMU's choice is a larger firmware.
		 */
		"-machine", with_xen ? "pc" :
		with_acpi ? "microvm,acpi=on,rtc=on,isa-serial=off,kernel-irqchip=split" :
			    "microvm,acpi=off,isa-serial=off,kernel-irqchip=split",
	};
	static char * const linux_only[] = {
		"-bios", "qboot.rom",
		"-chardev", "stdio,id=qmp,signal=off",
		"-mon", "chardev=qmp,mode=control",
		"-device", "isa-serial,index=0,chardev=console",
		"-chardev", "file,id=report,path=/proc/self/fd/4",
		"-device", "isa-serial,index=1,chardev=report",
		"-kernel", "/guest/vmlinux", "-initrd", "/guest/initrd",
		/*
		 * Warnings and worse: a character is an exit or two, and those of L2 go through all levels. Reset by a
		 * triple fault: a microvm has no keyboard controller, which a kernel polls for minutes before it tries that.
		 * iomem=relaxed, as work.c maps the disk's registers. A plain periodic tick: each time that L2 sets a
		 * timer is a dozen exits, and what Debian's 7.3 sets with high resolution left L2 no time for its work.
		 */
		"-append", "console=ttyS0 loglevel=5 panic=-1 oops=panic reboot=t iomem=relaxed highres=off nohz=off",
		NULL,
	};
	static char * const disk[] = {
		/* The kernel that L1 is has no file locks. */
		"-blockdev", "driver=file,node-name=disk,locking=off,filename=" DISK,
		"-device", "virtio-blk-device,drive=disk", NULL,
	};
	static char * const xen[] = {
		"-serial", "chardev:console", "-kernel", "/guest/xen",
		/* A PVH domain wants an IOMMU, unless told; and without one no ACPI and no PCI. */
		"-append", "console=com1 com1=115200,8n1 dom0=pvh dom0-iommu=none dom0_mem=700M",
		/* The domain's kernel, its words, and behind the comma its initramfs. With an x2APIC, work.c finds no device to read. */
		"-initrd", "/guest/vmlinux console=hvc0 loglevel=5 panic=-1 oops=panic iomem=relaxed acpi=off pci=off nox2apic,/guest/initrd",
		NULL,
	};

	append(argv, with_xen ? xen : linux_only);
	if (with_disk)
		append(argv, disk);
	/* What the ports are called above; the pipes' own numbers are higher. */
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
	    dup2(serial0, 3) < 0 || dup2(serial1, 4) < 0)
		_exit(126);
	execv(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static pid_t start_qemu(void)
{
	int in[2], out[2], serial0[2], serial1[2];
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
	    pipe2(serial0, O_CLOEXEC) || pipe2(serial1, O_CLOEXEC))
		die("pipe");
	fflush(NULL);
	pid = fork_or_die();
	if (!pid)
		exec_qemu(in[0], out[1], serial0[1], serial1[1]);
	close(in[0]);
	close(out[1]);
	close(serial0[1]);
	close(serial1[1]);
	console.fd = serial0[0];
	report.fd = serial1[0];
	messages.fd = out[0];
	qmp = in[1];
	if (!ask_qemu("qmp_capabilities"))
		die("QEMU's monitor");
	return pid;
}

static void run_guest(void)
{
	struct lines *all[] = { &messages, &console, &report };
	bool in_time;
	int status;
	pid_t pid;

	pid = start_qemu();
	reach(level, "QEMU");
	for (int i = 0; i < 3; i++)
		if (fcntl(all[i]->fd, F_SETFL, O_NONBLOCK))
			die("fcntl");
	in_time = watch(pid, seconds, all, 3);
	if (!in_time)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	for (int i = 0; i < 3; i++)
		finish_lines(all[i]);
	read_all(&trace);

	if (in_time && WIFEXITED(status))
		printf("# L%s status: exit %d\n", level, WEXITSTATUS(status));
	else if (in_time)
		printf("# L%s status: exit signal %d\n", level, WTERMSIG(status));
	else if (*stopped)
		printf("# L%s status: exit 1 (%s)\n", level, stopped);
	else
		printf("# L%s status: timeout %ld\n", level, seconds);
	if (!in_time && !*stopped)
		snprintf(stopped, sizeof(stopped), "no end after %ld s", seconds);
}

/* ---- results ---- */

static int nr_cases, nr_failed;

static void result(bool good, const char *name)
{
	printf("%s %d L%s_%s", good ? "ok" : "not ok", ++nr_cases, level, name);
	nr_failed += !good;
}

static void report_results(void)
{
	unsigned long sum[NR_TYPES], others = 0;

	result(ended, "reports");
	if (*stopped)
		printf(" # %s, it had reached: %s", stopped, reached);
	else if (!ended)
		printf(" # it had reached: %s", reached);
	printf("\n");
	result(ended && guest_tests && !guest_failed, "passes");
	printf(" # %lu tests, %lu failed\n", guest_tests, guest_failed);
	if (with_disk) {
		result(disk_good(), "disk");
		printf(" # %u KiB in the file behind it\n", DISK_SIZE >> 10);
	}
	if (!with_trace)
		return;

	for (int type = 0; type < NR_TYPES; type++) {
		sum[type] = report_events(type);
		others += type == 1 || type > 4 ? sum[type] : 0;
	}
	for (int i = 0; i < MAX_REASONS && reasons[i].text; i++)
		printf("# refused: %lu %s\n", reasons[i].count, reasons[i].text);
	lost += overruns();
	result(sum[0] && sum[3], "injects");
	printf(" # %lu interrupts, %lu NMIs, %lu exceptions, %lu software interrupts, %lu others\n",
	       sum[0], sum[2], sum[3], sum[4], others);
	result(!refused, "refused_none");
	printf(" # %lu VMRUNs refused\n", refused);
	result(!lost, "lost_none");
	printf(" # %lu trace events lost\n", lost);
}

int main(int argc, char **argv)
{
	int opt;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	printf("KTAP version 1\n");
	while ((opt = getopt(argc, argv, "n:t:m:c:adTx")) != -1) {
		switch (opt) {
		case 'n': level = optarg; break;
		case 't': seconds = strtol(optarg, NULL, 10); break;
		case 'm': memory = optarg; break;
		case 'c': cpu = optarg; break;
		case 'a': with_acpi = true; break;
		case 'd': with_disk = true; break;
		case 'T': with_trace = true; break;
		case 'x': with_xen = true; break;
		default: return 2;
		}
	}
	printf("1..%d\n", 2 + with_disk + 3 * with_trace);
	wait_for_tsc();
	load_modules("/modules/late");
	if (with_xen)
		console.emit = emit_xen;
	if (with_disk)
		make_disk();
	if (with_trace)
		start_trace();
	run_guest();
	report_results();
	return !!nr_failed;
}
