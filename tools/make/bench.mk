# SPDX-License-Identifier: MIT
#
# Comparing Cairn with Linux in guest instructions.

##@ Goals
.PHONY: bench
## bench: what operations cost in guest instructions, beside Linux; T= selects (docs/performance.md)
bench: $(O)/cairn $(O)/root.img $(USER_BENCH) $(BENCH_LINUX_INIT) $(BENCH_HOST)
	$(Q)T='$(T)' tools/bench/os_run.py --out '$(O)' --qemu '$(QEMU)' --program $(USER_BENCH) \
	    --lister $(BENCH_HOST) --linux-init $(BENCH_LINUX_INIT)
