// SPDX-License-Identifier: MIT
// Builtins about the flow of control, and about finding commands.
#include "user/lib/number.h"
#include "user/lib/strbuf.h"
#include "user/lib/tool.h"
#include "user/sh/builtin.h"
#include "user/sh/exec.h"
#include "user/sh/function.h"
#include "user/sh/job.h"
#include "user/sh/parse.h"
#include "user/sh/redir.h"
#include "user/sh/shell.h"
#include "user/sh/trap.h"
#include "user/sh/var.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The numeric operand of exit, return, break and continue. Returns false, and abandons the script,
// for what is no number.
static bool number_operand(int argc, char **argv, int64_t min, int *value)
{
    int64_t number;

    if (argc < 2)
        return true;
    if (!parse_i64(argv[1], &number) || number < min || number > 0x7fffffff) {
        shell_fatal(STATUS_SYNTAX, "%s: %s: not a valid number", argv[0], argv[1]);
        return false;
    }
    *value = (int)number;
    return true;
}

// break and continue. Outside a loop there is nothing to leave, which is no error.
int builtin_break(int argc, char **argv)
{
    int count = 1;

    if (!number_operand(argc, argv, 1, &count))
        return shell.status;
    if (shell.loop_depth == 0)
        return 0;
    shell.unwind = argv[0][0] == 'b' ? UNWIND_BREAK : UNWIND_CONTINUE;
    shell.unwind_count = count < shell.loop_depth ? count : shell.loop_depth;
    return 0;
}

int builtin_return(int argc, char **argv)
{
    int status = shell.status;

    if (!number_operand(argc, argv, 0, &status))
        return shell.status;
    if (shell.call_depth == 0) // as dash does, a return at top level ends the script
        shell_begin_exit(status & 0xff);
    else
        shell.unwind = UNWIND_RETURN;
    return shell.status = status & 0xff;
}

int builtin_exit(int argc, char **argv)
{
    static bool warned;
    int status = shell.status;

    if (!number_operand(argc, argv, 0, &status))
        return shell.status;
    if (shell.interactive && job_any_stopped() && !warned) {
        warned = true;
        warn_text("there are stopped jobs");
        return 1;
    }
    shell_begin_exit(status & 0xff);
    return status & 0xff;
}

int builtin_eval(int argc, char **argv)
{
    struct strbuf text = STRBUF_INIT;
    int status = 0;

    for (int i = 1; i < argc; i++) {
        if (i > 1)
            strbuf_add_char(&text, ' ');
        strbuf_add_text(&text, argv[i]);
    }
    if (text.len)
        status = shell_run_text(text.text, shell.name);
    strbuf_free(&text);
    return status;
}

// A sourced file is looked for by PATH, and need not be executable.
static int open_sourced(const char *name)
{
    const char *path = var_get("PATH"), *end;
    int fd = -1;

    if (strchr(name, '/'))
        return open(name, O_RDONLY | O_CLOEXEC);
    for (; path && fd < 0; path = *end ? end + 1 : NULL) {
        struct strbuf file = STRBUF_INIT;
        struct stat st;

        end = path + strcspn(path, ":");
        strbuf_add(&file, path, (size_t)(end - path));
        strbuf_add_text(&file, end > path ? "/" : "./");
        strbuf_add_text(&file, name);
        if (stat(file.text, &st) == 0 && S_ISREG(st.st_mode))
            fd = open(file.text, O_RDONLY | O_CLOEXEC);
        strbuf_free(&file);
    }
    return fd;
}

int builtin_dot(int argc, char **argv)
{
    int fd, status;

    if (argc < 2) {
        warn_text("a file name is needed");
        return STATUS_SYNTAX;
    }
    fd = open_sourced(argv[1]);
    if (fd < 0) {
        shell_fatal(STATUS_SYNTAX, "%s: cannot open: %s", argv[1], strerror(errno));
        return shell.status;
    }
    status = shell_run_file(redir_move_high(fd), argv[1]);
    if (shell.unwind == UNWIND_RETURN) {
        shell.unwind = UNWIND_NONE;
        status = shell.status;
    }
    return status;
}

int builtin_exec(int argc, char **argv)
{
    int at = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1, status;
    bool interactive = shell.interactive;
    sigset_t old;

    if (at >= argc)
        return 0;
    // The program is to find signals as the shell did.
    trap_block(&old);
    if (interactive)
        trap_reset_child(false);
    trap_unblock(&old);
    status = exec_program(argv + at);
    if (interactive)
        trap_init_interactive();
    else
        shell_begin_exit(status);
    return status;
}

// --- Finding commands ---------------------------------------------------------------------------

// What a name stands for.
// @terse: as command -v prints it.
static int describe(const char *name, bool terse)
{
    const struct builtin *builtin = builtin_find(name);
    const char *kind = NULL;
    char *path;
    int status;

    if (is_reserved(name))
        kind = "a shell keyword";
    else if (builtin && builtin->special)
        kind = "a special shell builtin";
    else if (function_find(name))
        kind = "a shell function";
    else if (builtin)
        kind = "a shell builtin";
    if (kind) {
        if (terse)
            puts(name);
        else
            printf("%s is %s\n", name, kind);
        return 0;
    }
    path = exec_find_program(name, &status);
    if (path && access(path, X_OK) != 0) {
        free(path);
        path = NULL;
    }
    if (path && terse)
        puts(path);
    else if (path)
        printf("%s is %s\n", name, path);
    else if (!terse)
        printf("%s: not found\n", name);
    status = path ? 0 : STATUS_NOT_FOUND;
    free(path);
    return status;
}

int builtin_type(int argc, char **argv)
{
    int status = 0;

    for (int i = 1; i < argc; i++)
        if (describe(argv[i], false) != 0)
            status = STATUS_NOT_FOUND;
    return status;
}

int builtin_command(int argc, char **argv)
{
    bool terse = false, verbose = false;
    int at = 1, status = 0;

    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        terse |= strchr(argv[at], 'v') != NULL;
        verbose |= strchr(argv[at], 'V') != NULL;
    }
    if (at >= argc)
        return 0;
    if (!terse && !verbose)
        return exec_words(argc - at, argv + at, false, 0);
    for (; at < argc; at++)
        if (describe(argv[at], !verbose) != 0)
            status = STATUS_NOT_FOUND;
    return status;
}
