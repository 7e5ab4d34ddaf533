# SPDX-License-Identifier: MIT
#
# Checking: tests, lint, formatting.

# The shell's and the tools' tests on the host are a Python program of user/test-host.
ifneq ($(wildcard user/test-host/run.py),)
USER_PROGRAM_TESTS = python3 user/test-host/run.py --box $(O)/user/host --single $(O)/user/single
USER_TEST_DEPS := $(O)/user/host/box user-single
endif
TEST_ENV = T='$(T)' SEED='$(SEED)' CAIRN_O='$(O)' \
    CAIRN_USER_HOST_TESTS='$(USER_HOST_TESTS)' CAIRN_USER_PROGRAM_TESTS='$(USER_PROGRAM_TESTS)'
KTEST_DEPS = $(if $(T),$(if $(findstring $(T),qemu hostile),$(HOSTILE_MAKERS)),$(HOSTILE_MAKERS)) $(O)/cairn $(O)/cairn-selftest $(O)/cairn-faults $(O)/root.img $(O)/host/crash $(addprefix $(O)/user/host-tests/,dbjournal dbtree) $(firstword $(USER_TEST_DEPS)) \
    $(if $(T),$(if $(findstring $(T),qemu sanitizers),sanitized-kernels),sanitized-kernels) # the shell is the oracle of shell-cases

# The kernels of a KASAN and UBSAN build, with this build's user programs.
.PHONY: sanitized-kernels
sanitized-kernels: $(O)/initramfs.cpio
	$(Q)MAKEFLAGS= $(MAKE) --no-print-directory KASAN=1 UBSAN=1 O=$(O)/sanitized INITRAMFS=$(O)/initramfs.cpio CROSS='$(CROSS)' WERROR='$(WERROR)' V='$(V)' \
	    $(O)/sanitized/cairn $(O)/sanitized/cairn-selftest

##@ Goals
.PHONY: test test-host test-qemu test-silent test-debian stress churn faults-boot asan tsan models
## test: all tests, on the host and in QEMU; the last line is `N passed, N failed`
test: $(CMOCKA_TESTS) $(TSAN_TESTS) $(O)/host/crash $(USER_HOST_TESTS) $(USER_TEST_DEPS) $(KTEST_DEPS)
	$(Q)$(TEST_ENV) tools/test/run tools model host tsan crash user qemu
## test-host: models, unit and model tests and the ABI tests on this machine, sanitizers on
test-host: $(CMOCKA_TESTS) $(TSAN_TESTS) $(O)/host/crash $(USER_HOST_TESTS) $(USER_TEST_DEPS)
	$(Q)$(TEST_ENV) tools/test/run tools model host tsan crash user
## test-qemu: self-tests, boot matrix, exec, disks, failures, in QEMU
test-qemu: $(KTEST_DEPS)
	$(Q)$(TEST_ENV) tools/test/run qemu
## stress: the long tests in QEMU (minutes)
stress: $(KTEST_DEPS)
	$(Q)$(TEST_ENV) tools/test/run stress
## test-silent: self-tests, ABI tests and stress with each detector of memory mistakes on: none reports (minutes)
test-silent: $(KTEST_DEPS) sanitized-kernels
	$(Q)$(TEST_ENV) tools/test/run silent
## test-debian: programs of Debian's packages, fetched once with apt, on Cairn
test-debian: $(KTEST_DEPS)
	$(Q)$(TEST_ENV) tools/test/run debian
## churn: memory operations measured, T=600 seconds of the guest's work, measured again: none grows
churn: $(O)/cairn $(O)/root.img
	$(Q)tools/run --exec '/tests/churn --seconds $(or $(T),600) --seed $(or $(SEED),1)' --icount --smp 1 --mem 256M --timeout 0
## models: only the models, by SPIN, in every order of their steps
models:
	$(Q)$(TEST_ENV) HOST_CC='$(HOST_CC)' tools/test/run model
## faults-boot: boots once for each allocation of the boot, and lets it fail (minutes)
faults-boot: $(KTEST_DEPS)
	$(Q)$(TEST_ENV) tools/test/run faults
## asan: only the host tests under AddressSanitizer and UBSan
asan: $(CMOCKA_TESTS)
	$(Q)$(TEST_ENV) tools/test/run host
## tsan: only the host tests under ThreadSanitizer
tsan: $(TSAN_TESTS)
	$(Q)$(TEST_ENV) tools/test/run tsan

.PHONY: lint
## lint: layers, lone headers, style, formatting, clang-tidy, cppcheck; one line each
lint: $(if $(wildcard user/box.c),$(O)/user/box_tools.h)
	$(Q)CAIRN_O='$(O)' KCC='$(KCC)' KCFLAGS='$(KCFLAGS)' HOST_CC='$(HOST_CC)' HOST_CFLAGS='$(HOST_CFLAGS)' \
	    tools/lint/run $(T)

.PHONY: format
## format: rewrite the sources with clang-format
format:
	$(Q)tools/lint/format.py --write

.PHONY: doctor
## doctor: check this machine's tools, and say how to mend what is missing
doctor:
	$(Q)CAIRN_O='$(O)' QEMU='$(QEMU)' CROSS='$(CROSS)' HOST_CC='$(HOST_CC)' tools/doctor

# Asked for together, one comes after the other.
ifneq ($(filter lint,$(MAKECMDGOALS)),)
test test-host test-qemu: | lint
endif
