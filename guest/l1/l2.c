// SPDX-License-Identifier: GPL-2.0-only
/* What L1 needs to know of L2, and of EVENTINJ. */
#include "vm.h"

#define VMMCALL_NOP	0x90d9010f
#define NR_GATES	256

u32 l2_code[1 + NR_GATES] __attribute__((aligned(4096)));
u64 l2_stack[64] __attribute__((aligned(16)));

static struct gate {
	u16 offset0;
	u16 selector;
	u16 flags;
	u16 offset1;
	u32 offset2;
	u32 reserved;
} l2_idt[NR_GATES] __attribute__((aligned(4096)));

#define INTR_GATE	0x8e00
#define L1_CS		0x08
#define L1_DS		0x10

static void init_code(void)
{
	l2_code[0] = VMMCALL_NOP;
	for (int i = 0; i < NR_GATES; i++) {
		u64 handler = L2_HANDLER(i);

		l2_code[1 + i] = VMMCALL_NOP;
		l2_idt[i].offset0 = handler;
		l2_idt[i].offset1 = handler >> 16;
		l2_idt[i].offset2 = handler >> 32;
		l2_idt[i].selector = L1_CS;
		l2_idt[i].flags = INTR_GATE;
	}
}

void l1_init_vmcb(struct vmcb *vmcb, bool compat)
{
	const struct vmcb_seg data = { .selector = L1_DS, .attrib = SEG_DATA, .limit = ~0u };
	struct vmcb_save *save = &vmcb->save;
	struct { u16 limit; u64 base; } __attribute__((packed)) gdtr;

	init_code();
	for (u64 *p = (u64 *)vmcb; p < (u64 *)(vmcb + 1); p++)
		*p = 0;

	vmcb->control.intercept_misc1 = INTERCEPT1_SHUTDOWN;
	vmcb->control.intercept_misc2 = INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL;
	vmcb->control.asid = 1;

	asm volatile("sgdt %0" : "=m" (gdtr));
	save->gdtr.base = gdtr.base;
	save->gdtr.limit = gdtr.limit;
	save->idtr.base = (u64)l2_idt;
	save->idtr.limit = sizeof(l2_idt) - 1;
	save->cs.selector = L1_CS;
	save->cs.attrib = compat ? SEG_CODE32 : SEG_CODE64;
	save->cs.limit = ~0u;
	save->ds = data;
	save->es = data;
	save->ss = data;
	save->fs = data;
	save->gs = data;
	save->tr.attrib = SEG_TSS;
	save->tr.limit = 0x67;
	save->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	save->cr3 = (u64)l1_pml4;
	save->cr4 = CR4_PAE | CR4_OSFXSR;
	save->efer = EFER_LME | EFER_LMA | EFER_SVME;
	save->dr6 = 0xffff0ff0;
	save->dr7 = 0x400;
	save->g_pat = 0x0007040600070406;
	save->rflags = RFLAGS_FIXED;
	save->rip = L2_ENTRY;
	save->rsp = L2_STACK_TOP;
}

void l1_set_event(struct vmcb *vmcb, const struct vmcb_seg *cs, u32 event_inj)
{
	vmcb->save.cs = *cs;
	vmcb->save.rip = L2_ENTRY;
	vmcb->save.rsp = L2_STACK_TOP;
	vmcb->save.rflags = RFLAGS_FIXED;
	mark_vmcb(vmcb);
	vmcb->control.clean = 0;
	vmcb->control.int_state = 0;
	vmcb->control.next_rip = L2_ENTRY;
	vmcb->control.event_inj = event_inj;
	vmcb->control.event_inj_err = 0;
}

const char * const verdict_names[] = {
	[WRONG] = "wrong",	[INJECTED] = "injected",	[LOST] = "lost",
	[REFUSED] = "refused",	[CPU_REFUSED] = "cpu-refused",	[ACCEPTED] = "accepted",
	[EINVALID] = "EINVAL",	[ARRIVED] = "arrives",		[NO_EVENT] = "no-event",
	[INVALID] = "invalid",	[UNMIGRATABLE] = "KVM_SET_VCPU_EVENTS fails",
};

enum verdict l1_verdict(const struct vmcb *vmcb, u32 event_inj)
{
	enum refused refused = who_refused(vmcb);

	if (refused != NOT_REFUSED)
		return refused == REFUSED_BY_CHECK ? REFUSED : CPU_REFUSED;
	if (vmcb->control.exit_code != EXIT_VMMCALL)
		return WRONG;
	if (vmcb->save.rip == L2_HANDLER(vector_of(event_inj)))
		return INJECTED;
	return vmcb->save.rip == L2_ENTRY ? LOST : WRONG;
}

const char *event_inj_broken_rule(u32 event_inj, struct caps caps)
{
	u8 vector = event_inj & EVENT_INJ_VECTOR;

	if (!(event_inj & EVENT_INJ_V))
		return NULL;

	switch (TYPE_OF(event_inj)) {
	case TYPE_INTR:
	case TYPE_NMI:
	case TYPE_SOFT:
		return NULL;
	case TYPE_EXEPT:
		break;
	default:
		return "reserved type";
	}

	if (vector >= 32)
		return "vector above 31";
	if (vector == 21 && !caps.shstk)
		return "#CP without SHSTK";
	if (vector == 29 && !caps.sev_es)
		return "#VC without SEV-ES";
	/* #NMI, #VE and gaps have no name: no exception for AMD. */
	return exception_name(vector) ? NULL : "no exception";
}

bool event_inj_impossible(u32 event_inj, bool in_64bit)
{
	return event_inj & EVENT_INJ_V &&
	       is_exception_of(event_inj, 1u << 28 | (in_64bit ? 1u << 4 | 1u << 5 : 0));
}
