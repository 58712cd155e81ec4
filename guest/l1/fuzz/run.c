// SPDX-License-Identifier: GPL-2.0-only
/* The host's side of VMRUN's cases: VMs for them, how KVM_RUN ends, what to print. */
#include <sys/ioctl.h>
#include "fuzz.h"

struct caps supported;
time_t last_report;

static u64 ends[NR_ENDS];

void print_vmcb(const struct vmcb *vmcb, const struct vmcb *good)
{
	for (u32 i = 0; i < nr_fields; i++) {
		u64 value = get_field(vmcb, &fields[i]), was = get_field(good, &fields[i]);

		if (value != was && fields[i].offset != offsetof(struct vmcb, control.event_inj) &&
		    fields[i].offset != offsetof(struct vmcb, control.event_inj_err))
			printf("    %-22s %#llx, not %#llx\n", fields[i].name,
			       (unsigned long long)value, (unsigned long long)was);
	}
}

void print_event(u32 event_inj, u32 err, const char *rule)
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

void print_replay(const char *prefix, u64 nr)
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
void check_arena(void)
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

struct caps caps_of(u64 nr)
{
	u64 block = nr / BATCH;

	return (struct caps) { .shstk = block & 1, .sev_es = block & 2 };
}

void report_progress(const char *what, u64 done, u64 all)
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
			printf("  %-28s %10llu\n", names[i], (unsigned long long)counts[i]);
		else if (counts[i])
			printf("  KVM_RUN ends: exit reason %-2u %10llu\n", i, (unsigned long long)counts[i]);
}

void fuzz_vmrun(u64 vmruns)
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

void replay_vmrun(u64 nr)
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
