// SPDX-License-Identifier: MIT
// stat: everything that an inode knows, or what a format picks of it.
#include "user/lib/mode.h"
#include "user/lib/names.h"
#include "user/lib/path.h"
#include "user/lib/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static const struct tool tool = {"stat", "[-Lf] [-c FORMAT] FILE…",
                                 "Print what is known about files, with -f file systems.", 0};

static const char default_format[] =
    "  File: %N\n  Size: %-15s Blocks: %-10b IO Block: %-6o %F\n"
    "Device: %Hd,%Ld\tInode: %-11i Links: %-5h Device type: %t,%T\n"
    "Access: (%04a/%A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n"
    "Access: %x\nModify: %y\nChange: %z";

static const char default_fs_format[] =
    "  File: \"%n\"\n    ID: %i Namelen: %l Block size: %s Fundamental block size: %S\n"
    "Blocks: Total: %b Free: %f Available: %a\nInodes: Total: %c Free: %d";

enum { TEXT_LEN = 4300 };

static void time_text(const struct timespec *when, char *text)
{
    struct tm tm;
    char day[64] = "?", zone[16] = "";

    if (localtime_r(&when->tv_sec, &tm)) {
        strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
        strftime(zone, sizeof(zone), "%z", &tm);
    }
    snprintf(text, TEXT_LEN, "%s.%09ld %s", day, when->tv_nsec, zone);
}

static void name_with_link(const char *path, const struct stat *st, char *text)
{
    char *to = S_ISLNK(st->st_mode) ? read_link(path) : NULL;

    if (to)
        snprintf(text, TEXT_LEN, "%s -> %s", path, to);
    else
        snprintf(text, TEXT_LEN, "%s", path);
    free(to);
}

// The text of one letter of the format. Returns false for an unknown one.
static bool file_field(char letter, char half, const char *path, const struct stat *st, char *text)
{
    static const char numbers[] = "abBdDfghiorstTuXYZ";
    unsigned long long values[] = {st->st_mode & 07777u,
                                   (unsigned long long)st->st_blocks,
                                   512,
                                   st->st_dev,
                                   st->st_dev,
                                   st->st_mode,
                                   st->st_gid,
                                   st->st_nlink,
                                   st->st_ino,
                                   (unsigned long)st->st_blksize,
                                   st->st_rdev,
                                   (unsigned long)st->st_size,
                                   major(st->st_rdev),
                                   minor(st->st_rdev),
                                   st->st_uid,
                                   (unsigned long)st->st_atime,
                                   (unsigned long)st->st_mtime,
                                   (unsigned long)st->st_ctime};
    const char *number = strchr(numbers, letter);
    char buf[MODE_TEXT_LEN];

    if (letter == 'd' && half)
        snprintf(text, TEXT_LEN, "%u", half == 'H' ? major(st->st_dev) : minor(st->st_dev));
    else if (letter == 'a')
        snprintf(text, TEXT_LEN, "%llo", values[0]);
    else if (number && strchr("fDtT", letter))
        snprintf(text, TEXT_LEN, "%llx", values[number - numbers]);
    else if (number)
        snprintf(text, TEXT_LEN, "%lld", (long long)values[number - numbers]);
    else if (letter == 'A')
        snprintf(text, TEXT_LEN, "%s", mode_text(st->st_mode, buf));
    else if (letter == 'F')
        snprintf(text, TEXT_LEN, "%s",
                 S_ISREG(st->st_mode) && st->st_size == 0 ? "regular empty file"
                                                          : file_type_name(st->st_mode));
    else if (letter == 'U' || letter == 'G')
        snprintf(text, TEXT_LEN, "%s",
                 letter == 'U' ? name_of_id(NAMES_USER, st->st_uid)
                               : name_of_id(NAMES_GROUP, st->st_gid));
    else if (letter == 'n')
        snprintf(text, TEXT_LEN, "%s", path);
    else if (letter == 'N')
        name_with_link(path, st, text);
    else if (letter == 'x' || letter == 'y' || letter == 'z')
        time_text(letter == 'x' ? &st->st_atim : letter == 'y' ? &st->st_mtim : &st->st_ctim, text);
    else
        return false;
    return true;
}

static bool fs_field(char letter, const char *path, const struct statvfs *fs, char *text)
{
    static const char numbers[] = "abcdfsSl";
    unsigned long long values[] = {fs->f_bavail, fs->f_blocks, fs->f_files,  fs->f_ffree,
                                   fs->f_bfree,  fs->f_bsize,  fs->f_frsize, fs->f_namemax};
    const char *number = strchr(numbers, letter);

    if (number)
        snprintf(text, TEXT_LEN, "%llu", values[number - numbers]);
    else if (letter == 'i')
        snprintf(text, TEXT_LEN, "%lx", fs->f_fsid);
    else if (letter == 'n')
        snprintf(text, TEXT_LEN, "%s", path);
    else
        return false;
    return true;
}

// Pad as "%-15s" and "%04a" ask for.
static void put_padded(const char *text, bool left, bool zeros, int width)
{
    int len = (int)strlen(text);

    for (int i = len; !left && i < width; i++)
        putchar(zeros ? '0' : ' ');
    fputs(text, stdout);
    for (int i = len; left && i < width; i++)
        putchar(' ');
}

static void put_format(const char *format, const char *path, const struct stat *st,
                       const struct statvfs *fs)
{
    static char text[TEXT_LEN];

    for (const char *at = format; *at; at++) {
        bool left = false, zeros = false;
        char half = '\0';
        int width = 0;

        if (*at != '%' || at[1] == '%' || !at[1]) {
            at += *at == '%' && at[1] == '%';
            putchar(*at);
            continue;
        }
        for (at++; *at == '-' || *at == '0'; at++) {
            left |= *at == '-';
            zeros |= *at == '0';
        }
        for (; *at >= '0' && *at <= '9'; at++)
            width = width < 1000 ? width * 10 + (*at - '0') : width;
        if ((*at == 'H' || *at == 'L') && at[1] == 'd')
            half = *at++;
        if (!*at || !(st ? file_field(*at, half, path, st, text) : fs_field(*at, path, fs, text)))
            die_text("%s: bad format", format);
        put_padded(text, left, zeros, width);
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    const char *format = NULL;
    bool follow = false, file_system = false;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "Lfc:")) != -1) {
        if (option == 'L')
            follow = true;
        else if (option == 'f')
            file_system = true;
        else
            format = optarg;
    }
    if (optind == argc)
        tool_usage();
    for (; optind < argc; optind++) {
        const char *path = argv[optind];
        struct statvfs fs;
        struct stat st;

        if ((file_system ? statvfs(path, &fs) : (follow ? stat : lstat)(path, &st)) != 0) {
            warn_errno("%s", path);
            status = 1;
        } else if (file_system) {
            put_format(format ? format : default_fs_format, path, NULL, &fs);
        } else {
            put_format(format ? format : default_format, path, &st, NULL);
        }
    }
    return tool_end(status);
}
