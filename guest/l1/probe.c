// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the KVM of this host check EVENTINJ on nested VMRUN?
 *
 * One static binary for any x86-64 Linux, for an ordinary user with access to
 * /dev/kvm. It asks a VM of its own, which is gone with it. Every encoding with
 * V=1 is tried on VMRUN, with L2 in 64-bit and in compatibility mode, and in
 * KVM_SET_NESTED_STATE, where no CPU can answer for KVM.
 *
 * Usage: probe [-m | -k]
 *   -m  the verdicts for every CPUID, in the form that the judge reads: for none of
 *       #CP's and #VC's features all, for the others those on exceptions
 *   -k  tries all of it again, in the same VMs, for each line that it reads
 *
 * Exit: 0 checked, 1 not checked, 3 hardware only, 4 the probe cannot tell,
 * 2 an error; with -m 0, or 2.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "vm.h"

#define NR_ENCODINGS	4096	/* VECTOR, TYPE and EV */
#define MAX_TRIES	16	/* an event may get lost on its way */
#define SECONDS		60	/* for a sweep: about 1 s under emulation */

enum path { STATE, VMRUN_64BIT, VMRUN_COMPAT, NR_PATHS };

static const char * const path_names[] = { "set_nested_state", "vmrun_64bit", "vmrun_compat" };

enum exit_code { CHECKED = 0, NOT_CHECKED = 1, HARDWARE_ONLY = 3, UNKNOWN = 4 };

static const char * const type_names[8] = {
	"external", "reserved", "NMI", "exception", "software", "reserved",
	"reserved", "reserved",
};

static struct vmcb vmcb12 __attribute__((aligned(4096)));
static volatile u8 verdicts[NR_PATHS][NR_ENCODINGS];
/* What to try: all, or exceptions only. */
static bool exceptions_only;
/* The VMs stay, for the next time. */
static bool keep;

static bool is_tried(u32 encoding)
{
	return !exceptions_only || TYPE_OF(encoding) == TYPE_EXEPT;
}

static enum verdict l1_vmrun(const struct vmcb_seg *cs, u32 event_inj)
{
	l1_set_event(&vmcb12, cs, event_inj);
	vmrun(&vmcb12);
	return l1_verdict(&vmcb12, event_inj);
}

static void l1_sweep(u64 path)
{
	struct vmcb_seg cs;

	l1_init_vmcb(&vmcb12, path == VMRUN_COMPAT);
	cs = vmcb12.save.cs;
	/* Have all pages mapped: a fault may cost an event. */
	for (int i = 0; i < MAX_TRIES; i++)
		l1_vmrun(&cs, EVENT(TYPE_EXEPT, 6));

	for (u32 i = 0; i < NR_ENCODINGS; i++) {
		enum verdict verdict = LOST;

		if (!is_tried(i))
			continue;
		for (int n = 0; n < MAX_TRIES && verdict == LOST; n++)
			verdict = l1_vmrun(&cs, EVENT_INJ_V | i);
		verdicts[path][i] = verdict;
	}
	to_host();
}

static void l2_call_host(void)
{
	to_host();
}

static void l1_run_l2(u64 arg)
{
	(void)arg;
	l1_init_vmcb(&vmcb12, false);
	vmcb12.save.rip = (u64)l2_call_host;
	vmcb12.save.rsp -= sizeof(u64);
	vmrun(&vmcb12);
}

static void leave(struct vm *vm)
{
	if (keep)
		return;
	vm_destroy(vm);
	vm->run = NULL;
}

static void sweep_vmrun(struct caps caps, enum path path)
{
	static struct vm vms[NR_PATHS];
	struct vm *vm = &vms[path];

	if (!vm->run)
		vm_create(vm, caps);
	vm_start(vm, l1_sweep, path);
	vm_call(vm, SECONDS, "VMRUN");
	leave(vm);
}

static void sweep_state(struct caps caps)
{
	static struct snapshot s;
	static struct vm vm;

	if (!vm.run) {
		vm_create(&vm, caps);
		vm_start(&vm, l1_run_l2, 0);
		vm_call(&vm, SECONDS, "L2");
		save(&vm, &s);
		if (!(s.nested.flags & KVM_STATE_NESTED_GUEST_MODE))
			errx(2, "KVM_GET_NESTED_STATE does not see L2");
	}

	for (u32 i = 0; i < NR_ENCODINGS; i++) {
		int err;

		if (!is_tried(i))
			continue;
		nested_vmcb(&s)->control.event_inj = EVENT_INJ_V | i;
		err = vm_set_nested_state(&vm, &s.nested);
		verdicts[STATE][i] = !err ? ACCEPTED : err == EINVAL ? EINVALID : WRONG;
	}
	leave(&vm);
}

/* EV makes no difference; if it does, that is wrong. */
static enum verdict verdict_of(enum path path, u32 type, u32 vector)
{
	u32 i = type << EVENT_INJ_TYPE_SHIFT | vector;
	enum verdict verdict = verdicts[path][i];

	return verdicts[path][i | EVENT_INJ_EV] == verdict ? verdict : WRONG;
}

static const char *should_be(u32 type, u32 vector, struct caps caps)
{
	u32 event_inj = EVENT(type, vector);
	const char *rule = event_inj_broken_rule(event_inj, caps);

	/* #OF and #BR. */
	if (!rule && event_inj_impossible(event_inj, true) && !event_inj_impossible(event_inj, false))
		return "valid unless 64-bit";
	return rule ?: "valid";
}

/* One line for neighbours of which everything is the same. */
static bool same_row(u32 type, u32 a, u32 b, struct caps caps)
{
	for (int path = 0; path < NR_PATHS; path++)
		if (verdict_of(path, type, a) != verdict_of(path, type, b))
			return false;
	if (type == TYPE_EXEPT && (exception_name(a) || exception_name(b)))
		return false;
	return !strcmp(should_be(type, a, caps), should_be(type, b, caps));
}

static void print_matrix(struct caps caps)
{
	printf("\n  type        vector   64-bit      compat      state     should be\n");
	for (u32 type = 0; type < 8; type++) {
		for (u32 v = 0, end; v < 256; v = end) {
			const char *name = type == TYPE_EXEPT ? exception_name(v) : NULL;
			char vector[16];

			for (end = v + 1; end < 256 && same_row(type, v, end, caps);)
				end++;
			if (end > v + 1)
				snprintf(vector, sizeof(vector), "%u-%u", v, end - 1);
			else
				snprintf(vector, sizeof(vector), "%u %s", v, name ?: "");
			printf("  %u %-9s %-8s %-11s %-11s %-9s %s\n", type,
			       type_names[type], vector,
			       verdict_names[verdict_of(VMRUN_64BIT, type, v)],
			       verdict_names[verdict_of(VMRUN_COMPAT, type, v)],
			       verdict_names[verdict_of(STATE, type, v)],
			       should_be(type, v, caps));
		}
	}
}

static void sweep(struct caps caps)
{
	sweep_vmrun(caps, VMRUN_64BIT);
	sweep_vmrun(caps, VMRUN_COMPAT);
	sweep_state(caps);
}

/* A line for each path and type that was tried. */
static void print_for_judge(const char *cpuid)
{
	for (enum path path = 0; path < NR_PATHS; path++) {
		for (u32 type = 0; type < 8; type++) {
			if (!is_tried(type << EVENT_INJ_TYPE_SHIFT))
				continue;
			printf("matrix: %s.%s: type %u:", cpuid, path_names[path], type);
			for (u32 v = 0, end; v < 256; v = end) {
				enum verdict verdict = verdict_of(path, type, v);

				for (end = v + 1; end < 256 && verdict_of(path, type, end) == verdict;)
					end++;
				printf("%s %u", v ? "," : "", v);
				if (end > v + 1)
					printf("-%u", end - 1);
				printf(" %s", verdict_names[verdict]);
			}
			printf("\n");
		}
	}
}

static int matrix_for_judge(void)
{
	static const char * const cpuids[] = { "none", "shstk", "sev_es", "shstk_sev_es" };

	for (u32 i = 0; i < 4; i++) {
		exceptions_only = i;
		sweep((struct caps) { .shstk = i & 1, .sev_es = i & 2 });
		print_for_judge(cpuids[i]);
	}
	return 0;
}

static bool is_refused(enum verdict verdict)
{
	return verdict == REFUSED || verdict == CPU_REFUSED;
}

/* Prints what was seen with this CPUID, and judges it. */
static enum exit_code judge(struct caps caps)
{
	unsigned int invalid = 0, passed = 0, ran = 0, by_cpu = 0, refused = 0, odd = 0, unknown = 0;

	sweep(caps);

	for (u32 i = 0; i < NR_ENCODINGS; i++) {
		enum verdict in_64bit = verdicts[VMRUN_64BIT][i];
		enum verdict in_compat = verdicts[VMRUN_COMPAT][i];

		if (event_inj_broken_rule(EVENT_INJ_V | i, caps)) {
			invalid++;
			passed += verdicts[STATE][i] == ACCEPTED;
			ran += !is_refused(in_64bit) || !is_refused(in_compat);
			by_cpu += in_64bit == CPU_REFUSED || in_compat == CPU_REFUSED;
		} else {
			refused += verdicts[STATE][i] == EINVALID;
		}
		unknown += verdicts[STATE][i] != ACCEPTED && verdicts[STATE][i] != EINVALID;
		for (int path = 0; path < NR_PATHS; path++)
			odd += verdicts[path][i] == WRONG || verdicts[path][i] == LOST;
	}

	printf("\nGuest CPUID: %s\n", caps_name(caps));
	print_matrix(caps);
	printf("\nKVM_SET_NESTED_STATE takes %u of %u invalid encodings, VMRUN %u, and the CPU refuses %u; KVM_SET_NESTED_STATE refuses %u of %u valid ones\n",
	       passed, invalid, ran, by_cpu, refused, NR_ENCODINGS - invalid);
	if (odd)
		printf("%u results are none of the expected ones\n", odd);

	if (refused || unknown)
		return UNKNOWN;
	if (!passed)
		return ran || by_cpu ? UNKNOWN : CHECKED;
	if (ran)
		return NOT_CHECKED;
	return by_cpu ? HARDWARE_ONLY : UNKNOWN;
}

int main(int argc, char *argv[])
{
	static const char * const words[] = {
		[CHECKED] = "checked: KVM itself refuses every invalid encoding",
		[NOT_CHECKED] = "not checked: KVM lets invalid encodings through to L2",
		[HARDWARE_ONLY] = "hardware only: KVM does not check, this CPU refuses on VMRUN",
		[UNKNOWN] = "unclear: the table above is none that this program knows",
	};
	struct caps caps = { 0 };
	enum exit_code code, more;
	bool for_judge = argc == 2 && !strcmp(argv[1], "-m");
	char line[80];
	struct utsname name;

	keep = argc == 2 && !strcmp(argv[1], "-k");
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !for_judge && !keep)
		errx(2, "no arguments; exit: 0 checked, 1 not checked, 3 hardware only, 4 unclear, 2 error");
	vm_open();
	if (for_judge)
		return matrix_for_judge();

	while (keep && fgets(line, sizeof(line), stdin))
		printf("\n%s\n", words[judge(caps)]);
	if (keep)
		return 0;

	uname(&name);
	printf("Linux %s %s; KVM supports %s\n", name.release, name.version,
	       caps_name(supported));
	code = judge(caps);
	if (supported.shstk || supported.sev_es) {
		more = judge(supported);
		if (more != code)
			code = UNKNOWN;
	}
	if (code == NOT_CHECKED || code == HARDWARE_ONLY)
		printf("\nTwo ways out: a kernel with the patches (series/), or KVM's modules with them for this one (make modules RELEASE=%s)\n",
		       name.release);
	printf("\n%s\n", words[code]);
	return code;
}
