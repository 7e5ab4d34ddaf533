# SPDX-License-Identifier: MIT
#
# The user land: one multi-call binary for the target, the same with sanitizers for the host, and
# each tool as a host program of its own.
#
# Every folder's sources are found by wildcard: user/bin/<tool>.c is a tool, user/lib/*.c is what
# tools share, user/sh and user/init are the shell and init. A tool's main becomes
# tool_main_<tool> in the box, see user/box.c.

USER_CC ?= $(CROSS)gcc
USER_STRIP ?= $(CROSS)strip
HOST_CC ?= gcc

USER_TOOLS := $(sort $(basename $(notdir $(wildcard user/bin/*.c))) init sh)
USER_LIB_SRCS := $(wildcard user/lib/*.c)
USER_SH_SRCS := $(wildcard user/sh/*.c)
USER_MAINS := $(wildcard user/bin/*.c) user/sh/main.c user/init/init.c
USER_SRCS := $(USER_LIB_SRCS) $(USER_SH_SRCS) $(wildcard user/init/*.c) $(wildcard user/bin/*.c) user/box.c

# For the images: the binary, and its names in /bin.
USER_BOX := $(O)/user/box
USER_BOX_NAMES := $(USER_TOOLS) [

USER_FLAGS := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. $(filter-out -Wno-unused-parameter,$(WARNINGS)) -Wformat=2 -fno-common
USER_TARGET_FLAGS := $(USER_FLAGS) -Os -g -ffunction-sections -fdata-sections
USER_HOST_FLAGS := $(USER_FLAGS) -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

# The name that a source's main gets: sh and init for their mains, the file's own for a tool.
user_main_name = $(if $(filter user/sh/main.c,$1),sh,$(basename $(notdir $1)))

# $(call user_object,source,tree,compiler,flags)
define user_object
$(O)/user/$2/$(1:.c=.o): $1 $(O)/user/$2.flags $(O)/user/box_tools.h
	$$(call say,CC,$1)
	$$(call make_dir)
	$$(Q)$3 $4 -I$(O)/user -MMD -MP $(if $(filter $1,$(USER_MAINS)),-Dmain=tool_main_$(call user_main_name,$1)) -c -o $$@ $$<
endef

$(O)/user/box_tools.h: FORCE
	@mkdir -p $(@D)
	@for tool in $(USER_TOOLS); do echo "TOOL(\"$$tool\", tool_main_$$tool)"; done > $@.new
	@echo 'TOOL("[", tool_main_test)' >> $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(eval $(call flag_file,$(O)/user/target.flags,$(USER_CC) $(USER_TARGET_FLAGS)))
$(eval $(call flag_file,$(O)/user/asan.flags,$(HOST_CC) $(USER_HOST_FLAGS)))
$(foreach s,$(USER_SRCS),$(eval $(call user_object,$s,target,$(USER_CC),$(USER_TARGET_FLAGS))))
$(foreach s,$(USER_SRCS),$(eval $(call user_object,$s,asan,$(HOST_CC),$(USER_HOST_FLAGS))))

USER_TARGET_OBJS := $(USER_SRCS:%.c=$(O)/user/target/%.o)
USER_ASAN_OBJS := $(USER_SRCS:%.c=$(O)/user/asan/%.o)

$(O)/user/box.debug: $(USER_TARGET_OBJS)
	$(call say,LD,$@)
	$(Q)$(USER_CC) $(USER_TARGET_FLAGS) -static -Wl,--gc-sections -o $@ $^ -lm

$(O)/user/box: $(O)/user/box.debug
	$(call say,STRIP,$@)
	$(Q)$(USER_STRIP) -o $@ $<

# The host's box comes with a folder of links, which the tests take as their PATH.
$(O)/user/host/box: $(USER_ASAN_OBJS)
	$(call say,LD,$@)
	$(call make_dir)
	$(Q)$(HOST_CC) $(USER_HOST_FLAGS) -o $@ $^ -lm
	$(Q)for tool in $(USER_BOX_NAMES); do ln -sf box $(@D)/$$tool; done

# Each tool as a program of its own, for the host: $(O)/user/single/ls
USER_SINGLE_FLAGS := $(USER_FLAGS) -O0
USER_SINGLE_LIB := $(USER_LIB_SRCS:%.c=$(O)/user/plain/%.o)

$(O)/user/plain/%.o: %.c
	$(call say,CC,$<)
	$(call make_dir)
	$(Q)$(HOST_CC) $(USER_SINGLE_FLAGS) -MMD -MP -c -o $@ $<

$(O)/user/single/%: $(O)/user/plain/user/bin/%.o $(USER_SINGLE_LIB)
	$(call say,LD,$@)
	$(call make_dir)
	$(Q)$(HOST_CC) -o $@ $^ -lm

$(O)/user/single/sh: $(USER_SH_SRCS:%.c=$(O)/user/plain/%.o) $(USER_SINGLE_LIB)
$(O)/user/single/init: $(patsubst %.c,$(O)/user/plain/%.o,$(wildcard user/init/*.c)) $(USER_SINGLE_LIB)
$(O)/user/single/sh $(O)/user/single/init:
	$(call say,LD,$@)
	$(call make_dir)
	$(Q)$(HOST_CC) -o $@ $^ -lm

##@ Goals
.PHONY: user user-single test-user test-user-qemu
## user: the user programs
user: $(O)/user/box
user-single: $(USER_TOOLS:%=$(O)/user/single/%)

##@ Testing
## test-user: the shell's and the tools' tests on the host
test-user: $(O)/user/host/box user-single
	$(Q)python3 -B user/test-host/run.py --box $(O)/user/host --single $(O)/user/single $(if $(T),--only '$(T)')
## test-user-qemu: the shell's cases once more, on Cairn
test-user-qemu: $(O)/user/host/box $(O)/cairn $(O)/root.img
	$(Q)CAIRN_O='$(O)' python3 -B user/test-host/on_cairn.py --box $(O)/user/host

-include $(USER_TARGET_OBJS:.o=.d) $(USER_ASAN_OBJS:.o=.d) $(patsubst %.c,$(O)/user/plain/%.d,$(USER_SRCS))
.SECONDARY: $(patsubst %.c,$(O)/user/plain/%.o,$(USER_SRCS))
