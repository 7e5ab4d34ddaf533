// SPDX-License-Identifier: MIT
/* Cases of file systems: what the program knows of the one under test.
 *
 * A case says what POSIX and Linux say of a good file system, once. Where a file system is not able to do
 * that, the case fails on it under Linux, too; the words of that failure then stand in expected.c, and
 * must be the same on Cairn. So small cases are better than large ones: after its first difference a
 * case says no more.
 */
#ifndef CAIRN_USER_TEST_CONF_H
#define CAIRN_USER_TEST_CONF_H

#include "../abi/abi.h"
#include "../place.h"

#include <sys/mount.h>

#ifndef RENAME_EXCHANGE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE  2
#endif
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE  1
#define FALLOC_FL_PUNCH_HOLE 2
#define FALLOC_FL_ZERO_RANGE 16
#endif

/* Where the cases run. Without a device nothing can be mounted. */
extern struct place conf_place;

/* May the case end so on this file system? words are those of its failed expectation, NULL that it
 * passed. What a file system cannot do stands in a table, as Linux's own driver shows it. */
bool conf_is_expected(const char *type, const struct abi_case *c, const char *words);

/* Mount the place again with these MS_ flags; the case is skipped if it can't be. The runner undoes it. */
void remount(unsigned long flags);

/* Wait until the file system gives another time than before. */
void tick(void);

/* The place mounted a second time at the new directory `name`. */
void bind_place(const char *name);

struct stat stat_of(const char *path);
ino_t inode_of(const char *path);
nlink_t links_of(const char *path);
/* A file of len bytes of fill_pattern(seed). */
void make_patterned(const char *path, size_t len, unsigned seed);
/* Are the len bytes at `at` of the file those of fill_pattern(seed)? */
bool has_pattern(int fd, off_t at, size_t len, unsigned seed);
bool has_zeros(int fd, off_t at, size_t len);
/* A file name of len bytes. */
const char *name_of_length(size_t len, char fill);
long exchange(const char *a, const char *b);
/* The number of entries of a directory but for . and .. */
int count_entries(const char *path);

/* A directory that everybody may write, since cases begin in one of root's. */
void make_open_directory(const char *path);

enum { OTHER_UID = 54323, OTHER_GID = 54324 };

/* AS_USER(uid, gid) { body }: the body runs as this user; the case goes on when it has ended well. */
#define AS_USER(uid, gid)                                                                \
    for (pid_t as_pid_ = (pid_t)OK(fork()), as_once_ = 1; as_once_;                      \
         as_pid_ == 0 ? _exit(0) : (void)abi_check_exit(__FILE__, __LINE__, as_pid_, 0), \
               as_once_ = 0)                                                             \
        if (as_pid_ == 0 && (become_user(uid, gid), 1))

#endif
