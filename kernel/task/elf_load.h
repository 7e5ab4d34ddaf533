// SPDX-License-Identifier: MIT
/* Loading ELF programs into an address space. Theory in elf_load.c. */
#ifndef CAIRN_TASK_ELF_LOAD_H
#define CAIRN_TASK_ELF_LOAD_H

#include "kernel/abi/elf.h"
#include "kernel/base/types.h"

struct file;
struct space;

#define ELF_MAX_SEGMENTS 64

struct elf_image { /* a program file, checked */
    struct elf_header header;
    struct elf_segment segments[ELF_MAX_SEGMENTS]; /* all program headers */
    uint64_t start, end; /* [start, end) of what is to be loaded, page-aligned, before relocation */
    bool has_executable_stack;
    const struct elf_segment *interpreter; /* the PT_INTERP header, or NULL */
};

struct elf_loaded { /* where it came to lie */
    uint64_t base;  /* what was added to the file's addresses */
    uint64_t entry;
    uint64_t end;     /* first address behind it, page-aligned */
    uint64_t headers; /* user address of the program headers, or 0 */
};

/** Read and check a program file. Returns 0, -ENOEXEC (no program of ours, or a bad one), -EIO,
 *  … Context: may sleep. */
int must_check elf_read(struct file *file, struct elf_image *image);

/** The interpreter's name (PT_INTERP), terminated. Returns 0, -ENOEXEC or -EIO. */
int must_check elf_read_interpreter(struct file *file, const struct elf_image *image, char *name,
                                    size_t size_bytes);

/** Map the image. base: what to add to its addresses when it is position independent; 0: find a
 *  place.
 *  Returns 0, -ENOMEM, -ENOEXEC, … */
int must_check elf_map(struct space *space, struct file *file, const struct elf_image *image,
                       uint64_t base, struct elf_loaded *loaded);

#endif
