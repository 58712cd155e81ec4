# SPDX-License-Identifier: GPL-2.0-only
# The front door. Everything happens in scripts/, everything made is in build/.

BASE	?= 6.12
ACCEL	?= tcg
BASES	:= $(patsubst series/%/,%,$(dir $(sort $(wildcard series/*/0001-*.patch))))

# The scripts read these from the environment. KERNEL is of use only if it is set.
export BASE ACCEL KERNEL TEST TRACE MUTANTS FORCE UPDATE V

help:
	@echo 'KVM: nSVM: consistency checks for EVENTINJ on nested VMRUN'
	@echo
	@echo '  make run     build BASE with and without the series, boot both, compare the verdicts'
	@echo '  make check   all tests of this repository, on all bases (what CI runs)'
	@echo '  make caps    #CP and #VC on a KVM that supports SHSTK and SEV-ES, in all combinations'
	@echo '  make mutants mistakes planted in the check, each of which the selftest has to find'
	@echo '  make tree    series/BASE -> build/tree/BASE, a git tree with one commit a patch'
	@echo '  make export  build/tree/BASE -> series/BASE'
	@echo '  make shell   a shell in the patched kernel, the tests in /tests'
	@echo '  make lint    the rules that a patch has to follow'
	@echo '  make clean   remove build/ but for the downloaded packages'
	@echo
	@echo 'Settings, with their values now:'
	@echo '  BASE=$(BASE)     of $(BASES)'
	@echo '  KERNEL=$(KERNEL)       a Linux git tree whose HEAD takes the place of the packaged base'
	@echo '  ACCEL=$(ACCEL)     tcg, or kvm on an AMD machine with nested SVM'
	@echo '  TEST=$(TEST)         of the tests in lab/suite, run these, too ("all": every one)'
	@echo '  TRACE=$(TRACE)        1: count the rules by which KVM refused VMRUN'
	@echo '  MUTANTS=$(MUTANTS)      of the mutants, only these'
	@echo '  FORCE=$(FORCE)        1: make the tree anew; work in it is saved under refs/saved/'
	@echo '  UPDATE=$(UPDATE)       1: look for a newer point release of the base'
	@echo '  V=$(V)            1: show the commands'

run:
	@scripts/run.sh

shell:
	@scripts/run.sh --shell

caps:
	@scripts/caps.sh

mutants:
	@scripts/mutants.sh

check:
	@scripts/check.sh $(BASES)

tree:
	@scripts/tree.sh

export:
	@scripts/export.sh

# All series, unless one was asked for: then BASE is not the default above.
lint:
	@$(if $(filter file,$(origin BASE)),unset BASE;) scripts/lint.sh

clean:
	@scripts/clean.sh

.PHONY: help run shell caps mutants check tree export lint clean
