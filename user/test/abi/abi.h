// SPDX-License-Identifier: MIT
/* The frame in which every ABI case stands.
 *
 * A case is a function that ends by returning (it passed), by a failed EXPECT_… or by SKIP. It runs in
 * a process of its own, the leader of a process group of its own, in an empty directory of its own
 * (mode 0755, the current directory when it starts), under a time limit. So it may leave behind
 * whatever it likes: files, children, mappings, limits. Nothing it does can reach another case.
 *
 * An expectation may also fail in a child or a thread of the case: the words go to the runner through
 * a pipe kept at REPORT_FD, the process ends with ABI_EXIT_FAILED, and the first words to arrive are shown.
 *
 * The contract is Linux's: every case must pass on a Linux host before it means anything on Cairn.
 * Where the C library would hide what the kernel does, cases make the raw call through syscall().
 */
#ifndef CAIRN_USER_TEST_ABI_H
#define CAIRN_USER_TEST_ABI_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    REPORT_FD = 200,      /* out of the way of cases that count on the lowest free descriptor */
    ABI_EXIT_FAILED = 97, /* a failed expectation */
    ABI_EXIT_SKIPPED = 98,
    TEST_UID = 54321, /* an ordinary user whom nobody else on the machine is */
    TEST_GID = 54322,
};

struct abi_case {
    const char *family;
    const char *name;
    const char *file;
    int line;
    void (*run)(void);
};

/* A helper is what a case executes: the same binary, started as `abi @name args…`. */
struct abi_helper {
    const char *name;
    int (*run)(int argc, char **argv);
};

#define CASE(fam, nm)                                                                \
    static void case_##fam##_##nm(void);                                             \
    static const struct abi_case desc_##fam##_##nm = {#fam, #nm, __FILE__, __LINE__, \
                                                      case_##fam##_##nm};            \
    static const struct abi_case *const ref_##fam##_##nm                             \
        __attribute__((section("abi_cases"), used)) = &desc_##fam##_##nm;            \
    static void case_##fam##_##nm(void)

#define HELPER(nm)                                                      \
    static int helper_##nm(int argc, char **argv);                      \
    static const struct abi_helper hdesc_##nm = {"@" #nm, helper_##nm}; \
    static const struct abi_helper *const href_##nm                     \
        __attribute__((section("abi_helpers"), used)) = &hdesc_##nm;    \
    static int helper_##nm(int argc, char **argv)

_Noreturn void abi_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void abi_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *abi_errno_name(int err);

long abi_check_ok(const char *file, int line, const char *text, long ret);
void abi_check_err(const char *file, int line, const char *text, long ret, int want);
void abi_check_eq(const char *file, int line, const char *text, long long got, long long want);
void abi_check_str(const char *file, int line, const char *text, const char *got, const char *want);
void abi_check_exit(const char *file, int line, pid_t pid, int code);
void abi_check_killed(const char *file, int line, pid_t pid, int sig);

#define FAIL(...)    abi_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...)    abi_skip(__VA_ARGS__)
#define EXPECT(cond) ((cond) ? (void)0 : FAIL("expected %s", #cond))
#define EXPECT_EQ(got, want) \
    abi_check_eq(__FILE__, __LINE__, #got " == " #want, (long long)(got), (long long)(want))
#define EXPECT_STR(got, want)   abi_check_str(__FILE__, __LINE__, #got, (got), (want))
#define EXPECT_ERR(call, err)   abi_check_err(__FILE__, __LINE__, #call, (long)(call), (err))
/* The call must not fail; the expression's value is the call's. */
#define OK(call)                abi_check_ok(__FILE__, __LINE__, #call, (long)(call))
#define OK_MAP(call)            ((void *)abi_check_ok(__FILE__, __LINE__, #call, (long)(call)))
/* Wait for the child pid and require how it ended. */
#define EXPECT_EXIT(pid, code)  abi_check_exit(__FILE__, __LINE__, (pid), (code))
#define EXPECT_KILLED(pid, sig) abi_check_killed(__FILE__, __LINE__, (pid), (sig))

/* CHILD(pid) { body }: the body runs in a child, which then exits 0; the parent goes on below. */
#define CHILD(pid) for ((pid) = (pid_t)OK(fork()); (pid) == 0; _exit(0), (pid)++)

#define NEED_ROOT()             \
    do {                        \
        if (geteuid() != 0)     \
            SKIP("needs root"); \
    } while (0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

extern char abi_self[PATH_MAX]; /* absolute path of this binary */

/* Addresses that no system call may read or write: a page without access, the null page, and the
 * kernel's half. bad_pointer(i) for i < BAD_POINTERS. */
enum { BAD_POINTERS = 3 };
void *bad_pointer(int i);
#define BAD bad_pointer(0)

/* One-way gate between processes or threads: gate_wait blocks until gate_open (or until every
 * process that could open it has gone). */
struct gate {
    int fd[2];
};
void gate_init(struct gate *g);
void gate_open(struct gate *g);
void gate_wait(struct gate *g);

void sleep_ms(long ms);
/* Return when pid (a child or thread) sleeps in a call; only makes the wanted order probable. */
void wait_until_asleep(pid_t pid);
int64_t now_ns(clockid_t clock);

void write_file(const char *path, const void *data, size_t len);
/* Read a whole file, terminated by NUL, at most cap - 1 bytes; returns its length. */
size_t read_file(const char *path, char *buf, size_t cap);
void make_file(const char *path, mode_t mode);
void expect_file(const char *path, const char *content);
mode_t mode_of(const char *path);
off_t size_of(const char *path);
bool exists(const char *path);
void become_user(uid_t uid, gid_t gid);
void copy_file(const char *from, const char *to, mode_t mode);
void *map_anon(size_t len, int prot, int flags);
void *map_shared_page(void);
size_t page_size(void);
/* Install a handler without flags worth naming. */
void on_signal(int sig, void (*handler)(int), int flags);
/* SIGALRM every ms milliseconds from now on. */
void tick_every(long ms);
void fill_pattern(void *buf, size_t len, unsigned seed);
bool check_pattern(const void *buf, size_t len, unsigned seed);

#endif
