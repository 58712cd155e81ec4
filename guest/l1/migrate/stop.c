// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_RUN, stopped at a place in KVM: a breakpoint of perf's in the kernel, at a
 * function that the vCPU comes by with interrupts on. The signal is there when
 * the function goes on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "vcpu.h"

static volatile sig_atomic_t stopped;

static void on_breakpoint(int signal)
{
	(void)signal;
	stopped = 1;
}

static int open_breakpoint(u64 address)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr), .disabled = 1,
		.bp_type = HW_BREAKPOINT_X, .bp_len = sizeof(long),
		.bp_addr = address, .sample_period = 1,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

bool can_stop_at(u64 address)
{
	int fd = open_breakpoint(address);

	/* Without kprobes, no place in the kernel is fit for a breakpoint. */
	if (fd < 0 && errno == EINVAL)
		return false;
	must(fd, "a breakpoint of perf's in KVM");
	close(fd);
	return true;
}

bool run_up_to(struct vm *vm, u64 address)
{
	/* A new one each time: one that has stopped KVM_RUN does not do so again in 7.3. */
	int fd = open_breakpoint(address);
	enum vm_exit end;

	sigaction(SIGIO, &(struct sigaction) { .sa_handler = on_breakpoint }, NULL);
	stopped = 0;
	/* It counts down from one, and is off then. */
	if (fd < 0 || fcntl(fd, F_SETOWN, getpid()) || fcntl(fd, F_SETFL, O_ASYNC) ||
	    ioctl(fd, PERF_EVENT_IOC_REFRESH, 1))
		err(2, "a breakpoint of perf's in KVM");
	end = vm_run_for(vm, SECONDS);
	close(fd);
	return end == VM_SIGNAL && stopped;
}
