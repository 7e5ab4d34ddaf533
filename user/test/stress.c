// SPDX-License-Identifier: MIT
/* stress: many processes at once, each checking every result of a random mix of work.
 *
 * Each worker owns a directory and a slot of a shared table: rounds done, children forked and reaped,
 * failures, and the work it is in, so that a hang can be named. A child is lost when it was forked but
 * never reaped. The parent prints a line each second, ends the workers when the time is over, and
 * waits for all of them; one that does not come back is a failure too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WORKERS = 512, SHOWN_FAILURES = 5, GRACE_SECONDS = 120 };

struct slot {
    volatile long rounds, forked, reaped, failures;
    const char *volatile work;
};

static struct slot *slots; /* shared with all workers */
static volatile int *stopping;
static struct slot *me;
static int my_number;
static unsigned seed, first_seed;
static char self[PATH_MAX];
static bool have_shell;

static unsigned next_random(unsigned below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 12) % below;
}

__attribute__((format(printf, 1, 2))) static void fail(const char *fmt, ...)
{
    char text[256];
    int saved = errno;
    va_list ap;
    va_start(ap, fmt);
    int len = snprintf(text, sizeof(text), "stress: worker %d, %s: ", my_number, me->work);
    len += vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, ap);
    va_end(ap);
    if (++me->failures > SHOWN_FAILURES || len >= (int)sizeof(text) - 40)
        return;
    len += snprintf(text + len, sizeof(text) - (size_t)len, " (%s)\n", strerrorname_np(saved));
    (void)!write(STDERR_FILENO, text, (size_t)len);
}

static pid_t spawn(void)
{
    pid_t pid = fork();
    if (pid > 0)
        me->forked++;
    else if (pid < 0)
        fail("fork");
    return pid;
}

/* Wait for the child; it must have ended with this status as waitpid tells it. */
static void reap(pid_t pid, int want)
{
    int status = -1;
    pid_t got;
    while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (got != pid) {
        fail("waitpid(%d) returned %d", pid, got);
        return;
    }
    me->reaped++;
    if (status != want)
        fail("child ended with status %#x, not %#x", status, want);
}

static void work_fork(void)
{
    int code = (int)next_random(256);
    pid_t pid = spawn();
    if (pid == 0)
        _exit(code);
    if (pid > 0)
        reap(pid, code << 8);
}

static void work_exec(void)
{
    char code[8];
    int n = (int)next_random(256);
    pid_t pid;
    snprintf(code, sizeof(code), "%d", n);
    pid = spawn();
    if (pid == 0) {
        execl(self, self, "--child", code, NULL);
        _exit(99);
    }
    if (pid > 0)
        reap(pid, n << 8);
}

/* Reads all and compares with want. */
static void expect_output(int fd, const char *want)
{
    char buf[256];
    size_t len = 0;
    ssize_t n = 0;
    while (len < sizeof(buf) - 1 && (n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0)
        len += (size_t)n;
    buf[len] = '\0';
    if (n < 0 || strcmp(buf, want) != 0)
        fail("came \"%.40s\", not \"%.40s\"", buf, want);
}

static void work_shell(void)
{
    int fd[2];
    char script[128], want[64];
    unsigned word = next_random(100000);
    if (!have_shell)
        return;
    if (pipe(fd) != 0) {
        fail("pipe");
        return;
    }
    snprintf(script, sizeof(script), "echo word-%u | cat | cat; exit 5", word);
    snprintf(want, sizeof(want), "word-%u\n", word);
    pid_t pid = spawn();
    if (pid == 0) {
        dup2(fd[1], 1);
        close(fd[0]);
        close(fd[1]);
        execl("/bin/sh", "sh", "-c", script, NULL);
        _exit(99);
    }
    close(fd[1]);
    if (pid > 0) {
        expect_output(fd[0], want);
        reap(pid, 5 << 8);
    }
    close(fd[0]);
}

static void fill(unsigned char *buf, size_t len, unsigned with)
{
    for (size_t i = 0; i < len; i++)
        buf[i] = (unsigned char)(i * 7 + (i >> 8) + with);
}

static bool filled(const unsigned char *buf, size_t len, unsigned with)
{
    for (size_t i = 0; i < len; i++) {
        if (buf[i] != (unsigned char)(i * 7 + (i >> 8) + with))
            return false;
    }
    return true;
}

/* producer | inverter | this process */
static void work_pipeline(void)
{
    static unsigned char buf[30000];
    int a[2], b[2];
    unsigned with = next_random(256);
    size_t len = 1 + next_random(sizeof(buf)), got = 0;
    if (pipe(a) != 0 || pipe(b) != 0) {
        fail("pipe");
        return;
    }
    pid_t producer = spawn();
    if (producer == 0) {
        fill(buf, len, with);
        _exit(write(a[1], buf, len) == (ssize_t)len ? 0 : 1);
    }
    pid_t inverter = spawn();
    if (inverter == 0) {
        ssize_t n;
        close(a[1]);
        while ((n = read(a[0], buf, sizeof(buf))) > 0) {
            for (ssize_t i = 0; i < n; i++)
                buf[i] = (unsigned char)~buf[i];
            if (write(b[1], buf, (size_t)n) != n)
                _exit(1);
        }
        _exit(0);
    }
    close(a[0]);
    close(a[1]);
    close(b[1]);
    ssize_t n;
    while (got < sizeof(buf) && (n = read(b[0], buf + got, sizeof(buf) - got)) > 0)
        got += (size_t)n;
    close(b[0]);
    for (size_t i = 0; i < got; i++)
        buf[i] = (unsigned char)~buf[i];
    if (producer > 0 && inverter > 0 && (got != len || !filled(buf, len, with)))
        fail("%zu bytes of %zu, or wrong ones", got, len);
    if (producer > 0)
        reap(producer, 0);
    if (inverter > 0)
        reap(inverter, 0);
}

static void work_file(void)
{
    static unsigned char out[40000], in[40000];
    char name[32], other[32];
    unsigned with = next_random(256);
    size_t len = next_random(sizeof(out));
    snprintf(name, sizeof(name), "f%u", next_random(8));
    snprintf(other, sizeof(other), "g%u", next_random(8));
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) {
        fail("open %s", name);
        return;
    }
    fill(out, len, with);
    for (size_t at = 0; at < len;) {
        size_t step = 1 + next_random(9000);
        if (step > len - at)
            step = len - at;
        if (write(fd, out + at, step) != (ssize_t)step) {
            fail("write");
            break;
        }
        at += step;
    }
    if (next_random(8) == 0 && fsync(fd) != 0)
        fail("fsync");
    close(fd);
    if (rename(name, other) != 0)
        fail("rename");
    fd = open(other, O_RDONLY);
    if (fd < 0 || read(fd, in, sizeof(in)) != (ssize_t)len || !filled(in, len, with))
        fail("%s does not hold what was written", other);
    close(fd);
    if (next_random(2) && unlink(other) != 0)
        fail("unlink");
}

static void work_directory(void)
{
    char path[64];
    unsigned n = 1 + next_random(20);
    if (mkdir("d", 0700) != 0)
        fail("mkdir");
    for (unsigned i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "d/entry-%u", i);
        if (symlink("somewhere", path) != 0)
            fail("symlink");
    }
    DIR *d = opendir("d");
    unsigned seen = 0;
    while (d && readdir(d))
        seen++;
    if (d)
        closedir(d);
    if (seen != n + 2)
        fail("%u entries listed, not %u", seen, n + 2);
    for (unsigned i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "d/entry-%u", i);
        if (unlink(path) != 0)
            fail("unlink");
    }
    if (rmdir("d") != 0)
        fail("rmdir");
}

static void work_memory(void)
{
    size_t len = (1 + next_random(32)) * 4096;
    unsigned with = next_random(256);
    unsigned char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        fail("mmap of %zu", len);
        return;
    }
    fill(p, len, with);
    pid_t pid = spawn();
    if (pid == 0) {
        bool right = filled(p, len, with);
        fill(p, len, with + 1);
        _exit(right && filled(p, len, with + 1) ? 0 : 1);
    }
    if (pid > 0)
        reap(pid, 0);
    if (!filled(p, len, with))
        fail("the child's writes are in our copy");
    munmap(p, len);
}

static void work_mapped_file(void)
{
    size_t len = (1 + next_random(8)) * 4096;
    unsigned with = next_random(256);
    static unsigned char in[8 * 4096];
    int fd = open("m", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)len) != 0) {
        fail("open or ftruncate");
        return;
    }
    unsigned char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        fail("mmap");
    } else {
        fill(p, len, with);
        if (pread(fd, in, sizeof(in), 0) != (ssize_t)len || !filled(in, len, with))
            fail("read does not see the mapping's writes");
        munmap(p, len);
    }
    close(fd);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile long sum;

static void *add(void *arg)
{
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&lock);
        sum = sum + 1;
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

static void work_threads(void)
{
    pthread_t t[3];
    int n = 0;
    sum = 0;
    while (n < 3 && (errno = pthread_create(&t[n], NULL, add, NULL)) == 0)
        n++;
    if (n < 3)
        fail("pthread_create");
    for (int i = 0; i < n; i++)
        pthread_join(t[i], NULL);
    if (sum != n * 200)
        fail("sum is %ld, not %d", sum, n * 200);
}

static void work_signal(void)
{
    int status;
    pid_t pid = spawn();
    if (pid == 0) {
        for (;;)
            pause();
    }
    if (pid < 0)
        return;
    if (next_random(2)) {
        kill(pid, SIGSTOP);
        if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
            fail("no report of the stop");
        kill(pid, SIGCONT);
    }
    kill(pid, SIGTERM);
    reap(pid, SIGTERM);
}

static const struct {
    const char *name;
    void (*run)(void);
} works[] = {
    {"fork", work_fork},           {"exec", work_exec},     {"shell", work_shell},
    {"pipeline", work_pipeline},   {"file", work_file},     {"file", work_file},
    {"directory", work_directory}, {"memory", work_memory}, {"mapped file", work_mapped_file},
    {"threads", work_threads},     {"signal", work_signal},
};

_Noreturn static void run_worker(int number, const char *dir)
{
    char path[64];
    my_number = number;
    me = &slots[number];
    seed = (unsigned)number * 2654435761u + 17 + first_seed * 40503u;
    me->work = "start";
    snprintf(path, sizeof(path), "w%d", number);
    if (chdir(dir) != 0 || mkdir(path, 0700) != 0 || chdir(path) != 0) {
        fail("cannot make %s/%s", dir, path);
        _exit(1);
    }
    while (!*stopping) {
        unsigned which = next_random(sizeof(works) / sizeof(works[0]));
        me->work = works[which].name;
        works[which].run();
        me->rounds++;
    }
    me->work = "end";
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
        fail("a child is left");
    for (unsigned i = 0; i < 8; i++) {
        snprintf(path, sizeof(path), "g%u", i);
        unlink(path);
        snprintf(path, sizeof(path), "f%u", i);
        unlink(path);
    }
    unlink("m");
    snprintf(path, sizeof(path), "../w%d", number);
    if (rmdir(path) != 0)
        fail("rmdir of its directory");
    _exit(0);
}

static long now_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

static void totals(int procs, struct slot *sum_of)
{
    *sum_of = (struct slot){0};
    for (int i = 0; i < procs; i++) {
        sum_of->rounds += slots[i].rounds;
        sum_of->forked += slots[i].forked;
        sum_of->reaped += slots[i].reaped;
        sum_of->failures += slots[i].failures;
    }
}

/* Reap the workers that have ended; returns how many did, and counts bad ends in *failures. */
static int collect(pid_t *pids, int procs, long *failures)
{
    int status, ended = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (int i = 0; i < procs; i++) {
            if (pids[i] != pid)
                continue;
            pids[i] = 0;
            ended++;
            if (status != 0) {
                ++*failures;
                fprintf(stderr, "stress: worker %d ended with status %#x in %s\n", i, status,
                        slots[i].work);
            }
        }
    }
    return ended;
}

static int run(int procs, long seconds, const char *dir)
{
    static pid_t pids[MAX_WORKERS];
    long failures = 0, start = now_seconds(), stop_at = start + seconds, last = -1;
    int alive = 0;
    struct slot t;

    for (int i = 0; i < procs; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            run_worker(i, dir);
        if (pids[i] < 0) {
            failures++;
            fprintf(stderr, "stress: fork of worker %d: %s\n", i, strerrorname_np(errno));
        } else {
            alive++;
        }
    }
    while (alive > 0) {
        struct timespec tick = {0, 50000000};
        long now = now_seconds();
        if (now >= stop_at)
            *stopping = 1;
        if (now >= stop_at + GRACE_SECONDS) {
            for (int i = 0; i < procs; i++) {
                if (pids[i] > 0)
                    fprintf(stderr, "stress: worker %d hangs in %s\n", i, slots[i].work);
                if (pids[i] > 0)
                    kill(pids[i], SIGKILL);
            }
            stop_at += GRACE_SECONDS;
        }
        alive -= collect(pids, procs, &failures);
        totals(procs, &t);
        if (now != last) {
            printf("stress: %ld s, %d workers, %ld rounds, %ld failures\n", now - start, alive,
                   t.rounds, t.failures + failures);
            fflush(stdout);
            last = now;
        }
        nanosleep(&tick, NULL);
    }
    totals(procs, &t);
    printf("stress: %ld children forked, %ld reaped, %ld lost\n", t.forked, t.reaped,
           t.forked - t.reaped);
    failures += t.failures + (t.forked != t.reaped);
    printf("stress: %ld rounds, %ld failures\n", t.rounds, failures);
    return failures || t.rounds == 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    int procs = 64;
    long seconds = 60;
    const char *parent = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    char dir[PATH_MAX];

    if (argc == 3 && !strcmp(argv[1], "--child"))
        return atoi(argv[2]);
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && !strcmp(argv[i], "--procs"))
            procs = atoi(argv[i + 1]);
        else if (i + 1 < argc && !strcmp(argv[i], "--seconds"))
            seconds = atol(argv[i + 1]);
        else if (i + 1 < argc && !strcmp(argv[i], "--seed"))
            first_seed = (unsigned)atol(argv[i + 1]);
        else if (i + 1 < argc && !strcmp(argv[i], "--dir"))
            parent = argv[i + 1];
        else
            procs = 0;
    }
    if (procs < 1 || procs > MAX_WORKERS || seconds < 1) {
        fprintf(stderr, "usage: stress [--procs 64] [--seconds 60] [--seed 0] [--dir DIR]\n");
        return 2;
    }
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len <= 0 || self[0] != '/')
        strcpy(self, "/tests/stress");
    have_shell = access("/bin/sh", X_OK) == 0;
    slots = mmap(NULL, sizeof(*slots) * MAX_WORKERS + sizeof(*stopping), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(dir, sizeof(dir), "%s/stress.XXXXXX", parent);
    if (slots == MAP_FAILED || !mkdtemp(dir)) {
        fprintf(stderr, "stress: %s: %s\n", dir, strerror(errno));
        return 2;
    }
    stopping = (volatile int *)(void *)(slots + MAX_WORKERS);
    int result = run(procs, seconds, dir);
    rmdir(dir);
    return result;
}
