// SPDX-License-Identifier: MIT
// ps: the processes, read from /proc/PID/stat and /proc/PID/cmdline.
#include "user/lib/names.h"
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tool tool = {"ps", "[-l]", "List all processes, with -l groups and sessions.",
                                 0};

struct process {
    int pid, ppid, pgid, session;
    char state;
    uid_t uid;
    unsigned long ticks, rss_kib;
    char command[256];
};

static ssize_t read_file(int pid, const char *name, char *buf, size_t len)
{
    char path[64];
    ssize_t got, total = 0;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    while ((size_t)total < len - 1 && (got = read(fd, buf + total, len - 1 - (size_t)total)) > 0)
        total += got;
    close(fd);
    buf[total] = '\0';
    return total;
}

// Arguments with blanks between, or the name in brackets where there are none (a kernel thread).
static void read_command(struct process *process, const char *name)
{
    ssize_t len = read_file(process->pid, "cmdline", process->command, sizeof(process->command));

    if (len <= 0) {
        snprintf(process->command, sizeof(process->command), "[%s]", name);
        return;
    }
    while (len > 0 && process->command[len - 1] == '\0')
        len--;
    for (ssize_t i = 0; i < len; i++)
        if ((unsigned char)process->command[i] < ' ')
            process->command[i] = ' ';
}

// Returns false if the process has gone meanwhile, or tells nothing that can be read.
static bool read_process(int pid, struct process *out)
{
    char text[1024], dir[32], *name, *rest;
    unsigned long user_ticks, system_ticks;
    long rss_pages;
    struct stat st;

    snprintf(dir, sizeof(dir), "/proc/%d", pid);
    if (stat(dir, &st) != 0 || read_file(pid, "stat", text, sizeof(text)) <= 0)
        return false;
    // The name stands in parentheses and may hold some itself: its end is the last one.
    name = strchr(text, '(');
    rest = strrchr(text, ')');
    if (!name || !rest)
        return false;
    *rest = '\0';
    *out = (struct process){.pid = pid, .uid = st.st_uid};
    if (sscanf(rest + 1,
               " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d "
               "%*u %*u %ld",
               &out->state, &out->ppid, &out->pgid, &out->session, &user_ticks, &system_ticks,
               &rss_pages) != 7)
        return false;
    out->ticks = user_ticks + system_ticks;
    out->rss_kib = (unsigned long)rss_pages * (unsigned long)(sysconf(_SC_PAGESIZE) / 1024);
    read_command(out, name + 1);
    return true;
}

static void put_process(const struct process *process, bool wide)
{
    unsigned long seconds = process->ticks / (unsigned long)sysconf(_SC_CLK_TCK);

    printf("%5d %5d ", process->pid, process->ppid);
    if (wide)
        printf("%5d %5d ", process->pgid, process->session);
    printf("%-8.8s %c %7lu %3lu:%02lu %s\n", name_of_id(NAMES_USER, process->uid), process->state,
           process->rss_kib, seconds / 60, seconds % 60, process->command);
}

static int compare_pids(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

int main(int argc, char **argv)
{
    bool wide = false;
    struct dirent *entry;
    int *pids = NULL, option;
    size_t nr = 0;
    DIR *proc;

    tool_begin(&tool, argc, argv);
    if (argc > 1 && argv[1][0] != '-') // "ps aux"
        optind = 2;
    while ((option = tool_option(argc, argv, "aAefjlwx")) != -1)
        wide |= option == 'l' || option == 'j';
    proc = opendir("/proc");
    if (!proc)
        die_errno("/proc");
    while ((entry = readdir(proc))) {
        int64_t pid;

        if (!parse_i64(entry->d_name, &pid))
            continue;
        pids = xrealloc(pids, (nr + 1) * sizeof(*pids));
        pids[nr++] = (int)pid;
    }
    closedir(proc);
    if (nr)
        qsort(pids, nr, sizeof(*pids), compare_pids);
    printf("  PID  PPID %sUSER     S     RSS   TIME COMMAND\n", wide ? " PGID   SID " : "");
    for (size_t i = 0; i < nr; i++) {
        struct process process;

        if (read_process(pids[i], &process))
            put_process(&process, wide);
    }
    free(pids);
    return tool_end(0);
}
