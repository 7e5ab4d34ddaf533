// SPDX-License-Identifier: MIT
/* Arguments, environment and the auxiliary vector: what a program finds on its stack. Theory in
 * exec_args.c. */
#ifndef CAIRN_TASK_EXEC_ARGS_H
#define CAIRN_TASK_EXEC_ARGS_H

#include "kernel/task/elf_load.h"
#include "kernel/base/types.h"

struct elf_image;
struct space;

struct string_vector {         /* where argv or envp comes from */
    const char *const *kernel; /* ended by NULL; or NULL, and then */
    uint64_t user;             /* the user address of such an array; 0: empty */
};

struct exec_args {
    char *strings; /* one after another, each with its NUL */
    size_t len_bytes;
    size_t capacity_bytes;
    size_t max_bytes;
    unsigned nr_args;
    unsigned nr_envs;
    size_t env_offset; /* of the first environment string */
};

void exec_args_init(struct exec_args *args, uint64_t stack_limit_bytes);
void exec_args_destroy(struct exec_args *args);

/** Append one argument from kernel memory. Returns 0, -E2BIG or -ENOMEM. */
int must_check exec_args_push(struct exec_args *args, const char *string);

/** Append a whole vector, without its first nr_skip strings. Arguments first, then is_env.
 *  Returns 0, -E2BIG, -EFAULT, -ENOMEM. */
int must_check exec_args_append(struct exec_args *args, const struct string_vector *vector,
                                unsigned nr_skip, bool is_env);

struct exec_stack { /* what the stack is built for */
    const struct elf_image *image;
    struct elf_loaded program;
    uint64_t interpreter_base; /* 0: none */
    const char *name;          /* AT_EXECFN */
    bool is_secure;
    uint32_t uid, euid, gid, egid;
};

/** Map the stack and write everything onto it. Returns 0 and the stack pointer, -E2BIG, -ENOMEM. */
int must_check exec_args_build_stack(const struct exec_args *args, const struct exec_stack *stack,
                                     struct space *space, uint64_t *sp);

#endif
