# SPDX-License-Identifier: MIT
#
# The kernel: $(O)/cairn, and $(O)/cairn-selftest, the same objects with the in-kernel tests.
#
# $(O)/cairn-faults is the kernel in which allocations can be made to fail (mm/fault_inject.h): only
# the files that ask for it are compiled a second time.
#
# Each is linked twice. The first link gives the addresses of all functions; tools/ksyms.py makes
# the symbol table of them, which is linked last into read-only data, behind all text, so that no
# function moves. The check after the second link holds us to that.

KCC      ?= $(CROSS)gcc
KLD      ?= $(CROSS)ld
KNM      ?= $(CROSS)nm
KSIZE    ?= $(CROSS)size
KOBJDUMP ?= $(CROSS)objdump

KLDS := $(firstword $(wildcard $(addprefix kernel/arch/riscv64/kernel.,lds.S ld.S lds ld)))
# Only sanitized builds have their runtime.
KASAN_SRCS := mm/debug/kasan.c mm/debug/kasan_report.c kernel/arch/riscv64/kasan_shadow.c
KSKIP := $(if $(filter 1,$(UBSAN)),,mm/debug/ubsan.c) $(if $(filter 1,$(KASAN)),,$(KASAN_SRCS))
KSRCS := $(filter-out $(KLDS) $(KSKIP),$(sort $(wildcard kernel/*.c kernel/*/*.c kernel/arch/riscv64/*.c kernel/arch/riscv64/*.S \
                                               mm/*.c mm/alloc/*.c mm/debug/*.c drivers/*.c drivers/virtio/*.c fs/*/*.c)))
KTEST_SRCS := $(sort $(wildcard $(addsuffix /selftest_*.c,kernel/*/test kernel/arch/riscv64/test mm/test mm/*/test \
                                drivers/test drivers/virtio/test fs/test fs/*/test)))
KOBJS      := $(patsubst %,$(O)/obj/%.o,$(basename $(KSRCS)))
FAULT_SRCS := $(shell grep -lE 'mm/(fault_inject|slab_fast)\.h|CAIRN_FAULT_INJECT' $(filter %.c,$(KSRCS)))
FAULT_OBJS := $(patsubst %.c,$(O)/faults/%.o,$(FAULT_SRCS)) $(filter-out $(patsubst %.c,$(O)/obj/%.o,$(FAULT_SRCS)),$(KOBJS))
KTEST_OBJS := $(patsubst %,$(O)/obj/%.o,$(basename $(KTEST_SRCS)))

# Older assemblers take CSR and fence.i instructions as part of the base and do not know their names.
# The kernel has no F and D: registers of user programs are saved by the one file that says so itself.
ifneq ($(CROSS),)
KARCH := $(shell echo 'int x;' | $(KCC) -march=rv64imac_zicsr_zifencei -mabi=lp64 -x c -c - -o /dev/null 2>/dev/null \
                 && echo rv64imac_zicsr_zifencei || echo rv64imac)
endif

# -fno-strict-aliasing: buffers are read as the structures they hold, and allocators retype memory.
KFLAGS = -march=$(KARCH) -mabi=lp64 -mcmodel=medany -I. -Ikernel/arch/riscv64 -g $(if $(filter 1,$(KASAN)),-DCAIRN_KASAN)
KCFLAGS = $(KFLAGS) -std=gnu11 -O2 -ffreestanding -fno-pic -fno-common -fno-strict-aliasing \
          -fno-omit-frame-pointer -fno-stack-protector -fno-asynchronous-unwind-tables \
          -fno-unwind-tables -U_FORTIFY_SOURCE $(WARNINGS) $(if $(filter 1,$(DEBUG)),-DCAIRN_DEBUG) \
          $(if $(filter 1,$(UBSAN)),$(UBSAN_FLAGS)) $(if $(filter 1,$(KASAN)),$(if $(filter $<,$(KASAN_NOT)),,$(KASAN_FLAGS))) $(KCFLAGS_EXTRA)
# Misaligned accesses of packed structures are what the structures say; the kernel has no object sizes to check.
UBSAN_FLAGS := -fsanitize=undefined -fno-sanitize=object-size -DCAIRN_UBSAN
KCFLAGS_mm/debug/ubsan.c = -fno-sanitize=all
# Every access by a call, and the frames and globals laid out with gaps. The offset is KASAN_OFFSET of port/kasan.h.
KASAN_FLAGS := -fsanitize=kernel-address -fasan-shadow-offset=0xdffffff800000000 -fsanitize-address-use-after-scope \
               --param asan-instrumentation-with-call-threshold=0 --param asan-stack=1 --param asan-globals=1
# What judges is not judged; nor are the walk over frames, and what uses the whole word that holds a byte (kasan.c checks the callers of copies).
KASAN_NOT := $(KASAN_SRCS) mm/debug/ubsan.c kernel/base/memory.c kernel/arch/riscv64/backtrace.c kernel/arch/riscv64/atomic_byte.c
KASAN_LDFLAGS := $(addprefix --wrap=,memcpy memmove memset memcmp user_copy)
KLDFLAGS = -m elf64lriscv -static -nostdlib --build-id=none -z max-page-size=4096 $(KLD_QUIET) $(if $(filter 1,$(KASAN)),$(KASAN_LDFLAGS))
KLD_QUIET := $(if $(CROSS),$(shell $(KLD) --help 2>/dev/null | grep -q no-warn-rwx-segments && echo --no-warn-rwx-segments))

$(eval $(call flag_file,$(O)/obj/flags,$(KCC) $(KCFLAGS)))

# Without a compiler, say so instead of failing at the first file.
$(O)/obj/flags: | cross-compiler
.PHONY: cross-compiler
cross-compiler:
	@$(if $(CROSS),:,echo 'No RISC-V compiler found: run tools/setup, or give its prefix as CROSS=' >&2; exit 1)

$(O)/obj/%.o: %.c $(O)/obj/flags
	$(call say,CC,$<)
	$(call make_dir)
	$(Q)$(KCC) $(KCFLAGS) $(KCFLAGS_$<) -MMD -MP -c $< -o $@

$(O)/obj/%.o: %.S $(O)/obj/flags
	$(call say,AS,$<)
	$(call make_dir)
	$(Q)$(KCC) $(KFLAGS) $(KCFLAGS_$<) -MMD -MP -c $< -o $@

$(O)/faults/%.o: %.c $(O)/obj/flags
	$(call say,CC,$< (faults))
	$(call make_dir)
	$(Q)$(KCC) $(KCFLAGS) $(KCFLAGS_$<) -DCAIRN_FAULT_INJECT -MMD -MP -c $< -o $@

# One object alone: make obj/mm/slab.o
obj/%.o: $(O)/obj/%.o
	@:

# The linker script, plain or for the preprocessor.
$(O)/kernel.lds: $(KLDS) $(O)/obj/flags
	$(call say,LDS,$<)
	$(Q)$(KCC) -E -P -x assembler-with-cpp $(if $(filter 1,$(KASAN)),-DCAIRN_KASAN) -D__LINKER__ -I. -Ikernel/arch/riscv64 -MMD -MP -MT $@ -MF $@.d $< -o $@

# Another build's may be given.
INITRAMFS ?= $(O)/initramfs.cpio

$(O)/obj/initramfs.o: $(INITRAMFS) tools/make/kernel.mk $(O)/obj/flags
	$(call say,EMBED,$<)
	$(Q)printf '%s\n' '.section .rodata.initramfs,"a"' '.balign 8' \
	    '.globl initramfs_start' 'initramfs_start:' '.incbin "$<"' \
	    '.globl initramfs_end' 'initramfs_end:' '.byte 0' | $(KCC) $(KFLAGS) -x assembler -c - -o $@

$(O)/obj/ksyms_none.o: tools/ksyms.py $(O)/obj/flags
	$(call make_dir)
	$(Q)python3 tools/ksyms.py < /dev/null | $(KCC) $(KFLAGS) -x assembler -c - -o $@

# $(call link_kernel,name,objects)
define link_kernel
$(O)/$1: $2 $(O)/obj/initramfs.o $(O)/obj/ksyms_none.o $(O)/kernel.lds tools/ksyms.py
	$$(call say,LD,$$@)
	$$(Q)$$(KLD) $$(KLDFLAGS) -T $(O)/kernel.lds -o $(O)/obj/$1.first $2 $(O)/obj/initramfs.o $(O)/obj/ksyms_none.o
	$$(Q)$$(KNM) -n $(O)/obj/$1.first | python3 tools/ksyms.py > $(O)/obj/$1.ksyms.S
	$$(Q)$$(KCC) $$(KFLAGS) -c $(O)/obj/$1.ksyms.S -o $(O)/obj/$1.ksyms.o
	$$(Q)$$(KLD) $$(KLDFLAGS) -T $(O)/kernel.lds -Map $(O)/$1.map -o $$@ $2 $(O)/obj/initramfs.o $(O)/obj/$1.ksyms.o
	$$(Q)$$(KNM) -n $$@ | python3 tools/ksyms.py --check $(O)/obj/$1.ksyms.S
endef
$(eval $(call link_kernel,cairn,$(KOBJS)))
$(eval $(call link_kernel,cairn-selftest,$(KOBJS) $(KTEST_OBJS)))
$(eval $(call link_kernel,cairn-faults,$(FAULT_OBJS)))

-include $(KOBJS:.o=.d) $(patsubst %.c,$(O)/faults/%.d,$(FAULT_SRCS)) $(KTEST_OBJS:.o=.d) $(O)/kernel.lds.d

.PHONY: kernel
##@ Goals
## kernel: only the kernel, $(O)/cairn (the file that QEMU's -kernel takes)
kernel: $(O)/cairn

.PHONY: size
## size: text, data and the worst stack frame of each folder
size: $(O)/cairn
	$(Q)python3 tools/size.py --size $(KSIZE) --objdump $(KOBJDUMP) --kernel $(O)/cairn --objects $(O)/obj
