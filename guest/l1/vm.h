/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest VMM that can have an L1. The guest's memory is this program's
 * own image, at the same addresses, so that L1 is C functions of the program
 * and host and L1 share its variables. Static and not position independent;
 * L1's functions must not call libc (whose string functions may use AVX).
 */
#ifndef LAB_VM_H
#define LAB_VM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include "vmcb.h"

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
	VM_SHUTDOWN,	/* a triple fault, or L1 intercepts none of L2's */
	VM_SIGNAL,	/* a signal came in, to be run again */
	VM_OTHER,	/* run->exit_reason says what */
};

/*
 * Ends the program with exit code 2 and one line, with errno's meaning if there
 * is one. All of the functions below do so if KVM does not do as it is told.
 */
void die(const char *what, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/* NULL, or why this machine cannot run a nested SVM guest. */
const char *vm_unusable(void);

/* What KVM supports, by KVM_GET_SUPPORTED_CPUID. */
struct caps vm_supported_caps(void);

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
void vm_destroy(struct vm *vm);

/* KVM_GET_NESTED_STATE; KVM_SET_NESTED_STATE: 0 or errno. */
void vm_get_nested_state(struct vm *vm, struct kvm_nested_state *state);
int vm_set_nested_state(struct vm *vm, struct kvm_nested_state *state);
/* The size of what state points to, header and one vmcb12 and its save area. */
#define NESTED_STATE_SIZE \
	(sizeof(struct kvm_nested_state) + sizeof(struct kvm_svm_nested_state_data))

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

/*
 * A vmcb12 that VMRUN accepts: L2 in 64-bit or compatibility mode, at ring 0,
 * at L2_ENTRY, with L1's memory, an IDT of 256 gates to l2_code, and
 * intercepts for VMMCALL, VMRUN and shutdown.
 */
void l1_init_vmcb(struct vmcb *vmcb, bool compat);

/*
 * The architecture's verdict on EVENTINJ of a virtual CPU with caps: NULL for a
 * valid event, else the name of the rule that it breaks. L2's mode is not
 * looked at.
 */
const char *event_inj_broken_rule(u32 event_inj, struct caps caps);

/* "#GP" for 13; NULL if the vector has no exception. */
const char *exception_name(u8 vector);

#endif
