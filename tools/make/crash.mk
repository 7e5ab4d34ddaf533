# SPDX-License-Identifier: MIT
#
# The power-cut harness: the host library once more, fast and without sanitizers, but with its assertions; and with
# the sanitizers for the slice that `make test` runs.

CRASH_SRCS := $(wildcard tools/crash/*.c) $(addprefix user/test/crash/,ops.c generate.c mark.c)
CRASH_FLAGS := -O2 -UCAIRN_FAULT_INJECT -UCAIRN_TEST_HOOKS
$(eval $(call host_library,crash,$(CRASH_FLAGS),))

$(O)/crash/crash: $(CRASH_SRCS:%.c=$(O)/crash/obj/%.o) $(O)/crash/libcairn.a
	$(call say,HOSTLD,$@)
	$(Q)$(HOST_CC) -pthread -o $@ $^
$(O)/host/crash: $(CRASH_SRCS:%.c=$(O)/host/obj/%.o) $(O)/host/libcairn.a
	$(call say,HOSTLD,$@)
	$(Q)$(HOST_CC) $(ASAN_FLAGS) -pthread -o $@ $^
-include $(CRASH_SRCS:%.c=$(O)/crash/obj/%.d) $(CRASH_SRCS:%.c=$(O)/host/obj/%.d)

##@ Testing
## FS: file systems for make crash: ext2 ext3 fat12 fat16 fat32 (all)
FS ?=
## OPS: one sequence for make crash, as 'creat x; write x 4096; fsync x; rename x y'
OPS ?=
## LOG: what a machine has written, kept by make crash-qemu when a state was bad; with PROGRAM= if its last line says so
LOG ?=
## STATE: of that sequence or log, this state alone
STATE ?=
## STATES: make crash stops after so many states of each file system (22000)
STATES ?=
## SHOW: 1 prints the writes and flushes of each sequence of make crash, between the operations that caused them
SHOW ?=
## LIE: 1 plays a disk whose flushes do nothing: every file system must lose something
LIE ?=
## PROGRAM: a data base for make crash-qemu in place of the sequences: dbjournal, 'dbjournal --wal', dbtree, 'dbtree --map'
PROGRAM ?=
export OPS FS
CRASH_ARGS = $(if $(FS),--fs "$$FS") $(if $(SEED),--seed $(SEED)) $(if $(T),--seconds $(T)) $(if $(STATES),--states $(STATES)) \
    $(if $(OPS),--ops "$$OPS") $(if $(LOG),--log '$(LOG)' --before '$(LOG:.log=.before)' \
    $(if $(PROGRAM),--program '$(O)/user/host-tests/$(firstword $(PROGRAM))')) $(if $(STATE),--state $(STATE)) $(if $(SHOW),--show) $(if $(LIE),--lie)

##@ Goals
.PHONY: crash crash-host crash-qemu
## crash: cut the power at every write of generated operations, T=seconds or STATES= for each FS: first on this
## crash: machine, then (but not with OPS, LOG, LIE) with the whole kernel in QEMU; docs/testing.md
ifneq ($(OPS)$(LOG)$(LIE),)
crash: crash-host
else
crash: crash-host
	$(Q)$(MAKE) crash-qemu
endif
## crash-host: only on this machine
crash-host: $(O)/crash/crash $(if $(PROGRAM),$(O)/user/host-tests/$(firstword $(PROGRAM)))
	$(Q)$< $(CRASH_ARGS)

## crash-qemu: the same with the whole kernel in QEMU: COUNT= sequences (or transactions of PROGRAM=), STATES= of each FS
crash-qemu: $(O)/crash/crash $(O)/cairn $(O)/root.img $(addprefix $(O)/user/host-tests/,dbjournal dbtree)
	$(Q)tools/crash/qemu --out $(O) $(if $(SEED),--seed $(SEED)) $(if $(T),--seconds $(T)) $(if $(STATES),--states $(STATES)) \
	    $(if $(COUNT),--count $(COUNT)) $(if $(PROGRAM),--program '$(PROGRAM)') $(if $(OPS),--ops "$$OPS") $(or $(FS),ext2 ext3 fat32)
