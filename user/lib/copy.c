// SPDX-License-Identifier: MIT
// Copying files and trees.
//
// A file is copied through a buffer by read and write; a hole is not looked for. A target is opened
// with O_TRUNC and keeps its identity, as POSIX cp wants it. A directory is made writable for its
// owner while it is filled and gets its real mode and times last, since filling it changes them.
#include "user/lib/tree.h"

#include "user/lib/path.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BUFFER_LEN = 128 * 1024 };

struct copy_visit {
    const char *target_dir;
    const struct copy_options *options;
    const struct stat *root; // the first target directory made: never copied into itself
};

static bool copy_any(const char *source, const char *target, const struct copy_visit *visit);

static bool copy_data(int in, int out, const char *source, const char *target)
{
    char *buffer = xmalloc(COPY_BUFFER_LEN);
    bool ok = true;

    for (;;) {
        ssize_t len = read(in, buffer, COPY_BUFFER_LEN);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            warn_errno("%s", source);
        if (len <= 0) {
            ok = len == 0;
            break;
        }
        if (write_all(out, buffer, (size_t)len) != 0) {
            warn_errno("%s", target);
            ok = false;
            break;
        }
    }
    free(buffer);
    return ok;
}

static void preserve_attributes(const char *target, const struct stat *st)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    mode_t mode = st->st_mode & 07777;

    // Only root may give files away; without that, set-id bits must not move to another owner.
    if (lchown(target, st->st_uid, st->st_gid) != 0)
        mode &= ~(mode_t)(S_ISUID | S_ISGID);
    if (!S_ISLNK(st->st_mode) && chmod(target, mode) != 0)
        warn_errno("%s: mode not preserved", target);
    if (utimensat(AT_FDCWD, target, times, AT_SYMLINK_NOFOLLOW) != 0)
        warn_errno("%s: times not preserved", target);
}

static bool copy_regular(const char *source, const char *target, const struct stat *st,
                         const struct copy_options *options)
{
    int in = open(source, O_RDONLY | O_CLOEXEC), out;
    bool ok;

    if (in < 0) {
        warn_errno("%s", source);
        return false;
    }
    out = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, st->st_mode & 0777);
    if (out < 0 && options->force && unlink(target) == 0)
        out = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, st->st_mode & 0777);
    if (out < 0) {
        warn_errno("%s", target);
        close(in);
        return false;
    }
    ok = copy_data(in, out, source, target);
    close(in);
    if (close(out) != 0) {
        warn_errno("%s", target);
        ok = false;
    }
    return ok;
}

static bool copy_link(const char *source, const char *target)
{
    char *text = read_link(source);
    bool ok = text != NULL;

    if (!ok)
        warn_errno("%s", source);
    else if (symlink(text, target) != 0 &&
             (errno != EEXIST || unlink(target) != 0 || symlink(text, target) != 0)) {
        warn_errno("%s", target);
        ok = false;
    }
    free(text);
    return ok;
}

static bool copy_entry(const char *source, void *arg)
{
    const struct copy_visit *visit = arg;
    char *target = path_target(source, visit->target_dir, true);
    bool ok = copy_any(source, target, visit);

    free(target);
    return ok;
}

static bool copy_directory(const char *source, const char *target, const struct stat *st,
                           const struct copy_visit *visit)
{
    struct copy_visit inner = *visit;
    struct stat target_st;
    bool made = mkdir(target, (st->st_mode & 0777) | S_IRWXU) == 0, ok;

    if (!made && errno != EEXIST) {
        warn_errno("%s", target);
        return false;
    }
    if (stat(target, &target_st) != 0 || !S_ISDIR(target_st.st_mode)) {
        warn_text("%s: not a directory", target);
        return false;
    }
    inner.target_dir = target;
    if (!inner.root)
        inner.root = &target_st;
    ok = for_each_entry(source, copy_entry, &inner);
    if (made && !(st->st_mode & S_IWUSR) && !visit->options->preserve)
        chmod(target, st->st_mode & 0777);
    return ok;
}

static bool copy_special(const char *target, const struct stat *st)
{
    if (mknod(target, st->st_mode, st->st_rdev) != 0) {
        warn_errno("%s", target);
        return false;
    }
    return true;
}

static bool copy_any(const char *source, const char *target, const struct copy_visit *visit)
{
    const struct copy_options *options = visit->options;
    struct stat st, old;
    bool ok;

    if ((options->recursive ? lstat : stat)(source, &st) != 0) {
        warn_errno("%s", source);
        return false;
    }
    if (S_ISDIR(st.st_mode) && !options->recursive) {
        warn_text("%s: is a directory (use -r)", source);
        return false;
    }
    if (visit->root && st.st_dev == visit->root->st_dev && st.st_ino == visit->root->st_ino) {
        warn_text("%s: not copied into itself", source);
        return false;
    }
    if ((options->recursive ? lstat : stat)(target, &old) == 0) {
        if (options->no_clobber && !S_ISDIR(old.st_mode))
            return true;
        if (old.st_dev == st.st_dev && old.st_ino == st.st_ino) {
            warn_text("%s and %s are the same file", source, target);
            return false;
        }
        if (S_ISDIR(old.st_mode) && !S_ISDIR(st.st_mode)) {
            warn_text("%s: is a directory", target);
            return false;
        }
    }
    if (S_ISDIR(st.st_mode))
        ok = copy_directory(source, target, &st, visit);
    else if (S_ISREG(st.st_mode) || !options->recursive)
        ok = copy_regular(source, target, &st, options);
    else if (S_ISLNK(st.st_mode))
        ok = copy_link(source, target);
    else
        ok = copy_special(target, &st);
    if (ok && options->preserve)
        preserve_attributes(target, &st);
    if (ok && options->verbose)
        printf("%s -> %s\n", source, target);
    return ok;
}

bool copy_tree(const char *source, const char *target, const struct copy_options *options)
{
    struct copy_visit visit = {.options = options};

    return copy_any(source, target, &visit);
}
