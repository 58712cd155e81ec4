/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMCB as AMD's manual lays it out, with the manual's names for what KVM's
 * headers do not export to userspace. Bits are those that guest/l1 has use for.
 */
#ifndef LAB_VMCB_H
#define LAB_VMCB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;	/* as the kernel's __u64, for %llu */

struct vmcb_seg {
	u16 selector;
	u16 attrib;	/* type, S, DPL, P in 7:0; AVL, L, D/B, G in 11:8 */
	u32 limit;
	u64 base;
};

#define SEG_CODE64	0x29b
#define SEG_CODE32	0xc9b
#define SEG_DATA	0xc93
#define SEG_TSS		0x08b
#define SEG_L		0x200
#define SEG_D		0x400

struct vmcb_control {
	u32 intercept_cr, intercept_dr, intercept_exceptions;
	u32 intercept_misc1, intercept_misc2, intercept_misc3;
	u8 reserved_018[0x3c - 0x18];
	u16 pause_filter_thresh, pause_filter_count;
	u64 iopm_base_pa, msrpm_base_pa;
	u64 tsc_offset;
	u32 asid;
	u8 tlb_ctl;
	u8 reserved_05d[3];
	u32 int_ctl, int_vector;
	u64 int_state;
	u64 exit_code, exit_info_1, exit_info_2;
	u32 exit_int_info, exit_int_info_err;
	u64 nested_ctl, avic_vapic_bar, ghcb_gpa;
	u32 event_inj, event_inj_err;
	u64 nested_cr3, virt_ext;
	u32 clean, reserved_0c4;
	u64 next_rip;
	u8 reserved_0d0[0x400 - 0xd0];
};

#define INTERCEPT1_MSR		(1u << 28)
#define INTERCEPT1_SHUTDOWN	(1u << 31)
#define INTERCEPT2_VMRUN	(1u << 0)
#define INTERCEPT2_VMMCALL	(1u << 1)

#define NESTED_CTL_NP		(1ull << 0)

#define EVENT_INJ_VECTOR	0xffu
#define EVENT_INJ_TYPE		(7u << 8)
#define EVENT_INJ_TYPE_SHIFT	8
#define EVENT_INJ_EV		(1u << 11)
#define EVENT_INJ_RSVD		0x7ffff000u
#define EVENT_INJ_V		(1u << 31)

enum event_inj_type {
	TYPE_INTR = 0,
	TYPE_NMI = 2,
	TYPE_EXEPT = 3,
	TYPE_SOFT = 4,
};

#define EVENT(type, vector)	(EVENT_INJ_V | (u32)(type) << EVENT_INJ_TYPE_SHIFT | (vector))
#define TYPE_OF(event_inj)	(((event_inj) & EVENT_INJ_TYPE) >> EVENT_INJ_TYPE_SHIFT)

/* An exception whose vector has its bit. */
static inline bool is_exception_of(u32 event_inj, u32 vectors)
{
	return TYPE_OF(event_inj) == TYPE_EXEPT && (event_inj & EVENT_INJ_VECTOR) < 32 &&
	       vectors >> (event_inj & 31) & 1;
}

/* Where it arrives: an NMI has but one vector. */
static inline u8 vector_of(u32 event_inj)
{
	return TYPE_OF(event_inj) == TYPE_NMI ? 2 : event_inj & EVENT_INJ_VECTOR;
}

#define EXIT_EXCP(vector)	(0x40 + (vector))
#define EXIT_SHUTDOWN		0x7f
#define EXIT_VMMCALL		0x81
#define EXIT_NPF		0x400
#define EXIT_INVALID		(~0ull)

struct vmcb_save {
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved_0a0[0xcb - 0xa0];
	u8 cpl;
	u8 reserved_0cc[4];
	u64 efer;
	u8 reserved_0d8[0x148 - 0xd8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved_180[0x1d8 - 0x180];
	u64 rsp, s_cet, ssp, isst_addr, rax;
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;
	u8 reserved_248[0x268 - 0x248];
	u64 g_pat, dbgctl;
	u8 reserved_278[0xc00 - 0x278];
};

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
};

_Static_assert(offsetof(struct vmcb_control, exit_code) == 0x70, "EXITCODE");
_Static_assert(offsetof(struct vmcb_control, event_inj) == 0xa8, "EVENTINJ");
_Static_assert(offsetof(struct vmcb_control, next_rip) == 0xc8, "NRIP");
_Static_assert(offsetof(struct vmcb_save, efer) == 0xd0, "EFER");
_Static_assert(offsetof(struct vmcb_save, cr4) == 0x148, "CR4");
_Static_assert(offsetof(struct vmcb_save, rsp) == 0x1d8, "RSP");
_Static_assert(offsetof(struct vmcb_save, g_pat) == 0x268, "G_PAT");
_Static_assert(sizeof(struct vmcb) == 0x1000, "VMCB");

#define CR0_PE		(1ull << 0)
#define CR0_ET		(1ull << 4)
#define CR0_NE		(1ull << 5)
#define CR0_WP		(1ull << 16)
#define CR0_PG		(1ull << 31)
#define CR4_PAE		(1ull << 5)
#define CR4_OSFXSR	(1ull << 9)
#define EFER_LME	(1ull << 8)
#define EFER_LMA	(1ull << 10)
#define EFER_SVME	(1ull << 12)
#define RFLAGS_FIXED	(1ull << 1)
#define MSR_VM_HSAVE_PA	0xc0010117

#endif
