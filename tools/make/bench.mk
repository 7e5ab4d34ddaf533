# SPDX-License-Identifier: MIT
#
# Comparing Cairn with Linux in guest instructions.

##@ Goals
.PHONY: bench
## bench: what operations cost in guest instructions, beside Linux; T= selects (docs/performance.md)
bench: $(O)/cairn $(O)/root.img $(USER_BENCH) $(BENCH_LINUX_INIT) $(BENCH_HOST)
	$(Q)T='$(T)' tools/bench/os_run.py --out '$(O)' --qemu '$(QEMU)' --program $(USER_BENCH) \
	    --lister $(BENCH_HOST) --linux-init $(BENCH_LINUX_INIT)

PROFILE_PLUGIN := $(O)/tools/profile.so
$(PROFILE_PLUGIN): tools/profile/plugin.c
	$(call say,HOSTCC,$<)
	$(call make_dir)
	$(Q)$(HOST_CC) -O2 -Wall -Wextra -shared -fPIC -o $@ $<

.PHONY: profile
## profile: which kernel functions the instructions of CMD go to, counted exactly, on one hart
profile: $(O)/cairn $(O)/root.img $(PROFILE_PLUGIN)
	$(Q)tools/profile/run --nm $(KNM) --plugin $(PROFILE_PLUGIN)
