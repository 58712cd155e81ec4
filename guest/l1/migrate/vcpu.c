// SPDX-License-Identifier: GPL-2.0-only
/* The vCPU that migrates: its L1 and L2, their memory, and where KVM_RUN stops. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "vcpu.h"

static struct vmcb vmcb12 __attribute__((aligned(4096)));
volatile struct seen seen;

/* L2 leaves KVM_RUN, is saved, and ends with VMMCALL once it goes on. */
asm(".pushsection .text\n"
    ".globl l2_pause, l2_paused\n"
    "l2_pause: out %al, $0x10\n"
    "l2_paused: vmmcall\n"
    "ud2\n"
    ".popsection");

/* Takes L2 back to where the event hit it; true if one did. */
static bool l1_return_from_handler(struct vmcb *vmcb)
{
	u64 nr = (vmcb->save.rip - L2_HANDLER(0)) / sizeof(l2_code[0]);
	const u64 *frame = (const u64 *)vmcb->save.rsp;

	if (vmcb->control.exit_code != EXIT_VMMCALL ||
	    vmcb->save.rip < L2_HANDLER(0) || nr > 255)
		return false;
	seen.vector = nr;
	seen.has_error_code = L2_STACK_TOP - (u64)frame == 6 * sizeof(u64);
	seen.error_code = seen.has_error_code ? *frame++ : 0;
	vmcb->save.rip = frame[0];
	vmcb->save.rflags = frame[2];
	vmcb->save.rsp = frame[3];
	return true;
}

static bool l2_is_at_its_end(struct vmcb *vmcb)
{
	seen.exit_code = vmcb->control.exit_code;
	seen.rip = vmcb->save.rip;
	seen.rsp = vmcb->save.rsp;
	return vmcb->control.exit_code == EXIT_VMMCALL &&
	       vmcb->save.rip == (u64)l2_paused && vmcb->save.rsp == L2_STACK_TOP;
}

static void set_event(u32 event_inj)
{
	vmcb12.save.rip = (u64)l2_paused;
	vmcb12.control.next_rip = (u64)l2_paused;
	vmcb12.control.event_inj = event_inj;
	vmcb12.control.event_inj_err = event_inj & EVENT_INJ_EV ? ERROR_CODE : 0;
}

void l1_runs_l2(u64 event_inj)
{
	u64 end = L1_NO_EVENT;

	l1_init_vmcb(&vmcb12, false);
	vmcb12.save.rip = (u64)l2_pause;
	if (event_inj)
		set_event(event_inj);
	vmrun(&vmcb12);

	if (!l2_is_at_its_end(&vmcb12)) {
		end = L1_ARRIVED;
		/* QEMU 7.2 has the high half of the exit code wrong, and RIP, too. */
		if ((u32)vmcb12.control.exit_code == (u32)EXIT_INVALID) {
			end = L1_INVALID;
			vmcb12.save.rip = (u64)l2_paused;
		} else if (!l1_return_from_handler(&vmcb12)) {
			end = L1_LOST_WAY;
		}
		vmcb12.control.clean = 0;
		vmcb12.control.event_inj = 0;
		if (end != L1_LOST_WAY) {
			vmrun(&vmcb12);
			if (!l2_is_at_its_end(&vmcb12))
				end = L1_LOST_WAY;
		}
	}
	seen.end = end;
	for (;;)
		to_host();
}

const u32 live_events[4] = {
	EVENT(TYPE_EXEPT, 6), EVENT(TYPE_EXEPT, 13) | EVENT_INJ_EV,
	EVENT(TYPE_INTR, 0x30), EVENT(TYPE_NMI, 2),
};

void l1_injects(u64 arg)
{
	(void)arg;
	l1_init_vmcb(&vmcb12, false);
	for (u64 i = 0; !seen.stop; i++) {
		u32 event = live_events[i % 4];

		vmcb12.save.rsp = L2_STACK_TOP;
		vmcb12.control.clean = 0;
		vmcb12.control.int_state = 0;
		set_event(event);
		seen.injected = seen.injected + 1;
		vmrun(&vmcb12);
		if (l1_return_from_handler(&vmcb12) &&
		    vmcb12.save.rip == (u64)l2_paused &&
		    seen.vector == (event & EVENT_INJ_VECTOR) &&
		    seen.has_error_code == !!(event & EVENT_INJ_EV) &&
		    (!seen.has_error_code || seen.error_code == ERROR_CODE))
			seen.arrived = seen.arrived + 1;
	}
	for (;;)
		to_host();
}

/*
 * All VMs have the program as their memory. What L1 has changed of it since it
 * was saved: vmcb12, and its stack from where it is to where it began.
 */
static struct {
	struct vmcb vmcb12;
	u64 *rsp;
	size_t size;
	u8 stack[4096];
} saved_memory;

void save_memory(struct snapshot *s, u64 top_of_stack)
{
	saved_memory.vmcb12 = vmcb12;
	saved_memory.rsp = (u64 *)nested_vmcb(s)->save.rsp;
	saved_memory.size = top_of_stack - nested_vmcb(s)->save.rsp;
	if (saved_memory.size > sizeof(saved_memory.stack))
		errx(2, "L1's stack has %zu bytes", saved_memory.size);
	memcpy(saved_memory.stack, saved_memory.rsp, saved_memory.size);
}

void restore_memory(void)
{
	vmcb12 = saved_memory.vmcb12;
	memcpy(saved_memory.rsp, saved_memory.stack, saved_memory.size);
}

enum vm_exit run(struct vm *vm)
{
	enum vm_exit end = vm_run_for(vm, SECONDS);

	if (end == VM_CALL)
		vm_complete_call(vm);
	return end;
}

/*
 * KVM_RUN, stopped at a place in KVM: a breakpoint of perf's in the kernel, at a
 * function that the vCPU comes by with interrupts on. The signal is there when
 * the function goes on.
 */
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
