/* SPDX-License-Identifier: GPL-2.0-only */
/* The vCPU that migrates: its L1 and L2, their memory, and where KVM_RUN stops. */
#include "../vm.h"

#define SECONDS		20	/* for L2 and L1 to get to their end: ms */
#define ERROR_CODE	0x18

enum l1_end {
	L1_RUNS,
	L1_ARRIVED,	/* the event, and then L2 came to its end */
	L1_NO_EVENT,	/* L2 came to its end */
	L1_INVALID,	/* VMEXIT_INVALID, then L2 came to its end */
	L1_LOST_WAY,
};

/* What L1 has seen. */
extern volatile struct seen {
	u64 end;	/* enum l1_end */
	u64 vector;
	u64 error_code;
	bool has_error_code;
	u64 exit_code;
	u64 rip;
	u64 rsp;
	u64 injected, arrived;	/* by l1_injects() */
	bool stop;
} seen;

/* L2's first instruction, and its last one. */
extern const u8 l2_pause[], l2_paused[];

/* Events that KVM is able to take back whenever it has to: none may get lost. */
extern const u32 live_events[4];

/*
 * One L2, which is saved while it runs, or before that if it has an event to get;
 * events without end, until seen.stop.
 */
void l1_runs_l2(u64 event_inj);
void l1_injects(u64 arg);

/* All VMs have the program as their memory: what L1 has changed of it. */
void save_memory(struct snapshot *s, u64 top_of_stack);
void restore_memory(void);
/* KVM_RUN up to what L1 or L2 has to say, with the OUT behind it. */
enum vm_exit run(struct vm *vm);
/*
 * Whether KVM_RUN can be stopped at a function of KVM, which takes KPROBES;
 * KVM_RUN up to there, false if it did not come so far.
 */
bool can_stop_at(u64 address);
bool run_up_to(struct vm *vm, u64 address);
