// SPDX-License-Identifier: GPL-2.0-only
/* L1, which runs the fuzzer's cases, and the verdict on each. */
#include "fuzz.h"

const char * const wrongs[] = {
	[LET_IN] = "an invalid event is let in",
	[NOT_BY_KVM] = "an invalid event is refused by the CPU, not by KVM",
	[VALID_REFUSED] = "a valid event is refused",
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

struct job job;
struct fuzz_case current;
struct vmcb vmcb12 __attribute__((aligned(4096)));
struct vmcb good_vmcb12 __attribute__((aligned(4096)));

/* Counts it; whether it is one of the first, to be printed. */
bool count_wrong(enum wrong wrong)
{
	job.wrong++;
	return ++job.wrongs[wrong] <= MAX_PRINTED;
}

void found(enum wrong wrong)
{
	if (count_wrong(wrong))
		job.found[job.nr_found++] = (struct found) { job.nr, wrong, job.exit_code, job.rip };
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
	if (who_refused(vmcb) != NOT_REFUSED)
		return who_refused(vmcb) == REFUSED_BY_CHECK ? BY_CHECKS : LATE_INVALID;
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

/* The architecture's verdict: NULL, or the rule that the event breaks. */
const char *broken_rule(const struct fuzz_case *c, struct caps caps, bool mode_rule)
{
	const struct vmcb_save *save = &c->vmcb.save;
	bool in_64bit = save->efer & EFER_LME && save->cr0 & CR0_PG && save->cs.attrib & SEG_L;

	if (mode_rule && event_inj_impossible(c->event_inj, in_64bit))
		return "impossible in L2's mode";
	return event_inj_broken_rule(c->event_inj, caps);
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
	if (exit == BY_CHECKS && !is_clean())
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
 * Older trees leave a CS with L and D to the CPU (-l).
 */
static bool late_has_reason(const struct vmcb *vmcb)
{
	const struct vmcb_control *control = &vmcb->control;
	const struct vmcb_save *save = &vmcb->save;
	u64 msrpm = control->msrpm_base_pa & ~0xfffull;
	bool paging = save->cr0 & CR0_PG;
	bool long_mode = (save->efer & (EFER_LME | EFER_LMA)) == (EFER_LME | EFER_LMA);

	return (job.cs_left && paging && save->efer & EFER_LME &&
		(save->cs.attrib & (SEG_L | SEG_D)) == (SEG_L | SEG_D)) ||
	       save->efer & EFER_LMSLE || (save->cr4 & CR4_CET && job.caps.shstk) ||
	       control->clean & CLEAN_SEG ||
	       (!(paging && save->efer & EFER_LME) && save->cr3 >> 51) ||
	       (paging && save->cr4 & CR4_PAE && !(control->nested_ctl & NESTED_CTL_NP) &&
		!long_mode && (save->cr3 & ~0x1full) != (u64)arena[PAE_PDPT]) ||
	       (control->intercept_misc1 & INTERCEPT1_MSR &&
		msrpm - (u64)bitmaps > sizeof(bitmaps) - MSRPM_SIZE &&
		msrpm - (u64)arena > sizeof(arena) - MSRPM_SIZE);
}

static void judge_event(u32 exit)
{
	const char *rule = broken_rule(&current, job.caps, job.mode_rule);
	bool refused = exit == BY_CHECKS || exit == LATE_INVALID;
	/* What a real CPU may refuse: #OF, #BR, #CP, #HV and #VC. */
	const u32 refusable = 1u << 4 | 1u << 5 | 1u << 21 | 1u << 28 | 1u << 29;
	bool event = current.event_inj & EVENT_INJ_V;

	if (rule) {
		job.invalid_events++;
		if (exit != BY_CHECKS)
			found(exit == LATE_INVALID ? NOT_BY_KVM : LET_IN);
		return;
	}
	if (current.kind != EVENT && !job.entered) {
		job.inconclusive += event;
		return;
	}
	job.valid_events += event;
	if (refused) {
		if (!job.hardware || !event || !is_exception_of(current.event_inj, refusable))
			found(VALID_REFUSED);
		return;
	}
	if (current.kind != EVENT)
		return;
	/* A fault or a host's interrupt right before L0 enters L2 can cost an event. */
	for (u32 n = 0; n < MAX_TRIES && event && exit == EXIT_VMMCALL && job.rip == ENTRY; n++) {
		job.lost++;
		exit = run_case(current.event_inj);
	}
	if (!event && exit == EXIT_VMMCALL && job.rip == ENTRY)
		return;
	if (exit != EXIT_VMMCALL || !event || job.rip != HANDLER(vector_of(current.event_inj)))
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

void l1_fuzz(u64 arg)
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

					job.entered = exit != BY_CHECKS && exit != LATE_INVALID;
					/* A real CPU has reasons of its own. */
					if (exit == LATE_INVALID && !job.hardware &&
					    !late_has_reason(&current.vmcb))
						found(NO_REASON);
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
