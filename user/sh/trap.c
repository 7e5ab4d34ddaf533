// SPDX-License-Identifier: MIT
// Signals.
//
// A handler only takes a note. The notes are looked at between two commands, where running an action
// is safe, and while `wait` waits. So a trap never runs in the middle of anything.
//
// A signal is in one of four states: as the shell found it, ignored (trap ''), caught (trap 'action'),
// or held by the interactive shell itself. In a child the caught and held ones go back to default.
#include "user/sh/trap.h"

#include "user/lib/signame.h"
#include "user/lib/tool.h"
#include "user/sh/shell.h"
#include "user/sh/var.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_TRAP = 0, NR_TRAPS = NSIG };

static char *actions[NR_TRAPS]; // NULL: none; "": ignored
static volatile sig_atomic_t arrived[NR_TRAPS];
static volatile sig_atomic_t any_arrived;
static bool held[NR_TRAPS]; // by the interactive shell
static bool running_exit;

static void take_note(int number)
{
    arrived[number] = 1;
    any_arrived = 1;
}

static void set_handler(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    // No SA_RESTART: a read at the prompt and a wait are to be interrupted.
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void trap_init_interactive(void)
{
    static const int ignored[] = {SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        held[ignored[i]] = true;
        set_handler(ignored[i], SIG_IGN);
    }
    held[SIGINT] = true;
    set_handler(SIGINT, take_note);
    held[SIGCHLD] = true;
    set_handler(SIGCHLD, take_note);
}

void trap_reset_child(bool ignore_interrupts)
{
    for (int number = 1; number < NR_TRAPS; number++) {
        bool caught = actions[number] && *actions[number];
        bool ignored = actions[number] && !*actions[number];

        if (caught || (held[number] && !ignored))
            set_handler(number, SIG_DFL);
        held[number] = false;
        arrived[number] = 0;
        if (caught) {
            free(actions[number]);
            actions[number] = NULL;
        }
    }
    free(actions[EXIT_TRAP]);
    actions[EXIT_TRAP] = NULL;
    running_exit = false;
    any_arrived = 0;
    if (ignore_interrupts) {
        set_handler(SIGINT, SIG_IGN);
        set_handler(SIGQUIT, SIG_IGN);
    }
}

bool trap_take_interrupt(void)
{
    bool was = arrived[SIGINT] && held[SIGINT] && !actions[SIGINT];

    if (was)
        arrived[SIGINT] = 0;
    return was;
}

int trap_pending(void)
{
    for (int number = 1; number < NR_TRAPS; number++)
        if (arrived[number] && actions[number] && *actions[number])
            return number;
    return 0;
}

static void run_action(const char *action)
{
    char *copy = xstrdup(action); // the action may change its own trap
    int status = shell.status;
    enum unwind unwind = shell.unwind;

    shell.unwind = UNWIND_NONE;
    shell_run_text(copy, "trap");
    free(copy);
    if (shell.unwind == UNWIND_NONE) {
        shell.unwind = unwind;
        shell.status = status;
    }
}

void trap_run_pending(void)
{
    if (!any_arrived || shell.unwind == UNWIND_EXIT)
        return;
    any_arrived = 0;
    if (trap_take_interrupt() && shell.interactive) {
        shell.status = STATUS_SIGNAL + SIGINT;
        shell.unwind = UNWIND_ABORT;
        return;
    }
    for (int number = 1; number < NR_TRAPS; number++) {
        if (!arrived[number])
            continue;
        arrived[number] = 0;
        if (actions[number] && *actions[number])
            run_action(actions[number]);
    }
}

void trap_run_exit(void)
{
    char *action = actions[EXIT_TRAP];

    if (!action || running_exit)
        return;
    running_exit = true;
    actions[EXIT_TRAP] = NULL;
    shell.unwind = UNWIND_NONE;
    run_action(action);
    free(action);
}

bool trap_is_set_any(void)
{
    for (int number = 0; number < NR_TRAPS; number++)
        if (actions[number] && *actions[number])
            return true;
    return false;
}

void trap_block(sigset_t *old)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (held[SIGINT])
        sigaddset(&set, SIGINT);
    for (int number = 1; number < NR_TRAPS; number++)
        if (actions[number] && *actions[number])
            sigaddset(&set, number);
    // Without a handler SIGCHLD would not end sigsuspend.
    if (!held[SIGCHLD] && !actions[SIGCHLD]) {
        held[SIGCHLD] = true;
        set_handler(SIGCHLD, take_note);
    }
    sigprocmask(SIG_BLOCK, &set, old);
}

void trap_unblock(const sigset_t *old)
{
    sigprocmask(SIG_SETMASK, old, NULL);
}

// --- The builtin --------------------------------------------------------------------------------

static void print_traps(void)
{
    for (int number = 0; number < NR_TRAPS; number++) {
        if (!actions[number])
            continue;
        fputs("trap -- ", stdout);
        print_quoted(actions[number]);
        if (number == EXIT_TRAP)
            puts(" EXIT");
        else if (signal_name(number))
            printf(" %s\n", signal_name(number));
        else
            printf(" %d\n", number);
    }
}

static void apply(int number, const char *action)
{
    struct sigaction old;

    // What a script found ignored stays so: whoever started it wanted that (nohup).
    if (number != EXIT_TRAP && !shell.interactive && !actions[number] &&
        sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
        return;
    free(actions[number]);
    actions[number] = action ? xstrdup(action) : NULL;
    if (number == EXIT_TRAP)
        return;
    if (action)
        set_handler(number, *action ? take_note : SIG_IGN);
    else if (!held[number])
        set_handler(number, SIG_DFL);
    else
        set_handler(number, number == SIGINT || number == SIGCHLD ? take_note : SIG_IGN);
}

static int trap_number(const char *name)
{
    return strcmp(name, "EXIT") == 0 ? EXIT_TRAP : signal_number(name);
}

int builtin_trap(int argc, char **argv)
{
    const char *action = NULL;
    int at = 1, status = 0;

    if (at < argc && strcmp(argv[at], "--") == 0)
        at++;
    if (at == argc) {
        print_traps();
        return 0;
    }
    // One operand, or a number first: reset.
    if (argc - at > 1 && argv[at][strspn(argv[at], "0123456789")] != '\0') {
        action = strcmp(argv[at], "-") == 0 ? NULL : argv[at];
        at++;
    } else if (argc - at > 1 && !*argv[at]) {
        action = argv[at++];
    }
    for (; at < argc; at++) {
        int number = trap_number(argv[at]);

        if (number < 0 || number == SIGKILL || number == SIGSTOP) {
            warn_text("%s: cannot be trapped", argv[at]);
            status = 1;
        } else {
            apply(number, action);
        }
    }
    return status;
}
