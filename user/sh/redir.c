// SPDX-License-Identifier: MIT
// Redirections.
//
// A program gets them after fork, and needs no way back. A builtin, a function or a group runs in
// this process: each descriptor is first copied to one above FD_SHELL_MIN, close-on-exec, and copied
// back afterwards. Scripts can name descriptors up to FD_USER_MAX only, so the two never meet.
//
// A here-document is a pipe. What fits the smallest pipe that POSIX allows is written at once; more
// is written by a child, as a full pipe would block us.
#include "user/sh/redir.h"

#include "user/lib/number.h"
#include "user/lib/tool.h"
#include "user/sh/expand.h"
#include "user/sh/job.h"
#include "user/sh/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FD_CLOSE = -2, FD_FAILED = -1 };

int redir_move_high(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, FD_SHELL_MIN), error = errno;

    close(fd);
    errno = error;
    return copy;
}

static int save_fd(int fd, struct saved_fd **saved)
{
    struct saved_fd *entry;

    for (entry = *saved; entry; entry = entry->next)
        if (entry->fd == fd)
            return 0; // the first copy is the one to go back to
    entry = xcalloc(1, sizeof(*entry));
    entry->fd = fd;
    entry->copy = fcntl(fd, F_DUPFD_CLOEXEC, FD_SHELL_MIN);
    if (entry->copy < 0 && errno != EBADF) {
        shell_error("%d: %s", fd, strerror(errno));
        free(entry);
        return -1;
    }
    entry->next = *saved;
    *saved = entry;
    return 0;
}

void redir_restore(struct saved_fd **saved)
{
    while (*saved) {
        struct saved_fd *entry = *saved;

        *saved = entry->next;
        if (entry->copy >= 0) {
            dup2(entry->copy, entry->fd);
            close(entry->copy);
        } else {
            close(entry->fd);
        }
        free(entry);
    }
}

void redir_keep(struct saved_fd **saved)
{
    while (*saved) {
        struct saved_fd *entry = *saved;

        *saved = entry->next;
        if (entry->copy >= 0)
            close(entry->copy);
        free(entry);
    }
}

static int open_here_document(const char *text)
{
    size_t len = strlen(text);
    int ends[2];

    if (pipe(ends) != 0) {
        shell_error("here-document: %s", strerror(errno));
        return FD_FAILED;
    }
    if (len <= _POSIX_PIPE_BUF) {
        write_all(ends[1], text, len);
    } else {
        pid_t pid = job_fork_helper();

        if (pid == 0) {
            close(ends[0]);
            write_all(ends[1], text, len);
            _exit(0);
        }
        if (pid < 0) {
            close(ends[0]);
            ends[0] = FD_FAILED;
        }
    }
    close(ends[1]);
    return ends[0];
}

// With set -C a plain > refuses to overwrite a regular file, but not a device.
static int open_no_clobber(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    struct stat st;

    if (fd >= 0 || errno != EEXIST)
        return fd;
    fd = open(path, O_WRONLY);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        close(fd);
        errno = EEXIST;
        return -1;
    }
    return fd;
}

static int open_target(const struct redirect *redirect, const char *path)
{
    switch (redirect->kind) {
    case REDIRECT_IN: return open(path, O_RDONLY);
    case REDIRECT_OUT:
        if (redirect->no_clobber && shell.no_clobber)
            return open_no_clobber(path);
        return open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    case REDIRECT_APPEND: return open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    default: return open(path, O_RDWR | O_CREAT, 0666);
    }
}

// The descriptor that &word names: one in use, or FD_CLOSE for "-".
static int parse_dup(const char *text)
{
    int64_t fd;

    if (strcmp(text, "-") == 0)
        return FD_CLOSE;
    if (!parse_i64(text, &fd) || fd < 0 || fd > FD_USER_MAX || fcntl((int)fd, F_GETFD) < 0) {
        shell_error("%s: bad file descriptor", text);
        return FD_FAILED;
    }
    return (int)fd;
}

// The descriptor that the redirection's own is to become a copy of; *opened if it is a new one.
static int find_source(const struct redirect *redirect, struct arena *arena, bool *opened)
{
    char *text = expand_text(redirect->target, arena);
    int fd;

    if (!text)
        return FD_FAILED;
    if (redirect->kind == REDIRECT_DUP)
        return parse_dup(text);
    *opened = true;
    if (redirect->kind == REDIRECT_HERE)
        return open_here_document(text);
    fd = open_target(redirect, text);
    if (fd < 0)
        shell_error("%s: %s", text, strerror(errno));
    return fd;
}

static int apply_one(const struct redirect *redirect, struct arena *arena, struct saved_fd **saved)
{
    bool opened = false;
    int source, result = 0;

    if (redirect->fd > FD_USER_MAX) {
        shell_error("file descriptor out of range: the largest is %d", FD_USER_MAX);
        return -1;
    }
    source = find_source(redirect, arena, &opened);
    if (source == FD_FAILED)
        return -1;
    if (source == redirect->fd && opened) {
        // open gave just the one wanted: so it was closed, and is to be closed again.
        if (saved) {
            struct saved_fd *entry = xcalloc(1, sizeof(*entry));

            *entry = (struct saved_fd){*saved, redirect->fd, -1};
            *saved = entry;
        }
        return 0;
    }
    if (saved && save_fd(redirect->fd, saved) != 0) {
        result = -1;
    } else if (source == FD_CLOSE) {
        close(redirect->fd);
    } else if (source != redirect->fd && dup2(source, redirect->fd) < 0) {
        shell_error("%d: %s", redirect->fd, strerror(errno));
        result = -1;
    }
    if (opened)
        close(source);
    return result;
}

int redir_apply(const struct redirect *redirects, struct saved_fd **saved)
{
    struct arena *arena;
    int result = 0;

    if (!redirects)
        return 0;
    arena = arena_create();
    for (; redirects && result == 0; redirects = redirects->next)
        result = apply_one(redirects, arena, saved);
    arena_put(arena);
    return result;
}
