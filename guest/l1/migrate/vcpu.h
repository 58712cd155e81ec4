/* SPDX-License-Identifier: GPL-2.0-only */
/* The vCPU that migrates: its L1 and L2, and what is saved of it and restored. */
#include "../vm.h"

#define SECONDS		20	/* for L2 and L1 to get to their end: ms */
#define ERROR_CODE	0x18

#define TYPE(t)		((u32)(t) << EVENT_INJ_TYPE_SHIFT)
#define EVENT(t, v)	(EVENT_INJ_V | TYPE(t) | (v))

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

struct snapshot {
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs;
	union {
		struct kvm_nested_state nested;
		u8 size[NESTED_STATE_SIZE];
	};
};

#define must(vm, request, arg) do {					\
	if (ioctl((vm)->vcpu, request, arg) < 0)			\
		die(#request);						\
} while (0)

/* All of them die() where KVM fails, but the one that gives errno. */
struct vmcb *nested_vmcb(struct snapshot *s);
void save(struct vm *vm, struct snapshot *s);
/* What has to precede nested state: EFER.SVME is in it. 0 or errno. */
int try_sregs(struct vm *vm, struct snapshot *s);
void restore_sregs(struct vm *vm, struct snapshot *s);
void restore_the_rest(struct vm *vm, struct snapshot *s);
/* The last of it, which KVM may refuse: 0 or errno. */
int try_the_rest(struct vm *vm, struct snapshot *s);
/* All VMs have the program as their memory: what L1 has changed of it. */
void save_memory(struct snapshot *s, u64 top_of_stack);
void restore_memory(void);
/* KVM_RUN up to what L1 or L2 has to say, with the OUT behind it. */
enum vm_exit run(struct vm *vm);
/*
 * A function of KVM; whether KVM_RUN can be stopped there, which takes KPROBES;
 * KVM_RUN up to there, false if it did not come so far.
 */
u64 address_of(const char *function);
bool can_stop_at(u64 address);
bool run_up_to(struct vm *vm, u64 address);
