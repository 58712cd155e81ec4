// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

static int kvm = -1;
static size_t run_size;

void die(const char *what, ...)
{
	int err = errno;
	va_list ap;

	fflush(stdout);
	va_start(ap, what);
	vfprintf(stderr, what, ap);
	va_end(ap);
	if (err)
		fprintf(stderr, ": %s", strerror(err));
	fputc('\n', stderr);
	exit(2);
}

static int must(int ret, const char *what)
{
	if (ret < 0)
		die("%s", what);
	return ret;
}

static struct kvm_cpuid2 *supported_cpuid(void)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) + MAX_CPUID * sizeof(cpuid->entries[0]));
	if (!cpuid)
		die("calloc");
	cpuid->nent = MAX_CPUID - 1;	/* room for one more */
	must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	return cpuid;
}

static struct kvm_cpuid_entry2 *cpuid_leaf(struct kvm_cpuid2 *cpuid, u32 leaf)
{
	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == leaf && !cpuid->entries[i].index)
			return &cpuid->entries[i];
	return NULL;
}

const char *vm_unusable(void)
{
	struct kvm_cpuid_entry2 *entry;
	struct kvm_cpuid2 *cpuid;
	bool svm;

	if (kvm < 0)
		kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return errno == EACCES ? "/dev/kvm is not yours (group kvm?)"
				       : "/dev/kvm is not there: kvm_amd is not loaded, or SVM is off";
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return "/dev/kvm speaks another version of its API";
	run_size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	cpuid = supported_cpuid();
	entry = cpuid_leaf(cpuid, 0x80000001);
	svm = entry && entry->ecx & (1u << 2);
	free(cpuid);
	if (!svm)
		return "KVM gives guests no SVM: no AMD CPU, or kvm_amd has nested=0";
	if (ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_NESTED_STATE) <= 0)
		return "KVM has no KVM_SET_NESTED_STATE";
	return NULL;
}

struct caps vm_supported_caps(void)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid();
	struct kvm_cpuid_entry2 *cet = cpuid_leaf(cpuid, 7);
	struct kvm_cpuid_entry2 *sev = cpuid_leaf(cpuid, 0x8000001f);
	struct caps caps = {
		.shstk = cet && cet->ecx & CPUID_SHSTK,
		.sev_es = sev && sev->eax & CPUID_SEV_ES,
	};

	free(cpuid);
	return caps;
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
		die("KVM_SET_CPUID2");
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
	must(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &image),
	     "KVM_SET_USER_MEMORY_REGION");
	vm->vcpu = must(ioctl(vm->fd, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	vm->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		die("mmap of kvm_run");
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

	must(ioctl(vm->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
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
	must(ioctl(vm->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(vm->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	if (ioctl(vm->vcpu, KVM_SET_MSRS, &msrs) != 1)
		die("KVM_SET_MSRS: VM_HSAVE_PA");
}

enum vm_exit vm_run(struct vm *vm)
{
	if (ioctl(vm->vcpu, KVM_RUN, 0)) {
		if (errno == EINTR)
			return VM_SIGNAL;
		die("KVM_RUN");
	}
	switch (vm->run->exit_reason) {
	case KVM_EXIT_IO:
		return vm->run->io.port == 0x10 ? VM_CALL : VM_OTHER;
	case KVM_EXIT_SHUTDOWN:
		return VM_SHUTDOWN;
	default:
		return VM_OTHER;
	}
}

void vm_destroy(struct vm *vm)
{
	munmap(vm->run, run_size);
	close(vm->vcpu);
	close(vm->fd);
}

void vm_get_nested_state(struct vm *vm, struct kvm_nested_state *state)
{
	memset(state, 0, NESTED_STATE_SIZE);
	state->size = NESTED_STATE_SIZE;
	must(ioctl(vm->vcpu, KVM_GET_NESTED_STATE, state), "KVM_GET_NESTED_STATE");
}

int vm_set_nested_state(struct vm *vm, struct kvm_nested_state *state)
{
	return ioctl(vm->vcpu, KVM_SET_NESTED_STATE, state) ? errno : 0;
}
