/* SPDX-License-Identifier: MIT
 *
 * The kernel image: linked to run at 0xffffffff80200000 and to be loaded at 0x80200000, where
 * OpenSBI hands over. Its first byte is _start. Three runs of pages, each with rights of its own
 * in the final page tables (kernel_map.c):
 *
 *     _text_start .. _text_end        R-X   code
 *     _rodata_start .. _rodata_end    R--   constants, exceptions, self-tests, initramfs, symbols
 *     _data_start .. _kernel_end      RW-   data, zeroed data, two stacks with guard pages
 */
#include "kernel/arch/riscv64/offsets.h"

#define LOAD_ADDRESS 0x80200000
#define LINK_OFFSET 0xffffffff00000000

OUTPUT_ARCH(riscv)
ENTRY(_start)

PHDRS
{
    text PT_LOAD FLAGS(5);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
}

SECTIONS
{
    . = LOAD_ADDRESS + LINK_OFFSET;
    _kernel_start = .;
    _text_start = .;
    .text : AT(ADDR(.text) - LINK_OFFSET) {
        *(.text.entry)
        /* Side by side, so that a record of who called them can leave them out: backtrace.c */
        _allocators_start = .;
        *mm/slab*.o(.text .text.*)
        *mm/magazine*.o(.text .text.*)
        *mm/kmalloc*.o(.text .text.*)
        *mm/vmalloc*.o(.text .text.*)
        *mm/debug?[!t]*.o(.text .text.*)
        *mm/alloc?*.o(.text .text.*)
        *mm/frames.o(.text .text.*)
        *mm/fault_inject.o(.text .text.*)
        *kernel/arch/riscv64/backtrace.o(.text .text.*)
        _allocators_end = .;
        *(.text .text.*)
        . = ALIGN(4096);
    } :text
    _text_end = .;

    _rodata_start = .;
    .rodata : AT(ADDR(.rodata) - LINK_OFFSET) {
        *(.srodata .srodata.*)
        *(.rodata)
        *(EXCLUDE_FILE(*initramfs.o *ksyms.o *ksyms_none.o) .rodata.*)
        . = ALIGN(8);
        exception_table_start = .;
        KEEP(*(.exceptions))
        exception_table_end = .;
        . = ALIGN(8);
        selftests_start = .;
        KEEP(*(.selftests))
        selftests_end = .;
        . = ALIGN(8);
        kasan_constructors_start = .; /* KASAN builds: they hand over each file's globals */
        KEEP(*(.init_array .init_array.*))
        kasan_constructors_end = .;
        . = ALIGN(8);
        *(.rodata.initramfs)
        . = ALIGN(8);
        *(.rodata.ksyms)
        . = ALIGN(4096);
    } :rodata
    _rodata_end = .;

    _data_start = .;
    .data : AT(ADDR(.data) - LINK_OFFSET) {
        *(.data .data.*)
        *(.sdata .sdata.*)
        . = ALIGN(64);
        __start_slab_caches = .;
        KEEP(*(slab_caches))
        __stop_slab_caches = .;
        . = ALIGN(8);
    } :data
    _data_end = .;

    .bss (NOLOAD) : AT(ADDR(.bss) - LINK_OFFSET) {
        . = ALIGN(64);
        _bss_start = .;
        *(.sbss .sbss.*)
        *(.bss .bss.*)
        *(COMMON)
        . = ALIGN(4096);
        *(.early_tables)
        . = ALIGN(4096);
        . += 4096; /* at least a page, so that the guard is nobody's data */
        . = ALIGN(2 * STACK_SIZE);
        boot_stack = .; /* STACK_SIZE, aligned to twice that: offsets.h */
        . += STACK_SIZE;
        . += STACK_SIZE;
        emergency_stack = .;
        . += STACK_SIZE;
        _bss_end = .;
    } :data
    _kernel_end = .;

    /DISCARD/ : {
        *(.comment .note .note.* .eh_frame .eh_frame_hdr .riscv.attributes)
    }
}
