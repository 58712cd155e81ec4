/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fuzzer's files share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "../vm.h"

#define BATCH		4096	/* cases: with one VM and one CPUID */
#define GOOD_EVERY	8	/* cases: then a VMRUN that has to work */
#define MAX_TRIES	16	/* for an event that gets lost */
#define STUCK		3	/* s without progress */
#define MAX_PRINTED	3	/* cases that are printed, of each kind of wrong */

/* L2's memory: 16 pages, at a multiple of their size. */
enum { CODE, IDT, GDT, STACK, PML4, PDPT, PD, PT, PD32, PT32, PAE_PDPT, PML5,
       N_PML4, N_PDPT, N_PD, N_PT, NR_PAGES };

extern u8 arena[NR_PAGES][4096];
extern u8 bitmaps[4][4096];
extern u8 empty[4096];

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

struct rng {
	u64 state;
};

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

struct field {
	const char *name;
	u16 offset;
	u8 size;
	u8 how;
};

extern const struct field fields[];
extern const u32 nr_fields;

/*
 * A case of VMRUN.
 */
enum kind { EVENT, NEAR, WILD, NO_VMCB, NR_KINDS };

extern const char * const kind_names[];

struct fuzz_case {
	enum kind kind;
	bool compat;
	u32 event_inj;
	u32 event_inj_err;
	u64 vmcb_pa;
	struct vmcb vmcb;	/* without the event */
};

extern struct vmcb good_vmcb[2];	/* in 64-bit and in compatibility mode */

extern u64 good_arena[NR_PAGES][512];	/* as L2 has to leave it, but for its stack */

/* case.c: L2's memory, and all that is random. A value is good, or near that, or anything. */
u64 random64(struct rng *rng);
u32 below(struct rng *rng, u32 n);
u64 get_field(const struct vmcb *vmcb, const struct field *f);
void set_field(struct vmcb *vmcb, const struct field *f, u64 value);
u64 any_value(struct rng *rng, u64 good, u32 bits);
u64 any_address(struct rng *rng, u64 good, bool of_l1);
u64 any_root(struct rng *rng, u64 good);
enum kind any_kind(struct rng *rng);
u32 nr_changes(struct rng *rng, enum kind kind);	/* of fields */
u32 any_event(struct rng *rng);
void mend_roots(struct vmcb *vmcb);
void nested_paging(struct vmcb *vmcb, u64 root);
void copy_vmcb(struct vmcb *to, const struct vmcb *from);
void make_case(u64 seed, u64 nr, struct fuzz_case *c);
void init_arena(void);
void repair_arena(void);

/*
 * What is wrong with a case.
 */
enum wrong {
	LET_IN, NOT_BY_KVM, VALID_REFUSED, UNKNOWN_EXIT, NOT_CLEAN, UNSTEADY, NO_REASON,
	WRONG_HANDLER, L1_ENDS, ENDED, TIMEOUT, DAMAGE, WRONG_ERRNO, STATE_LET_IN,
	STATE_REFUSED, HARMED,
	NR_WRONGS
};

extern const char * const wrongs[];

/* Exit codes up to 0xbf are intercepts by their number; the others after them. */
enum { NPF = 0xc0, BY_CHECKS, LATE_INVALID, OTHER, NR_EXITS };

/* What host and L1 share. */
extern struct job {
	u64 seed;
	u64 nr, end;		/* cases */
	u32 phase;		/* of a case: to be run without its event, with it, ran, over */
	bool again;		/* in the VMRUN that repeats one that was refused late */
	bool entered;		/* without its event it was let in */
	bool mode_rule, hardware, cs_left, lone;
	struct caps caps;	/* the vCPU's: supported and in CPUID */
	u64 vmruns, good;	/* also says that something goes on */
	u64 invalid_events, valid_events, lost, inconclusive;
	u64 exits[NR_EXITS];
	u64 kinds[NR_KINDS];
	u64 wrong, wrongs[NR_WRONGS];
	struct found {
		u64 nr;
		enum wrong wrong;
		u64 exit_code, rip;
	} found[NR_WRONGS * MAX_PRINTED];
	u32 nr_found;
	u64 exit_code, exit_info_1, exit_info_2, rip;	/* of the last VMRUN */
} job;

extern struct fuzz_case current;
extern struct vmcb vmcb12, good_vmcb12;	/* L1's */

/* oracle.c: L1, that runs the cases from job.nr to job.end, and judges them. */
const char *broken_rule(const struct fuzz_case *c, struct caps caps, bool mode_rule);
bool count_wrong(enum wrong wrong);
void found(enum wrong wrong);
void l1_fuzz(u64 arg);

/* How KVM_RUN can end: KVM_EXIT_*, or these. */
enum { END_TIMEOUT = 64, END_ERRNO, NR_ENDS };

/* fuzz.c: the host's side of it. */
void print_vmcb(const struct vmcb *vmcb, const struct vmcb *good);
void print_event(u32 event_inj, u32 err, const char *rule);
void print_replay(const char *prefix, u64 nr);
void print_ends(const u64 *counts);
void check_arena(void);
u32 run_bounded(struct vm *vm);
bool is_call(struct vm *vm, u32 end);
struct caps caps_of(u64 nr);

/* state.c: KVM_SET_NESTED_STATE; lone is one case, or -1. */
void fuzz_state(u64 wanted, long long lone);
