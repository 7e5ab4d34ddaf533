// SPDX-License-Identifier: MIT
// A program that draws on the whole terminal, and leaves it as it was.
//
// Whatever ends the program must bring the terminal back: a return from main, exit(), and signals.
// tcsetattr() and write() may be called in a signal handler, so the handler does it, then lets the
// signal do what it would have done without us; the parent sees the death that it was. (Against
// SIGKILL nobody can do anything; a shell sets its terminal up anew by itself.) ^Z is the same, and
// coming back takes the terminal once more.
//
// The picture is drawn over the former one, line by line, each line's rest erased: so nothing
// flickers, and on a slow line one may read on.
#include "user/lib/full_screen.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

static const int fatal[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL,  SIGABRT,
                            SIGBUS, SIGFPE, SIGSEGV, SIGPIPE, SIGTERM};
enum { NR_FATAL = sizeof(fatal) / sizeof(fatal[0]) };

static volatile sig_atomic_t is_taken;
static bool has_keys;         // standard input is a terminal
static struct termios before; // as we found it, with has_keys

static void take(void)
{
    struct termios raw = before;

    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (has_keys)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    (void)write_all(STDOUT_FILENO, ENTER, sizeof(ENTER) - 1);
    is_taken = 1;
}

void full_screen_leave(void)
{
    if (!is_taken)
        return;
    is_taken = 0;
    (void)write_all(STDOUT_FILENO, LEAVE, sizeof(LEAVE) - 1);
    if (has_keys)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

// The default action is set again by SA_RESETHAND, and the signal is let in by SA_NODEFER.
static void end_by_signal(int signal)
{
    full_screen_leave();
    raise(signal);
}

static void stop_by_signal(int signal)
{
    int error = errno;

    (void)signal;
    full_screen_leave();
    raise(SIGSTOP);
    take();
    errno = error;
}

static void only_interrupt(int signal)
{
    (void)signal;
}

void full_screen_enter(void)
{
    struct sigaction end = {.sa_handler = end_by_signal, .sa_flags = SA_RESETHAND | SA_NODEFER};
    struct sigaction stop = {.sa_handler = stop_by_signal};
    struct sigaction resize = {.sa_handler = only_interrupt};
    struct sigaction old;

    has_keys = tcgetattr(STDIN_FILENO, &before) == 0;
    for (int i = 0; i < NR_FATAL; i++) // what the parent had us ignore stays ignored
        if (sigaction(fatal[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(fatal[i], &end, NULL);
    sigaction(SIGTSTP, &stop, NULL);
    sigaction(SIGWINCH, &resize, NULL);
    atexit(full_screen_leave);
    take();
}

void full_screen_size(int *columns, int *rows)
{
    struct winsize size;

    *columns = 80;
    *rows = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
        *columns = size.ws_col;
        *rows = size.ws_row;
    }
}

void full_screen_draw(const char *text)
{
    struct strbuf out = STRBUF_INIT;
    int columns, rows;

    full_screen_size(&columns, &rows);
    strbuf_add_text(&out, "\033[H");
    for (int row = 0; row < rows && *text; row++) {
        size_t len = strcspn(text, "\n");

        if (row)
            strbuf_add_text(&out, "\r\n");
        strbuf_add(&out, text, len < (size_t)columns ? len : (size_t)columns);
        if (len < (size_t)columns) // behind the last column it would erase that
            strbuf_add_text(&out, "\033[K");
        text += len + (text[len] == '\n');
    }
    strbuf_add_text(&out, "\033[J");
    if (write_all(STDOUT_FILENO, out.text, out.len) != 0)
        die_errno("standard output");
    strbuf_free(&out);
}

int full_screen_key(int timeout_ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    unsigned char key;
    int ready = poll(&input, has_keys, timeout_ms);

    if (ready < 0 && errno != EINTR)
        die_errno("poll");
    if (ready <= 0)
        return 0;
    return read(STDIN_FILENO, &key, 1) == 1 ? key : -1;
}
