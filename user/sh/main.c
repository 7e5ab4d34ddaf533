// SPDX-License-Identifier: MIT
// The shell.
//
// It reads a command, and runs it, until there are none:
//
//   source.c   where lines come from: a string, a file, a prompt (edit.c, history.c, complete.c)
//   lex.c      characters to tokens; words.c takes words apart into parts
//   parse.c    tokens to a tree (ast.h); the grammar is written there
//   expand.c   words to strings: parameter.c, arith.c, field.c (splitting), pattern.c (file names)
//   exec.c     walks the tree; command.c runs simple commands, redir.c redirects
//   job.c      forks, waits, and lends the terminal; trap.c has the signals
//   var.c      variables and positional parameters; function.c functions; builtin*.c builtins
//
// This file has the state that they share, the loop, and the start. A complete command is parsed
// into an arena and run, and the arena is freed, unless a function was defined in it.
#include "user/sh/shell.h"

#include "user/lib/tool.h"
#include "user/sh/exec.h"
#include "user/sh/function.h"
#include "user/sh/job.h"
#include "user/sh/options.h"
#include "user/sh/parse.h"
#include "user/sh/redir.h"
#include "user/sh/source.h"
#include "user/sh/trap.h"
#include "user/sh/var.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static const struct tool tool = {
    "sh", "[-abCefmnuvxis] [-c COMMANDS [NAME] | FILE | -s] [ARGUMENT]…",
    "Run commands from a string, a file, or standard input.", STATUS_SYNTAX};

struct shell shell = {.name = "sh", .line = 1};

// --- Errors and ends ----------------------------------------------------------------------------

static void print_error(const char *fmt, va_list args)
{
    fflush(stdout);
    fprintf(stderr, "%s: ", shell.name);
    if (!shell.interactive && !shell.subshell)
        fprintf(stderr, "line %d: ", shell.line);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

void shell_error(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    print_error(fmt, args);
    va_end(args);
}

void shell_abandon(int status)
{
    shell.status = status;
    shell.unwind = shell.interactive ? UNWIND_ABORT : UNWIND_EXIT;
}

int shell_fatal(int status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    print_error(fmt, args);
    va_end(args);
    shell_abandon(status);
    return -1;
}

void shell_begin_exit(int status)
{
    shell.status = status;
    shell.unwind = UNWIND_EXIT;
}

void shell_exit(int status)
{
    shell.status = status;
    trap_run_exit();
    fflush(stdout);
    job_finish();
    if (shell.subshell)
        _exit(shell.status & 0xff);
    exit(shell.status & 0xff);
}

// --- The loop -----------------------------------------------------------------------------------

// Run one complete command of the lexer's. Returns false when there are no more.
// @ran: set if there was something to run.
static bool run_next(struct lexer *lexer, bool may_be_last, bool *ran)
{
    struct arena *arena = arena_create(), *outer = function_current_arena;
    struct node *node;
    enum parse_result result;

    lexer_begin(lexer, arena);
    result = parse_complete_command(lexer, &node);
    if (result == PARSE_COMMAND && node) {
        bool last = may_be_last && lexer_at_end(lexer) && !shell.interactive;

        *ran = true;
        function_current_arena = arena;
        exec_node(node, last ? EXEC_LAST : 0);
        function_current_arena = outer;
    }
    arena_put(arena);
    if (result != PARSE_ERROR)
        return result == PARSE_COMMAND;
    if (lexer->interrupted)
        shell.status = STATUS_SIGNAL + SIGINT;
    else
        shell_abandon(STATUS_SYNTAX);
    lexer_discard(lexer);
    return true;
}

// Run all commands of a source that is no prompt. Returns the status of the last, 0 for none.
static int run_source(struct source *source, const char *what, bool may_be_last)
{
    struct lexer lexer;
    int line = shell.line;
    bool ran = false;

    if (shell.call_depth >= CALL_DEPTH_MAX) {
        shell_fatal(STATUS_SYNTAX, "%s: nested more than %d deep", what, CALL_DEPTH_MAX);
        return shell.status;
    }
    shell.call_depth += !may_be_last;
    lexer_init(&lexer, source, what);
    while (!shell.unwind && run_next(&lexer, may_be_last, &ran)) {
    }
    if (!ran && !shell.unwind)
        shell.status = 0;
    lexer_destroy(&lexer);
    shell.call_depth -= !may_be_last;
    shell.line = line;
    return shell.status;
}

int shell_run_text(const char *text, const char *what)
{
    struct source source = source_from_text(text);

    return run_source(&source, what, false);
}

int shell_run_file(int fd, const char *what)
{
    struct source source = source_from_file(fd, false);
    int status = run_source(&source, what, false);

    close(fd);
    return status;
}

// At a prompt an error costs one command, not the shell, and so does an interrupt.
static void run_prompt(void)
{
    struct source source = source_from_prompt();
    struct lexer lexer;
    bool warned = false, ran;

    lexer_init(&lexer, &source, shell.name);
    while (shell.unwind != UNWIND_EXIT) {
        bool more = run_next(&lexer, false, &ran);

        if (shell.unwind != UNWIND_EXIT)
            shell.unwind = UNWIND_NONE;
        shell.loop_depth = shell.condition_depth = 0;
        if (more) {
            warned = false;
        } else if (job_any_stopped() && !warned) {
            fputs("There are stopped jobs.\n", stderr);
            warned = true;
        } else {
            break;
        }
    }
    lexer_destroy(&lexer);
}

// --- The start ----------------------------------------------------------------------------------

// Commands in a start-up file, if there is one. Its errors do not keep the shell from starting.
static void run_if_there(const char *path)
{
    int fd = path && *path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    fd = redir_move_high(fd);
    shell_run_file(fd, path);
    if (shell.unwind != UNWIND_EXIT)
        shell.unwind = UNWIND_NONE;
}

static void run_profiles(void)
{
    const char *home = var_get("HOME");
    char *path;

    run_if_there("/etc/profile");
    if (!home || shell.unwind)
        return;
    path = xmalloc(strlen(home) + sizeof("/.profile"));
    run_if_there(strcat(strcpy(path, home), "/.profile"));
    free(path);
}

static void start_interactive(void)
{
    if (!var_get("PS1"))
        var_set("PS1", geteuid() == 0 ? "root# " : "user$ ", 0);
    if (!var_get("PS2"))
        var_set("PS2", "> ", 0);
    trap_init_interactive();
    if (!job_control_enable(true) && isatty(STDIN_FILENO))
        shell_error("no job control: there is no terminal to control");
}

static int open_script(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), status;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        fd = -1;
        errno = EISDIR;
    }
    if (fd < 0) {
        status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE;
        fprintf(stderr, "%s: %s: %s\n", shell.name, path, strerror(errno));
        exit(status);
    }
    fd = redir_move_high(fd);
    if (fd < 0)
        die_errno("%s", path);
    return fd;
}

static void run_standard_input(void)
{
    struct source source = source_from_file(STDIN_FILENO, true);

    if (shell.interactive)
        run_prompt();
    else
        run_source(&source, shell.name, true);
}

// Descriptors 0 to 2 must be open, or the first files that a script opens would become them.
static void open_standard_files(void)
{
    int fd;

    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO) {
    }
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct invocation invocation;
    struct source source;

    tool_begin(&tool, argc, argv);
    shell.pid = getpid();
    var_init(environ);
    invocation = options_parse_invocation(argc, argv);
    tool_set_name(shell.name);
    if (!invocation.commands && !invocation.script)
        shell.from_stdin = true;
    if (shell.from_stdin && isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
        shell.interactive = true;
    if (shell.interactive)
        start_interactive();
    else
        open_standard_files();
    if (invocation.login)
        run_profiles();
    if (shell.interactive && !shell.unwind)
        run_if_there(var_get("ENV"));
    if (!shell.unwind && invocation.commands) {
        source = source_from_text(invocation.commands);
        run_source(&source, shell.name, true);
    } else if (!shell.unwind && invocation.script) {
        source = source_from_file(open_script(invocation.script), false);
        run_source(&source, invocation.script, true);
    } else if (!shell.unwind) {
        run_standard_input();
    }
    shell_exit(shell.status);
}
