// SPDX-License-Identifier: MIT
/* What the cases share: expectations, and short words for the common steps of a case. */
#include "abi.h"

#include <grp.h>
#include <stdarg.h>
#include <sys/time.h>

char abi_self[PATH_MAX];

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void abi_fail(const char *file, int line, const char *fmt, ...)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "F%s:%d: ", base_name(file), line);
    va_list ap;
    va_start(ap, fmt);
    int more = vsnprintf(text + len, sizeof(text) - (size_t)len - 1, fmt, ap);
    va_end(ap);
    len += more < (int)sizeof(text) - len - 1 ? more : (int)sizeof(text) - len - 2;
    text[len++] = '\n';
    if (write(REPORT_FD, text, (size_t)len) != len)
        (void)!write(STDERR_FILENO, text, (size_t)len);
    _exit(ABI_EXIT_FAILED);
}

void abi_skip(const char *fmt, ...)
{
    char text[256] = "S";
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text + 1, sizeof(text) - 2, fmt, ap);
    va_end(ap);
    size_t len = strlen(text);
    text[len++] = '\n';
    (void)!write(REPORT_FD, text, len);
    _exit(ABI_EXIT_SKIPPED);
}

const char *abi_errno_name(int err)
{
    const char *name = strerrorname_np(err);
    return name ? name : "(unknown error)";
}

long abi_check_ok(const char *file, int line, const char *text, long ret)
{
    if (ret == -1)
        abi_fail(file, line, "%s: expected success, came %s", text, abi_errno_name(errno));
    return ret;
}

void abi_check_err(const char *file, int line, const char *text, long ret, int want)
{
    if (ret != -1)
        abi_fail(file, line, "%s: expected %s, came %ld", text, abi_errno_name(want), ret);
    if (errno != want)
        abi_fail(file, line, "%s: expected %s, came %s", text, abi_errno_name(want),
                 abi_errno_name(errno));
}

void abi_check_eq(const char *file, int line, const char *text, long long got, long long want)
{
    if (got != want)
        abi_fail(file, line, "%s: expected %lld (%#llx), came %lld (%#llx)", text, want, want, got,
                 got);
}

void abi_check_str(const char *file, int line, const char *text, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        abi_fail(file, line, "%s: expected \"%s\", came \"%s\"", text, want, got);
}

static int reap(const char *file, int line, pid_t pid)
{
    int status = 0;
    pid_t got;
    while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (got != pid)
        abi_fail(file, line, "waitpid(%d): came %d, %s", pid, got, abi_errno_name(errno));
    return status;
}

void abi_check_exit(const char *file, int line, pid_t pid, int code)
{
    int status = reap(file, line, pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
        abi_fail(file, line, "expected the child to exit with %d, came %s %d", code,
                 WIFSIGNALED(status) ? "signal" : "exit",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

void abi_check_killed(const char *file, int line, pid_t pid, int sig)
{
    int status = reap(file, line, pid);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
        abi_fail(file, line, "expected the child to die of signal %d, came %s %d", sig,
                 WIFSIGNALED(status) ? "signal" : "exit",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *bad_pointer(int i)
{
    static void *hole;
    if (i == 1)
        return (void *)(uintptr_t)8;
    if (i == 2)
        return (void *)(uintptr_t)-8192;
    if (!hole)
        hole = map_anon(page_size(), PROT_NONE, MAP_PRIVATE);
    return hole;
}

void gate_init(struct gate *g)
{
    OK(pipe2(g->fd, O_CLOEXEC));
}

void gate_open(struct gate *g)
{
    OK(write(g->fd[1], "!", 1));
}

void gate_wait(struct gate *g)
{
    char c;
    while (read(g->fd[0], &c, 1) < 0 && errno == EINTR)
        ;
}

void sleep_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

void wait_until_asleep(pid_t pid)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    for (int i = 0; i < 500; i++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (fd >= 0)
            close(fd);
        if (len <= 0)
            break;
        text[len] = '\0';
        const char *after = strrchr(text, ')');
        if (after && after[1] == ' ' && after[2] == 'S')
            return;
        sleep_ms(2);
    }
    sleep_ms(100);
}

int64_t now_ns(clockid_t clock)
{
    struct timespec ts;
    OK(clock_gettime(clock, &ts));
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void write_file(const char *path, const void *data, size_t len)
{
    int fd = (int)OK(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    for (size_t done = 0; done < len;)
        done += (size_t)OK(write(fd, (const char *)data + done, len - done));
    OK(close(fd));
}

size_t read_file(const char *path, char *buf, size_t cap)
{
    int fd = (int)OK(open(path, O_RDONLY | O_CLOEXEC));
    size_t len = 0;
    ssize_t n;
    while (len < cap - 1 && (n = OK(read(fd, buf + len, cap - 1 - len))) > 0)
        len += (size_t)n;
    buf[len] = '\0';
    OK(close(fd));
    return len;
}

void make_file(const char *path, mode_t mode)
{
    OK(close((int)OK(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600))));
    OK(chmod(path, mode));
}

void expect_file(const char *path, const char *content)
{
    char buf[4096];
    read_file(path, buf, sizeof(buf));
    EXPECT_STR(buf, content);
}

mode_t mode_of(const char *path)
{
    struct stat st;
    OK(stat(path, &st));
    return st.st_mode;
}

off_t size_of(const char *path)
{
    struct stat st;
    OK(stat(path, &st));
    return st.st_size;
}

bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

void become_user(uid_t uid, gid_t gid)
{
    OK(setgroups(0, NULL));
    OK(setresgid(gid, gid, gid));
    OK(setresuid(uid, uid, uid));
}

void copy_file(const char *from, const char *to, mode_t mode)
{
    static char buf[65536];
    int in = (int)OK(open(from, O_RDONLY | O_CLOEXEC));
    int out = (int)OK(open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700));
    ssize_t n;
    while ((n = OK(read(in, buf, sizeof(buf)))) > 0)
        EXPECT_EQ(write(out, buf, (size_t)n), n);
    OK(fchmod(out, mode));
    OK(close(in));
    OK(close(out));
}

void *map_anon(size_t len, int prot, int flags)
{
    return OK_MAP(mmap(NULL, len, prot, flags | MAP_ANONYMOUS, -1, 0));
}

void *map_shared_page(void)
{
    return map_anon(page_size(), PROT_READ | PROT_WRITE, MAP_SHARED);
}

void on_signal(int sig, void (*handler)(int), int flags)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&sa.sa_mask);
    OK(sigaction(sig, &sa, NULL));
}

void tick_every(long ms)
{
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};
    struct itimerval it = {tv, tv};
    OK(setitimer(ITIMER_REAL, &it, NULL));
}

void fill_pattern(void *buf, size_t len, unsigned seed)
{
    unsigned char *p = buf;
    for (size_t i = 0; i < len; i++)
        p[i] = (unsigned char)((i * 131 + (i >> 8) * 7 + seed * 29) >> 1);
}

bool check_pattern(const void *buf, size_t len, unsigned seed)
{
    const unsigned char *p = buf;
    for (size_t i = 0; i < len; i++) {
        if (p[i] != (unsigned char)((i * 131 + (i >> 8) * 7 + seed * 29) >> 1))
            return false;
    }
    return true;
}
