// SPDX-License-Identifier: MIT
// Redirections.
#ifndef CAIRN_USER_SH_REDIR_H
#define CAIRN_USER_SH_REDIR_H

#include "user/sh/ast.h"

// A descriptor that a redirection replaced, kept to be put back.
struct saved_fd {
    struct saved_fd *next;
    int fd, copy; // copy -1: it was closed
};

/** Apply redirections in order.
 *  @saved: collects what redir_restore needs; NULL if they are to stay.
 *  Returns 0, or -1 with a message; what was applied before stays for redir_restore. */
int redir_apply(const struct redirect *redirects, struct saved_fd **saved);

/** Put everything back, newest first. */
void redir_restore(struct saved_fd **saved);

/** Forget the copies, since the redirections are to stay: `exec >file`. */
void redir_keep(struct saved_fd **saved);

/** Move a descriptor of the shell's own out of the way of scripts, close-on-exec. Returns the new
 *  one, or -1 with errno; the old one is closed. */
int redir_move_high(int fd);

#endif
