# SPDX-License-Identifier: MIT
#
# Booting: the settings reach tools/run through the environment, unexpanded, so that a `$$` in CMD
# is the guest shell's.

RUN_VARIABLES := O QEMU SMP MEM DISK ROOT KERNEL APPEND TIMEOUT KEEP MODERN ICOUNT QEMU_EXTRA CMD
$(foreach v,$(RUN_VARIABLES),$(eval CAIRN_$(v) := $$(value $(v)))$(eval export CAIRN_$(v)))

##@ Goals
.PHONY: run
## run: boot to a shell in this terminal (leave with Ctrl-A x, or poweroff)
run: $(O)/cairn $(O)/root.img
	$(Q)tools/run

# make itself ends with 2 whenever a recipe fails. So the run leaves its status in a file, and a
# function loaded into make (tools/make/exit_status.c) ends make with it.
.PHONY: exec exec-and-keep-status
## exec: run CMD headless: its output, its exit status (125 kernel panic, 124 time-out); the log on stderr
ifneq ($(filter exec,$(MAKECMDGOALS)),)
ifneq ($(filter load,$(.FEATURES)),)
EXIT_STATUS := $(O)/tools/exit_status.so
-load $(EXIT_STATUS)
$(EXIT_STATUS): tools/make/exit_status.c
	$(call say,HOSTCC,$<)
	$(call make_dir)
	$(Q)$(HOST_CC) -O1 -Wall -Wextra -shared -fPIC -o $@ $<
endif
endif
exec: exec-and-keep-status
	@$(if $(filter %exit_status.so,$(.LOADED)),$(exit-status $(TAKE_STATUS)),exit $(TAKE_STATUS))
exec-and-keep-status: $(O)/cairn $(O)/root.img
	@tools/run --exec; echo $$? > $(STATUS_FILE)
# Named after this make, since several may run at once.
STATUS_FILE := $(O)/exec.status.$(shell echo $$PPID)
TAKE_STATUS = $(shell cat $(STATUS_FILE); rm -f $(STATUS_FILE))

.PHONY: debug
## debug: QEMU stopped at the kernel's first instruction, with GDB in this terminal
debug: $(O)/cairn $(O)/root.img
	$(Q)tools/debug
