// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of an event that is pending for L2 when a vCPU migrates?
 *
 * A vCPU that runs L2 is saved. An event is edited into the saved EVENTINJ, and
 * the state is restored into a fresh VM, as a VMM does it: with each CPUID,
 * with CPUID set before and after the nested state, and with another CPUID
 * afterwards. Then L2 and L1 run to their end. The same with nothing edited: L1
 * injects the event, KVM takes it back when it is about to enter L2, and in this
 * moment the vCPU is saved. At last L1 injects events that it has to see arrive
 * while its VM migrates again and again.
 *
 * Usage: migrate [none|shstk|sev_es|both [mode]]
 * The first argument is what KVM has to support: something else is an error. mode:
 * on VMRUN, KVM refuses what is impossible in L2's mode, too.
 *
 * KTAP, and a table of what was seen. Exit: 0 all of it as documented, 1 not,
 * 2 an error, such as no nested SVM.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "../../kallsyms.h"
#include "vcpu.h"

#define MAX_TRIES	16	/* an event may get lost on its way */
#define MIGRATIONS	300
#define MIN_PENDING	10	/* of them with an event pending */

/* Each CPUID that the target may have. */
static const struct cpuid {
	const char *name;
	struct caps caps;
} cpuids[] = {
	{ "none", { 0 } },
	{ "shstk", { .shstk = true } },
	{ "sev_es", { .sev_es = true } },
	{ "both", { .shstk = true, .sev_es = true } },
};
#define NR_CPUIDS	4
#define BOTH		3

#define NR_WITHOUT_V	3	/* the last of the events */
#define EXCEPTIONS	4	/* the events with vectors 0 to 31 begin here */

static struct event {
	char name[32];
	u32 event_inj;
} events[] = {
	{ "external-48", EVENT(TYPE_INTR, 0x30) },
	{ "external-2", EVENT(TYPE_INTR, 2) },
	{ "NMI-2", EVENT(TYPE_NMI, 2) },
	{ "NMI-85", EVENT(TYPE_NMI, 0x55) },
	[EXCEPTIONS + 32] =
	{ "exception-32", EVENT(TYPE_EXEPT, 32) },
	{ "exception-45", EVENT(TYPE_EXEPT, 32 + 13) },
	{ "exception-255", EVENT(TYPE_EXEPT, 255) },
	{ "software-128", EVENT(TYPE_SOFT, 0x80) },
	{ "software-6", EVENT(TYPE_SOFT, 6) },
	{ "reserved-1", EVENT(1, 13) },
	{ "reserved-5", EVENT(5, 13) },
	{ "reserved-6", EVENT(6, 13) },
	{ "reserved-7", EVENT(7, 13) },
	{ "UD-reserved-bits", EVENT(TYPE_EXEPT, 6) | EVENT_INJ_RSVD },
	{ "20-reserved-bits", EVENT(TYPE_EXEPT, 20) | EVENT_INJ_RSVD },
	{ "V=0-all-others", ~EVENT_INJ_V },
	{ "V=0-reserved-1", EVENT(1, 2) & ~EVENT_INJ_V },
	{ "V=0-CP", EVENT(TYPE_EXEPT, 21) & ~EVENT_INJ_V },
};
#define NR_EVENTS	((int)(sizeof(events) / sizeof(events[0])))

static struct snapshot saved;
static unsigned int cases, failures, lost;
static u64 at_vmrun, at_entry;	/* where KVM is stopped */
static bool can_stop;
static bool mode_counts;	/* on VMRUN */
static bool nrips;
static char why[256];

/* The result is not what it has to be, because. */
__attribute__((format(printf, 1, 2)))
static enum verdict wrong(const char *what, ...)
{
	va_list ap;

	va_start(ap, what);
	vsnprintf(why, sizeof(why), what, ap);
	va_end(ap);
	return WRONG;
}

__attribute__((format(printf, 2, 3)))
static void report_case(bool ok, const char *name, ...)
{
	va_list ap;

	printf("%sok %u migrate.", ok ? "" : "not ", ++cases);
	va_start(ap, name);
	vprintf(name, ap);
	va_end(ap);
	printf("\n");
	if (!ok)
		printf("# %s\n", why);
	failures += !ok;
	why[0] = '\0';
}

/*
 * An event whose delivery faults, as it does in a fresh VM, has to be injected
 * again. KVM never does so with #VC, and with soft events only if it has NRIPS.
 */
static bool may_get_lost(u32 event_inj)
{
	return is_exception_of(event_inj, 1u << 29) ||
	       (!nrips && (TYPE_OF(event_inj) == TYPE_SOFT ||
			   is_exception_of(event_inj, 1u << 3 | 1u << 4)));
}

static void edit(struct snapshot *s, u32 event_inj)
{
	*s = saved;
	nested_vmcb(s)->control.event_inj = event_inj;
	nested_vmcb(s)->control.event_inj_err = event_inj & EVENT_INJ_EV ? ERROR_CODE : 0;
	nested_vmcb(s)->control.next_rip = (u64)l2_paused;
	/* An event is pending because L2 did not start after VMRUN. */
	if (event_inj & EVENT_INJ_V)
		s->nested.flags |= KVM_STATE_NESTED_RUN_PENDING;
}

/* L2 and L1 to their end. */
static enum verdict run_to_the_end(struct vm *vm, u32 event_inj)
{
	struct kvm_regs regs;
	enum vm_exit end;

	restore_memory();
	seen.end = L1_RUNS;
	end = run(vm);
	if (end != VM_CALL)
		return wrong("KVM_RUN ended with %s, exit reason %u",
			     end == VM_SIGNAL ? "the alarm" : "no call", vm->run->exit_reason);
	switch (seen.end) {
	case L1_ARRIVED:
		if (seen.vector != vector_of(event_inj))
			return wrong("vector %u arrived", (u32)seen.vector);
		if (seen.has_error_code && seen.error_code !=
		    (event_inj & EVENT_INJ_EV ? ERROR_CODE : 0))
			return wrong("error code %#x arrived", (u32)seen.error_code);
		return ARRIVED;
	case L1_NO_EVENT:
		return NO_EVENT;
	case L1_INVALID:
		return INVALID;
	case L1_RUNS:
		/* A soft event without NRIPS: KVM skips to the RIP behind an old OUT. */
		if (may_get_lost(event_inj))
			return NO_EVENT;
		must_ioctl(vm->vcpu, KVM_GET_REGS, &regs);
		return wrong("L2 did not come to its end: RIP %#llx, l2_paused is %#llx",
			     regs.rip, (u64)l2_paused);
	default:
		return wrong("L2 ended at l2_paused%+lld, RSP at the top%+lld, with exit code %#llx",
			     (long long)(seen.rip - (u64)l2_paused),
			     (long long)(seen.rsp - L2_STACK_TOP), seen.exit_code);
	}
}

/*
 * KVM_SET_NESTED_STATE; WRONG if it fails and leaves its mark, or what
 * KVM_GET_NESTED_STATE makes of it is not what went in.
 */
static enum verdict set_nested_state(struct vm *vm, struct snapshot *s)
{
	const struct vmcb_control *in = &nested_vmcb(s)->control;
	static struct snapshot before, after;
	const struct vmcb_control *out = &nested_vmcb(&after)->control;
	int err;

	save(vm, &before);
	err = vm_set_nested_state(vm, &s->nested);
	save(vm, &after);
	if (err && memcmp(&before, &after, sizeof(before)))
		return wrong("KVM_SET_NESTED_STATE failed and changed the vCPU");
	if (err)
		return err == EINVAL ? EINVALID : wrong("KVM_SET_NESTED_STATE: %s", strerror(err));
	if (!(in->event_inj & EVENT_INJ_V))
		return out->event_inj & EVENT_INJ_V ? wrong("an event out of nothing") : ACCEPTED;
	if ((in->event_inj ^ out->event_inj) & ~EVENT_INJ_RSVD ||
	    in->event_inj_err != out->event_inj_err || s->nested.flags != after.nested.flags)
		return wrong("KVM_GET_NESTED_STATE returns EVENTINJ %#x, was %#x",
			     out->event_inj, in->event_inj);
	return ACCEPTED;
}

/*
 * A refused event is no harm: without it, the vCPU goes on, even if it is
 * refused once more while L2 is active.
 */
static enum verdict go_on_without(struct vm *vm, u32 event_inj)
{
	static struct snapshot s;
	enum verdict result;

	edit(&s, 0);
	result = set_nested_state(vm, &s);
	if (result != ACCEPTED)
		return result == WRONG ? WRONG : wrong("refused without an event, too");
	must(set_the_rest(vm, &s), "KVM_SET_VCPU_EVENTS");
	edit(&s, event_inj);
	result = set_nested_state(vm, &s);
	if (result != EINVALID)
		return result == WRONG ? WRONG : wrong("not refused while L2 is active");
	result = run_to_the_end(vm, 0);
	if (result != NO_EVENT)
		return result == WRONG ? WRONG : wrong("an event arrived that was refused");
	return EINVALID;
}

/* The event in a vCPU that has all it needs: what becomes of it. */
static enum verdict restore(struct vm *vm, u32 event_inj, struct caps cpuid)
{
	static struct snapshot s;
	enum verdict result = WRONG;

	for (int n = 0; n < MAX_TRIES; n++) {
		edit(&s, event_inj);
		must(set_sregs(vm, &s), "KVM_SET_SREGS");
		result = set_nested_state(vm, &s);
		if (result == EINVALID && !n)
			return go_on_without(vm, event_inj);
		if (result != ACCEPTED)
			return result == WRONG ? WRONG : wrong("refused when tried again");
		must(set_the_rest(vm, &s), "KVM_SET_VCPU_EVENTS");
		result = run_to_the_end(vm, event_inj);
		/* What comes of an event that was not to be let in is no news. */
		if (event_inj_broken_rule(event_inj, vcpu_has(cpuid)))
			return result == ARRIVED ? ARRIVED : ACCEPTED;
		if (result != NO_EVENT || !may_get_lost(event_inj))
			return result;
		lost++;
	}
	return result;
}

static enum verdict documented(u32 event_inj, struct caps cpuid)
{
	if (!(event_inj & EVENT_INJ_V))
		return NO_EVENT;
	return event_inj_broken_rule(event_inj, vcpu_has(cpuid)) ? EINVALID : ARRIVED;
}

/*
 * A case, named after the result that it has to have; early is that of the
 * attempt before, if it counts, with a dot.
 */
static void judge(enum verdict expected, const char *how, const struct event *event,
		  struct caps cpuid, const char *early, enum verdict result)
{
	/* Exceptions that a CPU may refuse although KVM lets them through. */
	static const u32 refusable = 1u << 4 | 1u << 5 | 1u << 21 | 1u << 28 | 1u << 29 | 1u << 30;
	bool ok = result == expected || (result == INVALID && expected == ARRIVED &&
					 is_exception_of(event->event_inj, refusable));

	if (!ok && result != WRONG)
		wrong("%s, should be: %s (%s)", verdict_names[result], verdict_names[expected],
		      event_inj_broken_rule(event->event_inj, vcpu_has(cpuid)) ?: "valid");
	report_case(ok, "%s.%s.%s%s", how, event->name, early, verdict_names[expected]);
}

/*
 * CPUID, then nested state. With early, nested state comes before that, too, which
 * fails for want of SVM: some KVMs do not even take EFER.SVME. Then with a CPUID
 * that has no feature, if that is not enough for the event.
 */
static enum verdict restore_fresh(u32 event_inj, struct caps cpuid, enum verdict *early)
{
	static struct snapshot s;
	enum verdict result = EINVALID;
	struct vm vm;

	vm_create_bare(&vm);
	edit(&s, event_inj);
	if (early) {
		set_sregs(&vm, &s);
		result = *early = set_nested_state(&vm, &s);
		if (result == ACCEPTED)
			result = wrong("KVM_SET_NESTED_STATE does not fail without CPUID");
	}
	if (early && result == EINVALID &&
	    event_inj_broken_rule(event_inj, vcpu_has(cpuids[0].caps))) {
		vm_set_cpuid(&vm, cpuids[0].caps);
		must(set_sregs(&vm, &s), "KVM_SET_SREGS");
		result = set_nested_state(&vm, &s);
		if (result == ACCEPTED)
			result = wrong("not refused with a CPUID without features");
	}
	if (result == EINVALID) {
		vm_set_cpuid(&vm, cpuid);
		result = restore(&vm, event_inj, cpuid);
	}
	vm_destroy(&vm);
	return result;
}

/*
 * CPUID with both features, nested state, CPUID without: KVM refuses the
 * latter, or takes it before the first KVM_RUN. It has accepted the event, which
 * arrives in any case.
 */
static enum verdict cpuid_changed(u32 event_inj, int *err)
{
	static struct snapshot s;
	enum verdict result;
	struct vm vm;

	vm_create(&vm, cpuids[BOTH].caps);
	edit(&s, event_inj);
	must(set_sregs(&vm, &s), "KVM_SET_SREGS");
	*err = 0;
	result = set_nested_state(&vm, &s);
	if (result == ACCEPTED) {
		*err = vm_try_cpuid(&vm, cpuids[0].caps);
		must(set_the_rest(&vm, &s), "KVM_SET_VCPU_EVENTS");
		result = run_to_the_end(&vm, event_inj);
		if (result == NO_EVENT && may_get_lost(event_inj)) {
			lost++;
			result = ARRIVED;
		}
	}
	vm_destroy(&vm);
	if (*err && *err != EINVAL)
		return wrong("KVM_SET_CPUID2: %s", strerror(*err));
	return result;
}

/* One line for neighbours of which everything is the same; NULL at the end. */
static void print_row(const struct event *event, const char *row)
{
	static const struct event *first, *last;
	static char first_row[128];
	char name[80];

	if (event && first && !strcmp(row, first_row)) {
		last = event;
		return;
	}
	if (first) {
		snprintf(name, sizeof(name), "%s%s%s", first->name,
			 first == last ? "" : " .. ", first == last ? "" : last->name);
		printf("# | %-34s%s\n", name, first_row);
	}
	first = last = event;
	snprintf(first_row, sizeof(first_row), "%s", row);
}

static void test_event(const struct event *event)
{
	bool refused = documented(event->event_inj, cpuids[0].caps) == EINVALID;
	enum verdict result, all_early = EINVALID;
	char row[128] = "", how[32];

	for (int i = 0; i < 2 * NR_CPUIDS; i++) {
		const struct cpuid *cpuid = &cpuids[i % NR_CPUIDS];
		bool second = i >= NR_CPUIDS;
		enum verdict early = EINVALID;

		result = restore_fresh(event->event_inj, cpuid->caps, second ? &early : NULL);
		snprintf(how, sizeof(how), "cpuid-%s.%s", second ? "second" : "first", cpuid->name);
		judge(documented(event->event_inj, cpuid->caps), how, event, cpuid->caps,
		      second && refused ? "EINVAL." : "", result);
		if (!second)
			snprintf(row + strlen(row), sizeof(row) - strlen(row), " %-9s",
				 verdict_names[result]);
		else if (early != EINVALID)
			all_early = early;
	}
	snprintf(row + strlen(row), sizeof(row) - strlen(row), " %s", verdict_names[all_early]);
	print_row(event, row);
}

static void test_changed_cpuid(const struct event *event)
{
	enum verdict result;
	int err;

	result = cpuid_changed(event->event_inj, &err);
	judge(documented(event->event_inj, cpuids[BOTH].caps), "cpuid-changed", event,
	      cpuids[BOTH].caps, "", result);
	if (result != EINVALID)
		printf("# | %s pending, then KVM_SET_CPUID2 without features: %s; KVM_RUN: %s\n",
		       event->name, err ? strerror(err) : "succeeds", verdict_names[result]);
}

/*
 * L1's VMRUN with the event, which KVM has put into vmcb02 and, as a signal is
 * pending when it is about to enter L2, taken out of it again.
 */
static enum verdict take_back(struct vm *vm, u32 event_inj, struct snapshot *s)
{
	const struct vmcb_control *control = &nested_vmcb(s)->control;
	struct kvm_regs start;

	vm_create(vm, cpuids[BOTH].caps);
	vm_start(vm, l1_runs_l2, event_inj);
	must_ioctl(vm->vcpu, KVM_GET_REGS, &start);
	if (!run_up_to(vm, at_vmrun))
		return wrong("KVM_RUN did not end at VMRUN");
	save(vm, s);
	if (!(s->nested.flags & KVM_STATE_NESTED_GUEST_MODE))
		return EINVALID;
	if (!run_up_to(vm, at_entry))
		return wrong("KVM_RUN did not end where KVM enters L2");
	save(vm, s);
	save_memory(s, start.rsp);
	if (!(s->nested.flags & KVM_STATE_NESTED_RUN_PENDING) ||
	    (control->event_inj ^ event_inj) & ~EVENT_INJ_RSVD)
		return wrong("nested state has EVENTINJ %#x, flags %#x", control->event_inj,
			     s->nested.flags);
	return ACCEPTED;
}

/* As saved, into a fresh VM, with what KVM_SET_VCPU_EVENTS sets before or after nested state. */
static enum verdict restore_as_saved(u32 event_inj, struct snapshot *s, bool events_first)
{
	enum verdict result = WRONG;
	struct vm vm;
	int err;

	vm_create(&vm, cpuids[BOTH].caps);
	for (int n = 0; n < MAX_TRIES; n++) {
		must(set_sregs(&vm, s), "KVM_SET_SREGS");
		err = events_first && set_the_rest(&vm, s);
		result = set_nested_state(&vm, s);
		if (!events_first && result == ACCEPTED)
			err = set_the_rest(&vm, s);
		if (err)
			result = UNMIGRATABLE;
		if (result != ACCEPTED)
			break;
		result = run_to_the_end(&vm, event_inj);
		if (result != NO_EVENT || !may_get_lost(event_inj))
			break;
		lost++;
	}
	vm_destroy(&vm);
	return result;
}

static void test_taken_back(const struct event *event)
{
	enum verdict result, other, here = EINVALID;
	static struct snapshot s;
	unsigned int before;
	char row[128];
	struct vm vm;

	result = take_back(&vm, event->event_inj, &s);
	before = lost;
	if (result == ACCEPTED) {
		/* Of what goes wrong in the VM that nobody has saved, nobody is told. */
		here = run_to_the_end(&vm, event->event_inj);
		why[0] = '\0';
		other = restore_as_saved(event->event_inj, &s, true);
		result = restore_as_saved(event->event_inj, &s, false);
		if (result == ARRIVED && other != result)
			result = wrong("%s, but with KVM_SET_VCPU_EVENTS first: %s",
				       verdict_names[result], verdict_names[other]);
	}
	vm_destroy(&vm);
	snprintf(row, sizeof(row), " %-9s %s%s", verdict_names[here], verdict_names[result],
		 lost == before ? "" : ", but not at once");
	print_row(event, row);
	judge(mode_counts && event_inj_impossible(event->event_inj, true) ? EINVALID :
	      documented(event->event_inj, cpuids[BOTH].caps), "taken-back", event,
	      cpuids[BOTH].caps, "", result);
}

/* What a signal that comes just before KVM_RUN has to stop, too. */
static struct kvm_run *volatile running;

static void on_alarm(int signal)
{
	(void)signal;
	if (running)
		running->immediate_exit = 1;
}

/*
 * The whole way: a signal stops KVM_RUN anywhere, and the VM goes on in a fresh
 * one. No event may get lost or arrive twice.
 */
static void test_live(void)
{
	struct itimerval soon = { 0 }, never = { 0 };
	unsigned int pending = 0, n = 0, stuck = 0;
	time_t start = time(NULL);
	static struct snapshot s;
	enum vm_exit end;
	struct vm vm;

	vm_create(&vm, cpuids[BOTH].caps);
	vm_start(&vm, l1_injects, 0);
	for (;;) {
		u64 injected = seen.injected;

		/* 3 to 18 ms: long enough to get somewhere, and not always there. */
		soon.it_value.tv_usec = (3000 + n % 16 * 1000) << (stuck < 5 ? stuck : 5);
		running = vm.run;
		setitimer(ITIMER_REAL, &soon, NULL);
		end = vm_run(&vm);
		setitimer(ITIMER_REAL, &never, NULL);
		running = NULL;
		stuck = seen.injected == injected ? stuck + 1 : 0;
		if (end != VM_SIGNAL)
			break;
		save(&vm, &s);
		vm_destroy(&vm);
		vm_create(&vm, cpuids[BOTH].caps);
		must(set_sregs(&vm, &s), "KVM_SET_SREGS");
		if (vm_set_nested_state(&vm, &s.nested)) {
			wrong("migration %u: KVM_SET_NESTED_STATE failed", n);
			break;
		}
		if (time(NULL) - start > 2 * SECONDS) {
			wrong("L1 does not come to its end");
			break;
		}
		must(set_the_rest(&vm, &s), "KVM_SET_VCPU_EVENTS");

		n++;
		pending += nested_vmcb(&s)->control.event_inj & EVENT_INJ_V &&
			   !s.events.exception.injected && !s.events.interrupt.injected &&
			   !s.events.nmi.injected;
		seen.stop = (n >= MIGRATIONS && pending >= MIN_PENDING) ||
			    time(NULL) - start > SECONDS;
	}
	if (end == VM_OTHER)
		wrong("KVM_RUN ended with exit reason %u", vm.run->exit_reason);
	else if (!why[0] && seen.arrived != seen.injected)
		wrong("%u of %u events arrived", (u32)seen.arrived, (u32)seen.injected);
	else if (!why[0] && !pending)
		wrong("no migration had an event pending");
	vm_destroy(&vm);
	report_case(!why[0], "live");
	printf("# | %u of %u events arrived; the VM migrated %u times, %u of them with an event pending in nested state only\n",
	       (u32)seen.arrived, (u32)seen.injected, n, pending);
}

static void name_exceptions(void)
{
	/* Those with an error code on every CPU. */
	static const u32 error_codes = 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 |
				       1u << 17 | 1u << 21 | 1u << 29 | 1u << 30;

	for (u32 v = 0; v < 32; v++) {
		struct event *event = &events[EXCEPTIONS + v];
		const char *name = exception_name(v);

		snprintf(event->name, sizeof(event->name), "exception-%u%s%s", v,
			 name ? "-" : "", name ? name + 1 : "");
		event->event_inj = EVENT(TYPE_EXEPT, v) |
				   (error_codes >> v & 1 ? EVENT_INJ_EV : 0);
	}
}

/* KVM's own idea of NRIPS: the CPU's, and its module parameter. */
static bool kvm_has_nrips(void)
{
	FILE *f = fopen("/sys/module/kvm_amd/parameters/nrips", "re");
	int c = f ? getc(f) : 'N';

	if (f)
		fclose(f);
	return c == 'Y' || c == '1';
}

static void save_l2(void)
{
	struct kvm_regs start;
	struct vm vm;

	vm_create(&vm, cpuids[BOTH].caps);
	vm_start(&vm, l1_runs_l2, 0);
	must_ioctl(vm.vcpu, KVM_GET_REGS, &start);
	vm_call(&vm, SECONDS, "L2");
	vm_complete_call(&vm);
	save(&vm, &saved);
	save_memory(&saved, start.rsp);
	vm_destroy(&vm);
	if (!(saved.nested.flags & KVM_STATE_NESTED_GUEST_MODE) ||
	    saved.regs.rip != (u64)l2_paused)
		errx(2, "the vCPU was not saved in L2");
}

int main(int argc, char *argv[])
{
	static const int changed[] = { EXCEPTIONS + 13, EXCEPTIONS + 21, EXCEPTIONS + 29 };
	const char *kvm = NULL;
	int nr_taken_back;

	setvbuf(stdout, NULL, _IOLBF, 0);
	vm_open();
	for (int i = 0; i < NR_CPUIDS; i++)
		if (!memcmp(&cpuids[i].caps, &supported, sizeof(supported)))
			kvm = cpuids[i].name;
	nrips = kvm_has_nrips();
	if (argc > 1 && strcmp(argv[1], kvm))
		errx(2, "KVM supports %s, not %s", kvm, argv[1]);
	mode_counts = argc > 2 && !strcmp(argv[2], "mode");
	sigaction(SIGALRM, &(struct sigaction) { .sa_handler = on_alarm }, NULL);

	name_exceptions();
	at_vmrun = address_of("nested_svm_vmrun");
	at_entry = address_of("svm_prepare_switch_to_guest");
	if (!at_vmrun || !at_entry)
		errx(2, "/proc/kallsyms lacks nested_svm_vmrun() or svm_prepare_switch_to_guest()");
	can_stop = can_stop_at(at_entry);
	nr_taken_back = can_stop ? NR_EVENTS - NR_WITHOUT_V : 0;
	printf("TAP version 13\n1..%d\n",
	       NR_EVENTS * NR_CPUIDS * 2 + 3 + (nr_taken_back ?: 1) + 1);
	save_l2();
	printf("# | KVM supports %-22sCPUID has                               nested state\n", kvm);
	printf("# | event                              none      shstk     sev_es    both      before CPUID\n");
	for (int i = 0; i < NR_EVENTS; i++)
		test_event(&events[i]);
	print_row(NULL, "");
	for (int i = 0; i < 3; i++)
		test_changed_cpuid(&events[changed[i]]);
	printf("# | taken back before L2 was entered%s\n",
	       can_stop ? "   goes on   restored" :
			  ": not tried, the kernel has no KPROBES");
	if (!can_stop)
		report_case(true, "taken-back # SKIP the kernel has no KPROBES");
	for (int i = 0; i < nr_taken_back; i++)
		test_taken_back(&events[i]);
	print_row(NULL, "");
	test_live();
	printf("# | %u cases, %u failed; %u times a soft event or #VC had to be restored again, as KVM lost it\n",
	       cases, failures, lost);
	return failures ? 1 : 0;
}
