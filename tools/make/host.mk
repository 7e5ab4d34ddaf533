# SPDX-License-Identifier: MIT
#
# The host side: kernel/base, kernel/sync, mm and fs, compiled unchanged against the port in
# tools/host, with AddressSanitizer and UBSan, into $(O)/host/libcairn.a; and one test program for
# each test_*.c, linked with it and cmocka. A test that says `// TSAN` in its first five lines is
# built a second time, library included, with ThreadSanitizer in $(O)/tsan.

# Drivers that touch no hardware themselves (virtio/queue.c: its test plays the registers).
HOST_DRIVERS := $(wildcard drivers/fdt.c drivers/bootargs.c drivers/tty.c drivers/tty_input.c drivers/tty_output.c drivers/block.c drivers/block_request.c drivers/block_watch.c drivers/block_zero.c drivers/char.c drivers/partition.c drivers/virtio/queue.c)
# The part of the architecture that is only a data structure.
HOST_ARCH := $(wildcard kernel/arch/riscv64/pagetable.c kernel/arch/riscv64/pagetable_large.c)
# Files of the host folders that only the kernel can compile.
HOST_SKIP := mm/debug/ubsan.c mm/debug/kasan.c mm/debug/kasan_report.c

HOST_SRCS := $(filter-out $(HOST_SKIP),$(sort $(wildcard kernel/base/*.c kernel/sync/*.c mm/*.c mm/alloc/*.c mm/debug/*.c fs/*/*.c) \
                                              $(HOST_DRIVERS) $(HOST_ARCH) $(wildcard tools/host/*.c)))
HOST_TEST_SRCS := $(sort $(wildcard $(addsuffix /test_*.c,kernel/*/test mm/test mm/*/test drivers/test drivers/*/test \
                                    fs/test fs/*/test tools/host/test)))
TSAN_TEST_SRCS := $(if $(HOST_TEST_SRCS),$(shell awk 'FNR <= 5 && /^\/\/ TSAN/ {print FILENAME}' $(HOST_TEST_SRCS)))

HOST_CFLAGS = -std=gnu11 -O1 -g -fno-omit-frame-pointer -fno-builtin -fno-strict-aliasing -pthread \
              -U_FORTIFY_SOURCE -DCAIRN_DEBUG -DCAIRN_TEST_HOOKS -DCAIRN_FAULT_INJECT -I. -Itools/host $(WARNINGS) $(HOST_CFLAGS_EXTRA)
ASAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all
# GCC warns that ThreadSanitizer does not see fences; the host port makes them operations it sees.
TSAN_FLAGS := -fsanitize=thread $(shell $(HOST_CC) -Wno-tsan -x c -E /dev/null >/dev/null 2>&1 && echo -Wno-tsan)

# $(call host_library,folder,flags,test sources,compiler): $(O)/folder/libcairn.a and its test programs; the compiler is
# HOST_CC unless said otherwise.
define host_library
$(call flag_file,$(O)/$1/flags,$(or $4,$(HOST_CC)) $(HOST_CFLAGS) $2)

$(O)/$1/obj/%.o: %.c $(O)/$1/flags
	$$(call say,HOSTCC,$$<)
	$$(call make_dir)
	$$(Q)$(or $4,$(HOST_CC)) $(HOST_CFLAGS) $2 -MMD -MP -c $$< -o $$@

$(O)/$1/libcairn.a: $(patsubst %.c,$(O)/$1/obj/%.o,$(HOST_SRCS))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^

$(patsubst %.c,$(O)/$1/%,$3): $(O)/$1/%: $(O)/$1/obj/%.o $(O)/$1/libcairn.a
	$$(call say,HOSTLD,$$@)
	$$(call make_dir)
	$$(Q)$(or $4,$(HOST_CC)) $2 -pthread -o $$@ $$< $(O)/$1/libcairn.a -lcmocka

-include $(patsubst %.c,$(O)/$1/obj/%.d,$(HOST_SRCS) $3)
endef
$(eval $(call host_library,host,$(ASAN_FLAGS),$(HOST_TEST_SRCS)))
$(eval $(call host_library,tsan,$(TSAN_FLAGS),$(TSAN_TEST_SRCS)))

CMOCKA_TESTS := $(patsubst %.c,$(O)/host/%,$(HOST_TEST_SRCS))
TSAN_TESTS := $(patsubst %.c,$(O)/tsan/%,$(TSAN_TEST_SRCS))
.SECONDARY: $(patsubst %.c,$(O)/host/obj/%.o,$(HOST_TEST_SRCS)) $(patsubst %.c,$(O)/tsan/obj/%.o,$(TSAN_TEST_SRCS))

# One object or test alone: make host/mm/slab.o, make host/mm/test/test_slab
host/%.o: $(O)/host/obj/%.o
	@:
host/%: $(O)/host/%
	@:
tsan/%: $(O)/tsan/%
	@:

.PHONY: host-lib
##@ Goals
## host-lib: the host library, $(O)/host/libcairn.a, for tests, fuzzers and benchmarks
host-lib: $(O)/host/libcairn.a
