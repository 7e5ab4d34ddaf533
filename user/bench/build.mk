# SPDX-License-Identifier: MIT
#
# The benchmark of the operating system: one static program, on the root image as /bin/bench, and the
# init that runs it on Linux. The same for this machine, for trying an operation out.

BENCH_SRCS := $(sort $(filter-out user/bench/linux_init.c,$(wildcard user/bench/*.c)))
BENCH_HEADERS := $(wildcard user/bench/*.h)
BENCH_CFLAGS := -std=gnu11 -D_GNU_SOURCE -I. -O2 -pthread $(filter-out -Wno-unused-parameter,$(WARNINGS))

USER_BENCH := $(O)/user/bench/bench
BENCH_LINUX_INIT := $(O)/user/bench/linux_init
BENCH_HOST := $(O)/user/bench/host

$(USER_BENCH): $(BENCH_SRCS)
$(BENCH_LINUX_INIT): user/bench/linux_init.c
$(USER_BENCH) $(BENCH_LINUX_INIT): $(BENCH_HEADERS) user/bench/build.mk
	$(call say,CC,$@)
	$(call make_dir)
	$(Q)$(USER_CC) $(BENCH_CFLAGS) -static -s -o $@ $(filter %.c,$^)

$(BENCH_HOST): $(BENCH_SRCS) $(BENCH_HEADERS) user/bench/build.mk
	$(call say,HOSTCC,$@)
	$(call make_dir)
	$(Q)$(HOST_CC) $(BENCH_CFLAGS) -o $@ $(filter %.c,$^)
