// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "vm.h"

#define PAGE_SIZE	4096ul
#define MAX_CPUID	256

extern char __executable_start[], _end[];

static u64 l1_stack[4096] __attribute__((aligned(16)));
static u64 l1_gdt[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
#define L1_CS	0x08
#define L1_DS	0x10

u64 l1_pml4[512] __attribute__((aligned(PAGE_SIZE)));
static u64 l1_pdpt[512] __attribute__((aligned(PAGE_SIZE)));
static u64 l1_pd[512] __attribute__((aligned(PAGE_SIZE)));
static u8 host_save[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

struct caps supported;
static int kvm;
static size_t run_size;

int must(int ret, const char *what)
{
	if (ret < 0)
		err(2, "%s", what);
	return ret;
}

static struct kvm_cpuid2 *supported_cpuid(void)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) + MAX_CPUID * sizeof(cpuid->entries[0]));
	if (!cpuid)
		err(2, "calloc");
	cpuid->nent = MAX_CPUID - 1;	/* room for one more */
	must_ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
	return cpuid;
}

static struct kvm_cpuid_entry2 *cpuid_leaf(struct kvm_cpuid2 *cpuid, u32 leaf)
{
	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == leaf && !cpuid->entries[i].index)
			return &cpuid->entries[i];
	return NULL;
}

/* So that an alarm ends KVM_RUN, and not the program. */
static void on_alarm(int signal)
{
	(void)signal;
}

void vm_open(void)
{
	struct kvm_cpuid_entry2 *svm, *cet, *sev;
	struct kvm_cpuid2 *cpuid;

	sigaction(SIGALRM, &(struct sigaction) { .sa_handler = on_alarm }, NULL);
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		errx(2, "%s", errno == EACCES ? "/dev/kvm is not yours (group kvm?)" :
		     "/dev/kvm is not there: kvm_amd is not loaded, or SVM is off");
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		errx(2, "/dev/kvm speaks another version of its API");
	run_size = must_ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	cpuid = supported_cpuid();
	svm = cpuid_leaf(cpuid, 0x80000001);
	cet = cpuid_leaf(cpuid, 7);
	sev = cpuid_leaf(cpuid, 0x8000001f);
	if (!svm || !(svm->ecx & CPUID_SVM))
		errx(2, "KVM gives guests no SVM: no AMD CPU, or kvm_amd has nested=0");
	if (ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_NESTED_STATE) <= 0)
		errx(2, "KVM has no KVM_SET_NESTED_STATE");
	supported.shstk = cet && cet->ecx & CPUID_SHSTK;
	supported.sev_es = sev && sev->eax & CPUID_SEV_ES;
	free(cpuid);
}

struct caps vcpu_has(struct caps cpuid)
{
	return (struct caps) {
		.shstk = cpuid.shstk && supported.shstk,
		.sev_es = cpuid.sev_es && supported.sev_es,
	};
}

const char *caps_name(struct caps caps)
{
	return caps.shstk && caps.sev_es ? "SHSTK and SEV-ES" :
	       caps.shstk ? "SHSTK, not SEV-ES" :
	       caps.sev_es ? "SEV-ES, not SHSTK" : "neither SHSTK nor SEV-ES";
}

int vm_try_cpuid(struct vm *vm, struct caps caps)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid();
	struct kvm_cpuid_entry2 *entry = cpuid_leaf(cpuid, 7);
	int err;

	if (entry && caps.shstk)
		entry->ecx |= CPUID_SHSTK;
	else if (entry)
		entry->ecx &= ~CPUID_SHSTK;

	/* KVM does not report the leaf unless it has SEV. */
	entry = cpuid_leaf(cpuid, 0x8000001f);
	if (!entry) {
		entry = &cpuid->entries[cpuid->nent++];
		entry->function = 0x8000001f;
	}
	entry->eax &= ~CPUID_SEV_ES;
	if (caps.sev_es)
		entry->eax |= CPUID_SEV | CPUID_SEV_ES;
	entry = cpuid_leaf(cpuid, 0x80000000);
	if (entry && entry->eax < 0x8000001f)
		entry->eax = 0x8000001f;

	err = ioctl(vm->vcpu, KVM_SET_CPUID2, cpuid) ? errno : 0;
	free(cpuid);
	return err;
}

void vm_set_cpuid(struct vm *vm, struct caps caps)
{
	errno = vm_try_cpuid(vm, caps);
	if (errno)
		err(2, "KVM_SET_CPUID2");
}

void vm_create_bare(struct vm *vm)
{
	u64 start = (u64)__executable_start & -PAGE_SIZE;
	struct kvm_userspace_memory_region image = {
		.guest_phys_addr = start,
		.userspace_addr = start,
		.memory_size = ((u64)_end - start + PAGE_SIZE - 1) & -PAGE_SIZE,
	};

	/* On a slow kernel, a timer of the program's may come in between. */
	do
		vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	while (vm->fd < 0 && errno == EINTR);
	must(vm->fd, "KVM_CREATE_VM");
	must_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &image);
	vm->vcpu = must_ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	vm->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		err(2, "mmap of kvm_run");
}

void vm_create(struct vm *vm, struct caps caps)
{
	vm_create_bare(vm);
	vm_set_cpuid(vm, caps);
}

static struct kvm_segment flat(u16 selector, u8 type, bool code)
{
	return (struct kvm_segment) {
		.limit = ~0u, .selector = selector, .type = type, .present = 1,
		.s = 1, .l = code, .db = !code, .g = 1,
	};
}

void vm_start(struct vm *vm, void (*l1)(u64), u64 arg)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry = { .index = MSR_VM_HSAVE_PA, .data = (u64)host_save },
	};
	struct kvm_regs regs = {
		.rip = (u64)l1, .rdi = arg, .rflags = RFLAGS_FIXED,
		/* As after a call. */
		.rsp = (u64)&l1_stack[sizeof(l1_stack) / sizeof(l1_stack[0]) - 1],
	};
	struct kvm_sregs sregs;

	/* The first GiB, in large pages. */
	l1_pml4[0] = (u64)l1_pdpt | 3;
	l1_pdpt[0] = (u64)l1_pd | 3;
	for (u64 i = 0; i < 512; i++)
		l1_pd[i] = i << 21 | 0x83;

	must_ioctl(vm->vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs = flat(L1_CS, 11, true);
	sregs.ds = sregs.es = sregs.ss = flat(L1_DS, 3, false);
	sregs.fs = sregs.gs = sregs.ds;
	sregs.tr.type = 11;
	sregs.gdt.base = (u64)l1_gdt;
	sregs.gdt.limit = sizeof(l1_gdt) - 1;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	sregs.cr3 = (u64)l1_pml4;
	sregs.cr4 = CR4_PAE | CR4_OSFXSR;
	sregs.efer = EFER_LME | EFER_LMA | EFER_SVME;
	must_ioctl(vm->vcpu, KVM_SET_SREGS, &sregs);
	must_ioctl(vm->vcpu, KVM_SET_REGS, &regs);
	if (ioctl(vm->vcpu, KVM_SET_MSRS, &msrs) != 1)
		errx(2, "KVM_SET_MSRS: VM_HSAVE_PA");
}

enum vm_exit vm_run(struct vm *vm)
{
	if (ioctl(vm->vcpu, KVM_RUN, 0)) {
		if (errno == EINTR)
			return VM_SIGNAL;
		err(2, "KVM_RUN");
	}
	return vm->run->exit_reason == KVM_EXIT_IO && vm->run->io.port == 0x10 ? VM_CALL : VM_OTHER;
}

enum vm_exit vm_run_for(struct vm *vm, unsigned int seconds)
{
	enum vm_exit end;

	alarm(seconds);
	end = vm_run(vm);
	alarm(0);
	return end;
}

void vm_call(struct vm *vm, unsigned int seconds, const char *what)
{
	enum vm_exit end = vm_run_for(vm, seconds);

	if (end == VM_SIGNAL)
		errx(2, "%s did not end in %u s", what, seconds);
	if (end != VM_CALL)
		errx(2, "%s: KVM_RUN ended with exit reason %u", what, vm->run->exit_reason);
}

void vm_complete_call(struct vm *vm)
{
	vm->run->immediate_exit = 1;
	if (vm_run(vm) != VM_SIGNAL)
		errx(2, "KVM_RUN with immediate_exit");
	vm->run->immediate_exit = 0;
}

void vm_destroy(struct vm *vm)
{
	munmap(vm->run, run_size);
	close(vm->vcpu);
	close(vm->fd);
}

int vm_set_nested_state(struct vm *vm, struct kvm_nested_state *state)
{
	return ioctl(vm->vcpu, KVM_SET_NESTED_STATE, state) ? errno : 0;
}

struct vmcb *nested_vmcb(struct snapshot *s)
{
	return (struct vmcb *)s->nested.data.svm[0].vmcb12;
}

void save(struct vm *vm, struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	must_ioctl(vm->vcpu, KVM_GET_SREGS, &s->sregs);
	must_ioctl(vm->vcpu, KVM_GET_REGS, &s->regs);
	must_ioctl(vm->vcpu, KVM_GET_VCPU_EVENTS, &s->events);
	must_ioctl(vm->vcpu, KVM_GET_DEBUGREGS, &s->debugregs);
	s->msrs.head.nmsrs = 1;
	s->msrs.entry.index = MSR_VM_HSAVE_PA;
	if (ioctl(vm->vcpu, KVM_GET_MSRS, &s->msrs) != 1)
		errx(2, "KVM_GET_MSRS: VM_HSAVE_PA");
	s->nested.size = NESTED_STATE_SIZE;
	must_ioctl(vm->vcpu, KVM_GET_NESTED_STATE, &s->nested);
}

int set_sregs(struct vm *vm, struct snapshot *s)
{
	return ioctl(vm->vcpu, KVM_SET_SREGS, &s->sregs);
}

int set_the_rest(struct vm *vm, struct snapshot *s)
{
	must_ioctl(vm->vcpu, KVM_SET_REGS, &s->regs);
	if (ioctl(vm->vcpu, KVM_SET_MSRS, &s->msrs) != 1)
		errx(2, "KVM_SET_MSRS: VM_HSAVE_PA");
	must_ioctl(vm->vcpu, KVM_SET_DEBUGREGS, &s->debugregs);
	return ioctl(vm->vcpu, KVM_SET_VCPU_EVENTS, &s->events);
}
