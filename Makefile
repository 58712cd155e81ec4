# SPDX-License-Identifier: GPL-2.0-only
# The front door. Everything happens in the folders below, everything made is in build/.

BASE	?= 6.12
ACCEL	?= tcg
BASES	:= $(patsubst series/%/,%,$(dir $(sort $(wildcard series/*/0001-*.patch))))

# The scripts read these from the environment. KERNEL is of use only if it is set.
export BASE ACCEL KERNEL KUT L1 TEST KVM_AMD TRACE NOISE DEBUG MUTANTS FROM PATCH DSC FORCE UPDATE V SEED COUNT CASE SUITE FLAVOUR RELEASE TRY
# STOCK=1: with Debian's own kernel. What the scripts have by this name is that kernel's release, and stock.sh sets it.
unexport STOCK
# A tree of the user's names the base that is nearest to it, unless the user does.
ifeq ($(if $(KERNEL),$(origin BASE)),file)
unexport BASE
endif
with	= $(if $(STOCK),kernel/stock.sh )proof/$(1)

help:
	@echo 'KVM: nSVM: consistency checks for EVENTINJ on nested VMRUN'
	@echo
	@echo 'The two commands:'
	@echo '  make run     build BASE with and without the series, boot both, compare the verdicts'
	@echo '  make check   all tests of this repository, on all bases (what CI runs)'
	@echo
	@echo 'Is my kernel affected?'
	@echo '  make probe   build/lab/probe, for an AMD host: does its KVM check? (BOOT=1: tried on BASE without and with the series)'
	@echo '  make stock   as make run, with Debian'\''s own kernel: as shipped, and with its KVM modules rebuilt (FLAVOUR=, RELEASE=)'
	@echo
	@echo 'Fix a host:'
	@echo '  make modules    KVM'\''s modules with the series for a host that runs RELEASE (RELEASE=$$(uname -r); TRY=1: tried in a guest)'
	@echo '  make livepatch  the same as a live patch, for a host whose VMs cannot stop (RELEASE=, TRY=1)'
	@echo
	@echo 'Patches on my tree:'
	@echo '  make run KERNEL=/path/to/linux   your HEAD without and with the series; your checkout stays as it is'
	@echo '  make quilt   the series in a Debian kernel source package, up to a kvm-amd.ko'
	@echo
	@echo 'Change a series:'
	@echo '  make tree    series/BASE -> build/tree/BASE, a git tree with one commit a patch'
	@echo '  make shell   a shell in the patched kernel, the tests in /tests'
	@echo '  make export  build/tree/BASE -> series/BASE'
	@echo '  make lint    the rules that a patch has to follow'
	@echo '  make port    patches from series/FROM into build/tree/BASE by a three-way merge (PATCH=0003: one)'
	@echo '  make compare the series of all bases side by side (FROM=6.12: that one and BASE in full)'
	@echo '  make rebase  a new point release: the series of BASE on the newest there is, tried there and written anew'
	@echo '  make clean   remove build/ but for the downloaded packages'
	@echo
	@echo 'Prove more (docs/proof.md):'
	@echo '  make caps    #CP and #VC on a KVM that supports SHSTK and SEV-ES, in all combinations'
	@echo '  make mutants mistakes planted in the check, each of which the selftest has to find'
	@echo '  make fuzz    random vmcb12s and nested states: no splat, no verdict but those that the truth table allows'
	@echo '  make migrate saves L2 with an event pending, restores it into a fresh VM with another CPUID'
	@echo '  make nested  Linux in Linux in Linux: the events that L1 injects into L2, counted; none is refused (L1=xen: that Xen injects)'
	@echo '  make kut     KVM-unit-tests of SVM, of the checkout KUT, on BASE without and with the series, case by case'
	@echo '  make bench   what the check costs in instructions; writes series/BASE/bench and the table in docs/cost.md'
	@echo '  make fresh   these commands on a bare Debian 12 and 13, in a chroot (root; SUITE=trixie: only there)'
	@echo
	@echo 'Send (docs/send.md):'
	@echo '  make send-check  is the series of BASE ready to be sent? (lint, the mails, every step, sparse, documentation)'
	@echo
	@echo 'Settings, with their values now:'
	@echo '  BASE=$(BASE)     of $(BASES)'
	@echo '  KERNEL=$(KERNEL)       a Linux git tree whose HEAD takes the place of the packaged base'
	@echo '  KUT=$(KUT)          a checkout of kvm-unit-tests, for make kut'
	@echo '  L1=$(L1)           of make nested: kvm unless told; xen, with Debian'\''s generic kernel'
	@echo '  ACCEL=$(ACCEL)     tcg; kvm on an AMD machine with nested SVM; bochs (BOCHS=): another emulator, for run, stock, probe and caps'
	@echo '  TEST=$(TEST)         of the tests in kernel/suite, run these, too ("all": every one)'
	@echo '  KVM_AMD=$(KVM_AMD)      parameters of kvm_amd in L0, but for make nested: KVM_AMD="npt=0 vgif=0"'
	@echo '  TRACE=$(TRACE)        1: make run counts the rules by which KVM refused VMRUN'
	@echo '  NOISE=$(NOISE)        1: make run interrupts L0 by a timer all the time, which finds tests that are not steady'
	@echo '  DEBUG=$(DEBUG)        1: a kernel with KASAN, UBSAN and lockdep, compared with the same one without'
	@echo '  MUTANTS=$(MUTANTS)      of the mutants, only these'
	@echo '  SEED=$(SEED) COUNT=$(COUNT) CASE=$(CASE)  of make fuzz: 1 and 1000000 unless told; one case of SEED again'
	@echo '  FROM=$(FROM) PATCH=$(PATCH)  the base to port or compare from, and the number of a patch'
	@echo '  DSC=$(DSC)          a source package to use for make quilt'
	@echo '  STOCK=$(STOCK)        1: run, shell, caps, mutants, fuzz, migrate, nested and probe with Debian'\''s own kernel, as make stock'
	@echo '  FLAVOUR=$(FLAVOUR) RELEASE=$(RELEASE)    which one: cloud-amd64 of the version of BASE unless told; or the one of that name'
	@echo '  SUITE=$(SUITE)        of make fresh: bookworm or trixie'
	@echo '  FORCE=$(FORCE)        1: make the tree anew, work in it is saved under refs/saved/; make clean: deletes such work, too'
	@echo '  UPDATE=$(UPDATE)       1: look for a newer point release of the base'
	@echo '  V=$(V)            1: show the commands'
	@echo '  QEMU, QEMU_ARGS, CPU, CPU_ALSO, MEM and SMP are in guest/boot.sh'

run caps mutants fuzz migrate kut:
	@$(call with,$@.sh)

shell:
	@$(call with,run.sh --shell)

stock:
	@kernel/stock.sh proof/run.sh

# BASE is no kernel, and this one's release is for who names none.
modules livepatch:
	@$(if $(filter command,$(origin BASE)),$(if $(RELEASE)$(FLAVOUR),,echo "$@: which kernel of $(BASE)? RELEASE=..., as uname -r says it on the host, or FLAVOUR=amd64" >&2; exit 2;)) proof/modules.sh $(if $(filter livepatch,$@),--live)

# Of Debian's kernels, the generic one can be Xen's first domain.
nested:
	@$(if $(filter xen,$(L1)),FLAVOUR=$(or $(FLAVOUR),amd64) kernel/stock.sh proof/nested.sh,$(call with,nested.sh))

bench:
	@proof/bench.sh

probe:
	@$(if $(BOOT),$(call with,probe.sh --boot),proof/probe.sh)

check:
	@check/check.sh $(BASES)

tree export clean:
	@kernel/$@.sh

rebase port compare send-check quilt:
	@review/$@.sh

# All series, unless one was asked for: then BASE is not the default above.
lint:
	@$(if $(filter file,$(origin BASE)),unset BASE;) review/lint.sh

fresh:
	@check/fresh.sh

.PHONY: help run stock modules livepatch shell caps mutants fuzz migrate nested kut bench probe check tree export rebase port compare lint send-check quilt fresh clean
