// SPDX-License-Identifier: GPL-2.0-only
/* Random states for KVM_SET_NESTED_STATE, on a vCPU that runs L2. */
#include "fuzz.h"

static struct snapshot saved;
static u64 state_ends[NR_ENDS];
static u64 calls, accepted, einval, restored, state_invalid, state_valid, state_inconclusive;

static void l1_state(u64 arg)
{
	(void)arg;
	copy_vmcb(&vmcb12, &good_vmcb[0]);
	vmcb12.save.rip = OUT;
	vmrun(&vmcb12);
	for (;;)
		to_host();
}

/* A vCPU that runs L2, which is at VMMCALL; L1, at OUT, is what it returns to. */
static void start_state(struct vm *vm, struct caps cpuid)
{
	struct vmcb *vmcb;

	vm_create(vm, cpuid);
	vm_start(vm, l1_state, 0);
	if (!is_call(vm, run_bounded(vm)))
		errx(2, "L2 does not run: exit reason %u", vm->run->exit_reason);
	vm_complete_call(vm);
	save(vm, &saved);
	if (!(saved.nested.flags & KVM_STATE_NESTED_GUEST_MODE))
		errx(2, "KVM_GET_NESTED_STATE does not see L2");
	saved.regs.rip = ENTRY;
	vmcb = nested_vmcb(&saved);
	vmcb->save.rip = OUT;
	vmcb->control.event_inj = 0;
}

static void restore_state(struct vm *vm)
{
	static struct kvm_nested_state none = {
		.size = sizeof(none), .format = KVM_STATE_NESTED_FORMAT_SVM,
		.flags = KVM_STATE_NESTED_GIF_SET,
	};

	if (vm_set_nested_state(vm, &none))
		errx(2, "KVM_SET_NESTED_STATE: out of guest mode");
	must(set_sregs(vm, &saved), "KVM_SET_SREGS");
	must(set_the_rest(vm, &saved), "KVM_SET_VCPU_EVENTS");
	if (vm_set_nested_state(vm, &saved.nested))
		errx(2, "KVM_SET_NESTED_STATE: the state that it gave");
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
	struct snapshot s;
};

/* As on VMRUN, but that the save area is L1's, who has no page tables against it. */
static void make_state_case(u64 nr, struct state_case *c)
{
	struct rng rng = { job.seed * 0x2545f4914f6cdd1d ^ nr ^ 1ull << 63 };
	struct vmcb *vmcb = nested_vmcb(&c->s);
	bool event;
	u32 n;

	c->s = saved;
	c->kind = any_kind(&rng);
	event = c->kind == EVENT;
	c->event_inj = event || below(&rng, 4) ? any_event(&rng) : 0;
	c->event_inj_err = random64(&rng);
	c->run = !below(&rng, 4);
	n = nr_changes(&rng, c->kind);
	if (!event && !below(&rng, 6))
		vary_header(&rng, &c->s.nested);

	for (; n; n--) {
		u32 way = below(&rng, nr_fields + 2);
		const struct field *f;
		bool in_save;
		u64 value;

		if (way >= nr_fields) {
			if (way == nr_fields)
				nested_paging(vmcb, (u64)arena[N_PML4]);
			else if (!event)
				nested_paging(vmcb, any_root(&rng, (u64)arena[N_PML4]));
			continue;
		}
		f = &fields[way];
		in_save = f->offset >= offsetof(struct vmcb, save);
		/* L1 has no IDT: no exception of its own gets anywhere. */
		if (f->how == NEVER || f->offset == offsetof(struct vmcb, save.idtr.limit) ||
		    (event && in_save && f->how != NO_CHECK))
			continue;
		value = get_field(vmcb, f);
		if (in_save && (strstr(f->name, ".base") || f->how == ADDRESS))
			value = any_address(&rng, value, true);
		else if (!in_save && f->how == MORE_BITS && (event || below(&rng, 2)))
			value |= random64(&rng);
		else if (f->how == NO_CHECK || !event)
			value = any_value(&rng, value, 8 * f->size);
		set_field(vmcb, f, value);
	}
	if (!event && !below(&rng, 8))
		vmcb->save.cr3 = any_root(&rng, vmcb->save.cr3);
	mend_roots(vmcb);
}

static void print_state_case(u64 nr, struct state_case *c, int err)
{
	printf("    returned %d; seed %llu case s%llu, %s, vCPU has %s\n", err, job.seed, nr,
	       kind_names[c->kind], caps_name(job.caps));
	if (memcmp(&c->s.nested, &saved.nested, offsetof(struct kvm_nested_state, data)))
		printf("    header: flags %#x format %u size %u vmcb_pa %#llx\n",
		       c->s.nested.flags, c->s.nested.format, c->s.nested.size, c->s.nested.hdr.svm.vmcb_pa);
	print_event(c->event_inj, c->event_inj_err, event_inj_broken_rule(c->event_inj, job.caps));
	print_vmcb(nested_vmcb(&c->s), nested_vmcb(&saved));
}

static void found_state(enum wrong wrong, u64 nr, struct state_case *c, int err)
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

	nested_vmcb(&c->s)->control.event_inj = event_inj;
	nested_vmcb(&c->s)->control.event_inj_err = c->event_inj_err;
	err = vm_set_nested_state(vm, &c->s.nested);
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
	looked_at = c.s.nested.flags & KVM_STATE_NESTED_GUEST_MODE;
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
	if (c.s.nested.hdr.svm.vmcb_pa >= 1ull << 30)
		return;
	if (err && c.kind != EVENT && !before)
		restore_state(vm);
	job.good++;
	end = run_bounded(vm);
	state_ends[is_call(vm, end) ? KVM_EXIT_IO : end]++;
	if (is_call(vm, end)) {
		vm_complete_call(vm);
		return;
	}
	if (end == END_TIMEOUT)
		found_state(TIMEOUT, nr, &c, err);
	else if (err || c.kind == EVENT)
		found_state(HARMED, nr, &c, err);
	vm_destroy(vm);
	start_state(vm, cpuid);
}

void fuzz_state(u64 wanted, long long lone)
{
	struct caps cpuid;
	struct vm vm;
	u64 nr = lone >= 0 ? (u64)lone : 0;

	while (calls < wanted) {
		cpuid = caps_of(nr);
		job.caps = vcpu_has(cpuid);
		start_state(&vm, cpuid);
		do
			state_case(&vm, nr, cpuid, lone >= 0);
		while (lone < 0 && ++nr % BATCH && calls < wanted);
		vm_destroy(&vm);
		check_arena();
		if (lone >= 0)
			return;
	}
	printf("KVM_SET_NESTED_STATE: seed %llu, %llu cases, %llu calls: %llu accepted, %llu EINVAL; %llu times put back\n",
	       job.seed, nr, calls, accepted, einval, restored);
	printf("KVM_RUN after it:\n");
	print_ends(state_ends);
	printf("events: %llu invalid, %llu valid, %llu with a state that is invalid without, too\n",
	       state_invalid, state_valid, state_inconclusive);
}
