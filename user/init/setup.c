// SPDX-License-Identifier: MIT
// What init prepares: standard files, mounts, and the kernel's command line.
//
// Nothing here is fatal. A mount that fails is told in one line, and the shell comes up all the
// same, since that is where it can be mended.
#include "user/init/setup.h"

#include "user/lib/mounts.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char second_disk[] = "/dev/vdb", second_dir[] = "/mnt";

char *init_environment[] = {"HOME=/root",
                            "PATH=/bin:/sbin:/usr/bin:/usr/sbin",
                            "TERM=vt100",
                            "USER=root",
                            "LOGNAME=root",
                            "SHELL=/bin/sh",
                            NULL};

void init_log(const char *fmt, ...)
{
    int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
    char line[256] = "init: ";
    size_t len = strlen(line);
    va_list args;

    va_start(args, fmt);
    vsnprintf(line + len, sizeof(line) - len - 1, fmt, args);
    va_end(args);
    strcat(line, "\n");
    if (fd < 0 || write_all(fd, line, strlen(line)) != 0)
        write_all(STDERR_FILENO, line, strlen(line));
    if (fd >= 0)
        close(fd);
}

static void mount_one(const char *type, const char *dir, const char *options)
{
    mkdir(dir, 0755);
    if (mount(type, dir, type, 0, options) != 0 && errno != EBUSY)
        init_log("%s on %s: %s", type, dir, strerror(errno));
}

// Descriptors 0 to 2: the kernel may have opened the console for us, or not.
static void open_standard_files(void)
{
    int fd;

    while ((fd = open("/dev/console", O_RDWR | O_NOCTTY)) >= 0 && fd <= STDERR_FILENO) {
    }
    if (fd >= 0)
        close(fd);
}

// What mkswap leaves at the end of the first page.
static bool is_swap_space(const char *disk)
{
    static const char signature[] = "SWAPSPACE2";
    enum { LEN = sizeof(signature) - 1 };
    char found[LEN];
    int fd = open(disk, O_RDONLY | O_CLOEXEC);
    bool is_swap = fd >= 0 && pread(fd, found, LEN, 4096 - LEN) == LEN &&
                   memcmp(found, signature, LEN) == 0;

    if (fd >= 0)
        close(fd);
    return is_swap;
}

static void mount_second_disk(void)
{
    char type[FS_TYPE_LEN];
    struct stat st;

    if (stat(second_disk, &st) != 0 || !S_ISBLK(st.st_mode))
        return;
    if (is_swap_space(second_disk)) {
        init_log("%s is swap space, to be used by `swapon %s`", second_disk, second_disk);
        return;
    }
    mkdir(second_dir, 0755);
    if (mount_any(second_disk, second_dir, 0, "", type) == 0)
        init_log("%s is mounted on %s (%s)", second_disk, second_dir, type);
    else if (errno == ENODEV || errno == EINVAL)
        init_log("%s has no file system that this kernel knows", second_disk);
    else if (errno != EBUSY)
        init_log("%s cannot be mounted: %s", second_disk, strerror(errno));
}

void init_set_up(bool again)
{
    struct stat st;

    if (!again) {
        // A kernel that mounted its device files itself has a null there.
        if (stat("/dev/null", &st) != 0 || !S_ISCHR(st.st_mode))
            mount_one("devfs", "/dev", "");
        open_standard_files();
        if (stat("/proc/self", &st) != 0)
            mount_one("proc", "/proc", "");
        mount_one("tmpfs", "/tmp", "mode=1777");
        mount_second_disk();
    }
    if (chdir("/") != 0)
        init_log("/: %s", strerror(errno));
    if (again)
        init_log("was restarted after a crash");
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *found = c ? strchr(digits, c) : NULL;

    if (!found)
        return -1;
    return found - digits < 16 ? (int)(found - digits) : (int)(found - digits) - 6;
}

// "%20" is a blank; a % that begins no two digits stands for itself.
static void decode_percent(char *text)
{
    char *to = text;

    while (*text) {
        if (text[0] == '%' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0) {
            *to++ = (char)(hex_digit(text[1]) * 16 + hex_digit(text[2]));
            text += 3;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
}

char *init_exec_command(void)
{
    FILE *file = fopen("/proc/cmdline", "re");
    char *line = NULL, *command = NULL;
    size_t cap = 0;

    if (!file) {
        init_log("/proc/cmdline: %s", strerror(errno));
        return NULL;
    }
    if (getline(&line, &cap, file) > 0) {
        for (char *word = strtok(line, " \t\n"); word && !command; word = strtok(NULL, " \t\n"))
            if (strncmp(word, "exec=", 5) == 0)
                command = xstrdup(word + 5);
    }
    free(line);
    fclose(file);
    if (command)
        decode_percent(command);
    return command;
}
