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

const char *exception_name(u8 vector)
{
	static const char * const names[32] = {
		[0] = "#DE", [1] = "#DB", [3] = "#BP", [4] = "#OF", [5] = "#BR",
		[6] = "#UD", [7] = "#NM", [8] = "#DF", [10] = "#TS", [11] = "#NP",
		[12] = "#SS", [13] = "#GP", [14] = "#PF", [16] = "#MF", [17] = "#AC",
		[18] = "#MC", [19] = "#XM", [21] = "#CP", [28] = "#HV", [29] = "#VC",
		[30] = "#SX",
	};

	return vector < 32 ? names[vector] : NULL;
}

const char *event_inj_broken_rule(u32 event_inj, struct caps caps)
{
	u8 vector = event_inj & EVENT_INJ_VECTOR;

	if (!(event_inj & EVENT_INJ_V))
		return NULL;

	switch ((event_inj & EVENT_INJ_TYPE) >> EVENT_INJ_TYPE_SHIFT) {
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
