/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest VMM that can have an L1. The guest's memory is this program's
 * own image, at the same addresses, so that L1 is C functions of the program
 * and host and L1 share its variables. Static and not position independent;
 * L1's functions must not call libc (whose string functions may use AVX).
 */
#ifndef LAB_VM_H
#define LAB_VM_H

#include <err.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include "../exceptions.h"
#include "vmcb.h"

#define CPUID_SVM	(1u << 2)	/* leaf 80000001h, ECX */
#define CPUID_SHSTK	(1u << 7)	/* leaf 7, ECX */
#define CPUID_SEV	(1u << 1)	/* leaf 8000001Fh, EAX */
#define CPUID_SEV_ES	(1u << 3)

/* What of #CP's and #VC's features the guest's CPUID has, or KVM supports. */
struct caps {
	bool shstk;
	bool sev_es;
};

struct vm {
	int fd;
	int vcpu;
	struct kvm_run *run;
};

enum vm_exit {
	VM_CALL,	/* L1 called to_host() */
	VM_SIGNAL,	/* a signal came in, such as an alarm; to be run again */
	VM_OTHER,	/* run->exit_reason says what */
};

/*
 * If KVM does not do as it is told, all of the functions below end the program
 * with exit code 2 and one line; but for those that give errno.
 */
int must(int ret, const char *what);
#define must_ioctl(fd, request, arg)	must(ioctl(fd, request, arg), #request)

/* Comes first; ends the program if this machine cannot run a nested SVM guest. */
void vm_open(void);

/* What KVM supports, by KVM_GET_SUPPORTED_CPUID; what a vCPU with that CPUID has. */
extern struct caps supported;
struct caps vcpu_has(struct caps cpuid);
const char *caps_name(struct caps caps);

/* A VM with one vCPU, and a CPUID as KVM supports it but for caps. */
void vm_create(struct vm *vm, struct caps caps);
/* The same without CPUID: for vm_set_cpuid() at another time. */
void vm_create_bare(struct vm *vm);
void vm_set_cpuid(struct vm *vm, struct caps caps);
/* The same, which KVM may refuse: 0 or errno. */
int vm_try_cpuid(struct vm *vm, struct caps caps);
/* The vCPU in 64-bit mode with SVM on, at l1(arg). */
void vm_start(struct vm *vm, void (*l1)(u64), u64 arg);
enum vm_exit vm_run(struct vm *vm);
/* Ends with VM_SIGNAL after so many seconds. */
enum vm_exit vm_run_for(struct vm *vm, unsigned int seconds);
/* It has to end with VM_CALL. */
void vm_call(struct vm *vm, unsigned int seconds, const char *what);
/* After VM_CALL: completes the OUT, so that L1 or L2 is behind it. */
void vm_complete_call(struct vm *vm);
void vm_destroy(struct vm *vm);

/* KVM_SET_NESTED_STATE: 0 or errno. */
int vm_set_nested_state(struct vm *vm, struct kvm_nested_state *state);
/* The size of what state points to, header and one vmcb12 and its save area. */
#define NESTED_STATE_SIZE \
	(sizeof(struct kvm_nested_state) + sizeof(struct kvm_svm_nested_state_data))

/* All that a vCPU migrates with. */
struct snapshot {
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs;
	union {
		struct kvm_nested_state nested;
		u8 size[NESTED_STATE_SIZE];
	};
};

struct vmcb *nested_vmcb(struct snapshot *s);
void save(struct vm *vm, struct snapshot *s);
/* What has to precede nested state: EFER.SVME is in it. 0, or -1 and errno. */
int set_sregs(struct vm *vm, struct snapshot *s);
/* All but nested state; what KVM may refuse comes last: 0, or -1 and errno. */
int set_the_rest(struct vm *vm, struct snapshot *s);

/*
 * On L1's side.
 */

/* L2's first instruction and one handler a vector, each a VMMCALL. */
extern u32 l2_code[1 + 256];
#define L2_ENTRY	((u64)l2_code)
#define L2_HANDLER(v)	((u64)&l2_code[1 + (v)])
extern u64 l2_stack[64];
#define L2_STACK_TOP	((u64)(l2_stack + 64))

/* The page tables of L1, which map everything, and L2's if it has no own. */
extern u64 l1_pml4[512];

/* Ends KVM_RUN with VM_CALL. */
static inline void to_host(void)
{
	asm volatile("out %%al, $0x10" : : : "memory");
}

/* VMRUN with all registers but RAX, RSP and what VMCB holds shared with L2. */
static inline void vmrun(struct vmcb *vmcb)
{
	asm volatile("push %%rbp; push %%rbx; vmrun %%rax; pop %%rbx; pop %%rbp"
		     : : "a" (vmcb)
		     : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
		       "r12", "r13", "r14", "r15", "cc", "memory");
}

/*
 * Who refused a VMRUN. KVM's checks of vmcb12 come before it takes over any of
 * L2's state, and leave the save area as L1 wrote it. What they let pass may be
 * refused later, by the CPU, or by KVM itself for want of PDPTEs or of an MSR
 * bitmap; then KVM writes the save area as on any #VMEXIT, and RFLAGS as VMRUN
 * had it, with bit 1 set. So L1 clears that bit before VMRUN, where nobody minds,
 * and sees afterwards who it was. The exit code does not tell: it is -1 for both,
 * but for QEMU before 10.0, whose CPU leaves out the high half.
 */
enum refused { NOT_REFUSED, REFUSED_BY_CHECK, REFUSED_LATER };

static inline void mark_vmcb(struct vmcb *vmcb)
{
	vmcb->save.rflags &= ~RFLAGS_FIXED;
}

static inline enum refused who_refused(const struct vmcb *vmcb)
{
	if ((u32)vmcb->control.exit_code != (u32)EXIT_INVALID)
		return NOT_REFUSED;
	return vmcb->save.rflags & RFLAGS_FIXED ? REFUSED_LATER : REFUSED_BY_CHECK;
}

/* What became of an event: on VMRUN, in KVM_SET_NESTED_STATE, and, for migrate, in the end. */
enum verdict {
	WRONG, INJECTED, LOST, REFUSED, CPU_REFUSED, ACCEPTED, EINVALID,
	ARRIVED, NO_EVENT, INVALID, UNMIGRATABLE
};
extern const char * const verdict_names[];

/*
 * A vmcb12 that VMRUN accepts: L2 in 64-bit or compatibility mode, at ring 0,
 * at L2_ENTRY, with L1's memory, an IDT of 256 gates to l2_code, and
 * intercepts for VMMCALL, VMRUN and shutdown.
 */
void l1_init_vmcb(struct vmcb *vmcb, bool compat);
/* It again, whatever has run meanwhile, with an event; cs is what it had first. */
void l1_set_event(struct vmcb *vmcb, const struct vmcb_seg *cs, u32 event_inj);
/* After VMRUN with that. */
enum verdict l1_verdict(const struct vmcb *vmcb, u32 event_inj);

/*
 * The architecture's verdict on EVENTINJ of a virtual CPU with caps: NULL for a
 * valid event, else the name of the rule that it breaks. L2's mode is not
 * looked at.
 */
const char *event_inj_broken_rule(u32 event_inj, struct caps caps);
/* Whether L2's mode makes it impossible: #OF and #BR do not exist in 64-bit mode, nor #HV in any. */
bool event_inj_impossible(u32 event_inj, bool in_64bit);

#endif
