// SPDX-License-Identifier: MIT
// init: process 1.
//
// It mounts what programs expect (mounts in setup.c), runs /etc/rc, and keeps a shell on the
// console. Orphans become its children, and it reaps them. Signals ask it to go down: USR1 halt,
// USR2 power off, TERM restart. If it crashes itself, it starts again.
//
// With exec=COMMAND on the kernel's command line (percent-encoded) the machine runs one command: the
// console carries its output, byte for byte, and its status ends the machine (reboot with the
// argument "exit N", which the kernel turns into QEMU's exit status).
//
// All waiting is one loop: signals are blocked but inside sigsuspend, so none can slip between the
// look at the flags and going to sleep.
#include "user/init/setup.h"
#include "user/lib/mounts.h"
#include "user/lib/signame.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const struct tool tool = {"init", "", "Start the system, as process 1.", 1};

enum { SHELL_LIVED_SECONDS = 2, QUICK_DEATHS_MAX = 3, PAUSE_SECONDS = 5, RESTART_SECONDS = 1 };

// The arguments of reboot(2) that end the machine with a status.
enum { REBOOT_MAGIC1 = 0xfee1dead, REBOOT_MAGIC2 = 672274793, REBOOT_RESTART2 = 0xa1b2c3d4 };

static volatile sig_atomic_t child_ended, asked_to_go_down;
static sigset_t handled, original_mask;
static char *self;

static void on_signal(int number)
{
    if (number == SIGCHLD)
        child_ended = 1;
    else
        asked_to_go_down = number;
}

// A crash of process 1 would be the kernel's end; starting again is better. Only calls that are
// safe in a handler.
static void on_crash(int number)
{
    static const char message[] = "init: crashed; starting again\n";
    char *arguments[] = {self, "restarted", NULL};
    int log = open("/dev/kmsg", O_WRONLY);

    (void)!write(log >= 0 ? log : STDERR_FILENO, message, sizeof(message) - 1);
    if (log >= 0)
        close(log);
    kill(-1, SIGKILL);
    sigprocmask(SIG_SETMASK, &original_mask, NULL);
    execve(self, arguments, init_environment);
    execve("/proc/self/exe", arguments, init_environment);
    _exit(128 + number);
}

static void set_up_signals(void)
{
    static const int asked[] = {SIGCHLD, SIGTERM, SIGUSR1, SIGUSR2};
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&original_mask);
    sigprocmask(SIG_SETMASK, &original_mask, NULL);
    sigemptyset(&handled);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        sigaction(asked[i], &action, NULL);
        sigaddset(&handled, asked[i]);
    }
    action.sa_handler = on_crash;
    for (size_t i = 0; getpid() == 1 && i < sizeof(crashes) / sizeof(crashes[0]); i++)
        sigaction(crashes[i], &action, NULL);
    sigprocmask(SIG_BLOCK, &handled, NULL);
}

// In a child: signals as a program expects them.
static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &original_mask, NULL);
}

// --- Starting programs --------------------------------------------------------------------------

static void fill_standard_files(int fd)
{
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

static int open_console(void)
{
    return open("/dev/console", O_RDWR | O_NOCTTY);
}

// In a child: a session of its own, with the console as its terminal.
static void take_console(void)
{
    int fd = open_console();

    setsid();
    if (fd < 0)
        return;
    if (ioctl(fd, TIOCSCTTY, 1) != 0 && errno != EPERM)
        init_log("the console cannot be a controlling terminal: %s", strerror(errno));
    fill_standard_files(fd);
    tcsetpgrp(STDIN_FILENO, getpgrp());
}

static void silence(void)
{
    int fd = open("/dev/null", O_RDWR);

    if (fd >= 0)
        fill_standard_files(fd);
}

static pid_t start_shell(void)
{
    char *arguments[] = {"-sh", NULL};
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    reset_signals();
    take_console();
    if (chdir("/root") != 0 && chdir("/") != 0)
        init_log("no directory to start in: %s", strerror(errno));
    execve("/bin/sh", arguments, init_environment);
    init_log("/bin/sh: %s", strerror(errno));
    _exit(127);
}

static pid_t start_rc(bool silent)
{
    char *arguments[] = {"sh", "/etc/rc", NULL};
    pid_t pid;

    if (access("/etc/rc", R_OK) != 0)
        return 0;
    pid = fork();
    if (pid != 0)
        return pid;
    reset_signals();
    setsid();
    if (silent)
        silence();
    execve("/bin/sh", arguments, init_environment);
    _exit(127);
}

static pid_t start_command(char *command)
{
    char *arguments[] = {"sh", "-c", command, NULL};
    pid_t pid = fork();
    int null;

    if (pid != 0)
        return pid;
    reset_signals();
    take_console();
    null = open("/dev/null", O_RDONLY);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        close(null);
    }
    execve("/bin/sh", arguments, init_environment);
    init_log("/bin/sh: %s: the command cannot be run", strerror(errno));
    _exit(127);
}

// Output bytes must arrive as they are: no carriage return before each newline.
static void make_console_raw(void)
{
    int fd = open_console();
    struct termios modes;

    if (fd < 0)
        return;
    if (tcgetattr(fd, &modes) == 0) {
        modes.c_oflag &= ~(tcflag_t)OPOST;
        modes.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(fd, TCSANOW, &modes);
    }
    close(fd);
}

// --- Going down ---------------------------------------------------------------------------------

static void end_everything(void)
{
    end_all_processes();
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    sync();
    unmount_everything();
    sync();
}

static _Noreturn void go_down(int request)
{
    enum power_action action = request == SIGTERM   ? POWER_RESTART
                               : request == SIGUSR1 ? POWER_HALT
                                                    : POWER_OFF;

    if (getpid() != 1)
        exit(0);
    init_log("going down for %s", action == POWER_RESTART ? "restart"
                                  : action == POWER_HALT  ? "halt"
                                                          : "power off");
    end_everything();
    power_down(action);
    init_log("the kernel refused: %s", strerror(errno));
    for (;;)
        pause();
}

static _Noreturn void end_machine(int status)
{
    char argument[16];

    snprintf(argument, sizeof(argument), "exit %d", status);
    if (getpid() != 1)
        exit(status);
    end_everything();
    syscall(SYS_reboot, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_RESTART2, argument);
    init_log("the kernel refused \"%s\": %s", argument, strerror(errno));
    for (;;)
        pause();
}

// --- Waiting ------------------------------------------------------------------------------------

// Reap until one child has ended. Returns its status; everything else happens on the way.
static int wait_for(pid_t wanted)
{
    int status, result = 0;
    bool found = wanted <= 0;

    while (!found) {
        pid_t pid;

        if (asked_to_go_down)
            go_down(asked_to_go_down);
        child_ended = 0;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
            if (pid == wanted) {
                result = status;
                found = true;
            }
        }
        if (pid < 0 && errno == ECHILD)
            found = true;
        if (!found && !child_ended)
            sigsuspend(&original_mask);
    }
    return result;
}

static int exit_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Sleep, but hear signals.
static void pause_for(int seconds)
{
    struct timespec time = {seconds, 0};

    sigprocmask(SIG_UNBLOCK, &handled, NULL);
    while (!asked_to_go_down && nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
    sigprocmask(SIG_BLOCK, &handled, NULL);
}

static time_t seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void tell_shell_end(int status)
{
    if (WIFSIGNALED(status))
        init_log("the shell ended: %s", signal_notice(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == 127)
        init_log("the shell ended with status 127: is /bin/sh missing?");
}

static _Noreturn void run_shells(void)
{
    int quick_deaths = 0;

    for (;;) {
        time_t start = seconds_now();
        pid_t pid = start_shell();
        int status;

        if (pid < 0)
            init_log("fork: %s", strerror(errno));
        status = wait_for(pid);
        if (pid > 0)
            tell_shell_end(status);
        quick_deaths = pid > 0 && seconds_now() - start >= SHELL_LIVED_SECONDS ? 0
                                                                               : quick_deaths + 1;
        if (pid < 0 || quick_deaths >= QUICK_DEATHS_MAX) {
            init_log("the shell ends at once, with status %d; next try in %d seconds",
                     exit_status(status), PAUSE_SECONDS);
            pause_for(PAUSE_SECONDS);
        }
    }
}

static _Noreturn void run_exec_mode(char *command)
{
    pid_t pid;

    make_console_raw();
    wait_for(start_rc(true));
    pid = start_command(command);
    if (pid < 0) {
        init_log("fork: %s: the command cannot be run", strerror(errno));
        end_machine(127);
    }
    end_machine(exit_status(wait_for(pid)));
}

int main(int argc, char **argv)
{
    bool again = argc > 1 && strcmp(argv[1], "restarted") == 0;
    char *command;

    tool_begin(&tool, argc, argv);
    if (getpid() != 1) {
        warn_text("this is the job of process 1, and this is process %d", (int)getpid());
        return 1;
    }
    self = argv[0];
    umask(022);
    set_up_signals();
    init_set_up(again);
    command = init_exec_command();
    if (command && again) {
        init_log("the command was lost in the crash");
        end_machine(127);
    }
    if (command)
        run_exec_mode(command);
    if (again)
        pause_for(RESTART_SECONDS); // what crashes at once must not do so in a tight loop
    else
        wait_for(start_rc(false));
    run_shells();
}
