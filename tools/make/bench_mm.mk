# SPDX-License-Identifier: MIT
#
# Benchmarks on the host: the same library as for the tests, compiled as the kernel is meant to run,
# and the programs of tools/bench, one for each subject. A peer that is not installed is left out here,
# and named in the table.

# Behind HOST_CFLAGS, so that these win. Functions begin with a cache line: then it does not matter where
# the linker puts them.
MM_BENCH_FLAGS := -O2 -UCAIRN_DEBUG -UCAIRN_TEST_HOOKS -UCAIRN_FAULT_INJECT -DHOST_HARTS_ARE_GIVEN -DHOST_ARENA_IS_PRIVATE -fomit-frame-pointer -falign-functions=64
$(eval $(call host_library,bench,$(MM_BENCH_FLAGS),))

MM_BENCH := $(O)/bench
MM_BENCH_CC = $(HOST_CC) $(HOST_CFLAGS) $(MM_BENCH_FLAGS)
MM_BENCH_COMMON := tools/bench/bench.c
ALLOC_SRCS := $(addprefix tools/bench/,alloc_main.c load.c law.c pairs.c) $(MM_BENCH_COMMON)
MM_BENCH_HEADERS := $(wildcard tools/bench/*.h)

# Peers of the ring, by what their headers are called, and how they are compiled.
bench_has = $(shell echo '\#include <$1>' | $(HOST_CC) $2 -x $(or $3,c) -E - >/dev/null 2>&1 && echo yes)
HOST_CXX ?= g++
# The headers of DPDK ask for an instruction set that it says itself; without pkg-config, Debian's place.
RTE_FLAGS := $(shell pkg-config --cflags libdpdk 2>/dev/null || echo -I/usr/include/dpdk -I/usr/include/$$($(HOST_CC) -dumpmachine)/dpdk -include rte_config.h)
MM_BENCH_QUEUES := cairn vyukov $(if $(call bench_has,ck_ring.h),ck) $(if $(call bench_has,rte_ring.h,$(RTE_FLAGS)),rte) \
    $(if $(call bench_has,boost/lockfree/queue.hpp,,c++),boost)
MM_BENCH_PROGRAMS := $(addprefix $(MM_BENCH)/bench-,cairn malloc void once) $(addprefix $(MM_BENCH)/queue-,$(MM_BENCH_QUEUES))

$(MM_BENCH)/bench-cairn: SUBJECT := -DSUBJECT_CAIRN
$(MM_BENCH)/bench-malloc: SUBJECT := -DSUBJECT_MALLOC
$(MM_BENCH)/bench-void: SUBJECT := -DSUBJECT_VOID
$(MM_BENCH)/bench-malloc $(MM_BENCH)/bench-void: MM_BENCH_LIBRARY :=
$(MM_BENCH)/bench-cairn $(MM_BENCH)/bench-once: MM_BENCH_LIBRARY := $(MM_BENCH)/libcairn.a
$(MM_BENCH)/bench-cairn $(MM_BENCH)/bench-once $(MM_BENCH)/queue-cairn: $(MM_BENCH)/libcairn.a

$(addprefix $(MM_BENCH)/bench-,cairn malloc void): $(ALLOC_SRCS) $(MM_BENCH_HEADERS) $(MM_BENCH)/flags
	$(call say,HOSTCC,$@)
	$(call make_dir)
	$(Q)$(MM_BENCH_CC) $(SUBJECT) -o $@ $(ALLOC_SRCS) $(MM_BENCH_LIBRARY) -lm

$(MM_BENCH)/bench-once: tools/bench/once_main.c $(MM_BENCH_COMMON) $(MM_BENCH_HEADERS) $(MM_BENCH)/flags
	$(call say,HOSTCC,$@)
	$(call make_dir)
	$(Q)$(MM_BENCH_CC) -o $@ tools/bench/once_main.c $(MM_BENCH_COMMON) $(MM_BENCH_LIBRARY)

$(MM_BENCH)/queue-cairn: QUEUE_EXTRA := $(MM_BENCH)/libcairn.a
$(MM_BENCH)/queue-vyukov: QUEUE_EXTRA := tools/bench/vyukov.c
$(MM_BENCH)/queue-ck: QUEUE_EXTRA := -lck
$(MM_BENCH)/queue-rte: QUEUE_EXTRA := $(RTE_FLAGS) -lrte_ring
$(MM_BENCH)/queue-%: tools/bench/queue_%.c tools/bench/vyukov.c $(MM_BENCH_COMMON) $(MM_BENCH_HEADERS) $(MM_BENCH)/flags
	$(call say,HOSTCC,$@)
	$(call make_dir)
	$(Q)$(MM_BENCH_CC) -o $@ $< $(MM_BENCH_COMMON) $(QUEUE_EXTRA)
$(MM_BENCH)/queue-boost: tools/bench/queue_boost.cc $(MM_BENCH)/bench.o $(MM_BENCH_HEADERS)
	$(call say,HOSTCXX,$@)
	$(Q)$(HOST_CXX) -O2 -std=gnu++17 -I. -pthread -o $@ $< $(MM_BENCH)/bench.o
$(MM_BENCH)/bench.o: $(MM_BENCH_COMMON) $(MM_BENCH_HEADERS) $(MM_BENCH)/flags
	$(call make_dir)
	$(Q)$(MM_BENCH_CC) -c -o $@ $<

##@ Goals
.PHONY: bench-mm
## bench-mm: allocators, ring and once cells on this machine, beside their peers: a table, and $(O)/bench/mm.tsv
bench-mm: $(MM_BENCH_PROGRAMS)
	$(Q)tools/bench/mm --programs $(MM_BENCH)
