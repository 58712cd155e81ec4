// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VMRUN costs L1, by its TSC: from L1 to L2's first instruction, a
 * VMMCALL, and back, or to the refusal and back. For QEMU with -icount, where
 * the TSC counts the instructions of L0, L1 and L2 and repeats exactly.
 *
 * Prints a line a case: "bench NAME RESULT MINIMUM MEDIAN". RESULT says what
 * became of the event. Interrupts of the host make some runs longer; the
 * minimum and the median are the same unless that happens all the time.
 */
#include <stdio.h>
#include <stdlib.h>
#include "vm.h"

#define WARM_UP		32
#define RUNS		201

#define SECONDS		600
#define EXEPT		EVENT(TYPE_EXEPT, 0)

static const struct bench {
	const char *name;
	u32 event_inj;
	struct caps caps;
	bool compat;
} benches[] = {
	{ "none", 0, { 0 }, false },
	{ "none-garbage", 0x7fffffff, { 0 }, false },
	{ "interrupt", EVENT(TYPE_INTR, 0x80), { 0 }, false },
	{ "nmi", EVENT(TYPE_NMI, 0), { 0 }, false },
	{ "ud", EXEPT | 6, { 0 }, false },
	{ "gp", EXEPT | EVENT_INJ_EV | 13, { 0 }, false },
	{ "of-compat", EXEPT | 4, { 0 }, true },
	{ "cp", EXEPT | EVENT_INJ_EV | 21, { .shstk = true }, false },
	{ "vc", EXEPT | EVENT_INJ_EV | 29, { .sev_es = true }, false },
	{ "software", EVENT(TYPE_SOFT, 0x80), { 0 }, false },
	{ "reserved-type", EVENT(1, 0), { 0 }, false },
	{ "reserved-vector", EXEPT | 9, { 0 }, false },
	{ "large-vector", EXEPT | 32, { 0 }, false },
	{ "cp-without-shstk", EXEPT | 21, { 0 }, false },
	{ "vc-without-sev-es", EXEPT | 29, { 0 }, false },
	{ "of-64bit", EXEPT | 4, { 0 }, false },
};

static struct vmcb vmcb12 __attribute__((aligned(4096)));
static volatile u64 cycles[RUNS];

static u64 rdtsc(void)
{
	u32 low, high;

	/* Under emulation, nothing is out of order. */
	asm volatile("rdtsc" : "=a" (low), "=d" (high) : : "memory");
	return (u64)high << 32 | low;
}

static void l1_bench(u64 nr)
{
	const struct bench *bench = &benches[nr];
	struct vmcb_seg cs;

	l1_init_vmcb(&vmcb12, bench->compat);
	cs = vmcb12.save.cs;
	for (int i = -WARM_UP; i < RUNS; i++) {
		u64 start;

		l1_set_event(&vmcb12, &cs, bench->event_inj);
		start = rdtsc();
		vmrun(&vmcb12);
		start = rdtsc() - start;
		if (i >= 0)
			cycles[i] = start;
	}
	to_host();
}

static int compare(const void *a, const void *b)
{
	u64 left = *(const u64 *)a, right = *(const u64 *)b;

	return left < right ? -1 : left > right;
}

/* Of the last run; where hardware refuses, KVM let the event pass. */
static const char *result(u32 event_inj)
{
	const struct vmcb_control *control = &vmcb12.control;
	enum verdict verdict = l1_verdict(&vmcb12, event_inj);

	if (verdict == REFUSED && (control->exit_info_1 || control->exit_info_2))
		verdict = WRONG;
	return verdict == LOST ? "entered" : verdict_names[verdict];
}

int main(void)
{
	vm_open();
	for (u64 i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
		const struct bench *bench = &benches[i];
		struct vm vm;

		if ((bench->caps.shstk && !supported.shstk) ||
		    (bench->caps.sev_es && !supported.sev_es)) {
			printf("bench %s skipped 0 0\n", bench->name);
			continue;
		}
		vm_create(&vm, bench->caps);
		vm_start(&vm, l1_bench, i);
		vm_call(&vm, SECONDS, bench->name);
		vm_destroy(&vm);
		qsort((void *)cycles, RUNS, sizeof(cycles[0]), compare);
		printf("bench %s %s %llu %llu\n", bench->name, result(bench->event_inj),
		       cycles[0], cycles[RUNS / 2]);
	}
	return 0;
}
