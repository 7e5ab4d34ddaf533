// SPDX-License-Identifier: MIT
/* The files in /proc that programs read. */
#include "abi.h"

#include <dirent.h>

static char text[65536];

static const char *slurp(const char *path)
{
    read_file(path, text, sizeof(text));
    return text;
}

/* The number after `key` at the start of a line; fails when it is not there. */
static long long value_of(const char *key)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, key, strlen(key)))
            return strtoll(line + strlen(key), NULL, 10);
    }
    FAIL("no line %s", key);
}

CASE(proc, self_is_the_reader)
{
    char link[64], want[32];
    pid_t pid;
    CHILD (pid) {
        ssize_t n = OK(readlink("/proc/self", link, sizeof(link) - 1));
        link[n] = '\0';
        snprintf(want, sizeof(want), "%d", getpid());
        EXPECT_STR(link, want);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(proc, exe_leads_to_the_program)
{
    char link[PATH_MAX + 1];
    struct stat a, b;
    ssize_t n = OK(readlink("/proc/self/exe", link, PATH_MAX));
    link[n] = '\0';
    OK(stat(link, &a));
    OK(stat("/proc/self/exe", &b));
    EXPECT(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    EXPECT_EQ(link[0], '/');
    OK(close((int)OK(open("/proc/self/exe", O_RDONLY))));
}

CASE(proc, cwd_link)
{
    char link[PATH_MAX + 1], cwd[PATH_MAX];
    ssize_t n = OK(readlink("/proc/self/cwd", link, PATH_MAX));
    link[n] = '\0';
    EXPECT(getcwd(cwd, sizeof(cwd)));
    EXPECT_STR(link, cwd);
}

CASE(proc, fd_lists_open_descriptors)
{
    char link[PATH_MAX + 1], path[64], cwd[PATH_MAX], want[PATH_MAX + 8];
    struct dirent *e;
    bool found = false;
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    DIR *d = opendir("/proc/self/fd");
    EXPECT(d != NULL);
    while ((e = readdir(d)) != NULL)
        found |= e->d_name[0] != '.' && atoi(e->d_name) == fd;
    closedir(d);
    EXPECT(found);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = OK(readlink(path, link, PATH_MAX));
    link[n] = '\0';
    EXPECT(getcwd(cwd, sizeof(cwd)));
    snprintf(want, sizeof(want), "%s/f", cwd);
    EXPECT_STR(link, want);
    OK(close(fd));
    EXPECT_ERR(readlink(path, link, PATH_MAX), ENOENT);
}

CASE(proc, fd_can_be_reopened)
{
    char path[64], c;
    write_file("f", "content", 7);
    int fd = (int)OK(open("f", O_RDONLY));
    OK(read(fd, &c, 1));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int again = (int)OK(open(path, O_RDONLY));
    EXPECT_EQ(read(again, &c, 1), 1);
    EXPECT_EQ(c, 'c'); /* an open file of its own */
}

CASE(proc, maps_lists_the_address_space)
{
    size_t page = page_size();
    char *p = map_anon(3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    bool stack = false, text_area = false, ours = false;
    OK(mprotect(p + page, page, PROT_READ));
    slurp("/proc/self/maps");
    uintptr_t last_end = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        uintptr_t from, to;
        char perms[5];
        EXPECT_EQ(sscanf(line, "%lx-%lx %4s", &from, &to, perms), 3);
        EXPECT(from < to);
        EXPECT(from >= last_end || from > (uintptr_t)-page * 4); /* in order */
        last_end = to;
        uintptr_t local = (uintptr_t)&stack, code = (uintptr_t)&slurp;
        if (local >= from && local < to)
            stack = !strncmp(perms, "rw", 2);
        if (code >= from && code < to)
            text_area = !strcmp(perms, "r-xp");
        if ((uintptr_t)p + page == from && to == from + page)
            ours = !strcmp(perms, "r--p");
    }
    EXPECT(stack && text_area && ours);
}

CASE(proc, stat_fields)
{
    int ppid, pgrp, session;
    char state;
    slurp("/proc/self/stat");
    const char *after = strrchr(text, ')');
    EXPECT(after != NULL && strchr(text, '(') != NULL);
    EXPECT_EQ(atoi(text), getpid());
    EXPECT_EQ(sscanf(after + 1, " %c %d %d %d", &state, &ppid, &pgrp, &session), 4);
    EXPECT_EQ(state, 'R');
    EXPECT_EQ(ppid, getppid());
    EXPECT_EQ(pgrp, getpgrp());
    EXPECT_EQ(session, getsid(0));
    int fields = 0;
    for (const char *p = after; *p; p++)
        fields += *p == ' ';
    EXPECT(fields >= 42);
}

CASE(proc, stat_shows_sleepers_stopped_and_zombies)
{
    char path[64];
    pid_t pid;
    CHILD (pid) {
        raise(SIGSTOP);
        _exit(0);
    }
    EXPECT_EQ(waitpid(pid, NULL, WUNTRACED), pid);
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    EXPECT_EQ(strrchr(slurp(path), ')')[2], 'T');
    OK(kill(pid, SIGCONT));
    OK(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT));
    EXPECT_EQ(strrchr(slurp(path), ')')[2], 'Z');
    EXPECT_EXIT(pid, 0);
    EXPECT_ERR(open(path, O_RDONLY), ENOENT);
}

CASE(proc, status_fields)
{
    slurp("/proc/self/status");
    EXPECT(!strncmp(text, "Name:", 5));
    EXPECT_EQ(value_of("Pid:"), getpid());
    EXPECT_EQ(value_of("PPid:"), getppid());
    EXPECT_EQ(value_of("Tgid:"), getpid());
    EXPECT_EQ(value_of("Uid:"), getuid());
    EXPECT_EQ(value_of("Gid:"), getgid());
    EXPECT_EQ(value_of("Threads:"), 1);
    EXPECT(value_of("VmSize:") > 0);
    EXPECT(value_of("VmRSS:") > 0);
}

HELPER(own_cmdline)
{
    char buf[64];
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t n = read(fd, buf, sizeof(buf));
    static const char want[] = "zero\0@own_cmdline\0a b";
    (void)argv;
    return argc == 1 && n == sizeof(want) && !memcmp(buf, want, sizeof(want)) ? 0 : 1;
}

CASE(proc, cmdline_is_argv)
{
    pid_t pid;
    CHILD (pid) {
        execl(abi_self, "zero", "@own_cmdline", "a b", NULL);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(proc, directory_lists_processes)
{
    pid_t pid;
    struct gate g;
    struct dirent *e;
    bool me = false, child = false;
    gate_init(&g);
    CHILD (pid) {
        gate_wait(&g);
    }
    DIR *d = opendir("/proc");
    EXPECT(d != NULL);
    while ((e = readdir(d)) != NULL) {
        me |= atoi(e->d_name) == getpid();
        child |= atoi(e->d_name) == pid;
    }
    closedir(d);
    EXPECT(me && child);
    gate_open(&g);
    EXPECT_EXIT(pid, 0);
}

CASE(proc, meminfo_adds_up)
{
    slurp("/proc/meminfo");
    long long total = value_of("MemTotal:"), free_kb = value_of("MemFree:");
    EXPECT(total > 0 && free_kb > 0 && free_kb <= total);
    EXPECT(value_of("MemAvailable:") <= total);
    EXPECT(value_of("Cached:") >= 0 && value_of("Buffers:") >= 0);
}

CASE(proc, uptime_version_mounts)
{
    double up = -1, idle = -1;
    EXPECT_EQ(sscanf(slurp("/proc/uptime"), "%lf %lf", &up, &idle), 2);
    EXPECT(up > 0 && idle >= 0);
    EXPECT(!strncmp(slurp("/proc/version"), "Linux version ", 14));
    slurp("/proc/mounts");
    EXPECT(strstr(text, " / ") != NULL && strstr(text, " /proc ") != NULL);
}

CASE(proc, files_cannot_be_made_or_removed)
{
    EXPECT(open("/proc/new-file", O_WRONLY | O_CREAT, 0600) == -1);
    EXPECT(mkdir("/proc/new-dir", 0700) == -1);
    EXPECT(unlink("/proc/meminfo") == -1);
    EXPECT_ERR(open("/proc/999999999", O_RDONLY), ENOENT);
    EXPECT_ERR(open("/proc/self/missing", O_RDONLY), ENOENT);
}

CASE(proc, small_reads_give_the_same_text)
{
    char whole[4096], pieces[4096];
    size_t len = read_file("/proc/self/status", whole, sizeof(whole)), got = 0;
    int fd = (int)OK(open("/proc/self/status", O_RDONLY));
    ssize_t n;
    while (got < sizeof(pieces) - 1 && (n = OK(read(fd, pieces + got, 7))) > 0)
        got += (size_t)n;
    EXPECT(got > 100 && got < len + 50 && len < got + 50); /* numbers may move a little */
    EXPECT(memcmp(whole, pieces, 20) == 0);
    OK(lseek(fd, 0, SEEK_SET));
    EXPECT_EQ(read(fd, pieces, 5), 5);
    EXPECT(memcmp(pieces, "Name:", 5) == 0);
}

CASE(proc, another_users_process_is_guarded)
{
    pid_t pid;
    char path[64];
    NEED_ROOT();
    snprintf(path, sizeof(path), "/proc/%d/fd", getpid());
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        EXPECT_ERR(open(path, O_RDONLY | O_DIRECTORY), EACCES);
    }
    EXPECT_EXIT(pid, 0);
}
