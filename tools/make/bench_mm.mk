# SPDX-License-Identifier: MIT
#
# Benchmarks on the host: the same library as for the tests, compiled as the kernel is meant to run,
# and the programs of tools/bench, one for each subject. A peer that is not installed is left out here,
# and named in the table.

# Behind HOST_CFLAGS, so that these win.
BENCH_FLAGS := -O2 -UCAIRN_DEBUG -UCAIRN_TEST_HOOKS -fomit-frame-pointer
$(eval $(call host_library,bench,$(BENCH_FLAGS),))

BENCH := $(O)/bench
BENCH_CC = $(HOST_CC) $(HOST_CFLAGS) $(BENCH_FLAGS)
BENCH_COMMON := tools/bench/bench.c
ALLOC_SRCS := $(addprefix tools/bench/,alloc_main.c load.c law.c pairs.c) $(BENCH_COMMON)
BENCH_HEADERS := $(wildcard tools/bench/*.h)

# Peers of the ring, by what their headers are called, and how they are compiled.
bench_has = $(shell echo '\#include <$1>' | $(HOST_CC) $2 -x $(or $3,c) -E - >/dev/null 2>&1 && echo yes)
HOST_CXX ?= g++
# The headers of DPDK ask for an instruction set that it says itself; without pkg-config, Debian's place.
RTE_FLAGS := $(shell pkg-config --cflags libdpdk 2>/dev/null || echo -I/usr/include/dpdk -I/usr/include/$$($(HOST_CC) -dumpmachine)/dpdk -include rte_config.h)
BENCH_QUEUES := cairn vyukov $(if $(call bench_has,ck_ring.h),ck) $(if $(call bench_has,rte_ring.h,$(RTE_FLAGS)),rte) \
    $(if $(call bench_has,boost/lockfree/queue.hpp,,c++),boost)
BENCH_PROGRAMS := $(addprefix $(BENCH)/bench-,cairn malloc void once) $(addprefix $(BENCH)/queue-,$(BENCH_QUEUES))

$(BENCH)/bench-cairn: SUBJECT := -DSUBJECT_CAIRN
$(BENCH)/bench-malloc: SUBJECT := -DSUBJECT_MALLOC
$(BENCH)/bench-void: SUBJECT := -DSUBJECT_VOID
$(BENCH)/bench-malloc $(BENCH)/bench-void: BENCH_LIBRARY :=
$(BENCH)/bench-cairn $(BENCH)/bench-once: BENCH_LIBRARY := $(BENCH)/libcairn.a
$(BENCH)/bench-cairn $(BENCH)/bench-once $(BENCH)/queue-cairn: $(BENCH)/libcairn.a

$(addprefix $(BENCH)/bench-,cairn malloc void): $(ALLOC_SRCS) $(BENCH_HEADERS) $(BENCH)/flags
	$(call say,HOSTCC,$@)
	$(call make_dir)
	$(Q)$(BENCH_CC) $(SUBJECT) -o $@ $(ALLOC_SRCS) $(BENCH_LIBRARY) -lm

$(BENCH)/bench-once: tools/bench/once_main.c $(BENCH_COMMON) $(BENCH_HEADERS) $(BENCH)/flags
	$(call say,HOSTCC,$@)
	$(call make_dir)
	$(Q)$(BENCH_CC) -o $@ tools/bench/once_main.c $(BENCH_COMMON) $(BENCH_LIBRARY)

$(BENCH)/queue-cairn: QUEUE_EXTRA := $(BENCH)/libcairn.a
$(BENCH)/queue-vyukov: QUEUE_EXTRA := tools/bench/vyukov.c
$(BENCH)/queue-ck: QUEUE_EXTRA := -lck
$(BENCH)/queue-rte: QUEUE_EXTRA := $(RTE_FLAGS) -lrte_ring
$(BENCH)/queue-%: tools/bench/queue_%.c tools/bench/vyukov.c $(BENCH_COMMON) $(BENCH_HEADERS) $(BENCH)/flags
	$(call say,HOSTCC,$@)
	$(call make_dir)
	$(Q)$(BENCH_CC) -o $@ $< $(BENCH_COMMON) $(QUEUE_EXTRA)
$(BENCH)/queue-boost: tools/bench/queue_boost.cc $(BENCH)/bench.o $(BENCH_HEADERS)
	$(call say,HOSTCXX,$@)
	$(Q)$(HOST_CXX) -O2 -std=gnu++17 -I. -pthread -o $@ $< $(BENCH)/bench.o
$(BENCH)/bench.o: $(BENCH_COMMON) $(BENCH_HEADERS) $(BENCH)/flags
	$(call make_dir)
	$(Q)$(BENCH_CC) -c -o $@ $<

##@ Goals
.PHONY: bench-mm
## bench-mm: allocators, ring and once cells on this machine, beside their peers: a table, and $(O)/bench/mm.tsv
bench-mm: $(BENCH_PROGRAMS)
	$(Q)tools/bench/mm --programs $(BENCH)
