// SPDX-License-Identifier: MIT
// Builtins about what a process has: its directory, mask, limits and times.
#include "user/lib/mode.h"
#include "user/lib/number.h"
#include "user/lib/path.h"
#include "user/lib/strbuf.h"
#include "user/lib/tool.h"
#include "user/sh/builtin.h"
#include "user/sh/shell.h"
#include "user/sh/var.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <unistd.h>

// --- cd and pwd ---------------------------------------------------------------------------------

// An absolute path without ".", ".." and double slashes, by text alone; to be freed.
static char *logical_path(const char *dir, const char *target)
{
    char *whole = *target == '/' ? xstrdup(target) : path_join(dir, target);
    struct strbuf out = STRBUF_INIT;

    for (char *part = strtok(whole, "/"); part; part = strtok(NULL, "/")) {
        if (strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0) {
            char *slash = out.len ? strrchr(out.text, '/') : NULL;

            if (slash) {
                *slash = '\0';
                out.len = (size_t)(slash - out.text);
            }
            continue;
        }
        strbuf_add_char(&out, '/');
        strbuf_add_text(&out, part);
    }
    free(whole);
    if (!out.len)
        strbuf_add_char(&out, '/');
    return out.text;
}

static int change_dir(const char *target, bool physical)
{
    const char *pwd = var_get("PWD");
    char *old = xstrdup(pwd ? pwd : ""), *path = NULL;

    // By name, ".." leads back out of a link; where that path is gone, the kernel knows better.
    if (!physical && pwd && *pwd == '/') {
        path = logical_path(pwd, target);
        if (chdir(path) != 0) {
            free(path);
            path = NULL;
        }
    }
    if (!path) {
        if (chdir(target) != 0) {
            warn_errno("%s", target);
            free(old);
            return STATUS_SYNTAX;
        }
        path = getcwd(NULL, 0);
    }
    var_set("OLDPWD", old, 0);
    var_set("PWD", path ? path : target, 0);
    free(old);
    free(path);
    return 0;
}

// Look for a relative name below the directories of CDPATH; to be freed, NULL where there is none.
static char *search_cdpath(const char *target)
{
    const char *path = var_get("CDPATH"), *end;

    if (*target == '/' || *target == '.')
        return NULL;
    for (; path && *path; path = *end ? end + 1 : end) {
        char *dir, *joined;

        end = path + strcspn(path, ":");
        dir = xstrndup(path, (size_t)(end - path));
        joined = path_join(*dir ? dir : ".", target);
        free(dir);
        if (is_directory(joined))
            return joined;
        free(joined);
    }
    return NULL;
}

int builtin_cd(int argc, char **argv)
{
    bool physical = false, tell = false;
    const char *target;
    char *found, *previous = NULL;
    int at = 1, status;

    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++)
        physical = argv[at][1] == 'P';
    target = at < argc ? argv[at] : var_get("HOME");
    if (!target) {
        warn_text("HOME is not set");
        return STATUS_SYNTAX;
    }
    if (strcmp(target, "-") == 0) {
        if (!var_get("OLDPWD")) {
            warn_text("OLDPWD is not set");
            return STATUS_SYNTAX;
        }
        target = previous = xstrdup(var_get("OLDPWD"));
        tell = true;
    }
    found = search_cdpath(target);
    status = change_dir(found ? found : target, physical);
    if (status == 0 && (tell || found))
        puts(var_get("PWD"));
    free(found);
    free(previous);
    return status;
}

// PWD is good if it is absolute and leads where we are.
static bool is_here(const char *pwd)
{
    struct stat named, here;

    return pwd && *pwd == '/' && stat(pwd, &named) == 0 && stat(".", &here) == 0 &&
           named.st_dev == here.st_dev && named.st_ino == here.st_ino;
}

int builtin_pwd(int argc, char **argv)
{
    bool physical = argc > 1 && strcmp(argv[1], "-P") == 0;
    char *dir;

    if (!physical && is_here(var_get("PWD"))) {
        puts(var_get("PWD"));
        return 0;
    }
    dir = getcwd(NULL, 0);
    if (!dir) {
        warn_errno("current directory");
        return 1;
    }
    puts(dir);
    free(dir);
    return 0;
}

// --- umask, ulimit, times -----------------------------------------------------------------------

int builtin_umask(int argc, char **argv)
{
    mode_t mask = umask(0), mode;
    int at = 1;

    umask(mask);
    if (at < argc && strcmp(argv[at], "-S") == 0) {
        char text[MODE_TEXT_LEN];

        mode_text(~mask & 0777, text);
        // "rwxr-x---" without its dashes, by thirds.
        for (int i = 0; i < 3; i++) {
            printf("%c=", "ugo"[i]);
            for (int j = 1; j <= 3; j++)
                if (text[3 * i + j] != '-')
                    putchar(text[3 * i + j]);
            putchar(i < 2 ? ',' : '\n');
        }
        return 0;
    }
    if (at == argc) {
        printf("%04o\n", (unsigned)mask);
        return 0;
    }
    if (argv[at][0] >= '0' && argv[at][0] <= '7') {
        if (!parse_mode(argv[at], 0, 0, &mode) || mode > 0777) {
            warn_text("%s: not a valid mask", argv[at]);
            return STATUS_SYNTAX;
        }
        umask(mode);
    } else if (parse_mode(argv[at], ~mask & 0777, 0, &mode)) {
        umask(~mode & 0777); // a symbolic mask names what is allowed
    } else {
        warn_text("%s: not a valid mask", argv[at]);
        return STATUS_SYNTAX;
    }
    return 0;
}

static const struct limit {
    char letter;
    int resource;
    rlim_t unit;
    const char *name;
} limits[] = {
    {'c', RLIMIT_CORE, 512, "core file size (512-byte blocks)"},
    {'d', RLIMIT_DATA, 1024, "data segment (KiB)"},
    {'f', RLIMIT_FSIZE, 512, "file size (512-byte blocks)"},
    {'n', RLIMIT_NOFILE, 1, "open files"},
    {'s', RLIMIT_STACK, 1024, "stack (KiB)"},
    {'t', RLIMIT_CPU, 1, "CPU time (seconds)"},
    {'u', RLIMIT_NPROC, 1, "processes"},
    {'v', RLIMIT_AS, 1024, "address space (KiB)"},
};

enum { NR_LIMITS = sizeof(limits) / sizeof(limits[0]) };

static void print_limit(const struct limit *limit, bool hard, bool named)
{
    struct rlimit values;
    rlim_t value;

    if (getrlimit((__rlimit_resource_t)limit->resource, &values) != 0) {
        warn_errno("%s", limit->name);
        return;
    }
    value = hard ? values.rlim_max : values.rlim_cur;
    if (named)
        printf("-%c %-36s ", limit->letter, limit->name);
    if (value == RLIM_INFINITY)
        puts("unlimited");
    else
        printf("%llu\n", (unsigned long long)(value / limit->unit));
}

static int set_limit(const struct limit *limit, const char *text, bool soft, bool hard)
{
    struct rlimit values;
    int64_t number;
    rlim_t value = RLIM_INFINITY;

    if (strcmp(text, "unlimited") != 0) {
        if (!parse_i64(text, &number) || number < 0) {
            warn_text("%s: not a valid limit", text);
            return STATUS_SYNTAX;
        }
        value = (rlim_t)number * limit->unit;
    }
    if (getrlimit((__rlimit_resource_t)limit->resource, &values) != 0) {
        warn_errno("%s", limit->name);
        return 1;
    }
    if (soft)
        values.rlim_cur = value;
    if (hard)
        values.rlim_max = value;
    if (setrlimit((__rlimit_resource_t)limit->resource, &values) != 0) {
        warn_errno("%s", limit->name);
        return 1;
    }
    return 0;
}

int builtin_ulimit(int argc, char **argv)
{
    const struct limit *limit = NULL;
    bool hard = false, soft = false, all = false;
    int at = 1;

    for (; at < argc && argv[at][0] == '-'; at++) {
        for (const char *letter = argv[at] + 1; *letter; letter++) {
            const struct limit *found = NULL;

            for (int i = 0; i < NR_LIMITS; i++)
                if (limits[i].letter == *letter)
                    found = &limits[i];
            hard |= *letter == 'H';
            soft |= *letter == 'S';
            all |= *letter == 'a';
            if (found)
                limit = found;
            else if (!strchr("HSa", *letter)) {
                warn_text("unknown option -%c", *letter);
                return STATUS_SYNTAX;
            }
        }
    }
    for (int i = 0; i < NR_LIMITS; i++) {
        if (all)
            print_limit(&limits[i], hard, true);
        else if (!limit && limits[i].letter == 'f')
            limit = &limits[i];
    }
    if (all)
        return 0;
    if (at < argc)
        return set_limit(limit, argv[at], soft || !hard, hard || !soft);
    print_limit(limit, hard, false);
    return 0;
}

static void print_ticks(clock_t ticks, const char *end)
{
    long per_second = sysconf(_SC_CLK_TCK);

    printf("%ldm%ld.%02lds%s", (long)ticks / per_second / 60, (long)ticks / per_second % 60,
           (long)ticks % per_second * 100 / per_second, end);
}

int builtin_times(int argc, char **argv)
{
    struct tms tms;

    (void)argc, (void)argv;
    times(&tms);
    print_ticks(tms.tms_utime, " ");
    print_ticks(tms.tms_stime, "\n");
    print_ticks(tms.tms_cutime, " ");
    print_ticks(tms.tms_cstime, "\n");
    return 0;
}
