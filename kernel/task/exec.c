// SPDX-License-Identifier: MIT
/* execve: the same process, another program.
 *
 * Everything that can fail is done first, beside the old program, which goes on as if nothing
 * had happened if it does:
 *
 *     open      find the file; for a script (#!) go on with its interpreter
 *     strings   copy arguments and environment out of the old memory
 *     build     a new address space: segments, dynamic loader, stack, trampoline
 *     alone     end the other threads; from here on nothing can fail
 *     commit    switch to the new space, and reset what a program starts with: signals, timers,
 *               descriptors, credentials
 *
 * A parent in vfork() goes on once the old space is no longer used. Source: POSIX.1-2017, exec;
 * execve(2) of Linux. */
#include "kernel/task/exec.h"
#include "fs/vfs/file.h"
#include "fs/vfs/mount.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/base/string.h"
#include "kernel/task/elf_load.h"
#include "kernel/task/exec_commit.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/process.h"
#include "kernel/task/task.h"
#include "kernel/task/trampoline.h"
#include "mm/kmalloc.h"
#include "mm/space.h"

#define MAX_SCRIPTS       4
#define SCRIPT_LINE_BYTES 256
#define PIE_BASE          0x2aaaaaa000ul

struct script { /* what the first line of a script says */
    char line[SCRIPT_LINE_BYTES];
    const char *interpreter;
    const char *argument; /* or NULL */
};

struct exec_work { /* too large for the stack */
    struct elf_image program;
    struct elf_image interpreter;
    struct script scripts[MAX_SCRIPTS];
    char interpreter_name[PATH_MAX];
};

/* ---- Open ------------------------------------------------------------------------------------ */

static int check_program(const struct walk_context *context, const struct path *path)
{
    if (!inode_is(path->dentry->inode, S_IFREG)) {
        return -EACCES;
    }
    if ((mount_flags(path->mount, path->dentry->inode->super) & SUPER_NOEXEC) != 0) {
        return -EACCES;
    }
    return vfs_access(context, path, ACCESS_EXEC);
}

/** Find and open a program for the kernel's reading; the caller needs only the right to execute
 *  it. */
static int open_program(int dirfd, const char *name, unsigned walk_flags, struct file **file)
{
    struct walk_context context;
    struct path path;
    int error = task_walk_context(dirfd, name, &context);

    if (error != 0) {
        return error;
    }
    error = path_walk(&context, name, walk_flags, &path);
    if (error == 0) {
        if ((walk_flags & WALK_FOLLOW) == 0 && inode_is(path.dentry->inode, S_IFLNK)) {
            error = -ELOOP;
        } else {
            error = check_program(&context, &path);
        }
        if (error == 0) {
            error = vfs_open_path(&path, O_RDONLY, &cred_kernel, file);
        }
        path_put(&path);
    }
    task_walk_context_put(&context);
    return error;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/** Take the line apart: "#!", blanks, the interpreter, blanks, one argument up to the end of the
 *  line. */
static int parse_script(struct script *script, size_t len)
{
    char *line = script->line;
    char *end;
    char *at = line + 2;

    line[len] = '\0';
    end = strchr(line, '\n');
    if (end == NULL && len == SCRIPT_LINE_BYTES - 1) {
        return -ENOEXEC; /* cut off */
    }
    end = end != NULL ? end : line + len;
    while (end > at && is_blank(end[-1])) {
        end--;
    }
    *end = '\0';
    while (is_blank(*at)) {
        at++;
    }
    if (*at == '\0') {
        return -ENOEXEC;
    }
    script->interpreter = at;
    script->argument = NULL;
    while (*at != '\0' && !is_blank(*at)) {
        at++;
    }
    if (*at != '\0') {
        *at++ = '\0';
        while (is_blank(*at)) {
            at++;
        }
        script->argument = *at != '\0' ? at : NULL;
    }
    return 0;
}

/** Whether the file is a script, and what it asks for. Returns 1, 0, or -errno. */
static int read_script(struct file *file, struct script *script)
{
    struct iter iter;
    uint64_t position = 0;
    ssize_t got;
    int error;

    iter_init_kernel(&iter, script->line, sizeof(script->line) - 1);
    got = vfs_read(file, &iter, &position);
    if (got < 0) {
        return (int)got;
    }
    if (got < 2 || script->line[0] != '#' || script->line[1] != '!') {
        return 0;
    }
    error = parse_script(script, (size_t)got);
    return error != 0 ? error : 1;
}

/** Open the program, going from script to interpreter. Leaves the number of scripts met. */
static int open_through_scripts(const struct exec_request *request, struct exec_work *work,
                                struct file **file, unsigned *nr_scripts)
{
    struct file *opened;
    unsigned flags = request->walk_flags | (request->is_link_refused ? 0 : WALK_FOLLOW);
    int error = open_program(request->dirfd, request->name, flags, &opened);
    unsigned nr = 0;

    while (error == 0) {
        int is_script;

        if (nr == MAX_SCRIPTS) {
            file_put(opened);
            return -ELOOP;
        }
        is_script = read_script(opened, &work->scripts[nr]);
        if (is_script == 0) {
            *file = opened;
            *nr_scripts = nr;
            return 0;
        }
        file_put(opened);
        if (is_script < 0) {
            return is_script;
        }
        error = open_program(TASK_AT_FDCWD, work->scripts[nr].interpreter, WALK_FOLLOW, &opened);
        nr++;
    }
    return error;
}

/* ---- Strings --------------------------------------------------------------------------------- */

/** Arguments as the program sees them: those that scripts put in front, the script's name, the
 *  rest of the caller's. */
static int collect_strings(const struct exec_request *request, const struct exec_work *work,
                           unsigned nr_scripts, struct exec_args *args)
{
    unsigned i;
    int error = 0;

    for (i = nr_scripts; error == 0 && i-- > 0;) {
        const struct script *script = &work->scripts[i];

        error = exec_args_push(args, script->interpreter);
        if (error == 0 && script->argument != NULL) {
            error = exec_args_push(args, script->argument);
        }
    }
    if (error == 0 && nr_scripts > 0) {
        error = exec_args_push(args, request->name);
    }
    if (error == 0) {
        error = exec_args_append(args, &request->argv, nr_scripts > 0 ? 1 : 0, false);
    }
    if (error == 0 && args->nr_args == 0) {
        error = exec_args_push(args, ""); /* as Linux does since 5.18: argv[0] is always there */
    }
    return error != 0 ? error : exec_args_append(args, &request->envp, 0, true);
}

/* ---- Build ----------------------------------------------------------------------------------- */

/** Load the dynamic loader that the program asks for. */
static int map_interpreter(struct file *program_file, struct exec_work *work, struct space *space,
                           struct elf_loaded *loaded)
{
    struct file *file;
    int error = elf_read_interpreter(program_file, &work->program, work->interpreter_name,
                                     sizeof(work->interpreter_name));

    if (error == 0) {
        error = open_program(TASK_AT_FDCWD, work->interpreter_name, WALK_FOLLOW, &file);
    }
    if (error != 0) {
        return error;
    }
    error = elf_read(file, &work->interpreter);
    if (error == 0) {
        error = elf_map(space, file, &work->interpreter, 0, loaded);
    }
    file_put(file);
    return error == -ENOEXEC ? -ELIBBAD : error;
}

static void set_limits(struct space *space)
{
    space->limit_address_space_bytes = task_rlimit(ABI_RLIMIT_AS);
    space->limit_stack_bytes = task_rlimit(ABI_RLIMIT_STACK);
    space->limit_data_bytes = task_rlimit(ABI_RLIMIT_DATA);
    space->limit_locked_bytes = task_rlimit(ABI_RLIMIT_MEMLOCK);
}

static int fill_space(struct exec_work *work, struct file *file, const struct exec_args *args,
                      struct exec_stack *stack, struct exec_start *start)
{
    struct space *space = start->space;
    struct elf_loaded *program = &stack->program;
    struct elf_loaded interpreter;
    int error = elf_map(space, file, &work->program, PIE_BASE, program);

    if (error != 0) {
        return error;
    }
    start->pc = program->entry;
    space->brk_start = program->end;
    space->brk_end = program->end;
    if (work->program.interpreter != NULL) {
        error = map_interpreter(file, work, space, &interpreter);
        if (error != 0) {
            return error;
        }
        start->pc = interpreter.entry;
        stack->interpreter_base = interpreter.base;
    }
    error = trampoline_map(space);
    if (error != 0) {
        return error;
    }
    stack->image = &work->program;
    return exec_args_build_stack(args, stack, space, &start->sp);
}

/** Whom the new program runs as: set-id bits count unless the mount or the process has said no. */
static void choose_credentials(const struct file *file, struct exec_start *start,
                               struct exec_stack *stack)
{
    const struct task *self = task_current();
    struct cred *cred = &start->cred;
    const struct inode *inode = file->inode;

    *cred = self->cred;
    if ((mount_flags(file->path.mount, inode->super) & SUPER_NOSUID) == 0 &&
        !self->process->has_no_new_privileges) {
        if ((inode->mode & S_ISUID) != 0) {
            cred->euid = inode->uid;
        }
        if ((inode->mode & (S_ISGID | 0010)) == (S_ISGID | 0010)) {
            cred->egid = inode->gid;
        }
    }
    cred->suid = cred->fsuid = cred->euid;
    cred->sgid = cred->fsgid = cred->egid;
    stack->uid = cred->uid;
    stack->euid = cred->euid;
    stack->gid = cred->gid;
    stack->egid = cred->egid;
    stack->is_secure = cred->uid != cred->euid || cred->gid != cred->egid;
}

static int build_and_commit(const struct exec_request *request, struct exec_work *work,
                            struct file *file, const struct exec_args *args)
{
    struct exec_start start = {.file = file};
    struct exec_stack stack = {.name = request->name};
    int error = elf_read(file, &work->program);

    if (error != 0) {
        return error;
    }
    start.space = space_create();
    if (start.space == NULL) {
        return -ENOMEM;
    }
    set_limits(start.space);
    choose_credentials(file, &start, &stack);
    start.name = strrchr(request->name, '/') != NULL ? strrchr(request->name, '/') + 1
                                                     : request->name;
    error = fill_space(work, file, args, &stack, &start);
    if (error == 0) {
        error = exec_commit(&start);
    }
    if (error != 0) {
        space_put(start.space);
    }
    return error;
}

int exec_program(const struct exec_request *request)
{
    struct exec_work *work = kmalloc(sizeof(*work), ALLOC_KERNEL);
    struct exec_args args;
    struct file *file;
    unsigned nr_scripts;
    int error;

    if (work == NULL) {
        return -ENOMEM;
    }
    exec_args_init(&args, task_rlimit(ABI_RLIMIT_STACK));
    error = open_through_scripts(request, work, &file, &nr_scripts);
    if (error == 0) {
        error = collect_strings(request, work, nr_scripts, &args);
        if (error == 0) {
            error = build_and_commit(request, work, file, &args);
        }
        file_put(file);
    }
    exec_args_destroy(&args);
    kfree(work);
    return error;
}
