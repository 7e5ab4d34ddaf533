# SPDX-License-Identifier: MIT
#
# Cairn's build: `make help` lists what it can do.
#
# One non-recursive make. This file holds the settings and the goals; the rules stand in
# tools/make/*.mk, one file for each product: the kernel, the host library and its tests, the
# images, running, and checking. user/build.mk and user/test/build.mk bring the programs.
# Sources are found by wildcard: a new file in a folder is part of the build.
#
# A line `## NAME: text` is an entry of `make help`; what stands below it (`NAME ?= value`) gives
# the default. Everything built goes to $(O); progress goes to standard error, so that the output
# of `make exec` is the program's alone.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables --no-print-directory
# As many jobs as there are processors, unless -j says otherwise or the goals need their order.
ifneq ($(filter clean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
else ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
endif
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
SHELL := /bin/sh
export PATH := $(PATH):/usr/sbin:/sbin

##@ Building
## O: the folder for everything that is built
O ?= build
## CROSS: prefix of the RISC-V compiler and binutils (found by itself)
CROSS ?= $(firstword $(foreach p,riscv64-linux-gnu- riscv64-unknown-elf-,$(if $(shell command -v $(p)gcc),$(p))))
## HOST_CC: compiler of the host library and its tests
HOST_CC ?= gcc
## WERROR: 1 makes a warning an error (make lint and CI do)
WERROR ?=
## DEBUG: 1 builds a kernel that checks lock order, contexts and costly assertions (use another O)
DEBUG ?=
## UBSAN: 1 builds a kernel that reports undefined behaviour (use another O)
UBSAN ?=
## KASAN: 1 builds a kernel that checks each access to memory (use another O)
KASAN ?=
## V: 1 shows the commands
V ?=

##@ Running (make run, exec, debug)
## CMD: the shell command that make exec runs
CMD ?=
## SMP: harts
SMP ?= 2
## MEM: memory
MEM ?= 128M
## DISK: image of a second virtio disk, mounted on /mnt; runs work on a copy
DISK ?=
## ROOT: disk, or initramfs for the one linked into the kernel
ROOT ?= disk
## KERNEL: the kernel to boot ($(O)/cairn)
KERNEL ?=
## APPEND: kernel arguments
APPEND ?=
## TIMEOUT: seconds, or 0 for none; the exit status is then 124 (exec: scaled to the machine)
TIMEOUT ?=
## KEEP: path to keep the root disk at after the run; the second disk goes to KEEP.disk
KEEP ?=
## MODERN: 1 gives virtio-mmio version 2 instead of QEMU's default, version 1
MODERN ?=
## ICOUNT: 1 makes guest time count instructions (use with SMP=1)
ICOUNT ?=
## QEMU: the emulator
QEMU ?= qemu-system-riscv64
## QEMU_EXTRA: more arguments for it
QEMU_EXTRA ?=

##@ Testing
## T: only the tests whose names contain this
T ?=
## SEED: seed of the randomised tests (printed, so that a run can be repeated)
SEED ?=

include tools/make/common.mk
-include user/build.mk
-include user/test/build.mk
-include user/bench/build.mk
include tools/make/kernel.mk
include tools/make/image.mk
include tools/make/host.mk
include tools/make/crash.mk
include tools/make/bench_mm.mk
include tools/make/run.mk
include tools/make/storage.mk
include tools/make/check.mk
include tools/make/bench.mk
include tools/make/interop.mk

##@ Goals
.PHONY: all
## all: the kernel, the root image and the user programs (the default goal)
all: $(O)/cairn $(O)/root.img

.PHONY: clean
## clean: remove everything that was built
clean:
	$(call say,RM,$(O))
	$(Q)rm -rf $(O)

.PHONY: help
## help: this list
help:
	@awk -f tools/make/help.awk $(firstword $(MAKEFILE_LIST)) tools/make/*.mk $(wildcard user/build.mk user/test/build.mk)
