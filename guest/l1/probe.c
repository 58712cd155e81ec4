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
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "vm.h"

#define NR_ENCODINGS	4096	/* VECTOR, TYPE and EV */
#define MAX_TRIES	16	/* an event may get lost on its way */
#define SECONDS		60	/* for a sweep: about 1 s under emulation */

enum verdict { WRONG, INJECTED, LOST, REFUSED, CPU_REFUSED, ACCEPTED, EINVALID };

static const char * const verdict_names[] = {
	[WRONG] = "wrong",	[INJECTED] = "injected",	[LOST] = "lost",
	[REFUSED] = "refused",	[CPU_REFUSED] = "cpu-refused",	[ACCEPTED] = "accepted",
	[EINVALID] = "EINVAL",
};

enum path { VMRUN_64BIT, VMRUN_COMPAT, STATE, NR_PATHS };

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
	return !exceptions_only || (encoding & EVENT_INJ_TYPE) >> EVENT_INJ_TYPE_SHIFT == TYPE_EXEPT;
}

static u32 encoding_to_event_inj(u32 encoding)
{
	return EVENT_INJ_V | encoding;
}

static enum verdict l1_vmrun(struct vmcb *vmcb, const struct vmcb_seg *cs, u32 event_inj)
{
	u8 vector = event_inj & EVENT_INJ_VECTOR;

	if ((event_inj & EVENT_INJ_TYPE) == TYPE_NMI << EVENT_INJ_TYPE_SHIFT)
		vector = 2;
	vmcb->save.cs = *cs;
	vmcb->save.rip = L2_ENTRY;
	vmcb->save.rsp = L2_STACK_TOP;
	vmcb->save.rflags = RFLAGS_FIXED;
	mark_vmcb(vmcb);
	vmcb->control.clean = 0;
	vmcb->control.int_state = 0;
	vmcb->control.next_rip = L2_ENTRY;
	vmcb->control.event_inj = event_inj;
	vmcb->control.event_inj_err = 0;
	vmrun(vmcb);

	switch (who_refused(vmcb)) {
	case REFUSED_BY_CHECK:
		return REFUSED;
	case REFUSED_LATER:
		return CPU_REFUSED;
	default:
		break;
	}
	if (vmcb->control.exit_code != EXIT_VMMCALL)
		return WRONG;
	if (vmcb->save.rip == L2_HANDLER(vector))
		return INJECTED;
	return vmcb->save.rip == L2_ENTRY ? LOST : WRONG;
}

static void l1_sweep(u64 path)
{
	struct vmcb_seg cs;

	l1_init_vmcb(&vmcb12, path == VMRUN_COMPAT);
	cs = vmcb12.save.cs;
	/* Have all pages mapped: a fault may cost an event. */
	for (int i = 0; i < MAX_TRIES; i++)
		l1_vmrun(&vmcb12, &cs, EVENT_INJ_V | TYPE_EXEPT << EVENT_INJ_TYPE_SHIFT | 6);

	for (u32 i = 0; i < NR_ENCODINGS; i++) {
		enum verdict verdict = LOST;

		if (!is_tried(i))
			continue;
		for (int n = 0; n < MAX_TRIES && verdict == LOST; n++)
			verdict = l1_vmrun(&vmcb12, &cs, encoding_to_event_inj(i));
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

static void run(struct vm *vm, const char *what)
{
	enum vm_exit end;

	alarm(SECONDS);
	end = vm_run(vm);
	alarm(0);
	errno = 0;
	if (end == VM_SIGNAL)
		die("%s did not end in %d s", what, SECONDS);
	if (end != VM_CALL)
		die("%s: KVM_RUN ended with exit reason %u", what, vm->run->exit_reason);
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
	run(vm, "VMRUN");
	leave(vm);
}

static void sweep_state(struct caps caps)
{
	static union {
		struct kvm_nested_state state;
		u8 size[NESTED_STATE_SIZE];
	} nested;
	struct vmcb *vmcb = (struct vmcb *)nested.state.data.svm[0].vmcb12;
	static struct vm vm;

	if (!vm.run) {
		vm_create(&vm, caps);
		vm_start(&vm, l1_run_l2, 0);
		run(&vm, "L2");
		vm_get_nested_state(&vm, &nested.state);
		errno = 0;
		if (!(nested.state.flags & KVM_STATE_NESTED_GUEST_MODE))
			die("KVM_GET_NESTED_STATE does not see L2");
	}

	for (u32 i = 0; i < NR_ENCODINGS; i++) {
		int err;

		if (!is_tried(i))
			continue;
		vmcb->control.event_inj = encoding_to_event_inj(i);
		err = vm_set_nested_state(&vm, &nested.state);
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
	u32 i = type << EVENT_INJ_TYPE_SHIFT | vector;
	const char *rule = event_inj_broken_rule(encoding_to_event_inj(i), caps);

	if (!rule && type == TYPE_EXEPT && (vector == 4 || vector == 5))
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

static const char *caps_name(struct caps caps)
{
	return caps.shstk && caps.sev_es ? "SHSTK and SEV-ES" :
	       caps.shstk ? "SHSTK, not SEV-ES" :
	       caps.sev_es ? "SEV-ES, not SHSTK" : "neither SHSTK nor SEV-ES";
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
	static const struct {
		const char *name;
		enum path path;
	} paths[] = {
		{ "set_nested_state", STATE }, { "vmrun_64bit", VMRUN_64BIT },
		{ "vmrun_compat", VMRUN_COMPAT },
	};

	for (u32 i = 0; i < NR_PATHS; i++) {
		enum path path = paths[i].path;

		for (u32 type = 0; type < 8; type++) {
			if (!is_tried(type << EVENT_INJ_TYPE_SHIFT))
				continue;
			printf("matrix: %s.%s: type %u:", cpuid, paths[i].name, type);
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
	static const struct {
		const char *name;
		struct caps caps;
	} cpuids[] = {
		{ "none", { false, false } },	{ "shstk", { true, false } },
		{ "sev_es", { false, true } },	{ "shstk_sev_es", { true, true } },
	};

	for (u32 i = 0; i < sizeof(cpuids) / sizeof(cpuids[0]); i++) {
		exceptions_only = i;
		sweep(cpuids[i].caps);
		print_for_judge(cpuids[i].name);
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
	unsigned int mode = 0, mode_by_cpu = 0, mode_ran = 0;

	sweep(caps);

	for (u32 i = 0; i < NR_ENCODINGS; i++) {
		enum verdict in_64bit = verdicts[VMRUN_64BIT][i];
		enum verdict in_compat = verdicts[VMRUN_COMPAT][i];
		bool of_or_br = (i & EVENT_INJ_TYPE) >> EVENT_INJ_TYPE_SHIFT == TYPE_EXEPT &&
				((i & EVENT_INJ_VECTOR) == 4 || (i & EVENT_INJ_VECTOR) == 5);

		if (event_inj_broken_rule(encoding_to_event_inj(i), caps)) {
			invalid++;
			passed += verdicts[STATE][i] == ACCEPTED;
			ran += !is_refused(in_64bit) || !is_refused(in_compat);
			by_cpu += in_64bit == CPU_REFUSED || in_compat == CPU_REFUSED;
		} else {
			refused += verdicts[STATE][i] == EINVALID;
		}
		if (of_or_br) {
			mode += in_64bit == REFUSED;
			mode_by_cpu += in_64bit == CPU_REFUSED;
			mode_ran += !is_refused(in_64bit);
		}
		unknown += verdicts[STATE][i] != ACCEPTED && verdicts[STATE][i] != EINVALID;
		for (int path = 0; path < NR_PATHS; path++)
			odd += verdicts[path][i] == WRONG || verdicts[path][i] == LOST;
	}

	printf("\nGuest CPUID: %s\n", caps_name(caps));
	print_matrix(caps);
	printf("\nKVM_SET_NESTED_STATE takes %u of %u invalid encodings, VMRUN %u, and the CPU refuses %u; KVM_SET_NESTED_STATE refuses %u of %u valid ones\n",
	       passed, invalid, ran, by_cpu, refused, NR_ENCODINGS - invalid);
	printf("#OF and #BR, impossible for L2 in 64-bit mode: %s\n",
	       mode_ran ? "not refused" : !mode_by_cpu ? "refused" :
	       !mode ? "cpu-refused" : "refused by KVM or by the CPU");
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

static void on_alarm(int signal)
{
	(void)signal;
}

int main(int argc, char *argv[])
{
	static const char * const words[] = {
		[CHECKED] = "checked: KVM itself refuses every invalid encoding",
		[NOT_CHECKED] = "not checked: KVM lets invalid encodings through to L2",
		[HARDWARE_ONLY] = "hardware only: KVM does not check, this CPU refuses on VMRUN",
		[UNKNOWN] = "unclear: the table above is none that this program knows",
	};
	struct caps caps = { 0 }, supported;
	enum exit_code code, more;
	bool for_judge = argc == 2 && !strcmp(argv[1], "-m");
	char line[80];
	struct utsname name;
	const char *why;

	keep = argc == 2 && !strcmp(argv[1], "-k");
	setvbuf(stdout, NULL, _IOLBF, 0);
	errno = 0;
	if (argc > 1 && !for_judge && !keep)
		die("no arguments; exit: 0 checked, 1 not checked, 3 hardware only, 4 unclear, 2 error");
	why = vm_unusable();
	errno = 0;
	if (why)
		die("%s", why);
	sigaction(SIGALRM, &(struct sigaction) { .sa_handler = on_alarm }, NULL);

	if (for_judge)
		return matrix_for_judge();

	while (keep && fgets(line, sizeof(line), stdin))
		printf("\n%s\n", words[judge(caps)]);
	if (keep)
		return 0;

	uname(&name);
	supported = vm_supported_caps();
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
