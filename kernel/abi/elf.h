// SPDX-License-Identifier: MIT
/* ELF64 program files, as far as a program loader reads them. Source: System V ABI, chapter 4
 * and 5. */
#ifndef CAIRN_ABI_ELF_H
#define CAIRN_ABI_ELF_H

#include <stdint.h>

#define ELF_MAGIC "\177ELF"
enum elf_ident { ELF_CLASS_64 = 2, ELF_DATA_LSB = 1, ELF_VERSION_CURRENT = 1, ELF_NIDENT = 16 };
enum elf_type { ELF_ET_EXEC = 2, ELF_ET_DYN = 3 };
enum elf_machine { ELF_EM_RISCV = 243 };
enum elf_segment_type { ELF_PT_LOAD = 1, ELF_PT_INTERP = 3, ELF_PT_PHDR = 6 };
#define ELF_PT_GNU_STACK 0x6474e551u
enum elf_segment_flags { ELF_PF_X = 1, ELF_PF_W = 2, ELF_PF_R = 4 };

struct elf_header {
    uint8_t ident[ELF_NIDENT]; /* magic, class, data, version, … */
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t phoff;
    uint64_t shoff;
    uint32_t flags;
    uint16_t ehsize;
    uint16_t phentsize;
    uint16_t phnum;
    uint16_t shentsize;
    uint16_t shnum;
    uint16_t shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "Elf64_Ehdr");

struct elf_segment {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t filesz;
    uint64_t memsz;
    uint64_t align;
};
_Static_assert(sizeof(struct elf_segment) == 56, "Elf64_Phdr");

#endif
