// SPDX-License-Identifier: MIT
// Simple commands: expand the words, then find out what the first one is.
//
//   special builtin   assignments stay, and errors in redirections end a script
//   function          in this process, assignments for the time of the call
//   builtin           likewise
//   program           in a child, which takes redirections and assignments itself
//
// The order is that of POSIX 2.9.1. A program replaces this process where nothing is left to do here
// (EXEC_LAST), which saves a fork in every subshell, pipeline and `sh -c`.
#include "user/sh/command.h"

#include "user/lib/path.h"
#include "user/lib/tool.h"
#include "user/sh/builtin.h"
#include "user/sh/exec.h"
#include "user/sh/expand.h"
#include "user/sh/function.h"
#include "user/sh/job.h"
#include "user/sh/redir.h"
#include "user/sh/shell.h"
#include "user/sh/trap.h"
#include "user/sh/var.h"

#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// --- Programs -----------------------------------------------------------------------------------

char *exec_find_program(const char *name, int *status)
{
    const char *path = var_get("PATH"), *end;
    struct stat st;

    *status = STATUS_NOT_FOUND;
    if (strchr(name, '/'))
        return xstrdup(name);
    for (; path && *name; path = *end ? end + 1 : NULL) {
        char *dir, *file;

        end = path + strcspn(path, ":");
        dir = end == path ? xstrdup(".") : xstrndup(path, (size_t)(end - path));
        file = path_join(dir, name);
        free(dir);
        if (stat(file, &st) == 0 && S_ISREG(st.st_mode)) {
            if (access(file, X_OK) == 0)
                return file;
            *status = STATUS_CANNOT_EXECUTE;
        }
        free(file);
    }
    return NULL;
}

// A file that is executable but in no known format is a script for this shell.
static void exec_as_script(const char *path, char **argv, char **environment, struct arena *arena)
{
    struct string_list args = {0};

    list_add(&args, arena, arena_strdup(arena, "sh"));
    list_add(&args, arena, arena_strdup(arena, path));
    for (argv++; *argv; argv++)
        list_add(&args, arena, *argv);
    execve("/bin/sh", args.items, environment);
}

int exec_program(char **argv)
{
    struct arena *arena = arena_create();
    char **environment = var_environment(arena);
    char *path;
    int status;

    path = exec_find_program(argv[0], &status);
    if (!path) {
        shell_error("%s: %s", argv[0],
                    status == STATUS_NOT_FOUND ? "not found" : "permission denied");
        arena_put(arena);
        return status;
    }
    execve(path, argv, environment);
    if (errno == ENOEXEC)
        exec_as_script(path, argv, environment, arena);
    status = errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE;
    shell_error("%s: %s", argv[0], errno == ENOENT ? "not found" : strerror(errno));
    free(path);
    arena_put(arena);
    return status;
}

// --- Assignments and tracing --------------------------------------------------------------------

enum assignment_scope { ASSIGN_KEEP, ASSIGN_LOCAL };

static int assign_all(const struct assignment *assignments, enum assignment_scope how,
                      unsigned flags, struct arena *arena)
{
    for (; assignments; assignments = assignments->next) {
        char *value = expand_text(assignments->value, arena);

        if (!value)
            return -1;
        if (shell.trace)
            fprintf(stderr, "%s%s=%s\n", expand_prompt(var_get("PS4") ? var_get("PS4") : "", arena),
                    assignments->name, value);
        if (how == ASSIGN_LOCAL)
            var_make_local(assignments->name);
        if (var_set(assignments->name, value, flags) != 0)
            return -1;
    }
    return 0;
}

static void trace_words(const struct string_list *words, struct arena *arena)
{
    const char *prompt = var_get("PS4");

    if (!shell.trace)
        return;
    fputs(expand_prompt(prompt ? prompt : "", arena), stderr);
    for (size_t i = 0; i < words->nr; i++)
        fprintf(stderr, "%s%s", i ? " " : "", words->items[i]);
    fputc('\n', stderr);
}

// --- Functions and builtins ---------------------------------------------------------------------

static int call_function(const struct function *function, int argc, char **argv)
{
    // Local copies: the function may be redefined, and freed, while it runs.
    struct arena *arena = arena_get(function->arena), *outer_arena = function_current_arena;
    const struct node *body = function->body;
    struct parameters outer_params;
    int status, outer_loops = shell.loop_depth;

    if (shell.call_depth >= CALL_DEPTH_MAX) {
        arena_put(arena);
        shell_fatal(STATUS_SYNTAX, "%s: calls nested more than %d deep", argv[0], CALL_DEPTH_MAX);
        return shell.status;
    }
    outer_params = params_save();
    params_set(argc - 1, argv + 1);
    var_begin_scope();
    shell.call_depth++;
    shell.function_depth++;
    shell.loop_depth = 0;
    function_current_arena = arena;
    status = exec_node(body, 0);
    if (shell.unwind == UNWIND_RETURN) {
        shell.unwind = UNWIND_NONE;
        status = shell.status;
    }
    function_current_arena = outer_arena;
    shell.loop_depth = outer_loops;
    shell.function_depth--;
    shell.call_depth--;
    var_end_scope();
    params_restore(outer_params);
    arena_put(arena);
    return status;
}

static int call_builtin(const struct builtin *builtin, int argc, char **argv)
{
    int status, why;

    tool_set_name(argv[0]);
    errno = 0;
    status = builtin->run(argc, argv);
    why = errno; // of a line that was written at once
    if (fflush(stdout) != 0 || ferror(stdout)) {
        why = errno != 0 ? errno : why;
        shell_error("%s: write error: %s", argv[0], strerror(why != 0 ? why : EIO));
        __fpurge(stdout);
        clearerr(stdout);
        status = STATUS_FAILED;
    }
    tool_set_name(shell.name);
    return status;
}

// In place, or in a child as a job of its own.
static int run_program(char **argv, const char *text, unsigned flags)
{
    struct job *job;

    if ((flags & EXEC_LAST) && !trap_is_set_any())
        shell_exit(exec_program(argv));
    job = job_create(text);
    if (job_fork(job, JOB_FOREGROUND) == 0)
        shell_exit(exec_program(argv));
    return job_wait_foreground(job);
}

int exec_words(int argc, char **argv, bool functions, unsigned flags)
{
    const struct function *function = functions ? function_find(argv[0]) : NULL;
    const struct builtin *builtin = builtin_find(argv[0]);

    if (function)
        return call_function(function, argc, argv);
    if (builtin)
        return call_builtin(builtin, argc, argv);
    return run_program(argv, argv[0], flags);
}

// --- The command --------------------------------------------------------------------------------

static int run_without_words(const struct node *node, struct arena *arena)
{
    struct saved_fd *saved = NULL;
    int status = STATUS_FAILED;

    if (redir_apply(node->redirects, &saved) == 0) {
        if (assign_all(node->assignments, ASSIGN_KEEP, 0, arena) != 0)
            status = shell.status;
        else
            status = shell.substitution_status >= 0 ? shell.substitution_status : 0;
    }
    redir_restore(&saved);
    return status;
}

static int run_special(const struct node *node, const struct builtin *builtin,
                       struct string_list *words, struct arena *arena)
{
    struct saved_fd *saved = NULL;
    int status = STATUS_SYNTAX;

    if (redir_apply(node->redirects, &saved) != 0)
        shell_abandon(STATUS_SYNTAX);
    else if (assign_all(node->assignments, ASSIGN_KEEP, 0, arena) != 0)
        status = shell.status;
    else
        status = call_builtin(builtin, (int)words->nr, words->items);
    if (builtin->keeps_redirects && !shell.unwind && status == 0)
        redir_keep(&saved);
    else
        redir_restore(&saved);
    return status;
}

static int run_in_process(const struct node *node, const struct function *function,
                          const struct builtin *builtin, struct string_list *words,
                          struct arena *arena)
{
    struct saved_fd *saved = NULL;
    int status = STATUS_FAILED;

    if (node->assignments)
        var_begin_scope();
    if (redir_apply(node->redirects, &saved) == 0) {
        if (assign_all(node->assignments, ASSIGN_LOCAL, VAR_EXPORT, arena) != 0)
            status = shell.status;
        else if (function)
            status = call_function(function, (int)words->nr, words->items);
        else
            status = call_builtin(builtin, (int)words->nr, words->items);
    }
    redir_restore(&saved);
    if (node->assignments)
        var_end_scope();
    return status;
}

static int run_external(const struct node *node, struct string_list *words, const char *text,
                        struct arena *arena, unsigned flags)
{
    bool in_place = (flags & EXEC_LAST) && !trap_is_set_any();
    struct job *job = in_place ? NULL : job_create(text);

    if (in_place || job_fork(job, JOB_FOREGROUND) == 0) {
        if (redir_apply(node->redirects, NULL) != 0)
            shell_exit(STATUS_FAILED);
        if (assign_all(node->assignments, ASSIGN_KEEP, VAR_EXPORT, arena) != 0)
            shell_exit(shell.status);
        shell_exit(exec_program(words->items));
    }
    return job_wait_foreground(job);
}

int command_run(const struct node *node, const char *text, unsigned flags)
{
    struct arena *arena = arena_create();
    struct string_list words = {0};
    const struct function *function;
    const struct builtin *builtin;
    int status;

    shell.substitution_status = -1;
    if (expand_words(node->words, arena, &words) != 0) {
        status = shell.status;
    } else if (words.nr == 0) {
        status = run_without_words(node, arena);
    } else {
        trace_words(&words, arena);
        builtin = builtin_find(words.items[0]);
        function = function_find(words.items[0]);
        if (builtin && builtin->special)
            status = run_special(node, builtin, &words, arena);
        else if (function || builtin)
            status = run_in_process(node, function, builtin, &words, arena);
        else
            status = run_external(node, &words, text, arena, flags);
    }
    arena_put(arena);
    return status;
}
