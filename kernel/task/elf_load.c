// SPDX-License-Identifier: MIT
/* ELF: from a program file to areas of an address space.
 *
 * elf_read() takes nothing for granted: every header field that is used later is checked there,
 * so that elf_map() deals only with numbers that fit. Checked are: class, byte order, machine,
 * type; the header table lies in the file and is small; each loadable segment lies in the file
 * (p_offset + p_filesz), is not smaller in memory than in the file, agrees in its page offset
 * with the file, lies in the user half below the stack, and comes after the one before.
 *
 * A segment is mapped from the page cache, private; what it has beyond its file part is zero:
 * the rest of its last file page is cleared, further pages are anonymous memory.
 * Source: System V ABI, chapter 5; the RISC-V ELF psABI. */
#include "kernel/task/elf_load.h"
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/space.h"

/* Programs lie below the highest place for mappings. */
#define LOAD_END       (USER_END - (1ul << 30))
#define LOWEST_ADDRESS PAGE_SIZE

static int read_at(struct file *file, uint64_t offset, void *buffer, size_t len_bytes)
{
    struct iter iter;
    uint64_t position = offset;
    ssize_t got;

    iter_init_kernel(&iter, buffer, len_bytes);
    got = vfs_read(file, &iter, &position);
    if (got < 0) {
        return (int)got;
    }
    return (size_t)got == len_bytes ? 0 : -ENOEXEC;
}

static bool is_program_for_us(const struct elf_header *header)
{
    return memcmp(header->ident, ELF_MAGIC, 4) == 0 && header->ident[4] == ELF_CLASS_64 &&
           header->ident[5] == ELF_DATA_LSB && header->ident[6] == ELF_VERSION_CURRENT &&
           (header->type == ELF_ET_EXEC || header->type == ELF_ET_DYN) &&
           header->machine == ELF_EM_RISCV && header->phentsize == sizeof(struct elf_segment) &&
           header->phnum > 0 && header->phnum <= ELF_MAX_SEGMENTS;
}

static bool is_good_segment(const struct elf_segment *segment, uint64_t file_size, uint64_t lowest)
{
    uint64_t end;

    return segment->filesz <= segment->memsz &&
           !__builtin_add_overflow(segment->offset, segment->filesz, &end) && end <= file_size &&
           !__builtin_add_overflow(segment->vaddr, segment->memsz, &end) && end <= LOAD_END &&
           segment->vaddr >= lowest && ((segment->vaddr ^ segment->offset) & PAGE_MASK) == 0;
}

/** Look at the loadable segments: they must be good and in order. */
static bool check_segments(struct elf_image *image, uint64_t file_size)
{
    bool is_fixed = image->header.type == ELF_ET_EXEC;
    uint64_t lowest = is_fixed ? LOWEST_ADDRESS : 0;
    unsigned nr = 0;
    unsigned i;

    for (i = 0; i < image->header.phnum; i++) {
        const struct elf_segment *segment = &image->segments[i];

        if (segment->type == ELF_PT_GNU_STACK) {
            image->has_executable_stack = (segment->flags & ELF_PF_X) != 0;
        }
        if (segment->type == ELF_PT_INTERP && image->interpreter == NULL) {
            image->interpreter = segment;
        }
        if (segment->type != ELF_PT_LOAD || segment->memsz == 0) {
            continue;
        }
        if (!is_good_segment(segment, file_size, lowest)) {
            return false;
        }
        if (nr++ == 0) {
            image->start = align_down(segment->vaddr, PAGE_SIZE);
        }
        lowest = segment->vaddr + segment->memsz;
    }
    image->end = align_up(lowest, PAGE_SIZE);
    return nr > 0;
}

int elf_read(struct file *file, struct elf_image *image)
{
    uint64_t file_size = inode_size(file->inode);
    uint64_t table_bytes;
    int error;

    memset(image, 0, offsetof(struct elf_image, segments));
    image->has_executable_stack = false;
    image->interpreter = NULL;
    error = read_at(file, 0, &image->header, sizeof(image->header));
    if (error != 0) {
        return error;
    }
    if (!is_program_for_us(&image->header)) {
        return -ENOEXEC;
    }
    table_bytes = image->header.phnum * sizeof(struct elf_segment);
    if (image->header.phoff > file_size || table_bytes > file_size - image->header.phoff) {
        return -ENOEXEC;
    }
    error = read_at(file, image->header.phoff, image->segments, table_bytes);
    if (error != 0) {
        return error;
    }
    return check_segments(image, file_size) ? 0 : -ENOEXEC;
}

int elf_read_interpreter(struct file *file, const struct elf_image *image, char *name,
                         size_t size_bytes)
{
    uint64_t len = image->interpreter->filesz;
    int error;

    if (len < 2 || len > size_bytes) {
        return -ENOEXEC;
    }
    error = read_at(file, image->interpreter->offset, name, len);
    if (error != 0) {
        return error;
    }
    return name[len - 1] == '\0' ? 0 : -ENOEXEC;
}

static uint32_t area_flags_of(const struct elf_segment *segment)
{
    uint32_t flags = AREA_MAY_WRITE;

    if ((segment->flags & ELF_PF_R) != 0) {
        flags |= AREA_READ;
    }
    if ((segment->flags & ELF_PF_W) != 0) {
        flags |= AREA_WRITE;
    }
    if ((segment->flags & ELF_PF_X) != 0) {
        flags |= AREA_EXEC;
    }
    return flags;
}

/** The part of a segment that has pages in the file. */
static int map_file_part(struct space *space, struct file *file, const struct elf_segment *segment,
                         uint64_t base)
{
    uint64_t start = align_down(segment->vaddr, PAGE_SIZE);
    struct space_map_request request = {
        .address = base + start,
        .len_bytes = align_up(segment->vaddr + segment->filesz, PAGE_SIZE) - start,
        .flags = area_flags_of(segment),
        .is_fixed = true,
        .object_index = segment->offset >> PAGE_SHIFT,
        .file = file,
    };
    uint64_t address;
    int error;

    if (segment->filesz == 0) {
        return 0;
    }
    if (file->ops->mmap == NULL) {
        return -ENOEXEC;
    }
    error = file->ops->mmap(file, request.flags, &request.object);
    return error != 0 ? error : space_map(space, &request, &address);
}

/** What a segment has beyond its file part: zeros. */
static int map_zero_part(struct space *space, const struct elf_segment *segment, uint64_t base)
{
    static const char zeros[PAGE_SIZE];
    uint64_t file_end = segment->vaddr + segment->filesz;
    uint64_t memory_end = align_up(segment->vaddr + segment->memsz, PAGE_SIZE);
    uint64_t first = segment->filesz == 0 ? align_down(segment->vaddr, PAGE_SIZE)
                                          : align_up(file_end, PAGE_SIZE);
    struct space_map_request request = {
        .address = base + first,
        .len_bytes = memory_end - first,
        .flags = area_flags_of(segment),
        .is_fixed = true,
    };
    uint64_t address;

    if (segment->memsz > segment->filesz && segment->filesz != 0 && first != file_end &&
        (segment->flags & ELF_PF_W) != 0 &&
        space_write(space, base + file_end, zeros, first - file_end) != first - file_end) {
        return -ENOMEM;
    }
    return memory_end > first ? space_map(space, &request, &address) : 0;
}

/** Reserve room for the whole of a position-independent image. */
static int find_place(struct space *space, const struct elf_image *image, uint64_t *base)
{
    struct space_map_request request = {.len_bytes = image->end - image->start};
    uint64_t address;
    int error = space_map(space, &request, &address);

    if (error == 0) {
        *base = address - image->start;
    }
    return error;
}

/** Where the program headers can be read by the program itself. */
static uint64_t find_headers(const struct elf_image *image, uint64_t base)
{
    uint64_t phoff = image->header.phoff;
    unsigned i;

    for (i = 0; i < image->header.phnum; i++) {
        const struct elf_segment *segment = &image->segments[i];

        if (segment->type == ELF_PT_LOAD && phoff >= segment->offset &&
            phoff - segment->offset < segment->filesz) {
            return base + segment->vaddr + (phoff - segment->offset);
        }
    }
    return 0;
}

int elf_map(struct space *space, struct file *file, const struct elf_image *image, uint64_t base,
            struct elf_loaded *loaded)
{
    unsigned i;
    int error = 0;

    if (image->header.type == ELF_ET_EXEC) {
        base = 0;
    } else if (base == 0) {
        error = find_place(space, image, &base);
    } else if (image->end > LOAD_END - base) {
        error = -ENOMEM;
    }
    for (i = 0; error == 0 && i < image->header.phnum; i++) {
        const struct elf_segment *segment = &image->segments[i];

        if (segment->type != ELF_PT_LOAD || segment->memsz == 0) {
            continue;
        }
        error = map_file_part(space, file, segment, base);
        if (error == 0) {
            error = map_zero_part(space, segment, base);
        }
    }
    if (error != 0) {
        return error;
    }
    loaded->base = base;
    loaded->entry = base + image->header.entry;
    loaded->end = base + image->end;
    loaded->headers = find_headers(image, base);
    return 0;
}
