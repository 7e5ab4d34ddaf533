// SPDX-License-Identifier: MIT
// The state of the shell, and how commands are abandoned.
//
// There is one shell in a process; a subshell is a fork, which copies all of it. What concerns one
// part alone (variables, jobs, history) is static in its file.
//
// Nothing jumps. Whatever ends commands early (break, continue, return, exit, a fatal error, an
// interrupt) sets `unwind`, and every loop over commands looks at it after each step.
#ifndef CAIRN_USER_SH_SHELL_H
#define CAIRN_USER_SH_SHELL_H

#include <stdbool.h>
#include <sys/types.h>

enum shell_status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_SYNTAX = 2,
    STATUS_CANNOT_EXECUTE = 126,
    STATUS_NOT_FOUND = 127,
    STATUS_SIGNAL = 128,
};

// Descriptors of the shell's own lie above those that scripts may name.
enum { FD_USER_MAX = 99, FD_SHELL_MIN = 100 };

// Depth of nesting in the source, and of functions, sourced files and eval while running.
enum { NESTING_MAX = 250, CALL_DEPTH_MAX = 500 };

enum unwind {
    UNWIND_NONE,
    UNWIND_BREAK,    // leave unwind_count loops
    UNWIND_CONTINUE, // leave unwind_count - 1 loops, continue the next
    UNWIND_RETURN,   // leave the function or sourced file
    UNWIND_ABORT,    // back to the prompt: a fatal error or ^C in an interactive shell
    UNWIND_EXIT,     // end the shell
};

struct shell {
    bool interactive;        // prompts; errors do not end it
    bool subshell;           // a fork of the first shell
    bool job_control;        // each job is a process group (set -m)
    bool exit_on_error;      // set -e
    bool unset_is_error;     // set -u
    bool trace;              // set -x
    bool no_glob;            // set -f
    bool no_clobber;         // set -C
    bool verbose;            // set -v
    bool no_execute;         // set -n
    bool export_all;         // set -a
    bool from_stdin;         // set -s: commands come from standard input
    const char *name;        // $0
    pid_t pid;               // $$, the same in subshells
    pid_t last_background;   // $!, 0 for none
    int status;              // $?
    int substitution_status; // of the last command substitution of this command; -1: there was none
    int line;                // of the running command
    enum unwind unwind;
    int unwind_count;
    int loop_depth;
    int call_depth;
    int function_depth;
    int condition_depth; // > 0: a failure here is part of a condition, and set -e looks away
};

extern struct shell shell;

/** Report an error, with the line where commands come from a script. */
void shell_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Report an error that ends a script, and the running command of an interactive shell.
 *  Sets shell.status and shell.unwind; always returns -1. */
int shell_fatal(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** The silent part of that: the message has been given. */
void shell_abandon(int status);

/** Begin to end the shell with a status: what `exit` does. */
void shell_begin_exit(int status);

/** Run the EXIT trap, and end. */
_Noreturn void shell_exit(int status);

/** Run all of text as commands; `what` names it in syntax errors. Returns the status. */
int shell_run_text(const char *text, const char *what);

/** Run the commands of an open file, which is closed. Returns the status. */
int shell_run_file(int fd, const char *what);

/** Apply "-e", "+x", "-o name" …; start at argv[*at], which is moved behind the options.
 *  Returns false, with a message, for an unknown one. */
bool shell_take_options(int argc, char **argv, int *at);

/** The letters of the options that are on, for $-. */
const char *shell_option_letters(void);

/** Print all options as `set -o` does, or with plus as commands that restore them. */
void shell_print_options(bool plus);

#endif
