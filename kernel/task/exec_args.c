// SPDX-License-Identifier: MIT
/* The new program's stack.
 *
 * The strings are collected in kernel memory before anything is given up, in the order in which
 * they will lie on the stack; the stack's top is then built as one block and written at once:
 *
 *     stack_top   8 zero bytes
 *                 the file's name (AT_EXECFN)
 *                 environment strings
 *                 argument strings
 *                 16 random bytes (AT_RANDOM)
 *                 auxiliary vector, ended by AT_NULL
 *                 environment pointers, NULL
 *                 argument pointers, NULL
 *     sp          argc                                     sp is a multiple of 16
 *
 * All strings together may take a quarter of the stack limit; one alone 128 KiB. Source: the
 * Linux RISC-V psABI. */
#include "kernel/task/exec_args.h"
#include "kernel/abi/auxv.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/time.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "kernel/task/elf_load.h"
#include "mm/kmalloc.h"
#include "mm/space.h"
#include "mm/vmalloc.h"

#define STACK_TOP           (USER_END - 16 * PAGE_SIZE)
#define MAX_STRING_BYTES    (32 * PAGE_SIZE)
#define LEAST_MAX_BYTES     (32 * PAGE_SIZE)
#define MOST_MAX_BYTES      (6ul << 20)
#define KMALLOC_MAX_BYTES   (64ul << 10) /* above it contiguous frames would be asked too much */
#define FIRST_CAPACITY      1024u
#define FIRST_STRING_ROOM   256ul
#define INITIAL_STACK_BYTES (128ul << 10)
#define RANDOM_BYTES        16
#define END_BYTES           8
#define MAX_AUX             20

#define HWCAP                                                                \
    (ABI_HWCAP_LETTER('i') | ABI_HWCAP_LETTER('m') | ABI_HWCAP_LETTER('a') | \
     ABI_HWCAP_LETTER('f') | ABI_HWCAP_LETTER('d') | ABI_HWCAP_LETTER('c'))

/* ---- Strings --------------------------------------------------------------------------------- */

void exec_args_init(struct exec_args *args, uint64_t stack_limit_bytes)
{
    *args = (struct exec_args){0};
    args->max_bytes = min_of(max_of(stack_limit_bytes / 4, LEAST_MAX_BYTES), MOST_MAX_BYTES);
}

static void *alloc_bytes(size_t size_bytes)
{
    return size_bytes <= KMALLOC_MAX_BYTES ? kmalloc(size_bytes, ALLOC_KERNEL)
                                           : vmalloc(size_bytes, ALLOC_KERNEL);
}

static void free_bytes(void *bytes)
{
    if (vmalloc_contains(bytes)) {
        vfree(bytes);
    } else {
        kfree(bytes);
    }
}

void exec_args_destroy(struct exec_args *args)
{
    free_bytes(args->strings);
}

/** Make room for len_bytes more. */
static int reserve(struct exec_args *args, size_t len_bytes)
{
    size_t needed = args->len_bytes + len_bytes;
    size_t capacity = max_of(args->capacity_bytes, (size_t)FIRST_CAPACITY);
    char *bigger;

    if (needed + (args->nr_args + args->nr_envs) * sizeof(uint64_t) > args->max_bytes) {
        return -E2BIG;
    }
    while (capacity < needed) {
        capacity *= 2;
    }
    if (capacity == args->capacity_bytes) {
        return 0;
    }
    bigger = alloc_bytes(capacity);
    if (bigger == NULL) {
        return -ENOMEM;
    }
    if (args->strings != NULL) {
        memcpy(bigger, args->strings, args->len_bytes);
        free_bytes(args->strings);
    }
    args->strings = bigger;
    args->capacity_bytes = capacity;
    return 0;
}

static int append_kernel(struct exec_args *args, const char *string)
{
    size_t size_bytes = strlen(string) + 1;
    int error = reserve(args, size_bytes);

    if (error != 0) {
        return error;
    }
    memcpy(args->strings + args->len_bytes, string, size_bytes);
    args->len_bytes += size_bytes;
    return 0;
}

int exec_args_push(struct exec_args *args, const char *string)
{
    int error = append_kernel(args, string);

    args->nr_args += error == 0;
    return error;
}

/** Append one string of user memory: try with the room there is, then with more. */
static int push_user(struct exec_args *args, uint64_t address)
{
    size_t room = FIRST_STRING_ROOM;

    for (;;) {
        ssize_t len;
        int error = reserve(args, room);

        if (error != 0) {
            return error;
        }
        len = port_string_from_user(args->strings + args->len_bytes, user_ptr(address), room);
        if (len >= 0) {
            args->len_bytes += (size_t)len + 1;
            return 0;
        }
        if (len != -ENAMETOOLONG) {
            return -EFAULT;
        }
        if (room >= MAX_STRING_BYTES) {
            return -E2BIG;
        }
        room = min_of(room * 4, MAX_STRING_BYTES);
    }
}

static int append_user(struct exec_args *args, uint64_t vector, unsigned nr_skip, unsigned *nr)
{
    uint64_t string;
    int error = 0;

    for (vector += nr_skip * sizeof(string); error == 0; vector += sizeof(string)) {
        if (port_copy_from_user(&string, user_ptr(vector), sizeof(string)) != 0) {
            return -EFAULT;
        }
        if (string == 0) {
            return 0;
        }
        error = push_user(args, string);
        (*nr)++;
    }
    return error;
}

int exec_args_append(struct exec_args *args, const struct string_vector *vector, unsigned nr_skip,
                     bool is_env)
{
    const char *const *string;
    unsigned nr = 0;
    int error = 0;

    if (is_env) {
        args->env_offset = args->len_bytes;
    }
    if (vector->kernel != NULL) {
        for (string = vector->kernel; error == 0 && *string != NULL; string++) {
            if (nr_skip > 0) {
                nr_skip--;
                continue;
            }
            error = append_kernel(args, *string);
            nr++;
        }
    } else if (vector->user != 0) {
        error = append_user(args, vector->user, nr_skip, &nr);
    }
    *(is_env ? &args->nr_envs : &args->nr_args) += nr;
    return error;
}

/* ---- The stack ------------------------------------------------------------------------------- */

struct builder {
    uint64_t *word; /* where the next word goes, in kernel memory */
};

static void put_word(struct builder *builder, uint64_t value)
{
    *builder->word++ = value;
}

static void put_aux(struct builder *builder, uint64_t type, uint64_t value)
{
    put_word(builder, type);
    put_word(builder, value);
}

static void put_pointers(struct builder *builder, const char *strings, uint64_t address,
                         unsigned nr)
{
    const char *string = strings;

    for (; nr > 0; nr--) {
        put_word(builder, address + (uint64_t)(string - strings));
        string += strlen(string) + 1;
    }
    put_word(builder, 0);
}

static void put_auxv(struct builder *builder, const struct exec_stack *stack, uint64_t random,
                     uint64_t name)
{
    put_aux(builder, ABI_AT_HWCAP, HWCAP);
    put_aux(builder, ABI_AT_PAGESZ, PAGE_SIZE);
    put_aux(builder, ABI_AT_CLKTCK, ABI_USER_HZ);
    put_aux(builder, ABI_AT_PHDR, stack->program.headers);
    put_aux(builder, ABI_AT_PHENT, sizeof(struct elf_segment));
    put_aux(builder, ABI_AT_PHNUM, stack->image->header.phnum);
    put_aux(builder, ABI_AT_BASE, stack->interpreter_base);
    put_aux(builder, ABI_AT_FLAGS, 0);
    put_aux(builder, ABI_AT_ENTRY, stack->program.entry);
    put_aux(builder, ABI_AT_UID, stack->uid);
    put_aux(builder, ABI_AT_EUID, stack->euid);
    put_aux(builder, ABI_AT_GID, stack->gid);
    put_aux(builder, ABI_AT_EGID, stack->egid);
    put_aux(builder, ABI_AT_SECURE, stack->is_secure);
    put_aux(builder, ABI_AT_RANDOM, random);
    put_aux(builder, ABI_AT_EXECFN, name);
    put_aux(builder, ABI_AT_NULL, 0);
}

static int map_stack(struct space *space, uint64_t used_bytes, bool is_executable)
{
    uint64_t size_bytes = align_up(used_bytes + INITIAL_STACK_BYTES, PAGE_SIZE);
    struct space_map_request request = {
        .address = STACK_TOP - size_bytes,
        .len_bytes = size_bytes,
        .flags = AREA_READ | AREA_WRITE | AREA_MAY_WRITE | AREA_GROWS_DOWN,
        .is_fixed = true,
    };
    uint64_t address;

    if (is_executable) {
        request.flags |= AREA_EXEC;
    }
    space->stack_top = STACK_TOP;
    return space_map(space, &request, &address);
}

/** Fill the block that will lie at [sp, STACK_TOP). */
static void fill(char *block, uint64_t sp, const struct exec_args *args,
                 const struct exec_stack *stack)
{
    size_t name_bytes = strlen(stack->name) + 1;
    uint64_t name = STACK_TOP - END_BYTES - name_bytes;
    uint64_t strings = name - args->len_bytes;
    uint64_t random = align_down(strings - RANDOM_BYTES, 16);
    struct builder builder = {.word = (uint64_t *)block};

    memcpy(block + (name - sp), stack->name, name_bytes);
    memcpy(block + (strings - sp), args->strings, args->len_bytes);
    port_random_bytes(block + (random - sp), RANDOM_BYTES);
    put_word(&builder, args->nr_args);
    put_pointers(&builder, args->strings, strings, args->nr_args);
    put_pointers(&builder, args->strings + args->env_offset, strings + args->env_offset,
                 args->nr_envs);
    put_auxv(&builder, stack, random, name);
}

int exec_args_build_stack(const struct exec_args *args, const struct exec_stack *stack,
                          struct space *space, uint64_t *sp)
{
    size_t name_bytes = strlen(stack->name) + 1;
    uint64_t strings = STACK_TOP - END_BYTES - name_bytes - args->len_bytes;
    uint64_t nr_words = 1 + args->nr_args + 1 + args->nr_envs + 1 + 2 * MAX_AUX;
    uint64_t lowest = align_down(strings - RANDOM_BYTES, 16) - nr_words * sizeof(uint64_t);
    uint64_t start = align_down(lowest, 16);
    size_t size_bytes = STACK_TOP - start;
    char *block = alloc_bytes(size_bytes);
    int error;

    if (block == NULL) {
        return -ENOMEM;
    }
    memset(block, 0, size_bytes);
    fill(block, start, args, stack);
    error = map_stack(space, size_bytes, stack->image->has_executable_stack);
    if (error == 0 && space_write(space, start, block, size_bytes) != size_bytes) {
        error = -ENOMEM;
    }
    free_bytes(block);
    if (error != 0) {
        return error;
    }
    space->start_stack = start;
    space->arg_start = strings;
    space->arg_end = strings + (args->nr_envs > 0 ? args->env_offset : args->len_bytes);
    space->env_start = space->arg_end;
    space->env_end = strings + args->len_bytes;
    *sp = start;
    return 0;
}
