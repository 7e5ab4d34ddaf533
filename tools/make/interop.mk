# SPDX-License-Identifier: MIT
#
# File systems judged from outside: the same programs on Cairn and on Linux, images both ways.

##@ Testing
## FS: file systems of make conformance, fsx, manynames and interchange (ext2, ext3, vfat, tmpfs)
FS ?=
## ON: where make conformance, fsx and manynames run: cairn, linux (Debian's kernel in QEMU), host
ON ?= cairn

INTEROP_ENV = T='$(T)' SEED='$(SEED)' FS='$(FS)' ON='$(ON)' CAIRN_LINUX_INIT='$(BENCH_LINUX_INIT)'
INTEROP_DEPS = $(O)/cairn $(O)/root.img $(BENCH_LINUX_INIT) $(USER_HOST_TESTS)

##@ Goals
.PHONY: conformance
## conformance: what programs see of each file system, case by case; FS= and T= select, ON=linux is the oracle
conformance: $(INTEROP_DEPS)
	$(Q)$(INTEROP_ENV) tools/interop/conformance

.PHONY: fsx
## fsx: T=1000000 random operations on files against a model, on each of FS=; SEED= repeats a run
fsx: $(INTEROP_DEPS)
	$(Q)$(INTEROP_ENV) tools/interop/fsx

.PHONY: manynames
## manynames: a directory of T=100000 files on each of FS=: what it costs must not grow with it
manynames: $(INTEROP_DEPS)
	$(Q)$(INTEROP_ENV) tools/interop/manynames

.PHONY: interchange
## interchange: T=600 seconds of churn on each disk by Cairn, then to Linux and back; checkers and checksums judge
interchange: $(INTEROP_DEPS)
	$(Q)$(INTEROP_ENV) tools/interop/interchange
