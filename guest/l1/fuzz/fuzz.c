// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random vmcb12s for VMRUN, and random states for KVM_SET_NESTED_STATE.
 *
 * Usage: fuzz [-s SEED] [-n VMRUNS] [-k CALLS] [-m] [-l] [-H] [-c CASE|-c sCASE]
 *   -m  on VMRUN, what is impossible in L2's mode is invalid, too: #OF and #BR in
 *       64-bit mode, #HV in every
 *   -H  a real CPU may refuse #HV, #VC, #CP, and #OF and #BR in 64-bit mode
 *   -l  KVM leaves a CS with both L and D to the CPU, as older trees do
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
 * and L1's own state with bases near its code, or an IDT; breakpoints in DR7. A
 * CR3 that leads to nothing is made illegal, as is a nested CR3 that is in no
 * memory, and no L2 whose vmcb12 is in no memory is run: KVM in 6.12, with the
 * series or not, may go on for ever with such an L2, which only a signal ends,
 * and may warn; 6.1 warns of the nested CR3, with and without the series.
 *
 * Exit: 0 all is well, 1 it is not, 2 an error.
 */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include "fuzz.h"

static u64 ends[NR_ENDS];

void print_vmcb(const struct vmcb *vmcb, const struct vmcb *good)
{
	for (u32 i = 0; i < nr_fields; i++) {
		u64 value = get_field(vmcb, &fields[i]), was = get_field(good, &fields[i]);

		if (value != was && fields[i].offset != offsetof(struct vmcb, control.event_inj) &&
		    fields[i].offset != offsetof(struct vmcb, control.event_inj_err))
			printf("    %-22s %#llx, not %#llx\n", fields[i].name, value, was);
	}
}

void print_event(u32 event_inj, u32 err, const char *rule)
{
	printf("    %-22s %#x (V=%u type %u vector %u EV=%u), error code %#x: %s\n", "event_inj",
	       event_inj, event_inj >> 31, TYPE_OF(event_inj),
	       event_inj & EVENT_INJ_VECTOR, !!(event_inj & EVENT_INJ_EV), err, rule ?: "valid");
}

static void print_case(u64 nr, struct caps caps)
{
	static struct fuzz_case c;

	make_case(job.seed, nr, &c);
	printf("    seed %llu case %llu, %s, L2 in %s mode but for what follows, vCPU has %s\n", job.seed,
	       nr, kind_names[c.kind], c.compat ? "compat" : "64-bit", caps_name(caps));
	if (c.vmcb_pa)
		printf("    at %#llx\n", c.vmcb_pa);
	print_event(c.event_inj, c.event_inj_err, broken_rule(&c, caps, job.mode_rule));
	print_vmcb(&c.vmcb, &good_vmcb[c.compat]);
}

void print_replay(const char *prefix, u64 nr)
{
	printf("    again: make fuzz SEED=%llu CASE=%s%llu\n", job.seed, prefix, nr);
}

static void print_found(void)
{
	for (const struct found *f = job.found; f < &job.found[job.nr_found]; f++) {
		printf("FOUND: %s\n    exit code %#llx, L2's RIP %#llx\n", wrongs[f->wrong],
		       f->exit_code, f->rip);
		print_case(f->nr, job.caps);
		print_replay("", f->nr);
	}
	job.nr_found = 0;
}

/* Has L2 written to what it must not? Which case it was, is not known. */
void check_arena(void)
{
	repair_arena();
	for (u32 i = 0; i < NR_PAGES * 512; i++) {
		u64 *is = (u64 *)arena + i, was = ((u64 *)good_arena)[i];

		if (i / 512 == STACK || *is == was)
			continue;
		if (count_wrong(DAMAGE))
			printf("FOUND: %s\n    %p: %#llx, not %#llx; seed %llu, before case %llu\n",
			       wrongs[DAMAGE], (void *)is, *is, was, job.seed, job.nr);
		init_arena();
	}
}

/* KVM_RUN up to its end; a timer interrupts it to see whether it goes on. */
u32 run_bounded(struct vm *vm)
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

bool is_call(struct vm *vm, u32 end)
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

struct caps caps_of(u64 nr)
{
	u64 block = nr / BATCH;

	return (struct caps) { .shstk = block & 1, .sev_es = block & 2 };
}

/* Cases from nr on, up to the end of their block, or of the VMRUNs asked for. */
static void fuzz_block(u64 nr, u64 end)
{
	struct caps cpuid = caps_of(nr);
	struct vm vm;
	u32 ended;

	job.caps = vcpu_has(cpuid);
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
		[NPF] = "0x400 nested page fault", [BY_CHECKS] = "-1 invalid, by KVM's checks",
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
		printf("  %-28s %10llu\n", names[i] ?: name, job.exits[i]);
	}
}

void print_ends(const u64 *counts)
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
			printf("  %-28s %10llu\n", names[i], counts[i]);
		else if (counts[i])
			printf("  KVM_RUN ends: exit reason %-2u %10llu\n", i, counts[i]);
}

static void fuzz_vmrun(u64 vmruns)
{
	u64 cases = 0;

	while (job.vmruns < vmruns) {
		fuzz_block(cases, cases + BATCH);
		cases += BATCH;
	}
	printf("VMRUN: seed %llu, %llu cases (%llu event, %llu near, %llu wild), %llu VMRUNs and %llu good ones between them\n",
	       job.seed, cases, job.kinds[EVENT], job.kinds[NEAR],
	       job.kinds[WILD] + job.kinds[NO_VMCB], job.vmruns, job.good);
	print_exits();
	print_ends(ends);
	printf("events: %llu invalid, %llu valid (%llu times one got lost on its way), %llu with a vmcb12 that is invalid without, too\n",
	       job.invalid_events, job.valid_events, job.lost, job.inconclusive);
}

static void replay_vmrun(u64 nr)
{
	job.lone = true;
	fuzz_block(nr, nr + 1);
	printf("replay: %llu VMRUNs; the last one: exit code %#llx, exit_info %#llx %#llx, L2's RIP %#llx\n",
	       job.vmruns, job.exit_code, job.exit_info_1, job.exit_info_2, job.rip);
	print_case(nr, job.caps);
	print_ends(ends);
}

int main(int argc, char *argv[])
{
	struct itimerval second = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
	u64 vmruns = 1000000, states = 100000;
	const char *lone = NULL;
	int opt;

	setvbuf(stdout, NULL, _IOLBF, 0);
	job.seed = 1;
	while ((opt = getopt(argc, argv, "s:n:k:c:mlH")) != -1) {
		switch (opt) {
		case 's': job.seed = strtoull(optarg, NULL, 0); break;
		case 'n': vmruns = strtoull(optarg, NULL, 0); break;
		case 'k': states = strtoull(optarg, NULL, 0); break;
		case 'c': lone = optarg; break;
		case 'm': job.mode_rule = true; break;
		case 'l': job.cs_left = true; break;
		case 'H': job.hardware = true; break;
		default: return 2;
		}
	}
	vm_open();
	setitimer(ITIMER_REAL, &second, NULL);
	init_arena();
	printf("seed %llu; KVM supports %s; what is impossible in L2's mode: %s\n", job.seed,
	       caps_name(supported), job.mode_rule ? "invalid" : "valid");

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
			printf("%10llu times: %s\n", job.wrongs[i], wrongs[i]);
	if (job.wrong)
		printf("%llu found\n", job.wrong);
	else
		printf("nothing found\n");
	return job.wrong ? 1 : 0;
}
