// SPDX-License-Identifier: MIT
// Signals by name, and the kill command that the shell and /bin/kill share.
#include "user/lib/signame.h"

#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    int number;
    const char *name, *notice;
} signals[] = {
    {SIGHUP, "HUP", "Hangup"},
    {SIGINT, "INT", "Interrupt"},
    {SIGQUIT, "QUIT", "Quit"},
    {SIGILL, "ILL", "Illegal instruction"},
    {SIGTRAP, "TRAP", "Trace trap"},
    {SIGABRT, "ABRT", "Aborted"},
    {SIGBUS, "BUS", "Bus error"},
    {SIGFPE, "FPE", "Arithmetic exception"},
    {SIGKILL, "KILL", "Killed"},
    {SIGUSR1, "USR1", "User signal 1"},
    {SIGSEGV, "SEGV", "Segmentation fault"},
    {SIGUSR2, "USR2", "User signal 2"},
    {SIGPIPE, "PIPE", "Broken pipe"},
    {SIGALRM, "ALRM", "Alarm clock"},
    {SIGTERM, "TERM", "Terminated"},
    {SIGCHLD, "CHLD", "Child exited"},
    {SIGCONT, "CONT", "Continued"},
    {SIGSTOP, "STOP", "Stopped (signal)"},
    {SIGTSTP, "TSTP", "Stopped"},
    {SIGTTIN, "TTIN", "Stopped (tty input)"},
    {SIGTTOU, "TTOU", "Stopped (tty output)"},
    {SIGURG, "URG", "Urgent input"},
    {SIGXCPU, "XCPU", "CPU time limit exceeded"},
    {SIGXFSZ, "XFSZ", "File size limit exceeded"},
    {SIGVTALRM, "VTALRM", "Virtual timer expired"},
    {SIGPROF, "PROF", "Profiling timer expired"},
    {SIGWINCH, "WINCH", "Window changed"},
    {SIGIO, "IO", "I/O possible"},
    {SIGSYS, "SYS", "Bad system call"},
};

enum { NR_SIGNALS = sizeof(signals) / sizeof(signals[0]) };

const char *signal_name(int number)
{
    for (int i = 0; i < NR_SIGNALS; i++)
        if (signals[i].number == number)
            return signals[i].name;
    return NULL;
}

const char *signal_notice(int number)
{
    static char other[24];

    for (int i = 0; i < NR_SIGNALS; i++)
        if (signals[i].number == number)
            return signals[i].notice;
    snprintf(other, sizeof(other), "Signal %d", number);
    return other;
}

int signal_number(const char *name)
{
    int64_t number;

    if (parse_i64(name, &number))
        return number >= 0 && number < NSIG ? (int)number : -1;
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 0; i < NR_SIGNALS; i++)
        if (strcasecmp(signals[i].name, name) == 0)
            return signals[i].number;
    return -1;
}

// kill -l: the whole list, or the name of each number (also of an exit status) given.
static int list_signals(int argc, char **argv, int at)
{
    int status = 0;

    if (at == argc) {
        for (int i = 0; i < NR_SIGNALS; i++)
            printf("%2d %s\n", signals[i].number, signals[i].name);
        return 0;
    }
    for (; at < argc; at++) {
        int number = signal_number(argv[at]);
        int64_t raw;

        if (parse_i64(argv[at], &raw) && raw > 128 && raw < 128 + NSIG)
            number = (int)raw - 128;
        if (number < 0 || !signal_name(number)) {
            warn_text("%s: no such signal", argv[at]);
            status = 1;
        } else if (parse_i64(argv[at], &raw)) {
            puts(signal_name(number));
        } else {
            printf("%d\n", number);
        }
    }
    return status;
}

// The process or group that an operand names. 0, the own group, must be typed as such.
static bool find_target(const char *operand, int (*resolve)(const char *operand), int *pid)
{
    int64_t value;

    if (parse_i64(operand, &value) && value > -0x7fffffffLL && value < 0x7fffffffLL) {
        *pid = (int)value;
        return true;
    }
    if (resolve) {
        *pid = resolve(operand);
        return *pid != 0;
    }
    warn_text("%s: not a process number", operand);
    return false;
}

// Take the option, if there is one: 0 go on, 1 list, -1 error (reported).
static int take_option(int argc, char **argv, int *at, int *number)
{
    const char *name = NULL;

    if (*at < argc && strcmp(argv[*at], "-l") == 0) {
        (*at)++;
        return 1;
    }
    if (*at + 1 < argc && (strcmp(argv[*at], "-s") == 0 || strcmp(argv[*at], "-n") == 0)) {
        name = argv[*at + 1];
        *at += 2;
    } else if (*at < argc && argv[*at][0] == '-' && argv[*at][1] && strcmp(argv[*at], "--") != 0) {
        name = argv[*at] + 1;
        (*at)++;
    }
    if (*at < argc && strcmp(argv[*at], "--") == 0)
        (*at)++;
    if (!name)
        return 0;
    *number = signal_number(name);
    if (*number < 0)
        warn_text("%s: no such signal", name);
    return *number < 0 ? -1 : 0;
}

int kill_command(int argc, char **argv, int (*resolve)(const char *operand))
{
    int at = 1, number = SIGTERM, status = 0;
    int option = take_option(argc, argv, &at, &number);

    if (option > 0)
        return list_signals(argc, argv, at);
    if (option < 0)
        return 1;
    if (at == argc) {
        warn_text("a process number is needed");
        return 2;
    }
    for (; at < argc; at++) {
        int pid;

        if (!find_target(argv[at], resolve, &pid)) {
            status = 1;
        } else if (kill(pid, number) != 0) {
            warn_errno("%s", argv[at]);
            status = 1;
        }
    }
    return status;
}
