// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random vmcb12s for VMRUN, and random states for KVM_SET_NESTED_STATE.
 *
 * Usage: fuzz [-s SEED] [-n VMRUNS] [-k CALLS] [-m] [-e] [-H] [-c CASE|-c sCASE]
 *   -m  on VMRUN, what is impossible in L2's mode is invalid, too: #OF and #BR in
 *       64-bit mode, #HV in every
 *   -H  a real CPU may refuse #HV, #VC, #CP, and #OF and #BR in 64-bit mode
 *   -e  with CR3s that lead to nothing, and L2 run with its vmcb12 in no memory
 *   -c  this case alone (s: of KVM_SET_NESTED_STATE), with its fields
 *
 * A case is a function of seed and number. Three kinds: "event" varies EVENTINJ
 * and what no check looks at; the truth table alone tells the verdict. "near"
 * is a good vmcb12 but for one to three fields, "wild" but for many. These run
 * without and with the event, as nobody knows whether the rest is valid: an
 * invalid event has to be refused in any case, and a valid one must not make
 * KVM refuse what it lets in without.
 *
 * L2 shares memory with this program, and must not be able to write to it: it
 * has page tables of its own, with nothing but its code, tables and stack, and
 * whatever comes without paging or CR0.WP goes through nested page tables that
 * have as little. What is not covered for that reason: a CR3 or nested CR3 that
 * points to memory that is no page table; addresses in L2's 64 KiB other than
 * the good ones and their neighbours; CPUs' LA57 with other than empty tables;
 * and L1's own state with bases near its code, or an IDT; breakpoints in DR7. A CR3 that leads to
 * nothing is made illegal, as is a nested CR3 that is in no memory, and no L2
 * whose vmcb12 is in no memory is run, unless -e allows it: KVM in 6.12, with
 * the series or not, may go on for ever with such an L2, which only a signal
 * ends, and may warn; 6.1 warns of the nested CR3, with and without the series.
 *
 * Exit: 0 all is well, 1 it is not, 2 an error.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>
#include "vm.h"

#define BATCH		4096	/* cases: with one VM and one CPUID */
#define GOOD_EVERY	8	/* cases: then a VMRUN that has to work */
#define MAX_TRIES	16	/* for an event that gets lost */
#define STUCK		3	/* s without progress */
#define REPORT		5	/* s between lines about the progress */
#define MAX_PRINTED	3	/* cases that are printed, of each kind of wrong */

/* L2's memory: 16 pages, at a multiple of their size. */
enum { CODE, IDT, GDT, STACK, PML4, PDPT, PD, PT, PD32, PT32, PAE_PDPT, PML5,
       N_PML4, N_PDPT, N_PD, N_PT, NR_PAGES };

static u8 arena[NR_PAGES][4096] __attribute__((aligned(NR_PAGES * 4096)));
static u8 bitmaps[4][4096] __attribute__((aligned(4096)));
static u8 empty[4096] __attribute__((aligned(4096)));

#define SLOT(i)		((u64)arena[CODE] + 8 * (i))
#define ENTRY		SLOT(0)
#define HANDLER(v)	SLOT(1 + (v))
#define OUT		SLOT(257)
#define STACK_TOP	((u64)arena[STACK + 1] - 64)
/* What is never there: above 1 GiB, below 2^39. */
#define UNMAPPED	0x3f00000000ull

#define PTE		0x61	/* present, accessed and dirty: nothing left to set */
#define PTE_RW		0x02
#define PTE_US		0x04

#define CR4_LA57	(1ull << 12)
#define CR4_CET		(1ull << 23)
#define EFER_LMSLE	(1ull << 13)
#define CLEAN_SEG	(1u << 8)
#define MSRPM_SIZE	0x1800
#define RFLAGS_VM	(1ull << 17)
#define SEG_DPL		0x60

static bool leads_nowhere;

struct rng {
	u64 state;
};

/* Steele, Lea, Flood: SplitMix64. */
static u64 random64(struct rng *rng)
{
	u64 z = rng->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static u32 below(struct rng *rng, u32 n)
{
	return (random64(rng) >> 32) * n >> 32;
}

/*
 * The fields of a vmcb12, and how each may vary.
 */
enum how {
	ANY,		/* any value, which may make it invalid */
	ADDRESS,	/* an address, so that L2 cannot hit what it should not */
	NO_CHECK,	/* any value, and nobody refuses VMRUN for it */
	MORE_BITS,	/* as is, and with more bits nobody refuses it */
	NEVER,		/* has its own way below */
};

static const struct field {
	const char *name;
	u16 offset;
	u8 size;
	u8 how;
} fields[] = {
#define CTL(name, how) { #name, offsetof(struct vmcb, control.name), \
			 sizeof(((struct vmcb *)0)->control.name), how }
#define SAVE(name, how) { #name, offsetof(struct vmcb, save.name), \
			  sizeof(((struct vmcb *)0)->save.name), how }
#define SEG(name, how, base_how) \
	SAVE(name.selector, how), SAVE(name.attrib, how), \
	SAVE(name.limit, how), SAVE(name.base, base_how)
	CTL(intercept_cr, NO_CHECK),	CTL(intercept_dr, NO_CHECK),
	CTL(intercept_exceptions, NO_CHECK),
	CTL(intercept_misc1, MORE_BITS), CTL(intercept_misc2, MORE_BITS),
	CTL(intercept_misc3, NO_CHECK),
	CTL(pause_filter_thresh, NO_CHECK), CTL(pause_filter_count, NO_CHECK),
	CTL(iopm_base_pa, ANY),		CTL(msrpm_base_pa, ANY),
	CTL(tsc_offset, NO_CHECK),	CTL(asid, MORE_BITS),
	CTL(tlb_ctl, NO_CHECK),		CTL(int_ctl, ANY),
	CTL(int_vector, NO_CHECK),	CTL(int_state, ANY),
	CTL(exit_code, NO_CHECK),	CTL(exit_info_1, NO_CHECK),
	CTL(exit_info_2, NO_CHECK),	CTL(exit_int_info, NO_CHECK),
	CTL(exit_int_info_err, NO_CHECK),
	CTL(nested_ctl, ANY),		CTL(avic_vapic_bar, NO_CHECK),
	CTL(ghcb_gpa, NO_CHECK),	CTL(event_inj, NEVER),
	CTL(event_inj_err, NEVER),	CTL(nested_cr3, NEVER),
	CTL(virt_ext, ANY),		CTL(clean, ANY),
	CTL(reserved_0c4, NO_CHECK),	CTL(next_rip, NO_CHECK),
	SEG(es, NO_CHECK, ADDRESS),	SEG(cs, ANY, ADDRESS),
	SEG(ss, ANY, ADDRESS),		SEG(ds, NO_CHECK, ADDRESS),
	SEG(fs, NO_CHECK, NO_CHECK),	SEG(gs, NO_CHECK, NO_CHECK),
	SEG(gdtr, ANY, ADDRESS),	SEG(ldtr, NO_CHECK, NO_CHECK),
	SEG(idtr, ANY, ADDRESS),	SEG(tr, NO_CHECK, NO_CHECK),
	SAVE(cpl, ANY),			SAVE(efer, ANY),
	SAVE(cr4, ANY),			SAVE(cr3, NEVER),
	SAVE(cr0, ANY),			SAVE(dr7, ANY),
	SAVE(dr6, ANY),			SAVE(rflags, ANY),
	SAVE(rip, ADDRESS),		SAVE(rsp, ADDRESS),
	SAVE(s_cet, ANY),		SAVE(ssp, ADDRESS),
	SAVE(isst_addr, ADDRESS),	SAVE(rax, NO_CHECK),
	SAVE(star, NO_CHECK),		SAVE(lstar, NO_CHECK),
	SAVE(cstar, NO_CHECK),		SAVE(sfmask, NO_CHECK),
	SAVE(kernel_gs_base, NO_CHECK),	SAVE(sysenter_cs, NO_CHECK),
	SAVE(sysenter_esp, NO_CHECK),	SAVE(sysenter_eip, NO_CHECK),
	SAVE(cr2, NO_CHECK),		SAVE(g_pat, ANY),
	SAVE(dbgctl, ANY),
};

#define NR_FIELDS	((u32)(sizeof(fields) / sizeof(fields[0])))
/* Above the fields: what several of them have to agree on. */
enum { SET_CR3 = NR_FIELDS, SET_NESTED_PAGING, SET_MODE, NR_WAYS };
/* The same for what nobody refuses. */
enum { GOOD_NESTED_PAGING = NR_FIELDS, GOOD_RFLAGS, GOOD_RSP, GOOD_BITMAPS, NR_GOOD_WAYS };

static u64 get_field(const struct vmcb *vmcb, const struct field *f)
{
	const void *p = (const u8 *)vmcb + f->offset;

	switch (f->size) {
	case 1: return *(const u8 *)p;
	case 2: return *(const u16 *)p;
	case 4: return *(const u32 *)p;
	default: return *(const u64 *)p;
	}
}

static void set_field(struct vmcb *vmcb, const struct field *f, u64 value)
{
	void *p = (u8 *)vmcb + f->offset;

	switch (f->size) {
	case 1: *(u8 *)p = value; break;
	case 2: *(u16 *)p = value; break;
	case 4: *(u32 *)p = value; break;
	default: *(u64 *)p = value; break;
	}
}

static u64 any_value(struct rng *rng, u64 good, u32 bits)
{
	switch (below(rng, 6)) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return random64(rng);
	case 3: return below(rng, 256);
	case 4: good ^= 1ull << below(rng, bits); /* fallthrough */
	default: return good ^ 1ull << below(rng, bits);
	}
}

/*
 * Near the good address, or where there is nothing, even if L2's mode has its
 * upper half ignored. L1, who can write to all memory, has none that is near.
 */
static u64 any_address(struct rng *rng, u64 good, bool of_l1)
{
	switch (below(rng, 7)) {
	case 0: return 0;
	case 1: return of_l1 ? 1ull << 31 : ~0ull;
	case 2: return random64(rng) | 1ull << 31;
	case 3: return UNMAPPED | 1ull << 31;
	case 4: return 1ull << 47 | 1ull << 31 | good;
	case 5: return good ^ (of_l1 ? 0 : 1ull << below(rng, 6));
	default: return good ^ 1ull << (of_l1 ? 31 : 16 + below(rng, 48));
	}
}

/* A page table root: the good one, an empty one, or one that is not there. */
static u64 any_root(struct rng *rng, u64 good)
{
	switch (below(rng, 8)) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return (u64)empty;
	case 3: return UNMAPPED;
	case 4: return random64(rng) | 1ull << 38;
	case 5: return good ^ 1ull << below(rng, 12);
	case 6: return good ^ 1ull << (36 + below(rng, 28));
	default: return good;
	}
}

/* A legal address at which there is no memory. */
static bool root_is_nowhere(u64 root)
{
	return root < 4096 || (root >= 1ull << 30 && root < 1ull << 51);
}

static bool cr3_leads_nowhere(u64 cr3)
{
	return root_is_nowhere(cr3) || (cr3 & ~0xfffull) == (u64)empty;
}

/* Makes a root that KVM has trouble with illegal, unless -e asks for it. */
static void mend_roots(struct vmcb *vmcb)
{
	if (leads_nowhere)
		return;
	if (cr3_leads_nowhere(vmcb->save.cr3))
		vmcb->save.cr3 |= 1ull << 51;
	if (root_is_nowhere(vmcb->control.nested_cr3))
		vmcb->control.nested_cr3 |= 1ull << 51;
}

static u32 any_event(struct rng *rng)
{
	u32 event = random64(rng);
	u32 vector = event & EVENT_INJ_VECTOR;

	switch (below(rng, 4)) {
	case 0:
		return event | EVENT_INJ_V;
	case 1:
		vector &= 0x3f;
		break;
	default:
		vector &= 0x1f;
		break;
	}
	event = EVENT_INJ_V | (event & EVENT_INJ_EV) | vector |
		(below(rng, 4) ? (u32)TYPE_EXEPT << EVENT_INJ_TYPE_SHIFT : event & EVENT_INJ_TYPE);
	if (!below(rng, 4))
		event |= random64(rng) & EVENT_INJ_RSVD;
	return event;
}

/*
 * A case of VMRUN.
 */
enum kind { EVENT, NEAR, WILD, NO_VMCB, NR_KINDS };

static const char * const kind_names[] = { "event", "near", "wild", "no vmcb12" };

struct fuzz_case {
	enum kind kind;
	bool compat;
	u32 event_inj;
	u32 event_inj_err;
	u64 vmcb_pa;
	struct vmcb vmcb;	/* without the event */
};

static struct vmcb good_vmcb[2];	/* in 64-bit and in compatibility mode */

/* What this program changes of a vmcb12: less than half of the page. */
static void copy_vmcb(struct vmcb *to, const struct vmcb *from)
{
	const u64 *f = (const u64 *)from;
	u64 *t = (u64 *)to;

	for (u32 i = 0; i < 0xd0 / 8; i++)
		t[i] = f[i];
	for (u32 i = 0x400 / 8; i < 0x680 / 8; i++)
		t[i] = f[i];
}

static void set_mode(struct rng *rng, struct vmcb *vmcb)
{
	struct vmcb_save *save = &vmcb->save;

	switch (below(rng, 8)) {
	case 0:		/* 32 bit */
		save->cr4 &= ~CR4_PAE;	/* fallthrough */
	case 1:		/* PAE */
		save->efer = EFER_SVME;
		save->cs.attrib = SEG_CODE32;
		break;
	case 2:		/* real */
		save->cr0 = CR0_ET;
		save->efer = EFER_SVME;
		save->cs.attrib = 0x9b;
		break;
	case 3:		/* no paging */
		save->cr0 &= ~CR0_PG;
		save->efer = EFER_SVME;
		save->cs.attrib = SEG_CODE32;
		break;
	case 4:
		save->cr0 &= ~CR0_PG;
		break;
	case 5:		/* ring 3 */
		save->cpl = 3;
		save->cs.selector |= 3;
		save->cs.attrib |= SEG_DPL;
		save->ss.selector |= 3;
		save->ss.attrib |= SEG_DPL;
		break;
	case 6:		/* a 64-bit CS outside of long mode */
		save->efer = EFER_SVME;
		save->cs.attrib = SEG_CODE64;
		break;
	default:
		save->efer &= ~EFER_LMA;
		break;
	}
}

/* Where L2 finds page tables of the kind that it wants. */
static u64 root_for(const struct vmcb_save *save)
{
	if (!(save->cr4 & CR4_PAE))
		return (u64)arena[PD32];
	if (!(save->efer & EFER_LME))
		return (u64)arena[PAE_PDPT];
	return (u64)arena[save->cr4 & CR4_LA57 ? PML5 : PML4];
}

static void nested_paging(struct vmcb *vmcb)
{
	vmcb->control.nested_ctl |= NESTED_CTL_NP;
	vmcb->control.nested_cr3 = (u64)arena[N_PML4];
}

/* Changes what nobody refuses. */
static void vary_harmless(struct rng *rng, struct vmcb *vmcb)
{
	u32 way = below(rng, NR_GOOD_WAYS);
	const struct field *f;

	switch (way) {
	case GOOD_NESTED_PAGING:
		nested_paging(vmcb);
		return;
	case GOOD_RFLAGS:
		vmcb->save.rflags = RFLAGS_FIXED | (random64(rng) & 0x8d5);
		return;
	case GOOD_RSP:
		vmcb->save.rsp -= 16 * below(rng, 128);
		return;
	case GOOD_BITMAPS:
		vmcb->control.iopm_base_pa = (u64)arena[below(rng, NR_PAGES)] | below(rng, 4096);
		vmcb->control.msrpm_base_pa = (u64)arena[below(rng, NR_PAGES)] | below(rng, 4096);
		return;
	}
	f = &fields[way];
	if (f->how == NO_CHECK)
		set_field(vmcb, f, any_value(rng, get_field(vmcb, f), 8 * f->size));
	else if (f->how == MORE_BITS)
		set_field(vmcb, f, get_field(vmcb, f) | random64(rng));
}

/* Changes anything. */
static void vary(struct rng *rng, struct vmcb *vmcb, u8 *cr3)
{
	u32 way = below(rng, NR_WAYS);
	const struct field *f;

	switch (way) {
	case SET_CR3:
		*cr3 = 1;
		return;
	case SET_NESTED_PAGING:
		vmcb->control.nested_ctl |= NESTED_CTL_NP;
		vmcb->control.nested_cr3 = any_root(rng, (u64)arena[N_PML4]);
		return;
	case SET_MODE:
		set_mode(rng, vmcb);
		return;
	}
	f = &fields[way];
	if (f->how == ADDRESS)
		set_field(vmcb, f, any_address(rng, get_field(vmcb, f), false));
	else if (f->how != NEVER)
		set_field(vmcb, f, any_value(rng, get_field(vmcb, f), 8 * f->size));
}

static void make_case(u64 seed, u64 nr, struct fuzz_case *c)
{
	struct rng rng = { seed * 0x2545f4914f6cdd1d ^ nr };
	struct vmcb_save *save = &c->vmcb.save;
	u32 what = below(&rng, 100), n;
	u8 cr3 = 0;

	c->kind = what < 40 ? EVENT : what < 90 ? NEAR : WILD;
	c->compat = below(&rng, 2);
	c->event_inj = c->kind == EVENT || below(&rng, 4) ? any_event(&rng) : 0;
	if (c->kind == EVENT && !below(&rng, 16))
		c->event_inj &= ~EVENT_INJ_V;
	c->event_inj_err = random64(&rng);
	c->vmcb_pa = 0;
	copy_vmcb(&c->vmcb, &good_vmcb[c->compat]);

	switch (c->kind) {
	case EVENT:
		for (n = below(&rng, 5); n; n--)
			vary_harmless(&rng, &c->vmcb);
		break;
	case NEAR:
		for (n = 1 + below(&rng, 3); n; n--)
			vary(&rng, &c->vmcb, &cr3);
		break;
	default:
		for (n = 4 + below(&rng, 28); n; n--)
			vary(&rng, &c->vmcb, &cr3);
		if (!below(&rng, 512)) {
			c->kind = NO_VMCB;
			c->vmcb_pa = below(&rng, 2) ? UNMAPPED : ~0xfffull;
		}
	}

	/* Not the number of a hypercall that writes to memory. */
	if (save->rax)
		save->rax |= 1ull << 31;
	if (!(save->cr0 & CR0_PG) || !(save->cr0 & CR0_WP))
		nested_paging(&c->vmcb);
	save->cr3 = cr3 ? any_root(&rng, root_for(save)) : root_for(save);
	mend_roots(&c->vmcb);
	/* QEMU 10 ends itself where L2, with a CS base, comes to a breakpoint. */
	save->dr7 &= ~0xffull;
	/* QEMU ends itself if this needs ring 0's stack. */
	if (!(save->efer & EFER_LME) || !(save->efer & EFER_LMA) || !(save->cr0 & CR0_PG)) {
		save->rflags &= ~RFLAGS_VM;
		save->cs.attrib &= ~SEG_DPL;
		save->ss.attrib &= ~SEG_DPL;
		save->cpl = 0;
	}
}

/* The architecture's verdict: NULL, or the rule that the event breaks. */
static const char *broken_rule(const struct fuzz_case *c, struct caps caps, bool mode_rule)
{
	const struct vmcb_save *save = &c->vmcb.save;
	u8 vector = c->event_inj & EVENT_INJ_VECTOR;
	bool in_64bit = save->efer & EFER_LME && save->cr0 & CR0_PG && save->cs.attrib & SEG_L;

	if (mode_rule && c->event_inj & EVENT_INJ_V &&
	    (c->event_inj & EVENT_INJ_TYPE) >> EVENT_INJ_TYPE_SHIFT == TYPE_EXEPT &&
	    (vector == 28 || (in_64bit && (vector == 4 || vector == 5))))
		return "impossible in L2's mode";
	return event_inj_broken_rule(c->event_inj, caps);
}

static bool may_hardware_refuse(u32 event_inj)
{
	u8 vector = event_inj & EVENT_INJ_VECTOR;

	return (event_inj & EVENT_INJ_TYPE) >> EVENT_INJ_TYPE_SHIFT == TYPE_EXEPT &&
	       (vector == 4 || vector == 5 || vector == 21 || vector == 28 || vector == 29);
}

/*
 * What is wrong with a case.
 */
enum wrong {
	LET_IN, NOT_BY_KVM, REFUSED, UNKNOWN_EXIT, NOT_CLEAN, UNSTEADY, NO_REASON,
	WRONG_HANDLER, L1_ENDS, ENDED, TIMEOUT, DAMAGE, WRONG_ERRNO, STATE_LET_IN,
	STATE_REFUSED, HARMED,
	NR_WRONGS
};

static const char * const wrongs[] = {
	[LET_IN] = "an invalid event is let in",
	[NOT_BY_KVM] = "an invalid event is refused by the CPU, not by KVM",
	[REFUSED] = "a valid event is refused",
	[UNKNOWN_EXIT] = "an exit code that L1 has not asked for",
	[NOT_CLEAN] = "KVM's VMEXIT_INVALID has exit_info, or changes the save area",
	[UNSTEADY] = "after KVM's checks, refused once and not again",
	[NO_REASON] = "KVM's checks let pass what is refused after them",
	[WRONG_HANDLER] = "the event did not arrive where it should",
	[L1_ENDS] = "the next good VMRUN does not work",
	[ENDED] = "KVM_RUN ended",
	[TIMEOUT] = "KVM_RUN does not end, and nothing goes on",
	[DAMAGE] = "L2's memory is not as it was",
	[WRONG_ERRNO] = "neither success nor EINVAL",
	[STATE_LET_IN] = "KVM_SET_NESTED_STATE takes an invalid event",
	[STATE_REFUSED] = "KVM_SET_NESTED_STATE refuses a valid event",
	[HARMED] = "the vCPU does not go on from its own state",
};

/* Exit codes up to 0xbf are intercepts by their number; the others after them. */
enum { NPF = 0xc0, INVALID, LATE_INVALID, OTHER, NR_EXITS };

/* Why a VMRUN without an event is refused although KVM's checks let it pass. */
enum late { REASON_NONE, REASON_LMSLE, REASON_CET, REASON_CR3, REASON_MSRPM, REASON_SEG, NR_REASONS };

static const char * const reasons[] = {
	[REASON_NONE] = "  by whom, is not known",
	[REASON_LMSLE] = "  by the CPU: EFER.LMSLE",
	[REASON_CET] = "  by the CPU: CR4.CET",
	[REASON_CR3] = "  by KVM: CR3, PDPTEs",
	[REASON_MSRPM] = "  by KVM: no MSR bitmap",
	[REASON_SEG] = "  stale segments",
};

/* What host and L1 share. */
static struct {
	u64 seed;
	u64 nr, end;		/* cases */
	u32 phase;		/* of a case: to be run without its event, with it, ran, over */
	bool again;		/* in the VMRUN that repeats one that was refused late */
	bool entered;		/* without its event it was let in */
	bool mode_rule, hardware, lone;
	struct caps caps;	/* the vCPU's: supported and in CPUID */
	u64 vmruns, good;	/* also says that something goes on */
	u64 invalid_events, valid_events, lost, inconclusive;
	u64 late[NR_REASONS];	/* why something was refused after KVM's checks */
	u64 exits[NR_EXITS];
	u64 kinds[NR_KINDS];
	u64 wrong, wrongs[NR_WRONGS];
	struct {
		u64 nr;
		enum wrong wrong;
		u64 exit_code, rip;
	} found[NR_WRONGS * MAX_PRINTED];
	u32 nr_found;
	u64 exit_code, exit_info_1, exit_info_2, rip;	/* of the last VMRUN */
} job;

static struct fuzz_case current;
static struct vmcb vmcb12 __attribute__((aligned(4096)));
static struct vmcb good_vmcb12 __attribute__((aligned(4096)));

/* Counts it; whether it is one of the first, to be printed. */
static bool count_wrong(enum wrong wrong)
{
	job.wrong++;
	return ++job.wrongs[wrong] <= MAX_PRINTED;
}

static void found(enum wrong wrong)
{
	if (!count_wrong(wrong))
		return;
	job.found[job.nr_found].nr = job.nr;
	job.found[job.nr_found].wrong = wrong;
	job.found[job.nr_found].exit_code = job.exit_code;
	job.found[job.nr_found].rip = job.rip;
	job.nr_found++;
}

/* An index of job.exits, and whether L1 may see this exit at all. */
static u32 exit_index(const struct vmcb *vmcb, const struct vmcb_control *control, bool *known)
{
	const u32 intercepts[] = {
		control->intercept_cr, control->intercept_dr, control->intercept_exceptions,
		control->intercept_misc1, control->intercept_misc2, control->intercept_misc3,
	};
	u64 code = vmcb->control.exit_code;

	*known = true;
	switch (who_refused(vmcb)) {
	case REFUSED_BY_CHECK:
		return INVALID;
	case REFUSED_LATER:
		return LATE_INVALID;
	default:
		break;
	}
	if (code == EXIT_NPF) {
		*known = control->nested_ctl & NESTED_CTL_NP;
		return NPF;
	}
	*known = code < NPF && intercepts[code / 32] & 1u << code % 32;
	return code < NPF ? code : OTHER;
}

/* KVM's own refusal: nothing to explain, and nothing of L2 touched. */
static bool is_clean(void)
{
	const u64 *is = (const u64 *)&vmcb12.save, *was = (const u64 *)&current.vmcb.save;
	const u32 rflags = offsetof(struct vmcb_save, rflags) / 8;

	for (u32 i = 0; i < 0x280 / 8; i++)
		if (is[i] != (i == rflags ? was[i] & ~RFLAGS_FIXED : was[i]))
			return false;
	return job.exit_code == EXIT_INVALID && !job.exit_info_1 && !job.exit_info_2;
}

/* QEMU sets the accessed bit in PAE's root, where it is reserved: KVM would refuse to load it again. */
static void repair_arena(void)
{
	((u64 *)arena[PAE_PDPT])[0] = (u64)arena[PD] | 1;
}

static u32 run_once(u32 event_inj)
{
	bool known;
	u32 exit;

	repair_arena();
	copy_vmcb(&vmcb12, &current.vmcb);
	mark_vmcb(&vmcb12);
	vmcb12.control.event_inj = event_inj;
	vmcb12.control.event_inj_err = current.event_inj_err;
	job.exit_code = 0;
	job.vmruns++;
	vmrun(current.vmcb_pa ? (struct vmcb *)current.vmcb_pa : &vmcb12);
	job.exit_code = vmcb12.control.exit_code;
	job.exit_info_1 = vmcb12.control.exit_info_1;
	job.exit_info_2 = vmcb12.control.exit_info_2;
	job.rip = vmcb12.save.rip;
	exit = exit_index(&vmcb12, &current.vmcb.control, &known);
	job.exits[exit]++;
	if (!known)
		found(UNKNOWN_EXIT);
	if (exit == INVALID && !is_clean())
		found(NOT_CLEAN);
	return exit;
}

/*
 * What is refused late depends on nothing but vmcb12, and so it is refused again.
 * If not, then L2 did run, and L0 came to ask its CPU for something invalid. RIP
 * does not tell: QEMU's, when it refuses, is made of L2's page and the offset of
 * L0's VMRUN in its own, or L0's altogether.
 */
static u32 run_case(u32 event_inj)
{
	u32 exit = run_once(event_inj);

	if (exit != LATE_INVALID)
		return exit;
	job.again = true;
	if (run_once(event_inj) != LATE_INVALID)
		found(UNSTEADY);
	job.again = false;
	return exit;
}

/*
 * TCG has no LMSLE, but no CPUID bit that says so: KVM lets it pass. CET it has
 * only by kernel/caps. CR3 of another mode than long mode, PDPTEs, which it reads
 * where it takes L2 for one with PAE, and the MSR bitmap are looked at by KVM when
 * it has left L1. And who calls segments clean that are not gets the last L2's.
 */
static enum late late_reason(const struct vmcb *vmcb)
{
	const struct vmcb_control *control = &vmcb->control;
	const struct vmcb_save *save = &vmcb->save;
	u64 msrpm = control->msrpm_base_pa & ~0xfffull;
	bool paging = save->cr0 & CR0_PG;

	if (save->efer & EFER_LMSLE)
		return REASON_LMSLE;
	if (save->cr4 & CR4_CET && job.caps.shstk)
		return REASON_CET;
	if (!(paging && save->efer & EFER_LME) && save->cr3 >> 51)
		return REASON_CR3;
	if (paging && save->cr4 & CR4_PAE && !(control->nested_ctl & NESTED_CTL_NP) &&
	    (save->efer & (EFER_LME | EFER_LMA)) != (EFER_LME | EFER_LMA) &&
	    (save->cr3 & ~0x1full) != (u64)arena[PAE_PDPT])
		return REASON_CR3;
	if (control->intercept_misc1 & INTERCEPT1_MSR &&
	    msrpm - (u64)bitmaps > sizeof(bitmaps) - MSRPM_SIZE &&
	    msrpm - (u64)arena > sizeof(arena) - MSRPM_SIZE)
		return REASON_MSRPM;
	if (control->clean & CLEAN_SEG)
		return REASON_SEG;
	return REASON_NONE;
}

/* An invalid event is looked for elsewhere, and a real CPU has reasons of its own. */
static void judge_late(void)
{
	enum late reason = late_reason(&current.vmcb);

	job.late[reason]++;
	if (reason == REASON_NONE && !job.hardware)
		found(NO_REASON);
}

static void judge_event(u32 exit)
{
	const char *rule = broken_rule(&current, job.caps, job.mode_rule);
	bool refused = exit == INVALID || exit == LATE_INVALID;
	u8 vector = current.event_inj & EVENT_INJ_VECTOR;
	bool event = current.event_inj & EVENT_INJ_V;

	if (rule) {
		job.invalid_events++;
		if (exit != INVALID)
			found(exit == LATE_INVALID ? NOT_BY_KVM : LET_IN);
		return;
	}
	if (current.kind != EVENT && !job.entered) {
		job.inconclusive += event;
		return;
	}
	job.valid_events += event;
	if (refused) {
		if (!job.hardware || !event || !may_hardware_refuse(current.event_inj))
			found(REFUSED);
		return;
	}
	if (current.kind != EVENT)
		return;
	if ((current.event_inj & EVENT_INJ_TYPE) >> EVENT_INJ_TYPE_SHIFT == TYPE_NMI)
		vector = 2;
	/* A fault or a host's interrupt right before L0 enters L2 can cost an event. */
	for (u32 n = 0; n < MAX_TRIES && event && exit == EXIT_VMMCALL && job.rip == ENTRY; n++) {
		job.lost++;
		exit = run_case(current.event_inj);
	}
	if (!event && exit == EXIT_VMMCALL && job.rip == ENTRY)
		return;
	if (exit != EXIT_VMMCALL || !event || job.rip != HANDLER(vector))
		found(WRONG_HANDLER);
}

static void l1_good_vmrun(void)
{
	copy_vmcb(&good_vmcb12, &good_vmcb[job.nr / GOOD_EVERY % 2]);
	job.good++;
	vmrun(&good_vmcb12);
	if (good_vmcb12.control.exit_code != EXIT_VMMCALL || good_vmcb12.save.rip != ENTRY)
		found(L1_ENDS);
}

static void l1_fuzz(u64 arg)
{
	(void)arg;
	for (;;) {
		for (; job.nr < job.end; job.nr++) {
			make_case(job.seed, job.nr, &current);
			if (job.phase == 0) {
				job.kinds[current.kind]++;
				job.phase = 1;
				if (current.kind != EVENT && current.kind != NO_VMCB) {
					u32 exit = run_case(0);

					job.entered = exit != INVALID && exit != LATE_INVALID;
					if (exit == LATE_INVALID)
						judge_late();
				}
			}
			if (job.phase == 1) {
				job.phase = 2;
				if (current.event_inj || current.kind == EVENT || current.kind == NO_VMCB)
					judge_event(run_case(current.event_inj));
			}
			job.phase = 3;
			if (job.lone || !(job.nr % GOOD_EVERY))
				l1_good_vmrun();
			job.phase = 0;
		}
		to_host();
	}
}

/*
 * The host's side.
 */
static u64 good_arena[NR_PAGES][512];
static struct caps supported;
static time_t last_report;

static void set_pte(u32 page, u64 index, u64 pte)
{
	((u64 *)arena[page])[index] = pte;
}

static void init_arena(void)
{
	static const u8 slot[8] = { 0x0f, 0x01, 0xd9, 0x0f, 0x0b, 0x0f, 0x0b, 0x90 };
	static const u64 gdt[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
	u64 va = (u64)arena;
	u64 pd = va >> 21 & 511, pt = va >> 12 & 511;
	u64 link = PTE | PTE_RW | PTE_US;

	memset(arena, 0, sizeof(arena));
	/* VMMCALL and, in case that it returns, UD2: it ends when the stack does. */
	for (u32 i = 0; i < 257; i++)
		memcpy((void *)SLOT(i), slot, sizeof(slot));
	/* Of L1, and of L2 whose state is saved: OUT, HLT, JMP back. */
	memcpy((void *)OUT, (const u8 []){ 0xe6, 0x10, 0xf4, 0xeb, 0xfb }, 5);
	for (u64 v = 0; v < 256; v++) {
		u64 handler = HANDLER(v);

		set_pte(IDT, 2 * v, (handler & 0xffff) | 0x08 << 16 | 0x8e00ull << 32 |
				    (handler & 0xffff0000) << 32);
		set_pte(IDT, 2 * v + 1, handler >> 32);
	}
	memcpy(arena[GDT], gdt, sizeof(gdt));

	if (va >> 30)
		die("linked to above 1 GiB");
	set_pte(PML5, 0, (u64)arena[PML4] | link);
	set_pte(PML4, 0, (u64)arena[PDPT] | link);
	set_pte(PDPT, 0, (u64)arena[PD] | link);
	repair_arena();
	set_pte(PD, pd, (u64)arena[PT] | link);
	((u32 *)arena[PD32])[va >> 22] = (u64)arena[PT32] | link;
	set_pte(N_PML4, 0, (u64)arena[N_PDPT] | link);
	set_pte(N_PDPT, 0, (u64)arena[N_PD] | link);
	set_pte(N_PD, pd, (u64)arena[N_PT] | link);
	for (u32 i = 0; i < N_PML4; i++) {
		u64 pte = (u64)arena[i] | PTE | PTE_US | (i >= STACK ? PTE_RW : 0);

		/* The page tables are there for the nested walk only. */
		set_pte(N_PT, pt + i, pte);
		if (i <= STACK) {
			set_pte(PT, pt + i, pte);
			((u32 *)arena[PT32])[(va >> 12 & 1023) + i] = pte;
		}
	}
	memcpy(good_arena, arena, sizeof(arena));

	for (u32 compat = 0; compat < 2; compat++) {
		struct vmcb *vmcb = &good_vmcb[compat];

		l1_init_vmcb(vmcb, compat);
		vmcb->control.iopm_base_pa = (u64)bitmaps;
		vmcb->control.msrpm_base_pa = (u64)bitmaps;
		vmcb->save.gdtr.base = (u64)arena[GDT];
		vmcb->save.gdtr.limit = sizeof(gdt) - 1;
		vmcb->save.idtr.base = (u64)arena[IDT];
		vmcb->save.cr3 = (u64)arena[PML4];
		vmcb->save.rip = ENTRY;
		vmcb->save.rsp = STACK_TOP;
	}
}

static void print_vmcb(const struct vmcb *vmcb, const struct vmcb *good)
{
	for (u32 i = 0; i < NR_FIELDS; i++) {
		u64 value = get_field(vmcb, &fields[i]), was = get_field(good, &fields[i]);

		if (value != was && fields[i].offset != offsetof(struct vmcb, control.event_inj) &&
		    fields[i].offset != offsetof(struct vmcb, control.event_inj_err))
			printf("    %-22s %#llx, not %#llx\n", fields[i].name,
			       (unsigned long long)value, (unsigned long long)was);
	}
}

static void print_event(u32 event_inj, u32 err, const char *rule)
{
	printf("    %-22s %#x (V=%u type %u vector %u EV=%u), error code %#x: %s\n", "event_inj",
	       event_inj, event_inj >> 31, (event_inj & EVENT_INJ_TYPE) >> EVENT_INJ_TYPE_SHIFT,
	       event_inj & EVENT_INJ_VECTOR, !!(event_inj & EVENT_INJ_EV), err, rule ?: "valid");
}

static void print_case(u64 nr, struct caps caps)
{
	static struct fuzz_case c;

	make_case(job.seed, nr, &c);
	printf("    seed %llu case %llu, %s, L2 in %s mode but for what follows, vCPU with%s SHSTK and with%s SEV-ES\n",
	       (unsigned long long)job.seed, (unsigned long long)nr, kind_names[c.kind],
	       c.compat ? "compat" : "64-bit", caps.shstk ? "" : "out", caps.sev_es ? "" : "out");
	if (c.vmcb_pa)
		printf("    at %#llx\n", (unsigned long long)c.vmcb_pa);
	print_event(c.event_inj, c.event_inj_err, broken_rule(&c, caps, job.mode_rule));
	print_vmcb(&c.vmcb, &good_vmcb[c.compat]);
}

static void print_replay(const char *prefix, u64 nr)
{
	printf("    again: make fuzz SEED=%llu CASE=%s%llu\n", (unsigned long long)job.seed,
	       prefix, (unsigned long long)nr);
}

static void print_found(void)
{
	for (u32 i = 0; i < job.nr_found; i++) {
		printf("FOUND: %s\n", wrongs[job.found[i].wrong]);
		printf("    exit code %#llx, L2's RIP %#llx\n",
		       (unsigned long long)job.found[i].exit_code,
		       (unsigned long long)job.found[i].rip);
		print_case(job.found[i].nr, job.caps);
		print_replay("", job.found[i].nr);
	}
	job.nr_found = 0;
}

/* Has L2 written to what it must not? Which case it was, is not known. */
static void check_arena(void)
{
	repair_arena();
	for (u32 i = 0; i < NR_PAGES * 512; i++) {
		u64 *is = (u64 *)arena + i, was = ((u64 *)good_arena)[i];

		if (i / 512 == STACK || *is == was)
			continue;
		if (count_wrong(DAMAGE))
			printf("FOUND: %s\n    %p: %#llx, not %#llx; seed %llu, before case %llu\n",
			       wrongs[DAMAGE], (void *)is,
			       (unsigned long long)*is, (unsigned long long)was,
			       (unsigned long long)job.seed, (unsigned long long)job.nr);
		init_arena();
	}
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* How KVM_RUN can end: KVM_EXIT_*, or these. */
enum { END_TIMEOUT = 64, END_ERRNO, NR_ENDS };

static u64 ends[NR_ENDS], state_ends[NR_ENDS];

/* KVM_RUN up to its end; a timer interrupts it to see whether it goes on. */
static u32 run_bounded(struct vm *vm)
{
	u64 seen = job.vmruns + job.good;
	u32 ticks = 0;

	for (;;) {
		int err = ioctl(vm->vcpu, KVM_RUN, 0) ? errno : 0;

		/* ioctl() is declared as a leaf function: GCC takes it that no L1 has written to job. */
		asm volatile("" : : : "memory");
		if (!err)
			break;
		if (err != EINTR)
			return END_ERRNO;
		if (seen != job.vmruns + job.good)
			ticks = 0;
		else if (++ticks == STUCK)
			return END_TIMEOUT;
		seen = job.vmruns + job.good;
	}
	return vm->run->exit_reason < END_TIMEOUT ? vm->run->exit_reason : END_ERRNO;
}

static bool is_call(struct vm *vm, u32 end)
{
	return end == KVM_EXIT_IO && vm->run->io.port == 0x10;
}

/* KVM_RUN did not come back from L1: may it end like that? */
static bool may_end(u32 end)
{
	bool shutdown = current.vmcb.control.intercept_misc1 & INTERCEPT1_SHUTDOWN;

	if (current.kind == NO_VMCB)
		return end == KVM_EXIT_SHUTDOWN || end == KVM_EXIT_INTERNAL_ERROR;
	if (current.kind == EVENT)
		return false;
	if (end == END_TIMEOUT)
		return leads_nowhere && cr3_leads_nowhere(current.vmcb.save.cr3);
	return (end == KVM_EXIT_SHUTDOWN && !shutdown) || end == KVM_EXIT_MMIO ||
	       end == KVM_EXIT_INTERNAL_ERROR;
}

static void judge_end(u32 end)
{
	const char *rule = broken_rule(&current, job.caps, job.mode_rule);

	ends[end]++;
	job.exit_code = end;
	job.rip = 0;
	/* It ended in the VMRUN with the event, unless that is still to come. */
	if (job.again)
		found(UNSTEADY);
	else if (job.phase == 3)
		found(L1_ENDS);
	else if (!may_end(end))
		found(end == END_TIMEOUT ? TIMEOUT : ENDED);
	else if (job.phase == 2 && rule && current.kind != NO_VMCB)
		found(LET_IN);
	else if (job.phase == 2 && current.kind != NO_VMCB)
		job.valid_events += current.event_inj >> 31;
	if (job.phase == 1) {
		job.entered = true;	/* L2 did run */
	} else {
		job.phase = 0;
		job.nr++;
	}
}

static struct caps caps_of(u64 nr)
{
	u64 block = nr / BATCH;

	return (struct caps) { .shstk = block & 1, .sev_es = block & 2 };
}

static void report_progress(const char *what, u64 done, u64 all)
{
	time_t now = time(NULL);
	static u64 before;

	if (now - last_report < REPORT && done < all)
		return;
	printf("progress: %llu of %llu %s, %llu/s, %llu found\n", (unsigned long long)done,
	       (unsigned long long)all, what,
	       (unsigned long long)(done < before ? done : done - before) /
	       (now > last_report ? now - last_report : 1), (unsigned long long)job.wrong);
	before = done;
	last_report = now;
}

/* Cases from nr on, up to the end of their block, or of the VMRUNs asked for. */
static void fuzz_block(u64 nr, u64 end)
{
	struct caps cpuid = caps_of(nr);
	struct vm vm;
	u32 ended;

	job.caps = (struct caps) {
		.shstk = cpuid.shstk && supported.shstk,
		.sev_es = cpuid.sev_es && supported.sev_es,
	};
	job.nr = nr;
	job.end = end;
	job.phase = 0;
	while (job.nr < job.end) {
		job.again = false;
		vm_create(&vm, cpuid);
		vm_start(&vm, l1_fuzz, 0);
		ended = run_bounded(&vm);
		if (!is_call(&vm, ended))
			judge_end(ended);
		check_arena();
		vm_destroy(&vm);
		print_found();
	}
}

static void print_exits(void)
{
	static const char * const names[] = {
		[NPF] = "0x400 nested page fault", [INVALID] = "-1 invalid, by KVM's checks",
		[LATE_INVALID] = "-1 invalid, after its checks", [OTHER] = "others",
		[0x64] = "0x64 virtual interrupt", [EXIT_SHUTDOWN] = "0x7f shutdown",
		[EXIT_VMMCALL] = "0x81 VMMCALL",
	};

	for (u32 i = 0; i < NR_EXITS; i++) {
		char name[32];

		if (!job.exits[i])
			continue;
		if (i >= EXIT_EXCP(0) && i < EXIT_EXCP(32))
			snprintf(name, sizeof(name), "%#x exception %s", i,
				 exception_name(i - EXIT_EXCP(0)) ?: "?");
		else
			snprintf(name, sizeof(name), "%#x", i);
		printf("  %-28s %10llu\n", names[i] ?: name, (unsigned long long)job.exits[i]);
	}
}

/* Cases, not VMRUNs: without an event. */
static void print_late(void)
{
	for (u32 i = 0; i < NR_REASONS; i++)
		if (job.late[i])
			printf("  %-28s %10llu\n", reasons[i], (unsigned long long)job.late[i]);
}

static void print_ends(const u64 *counts)
{
	static const char * const names[NR_ENDS] = {
		[KVM_EXIT_IO] = "back in L1",
		[KVM_EXIT_SHUTDOWN] = "KVM_RUN ends: shutdown",
		[KVM_EXIT_INTERNAL_ERROR] = "KVM_RUN ends: internal error",
		[KVM_EXIT_MMIO] = "KVM_RUN ends: MMIO",
		[KVM_EXIT_FAIL_ENTRY] = "KVM_RUN ends: failed entry",
		[END_TIMEOUT] = "KVM_RUN does not end",
		[END_ERRNO] = "KVM_RUN fails",
	};

	for (u32 i = 0; i < NR_ENDS; i++)
		if (counts[i] && names[i])
			printf("  %-28s %10llu\n", names[i], (unsigned long long)counts[i]);
		else if (counts[i])
			printf("  KVM_RUN ends: exit reason %-2u %10llu\n", i, (unsigned long long)counts[i]);
}

static void fuzz_vmrun(u64 vmruns)
{
	u64 cases = 0;

	while (job.vmruns < vmruns) {
		fuzz_block(cases, cases + BATCH);
		cases += BATCH;
		report_progress("VMRUNs", job.vmruns < vmruns ? job.vmruns : vmruns, vmruns);
	}
	printf("VMRUN: seed %llu, %llu cases (%llu event, %llu near, %llu wild), %llu VMRUNs and %llu good ones between them\n",
	       (unsigned long long)job.seed, (unsigned long long)cases,
	       (unsigned long long)job.kinds[EVENT], (unsigned long long)job.kinds[NEAR],
	       (unsigned long long)(job.kinds[WILD] + job.kinds[NO_VMCB]),
	       (unsigned long long)job.vmruns, (unsigned long long)job.good);
	print_exits();
	print_late();
	print_ends(ends);
	printf("events: %llu invalid, %llu valid (%llu times one got lost on its way), %llu with a vmcb12 that is invalid without, too\n",
	       (unsigned long long)job.invalid_events, (unsigned long long)job.valid_events,
	       (unsigned long long)job.lost, (unsigned long long)job.inconclusive);
}

/*
 * KVM_SET_NESTED_STATE.
 */
union nested {
	struct kvm_nested_state state;
	u8 size[NESTED_STATE_SIZE];
};

static struct {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events;
	union nested nested;
} saved;

static u64 calls, accepted, einval, restored, state_invalid, state_valid, state_inconclusive;

static struct vmcb *vmcb_of(union nested *n)
{
	return (struct vmcb *)n->state.data.svm[0].vmcb12;
}

static void l1_state(u64 arg)
{
	(void)arg;
	copy_vmcb(&vmcb12, &good_vmcb[0]);
	vmcb12.save.rip = OUT;
	vmrun(&vmcb12);
	for (;;)
		to_host();
}

static void must_ioctl(struct vm *vm, unsigned long request, void *arg, const char *what)
{
	if (ioctl(vm->vcpu, request, arg))
		die("%s", what);
}

/* Has KVM complete the OUT that it ended with. */
static void complete_io(struct vm *vm)
{
	vm->run->immediate_exit = 1;
	ioctl(vm->vcpu, KVM_RUN, 0);
	vm->run->immediate_exit = 0;
	errno = 0;
}

/* A vCPU that runs L2, which is at VMMCALL; L1, at OUT, is what it returns to. */
static void start_state(struct vm *vm, struct caps cpuid)
{
	struct vmcb *vmcb;

	vm_create(vm, cpuid);
	vm_start(vm, l1_state, 0);
	if (!is_call(vm, run_bounded(vm)))
		die("L2 does not run: exit reason %u", vm->run->exit_reason);
	complete_io(vm);
	must_ioctl(vm, KVM_GET_REGS, &saved.regs, "KVM_GET_REGS");
	must_ioctl(vm, KVM_GET_SREGS, &saved.sregs, "KVM_GET_SREGS");
	must_ioctl(vm, KVM_GET_VCPU_EVENTS, &saved.events, "KVM_GET_VCPU_EVENTS");
	vm_get_nested_state(vm, &saved.nested.state);
	if (!(saved.nested.state.flags & KVM_STATE_NESTED_GUEST_MODE))
		die("KVM_GET_NESTED_STATE does not see L2");
	saved.regs.rip = ENTRY;
	vmcb = vmcb_of(&saved.nested);
	vmcb->save.rip = OUT;
	vmcb->control.event_inj = 0;
}

static void restore_state(struct vm *vm)
{
	static union nested none;

	none.state.size = sizeof(none.state);
	none.state.format = KVM_STATE_NESTED_FORMAT_SVM;
	none.state.flags = KVM_STATE_NESTED_GIF_SET;
	if (vm_set_nested_state(vm, &none.state))
		die("KVM_SET_NESTED_STATE: out of guest mode");
	must_ioctl(vm, KVM_SET_SREGS, &saved.sregs, "KVM_SET_SREGS");
	must_ioctl(vm, KVM_SET_REGS, &saved.regs, "KVM_SET_REGS");
	must_ioctl(vm, KVM_SET_VCPU_EVENTS, &saved.events, "KVM_SET_VCPU_EVENTS");
	if (vm_set_nested_state(vm, &saved.nested.state))
		die("KVM_SET_NESTED_STATE: the state that it gave");
	restored++;
}

static void vary_header(struct rng *rng, struct kvm_nested_state *state)
{
	static const u32 sizes[] = { 0, 8, 127, 128, 129, 4096, 8192, 8319, 8321, ~0u };

	switch (below(rng, 5)) {
	case 0:
		state->flags ^= 1u << below(rng, 16);
		break;
	case 1:
		state->flags = random64(rng);
		break;
	case 2:
		state->format = below(rng, 4) ? below(rng, 3) : (u32)random64(rng);
		break;
	case 3:
		state->size = sizes[below(rng, sizeof(sizes) / sizeof(sizes[0]))];
		break;
	default:
		/* KVM writes to where it is, if L2 runs. */
		state->hdr.svm.vmcb_pa = (u64 []){
			(u64)&good_vmcb12, (u64)&vmcb12 + 1 + below(rng, 4095), UNMAPPED, 0,
			~0ull, ~0xfffull, random64(rng) | 1ull << 38 }[below(rng, 7)];
	}
}

struct state_case {
	enum kind kind;
	u32 event_inj, event_inj_err;
	bool run;
	union nested nested;
};

/* As on VMRUN, but that the save area is L1's, who has no page tables against it. */
static void make_state_case(u64 nr, struct state_case *c)
{
	struct rng rng = { job.seed * 0x2545f4914f6cdd1d ^ nr ^ 1ull << 63 };
	struct vmcb *vmcb = vmcb_of(&c->nested);
	u32 what = below(&rng, 100), n;

	c->nested = saved.nested;
	c->kind = what < 40 ? EVENT : what < 90 ? NEAR : WILD;
	c->event_inj = c->kind == EVENT || below(&rng, 4) ? any_event(&rng) : 0;
	c->event_inj_err = random64(&rng);
	c->run = !below(&rng, 4);
	n = c->kind == EVENT ? below(&rng, 5) : c->kind == NEAR ? 1 + below(&rng, 3) :
	    4 + below(&rng, 28);
	if (c->kind != EVENT && !below(&rng, 6))
		vary_header(&rng, &c->nested.state);

	for (; n; n--) {
		u32 way = below(&rng, NR_FIELDS + 2);
		const struct field *f;
		u64 value;

		if (way == NR_FIELDS) {
			nested_paging(vmcb);
			continue;
		}
		if (way > NR_FIELDS) {
			if (c->kind != EVENT) {
				vmcb->control.nested_ctl |= NESTED_CTL_NP;
				vmcb->control.nested_cr3 = any_root(&rng, (u64)arena[N_PML4]);
			}
			continue;
		}
		f = &fields[way];
		value = get_field(vmcb, f);
		/* L1 has no IDT: no exception of its own gets anywhere. */
		if (f->how == NEVER || f->offset == offsetof(struct vmcb, save.idtr.limit))
			continue;
		if (f->offset >= offsetof(struct vmcb, save)) {
			if (c->kind == EVENT && f->how != NO_CHECK)
				continue;
			if (strstr(f->name, ".base") || f->how == ADDRESS)
				value = any_address(&rng, value, true);
			else
				value = any_value(&rng, value, 8 * f->size);
		} else if (f->how == NO_CHECK) {
			value = any_value(&rng, value, 8 * f->size);
		} else if (f->how == MORE_BITS && (c->kind == EVENT || below(&rng, 2))) {
			value |= random64(&rng);
		} else if (c->kind != EVENT) {
			value = any_value(&rng, value, 8 * f->size);
		}
		set_field(vmcb, f, value);
	}
	if (c->kind != EVENT && !below(&rng, 8))
		vmcb->save.cr3 = any_root(&rng, vmcb->save.cr3);
	mend_roots(vmcb);
}

static void print_state_case(u64 nr, const struct state_case *c, int err)
{
	const struct kvm_nested_state *good = &saved.nested.state;

	printf("    returned %d; seed %llu case s%llu, %s, vCPU with%s SHSTK and with%s SEV-ES\n",
	       err, (unsigned long long)job.seed, (unsigned long long)nr, kind_names[c->kind],
	       job.caps.shstk ? "" : "out", job.caps.sev_es ? "" : "out");
	if (c->nested.state.flags != good->flags || c->nested.state.format != good->format ||
	    c->nested.state.size != good->size ||
	    c->nested.state.hdr.svm.vmcb_pa != good->hdr.svm.vmcb_pa)
		printf("    header: flags %#x format %u size %u vmcb_pa %#llx\n",
		       c->nested.state.flags, c->nested.state.format, c->nested.state.size,
		       (unsigned long long)c->nested.state.hdr.svm.vmcb_pa);
	print_event(c->event_inj, c->event_inj_err, event_inj_broken_rule(c->event_inj, job.caps));
	print_vmcb((const struct vmcb *)c->nested.state.data.svm[0].vmcb12, vmcb_of(&saved.nested));
}

static void found_state(enum wrong wrong, u64 nr, const struct state_case *c, int err)
{
	if (!count_wrong(wrong))
		return;
	printf("FOUND: %s\n", wrongs[wrong]);
	print_state_case(nr, c, err);
	print_replay("s", nr);
}

static int call_state(struct vm *vm, u64 nr, struct state_case *c, u32 event_inj)
{
	int err;

	vmcb_of(&c->nested)->control.event_inj = event_inj;
	vmcb_of(&c->nested)->control.event_inj_err = c->event_inj_err;
	err = vm_set_nested_state(vm, &c->nested.state);
	errno = 0;
	calls++;
	accepted += !err;
	einval += err == EINVAL;
	if (err && err != EINVAL)
		found_state(WRONG_ERRNO, nr, c, err);
	return err;
}

static void state_case(struct vm *vm, u64 nr, struct caps cpuid, bool print)
{
	static struct state_case c;
	const char *rule;
	bool looked_at;
	int before = 0, err;
	u32 end;

	make_state_case(nr, &c);
	restore_state(vm);
	if (c.kind != EVENT)
		before = call_state(vm, nr, &c, 0);
	err = call_state(vm, nr, &c, c.event_inj);
	rule = event_inj_broken_rule(c.event_inj, job.caps);
	/* A header that has KVM leave guest mode, or refuse, before it looks at the rest. */
	looked_at = c.nested.state.flags & KVM_STATE_NESTED_GUEST_MODE;
	if (rule && looked_at) {
		state_invalid++;
		if (!err)
			found_state(STATE_LET_IN, nr, &c, err);
	} else if (before) {
		state_inconclusive += c.event_inj >> 31;
	} else {
		state_valid += looked_at && c.event_inj >> 31;
		if (err)
			found_state(STATE_REFUSED, nr, &c, err);
	}
	if (print) {
		if (c.kind != EVENT)
			printf("replay: without the event it returned %d\n", before);
		printf("replay:\n");
		print_state_case(nr, &c, err);
	}
	/* What it refuses must leave the vCPU as it was, which is good unless the call before was not refused. */
	if (!c.run || (!err && !looked_at))
		return;
	/* KVM of 6.12 goes on for ever, and warns, if there is no memory for what #VMEXIT has to tell. */
	if (!leads_nowhere && c.nested.state.hdr.svm.vmcb_pa >= 1ull << 30)
		return;
	if (err && c.kind != EVENT && !before)
		restore_state(vm);
	job.good++;
	end = run_bounded(vm);
	state_ends[is_call(vm, end) ? KVM_EXIT_IO : end]++;
	if (is_call(vm, end)) {
		complete_io(vm);
		return;
	}
	if (end == END_TIMEOUT && !leads_nowhere)
		found_state(TIMEOUT, nr, &c, err);
	else if (err || c.kind == EVENT)
		found_state(HARMED, nr, &c, err);
	vm_destroy(vm);
	start_state(vm, cpuid);
}

static void fuzz_state(u64 wanted, long long lone)
{
	struct caps cpuid;
	struct vm vm;
	u64 nr = lone >= 0 ? (u64)lone : 0;

	last_report = time(NULL);
	while (calls < wanted) {
		cpuid = caps_of(nr);
		job.caps = (struct caps) {
			.shstk = cpuid.shstk && supported.shstk,
			.sev_es = cpuid.sev_es && supported.sev_es,
		};
		start_state(&vm, cpuid);
		do {
			state_case(&vm, nr, cpuid, lone >= 0);
			if (lone >= 0)
				break;
		} while (++nr % BATCH && calls < wanted);
		vm_destroy(&vm);
		check_arena();
		if (lone >= 0)
			return;
		report_progress("KVM_SET_NESTED_STATE", calls, wanted);
	}
	printf("KVM_SET_NESTED_STATE: seed %llu, %llu cases, %llu calls: %llu accepted, %llu EINVAL; %llu times put back\n",
	       (unsigned long long)job.seed, (unsigned long long)nr, (unsigned long long)calls,
	       (unsigned long long)accepted, (unsigned long long)einval, (unsigned long long)restored);
	printf("KVM_RUN after it:\n");
	print_ends(state_ends);
	printf("events: %llu invalid, %llu valid, %llu with a state that is invalid without, too\n",
	       (unsigned long long)state_invalid, (unsigned long long)state_valid,
	       (unsigned long long)state_inconclusive);
}

static void replay_vmrun(u64 nr)
{
	job.lone = true;
	fuzz_block(nr, nr + 1);
	printf("replay: %llu VMRUNs; the last one: exit code %#llx, exit_info %#llx %#llx, L2's RIP %#llx\n",
	       (unsigned long long)job.vmruns, (unsigned long long)job.exit_code,
	       (unsigned long long)job.exit_info_1, (unsigned long long)job.exit_info_2,
	       (unsigned long long)job.rip);
	print_case(nr, job.caps);
	print_ends(ends);
}

int main(int argc, char *argv[])
{
	struct itimerval second = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
	u64 vmruns = 1000000, states = 100000;
	const char *lone = NULL, *why;
	int opt;

	setvbuf(stdout, NULL, _IOLBF, 0);
	job.seed = 1;
	while ((opt = getopt(argc, argv, "s:n:k:c:meH")) != -1) {
		switch (opt) {
		case 's': job.seed = strtoull(optarg, NULL, 0); break;
		case 'n': vmruns = strtoull(optarg, NULL, 0); break;
		case 'k': states = strtoull(optarg, NULL, 0); break;
		case 'c': lone = optarg; break;
		case 'm': job.mode_rule = true; break;
		case 'e': leads_nowhere = true; break;
		case 'H': job.hardware = true; break;
		default: return 2;
		}
	}
	errno = 0;
	why = vm_unusable();
	errno = 0;
	if (why)
		die("%s", why);
	sigaction(SIGALRM, &(struct sigaction) { .sa_handler = on_alarm }, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
	supported = vm_supported_caps();
	init_arena();
	printf("seed %llu; KVM with%s SHSTK and with%s SEV-ES; what is impossible in L2's mode: %s\n",
	       (unsigned long long)job.seed, supported.shstk ? "" : "out",
	       supported.sev_es ? "" : "out", job.mode_rule ? "invalid" : "valid");

	last_report = time(NULL);
	if (lone && *lone == 's') {
		fuzz_state(1, strtoll(lone + 1, NULL, 0));
	} else if (lone) {
		replay_vmrun(strtoull(lone, NULL, 0));
	} else {
		fuzz_vmrun(vmruns);
		fuzz_state(states, -1);
	}
	for (u32 i = 0; i < NR_WRONGS; i++)
		if (job.wrongs[i])
			printf("%10llu times: %s\n", (unsigned long long)job.wrongs[i], wrongs[i]);
	if (job.wrong)
		printf("%llu found\n", (unsigned long long)job.wrong);
	else
		printf("nothing found\n");
	return job.wrong ? 1 : 0;
}
