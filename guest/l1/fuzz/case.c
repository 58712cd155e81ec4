// SPDX-License-Identifier: GPL-2.0-only
/* The fuzzer's cases: L2's memory, a vmcb12 that is good there, and what chance makes of it. */
#include "fuzz.h"

u8 arena[NR_PAGES][4096] __attribute__((aligned(NR_PAGES * 4096)));
u8 bitmaps[4][4096] __attribute__((aligned(4096)));
u8 empty[4096] __attribute__((aligned(4096)));
u64 good_arena[NR_PAGES][512];
struct vmcb good_vmcb[2];

const char * const kind_names[] = { "event", "near", "wild", "no vmcb12" };

/* Steele, Lea, Flood: SplitMix64. */
u64 random64(struct rng *rng)
{
	u64 z = rng->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

u32 below(struct rng *rng, u32 n)
{
	return (random64(rng) >> 32) * n >> 32;
}

const struct field fields[] = {
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
const u32 nr_fields = NR_FIELDS;

/* Above the fields: what several of them have to agree on. */
enum { SET_CR3 = NR_FIELDS, SET_NESTED_PAGING, SET_MODE, NR_WAYS };
/* The same for what nobody refuses. */
enum { GOOD_NESTED_PAGING = NR_FIELDS, GOOD_RFLAGS, GOOD_RSP, GOOD_BITMAPS, NR_GOOD_WAYS };

/* By bytes: these run in L1, too, which has no memcpy(). */
u64 get_field(const struct vmcb *vmcb, const struct field *f)
{
	const u8 *p = (const u8 *)vmcb + f->offset;
	u64 value = 0;

	for (u32 i = 0; i < f->size; i++)
		value |= (u64)p[i] << 8 * i;
	return value;
}

void set_field(struct vmcb *vmcb, const struct field *f, u64 value)
{
	u8 *p = (u8 *)vmcb + f->offset;

	for (u32 i = 0; i < f->size; i++)
		p[i] = value >> 8 * i;
}

u64 any_value(struct rng *rng, u64 good, u32 bits)
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
u64 any_address(struct rng *rng, u64 good, bool of_l1)
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
u64 any_root(struct rng *rng, u64 good)
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

/* Makes a root that KVM has trouble with illegal. */
void mend_roots(struct vmcb *vmcb)
{
	if (root_is_nowhere(vmcb->save.cr3) || (vmcb->save.cr3 & ~0xfffull) == (u64)empty)
		vmcb->save.cr3 |= 1ull << 51;
	if (root_is_nowhere(vmcb->control.nested_cr3))
		vmcb->control.nested_cr3 |= 1ull << 51;
}

enum kind any_kind(struct rng *rng)
{
	u32 what = below(rng, 100);

	return what < 40 ? EVENT : what < 90 ? NEAR : WILD;
}

u32 nr_changes(struct rng *rng, enum kind kind)
{
	return kind == EVENT ? below(rng, 5) : kind == NEAR ? 1 + below(rng, 3) : 4 + below(rng, 28);
}

u32 any_event(struct rng *rng)
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
	event = EVENT(below(rng, 4) ? TYPE_EXEPT : TYPE_OF(event), vector) | (event & EVENT_INJ_EV);
	if (!below(rng, 4))
		event |= random64(rng) & EVENT_INJ_RSVD;
	return event;
}

/* What this program changes of a vmcb12: less than half of the page. */
void copy_vmcb(struct vmcb *to, const struct vmcb *from)
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

void nested_paging(struct vmcb *vmcb, u64 root)
{
	vmcb->control.nested_ctl |= NESTED_CTL_NP;
	vmcb->control.nested_cr3 = root;
}

/* Changes what nobody refuses. */
static void vary_harmless(struct rng *rng, struct vmcb *vmcb)
{
	u32 way = below(rng, NR_GOOD_WAYS);
	const struct field *f;

	switch (way) {
	case GOOD_NESTED_PAGING:
		nested_paging(vmcb, (u64)arena[N_PML4]);
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
		nested_paging(vmcb, any_root(rng, (u64)arena[N_PML4]));
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

void make_case(u64 seed, u64 nr, struct fuzz_case *c)
{
	struct rng rng = { seed * 0x2545f4914f6cdd1d ^ nr };
	struct vmcb_save *save = &c->vmcb.save;
	u8 cr3 = 0;

	c->kind = any_kind(&rng);
	c->compat = below(&rng, 2);
	c->event_inj = c->kind == EVENT || below(&rng, 4) ? any_event(&rng) : 0;
	if (c->kind == EVENT && !below(&rng, 16))
		c->event_inj &= ~EVENT_INJ_V;
	c->event_inj_err = random64(&rng);
	c->vmcb_pa = 0;
	copy_vmcb(&c->vmcb, &good_vmcb[c->compat]);

	for (u32 n = nr_changes(&rng, c->kind); n; n--)
		if (c->kind == EVENT)
			vary_harmless(&rng, &c->vmcb);
		else
			vary(&rng, &c->vmcb, &cr3);
	if (c->kind == WILD && !below(&rng, 512)) {
		c->kind = NO_VMCB;
		c->vmcb_pa = below(&rng, 2) ? UNMAPPED : ~0xfffull;
	}

	/* Not the number of a hypercall that writes to memory. */
	if (save->rax)
		save->rax |= 1ull << 31;
	if (!(save->cr0 & CR0_PG) || !(save->cr0 & CR0_WP))
		nested_paging(&c->vmcb, (u64)arena[N_PML4]);
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

/* QEMU sets the accessed bit in PAE's root, where it is reserved: KVM would refuse to load it again. */
void repair_arena(void)
{
	((u64 *)arena[PAE_PDPT])[0] = (u64)arena[PD] | 1;
}

static void set_pte(u32 page, u64 index, u64 pte)
{
	((u64 *)arena[page])[index] = pte;
}

void init_arena(void)
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
		errx(2, "linked to above 1 GiB");
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
