// SPDX-License-Identifier: MIT
/* abi: the runner of the ABI cases.
 *
 * Cases collect themselves in the linker section abi_cases. Each runs in a forked child; the runner
 * itself uses little of what it tests: fork, pipe, waitpid, kill, alarm and a directory.
 * The time limit is kept by the runner, so that cases may use alarm() as they wish: when it strikes,
 * the case's whole process group is killed.
 */
#include "abi.h"

#include <dirent.h>

extern const struct abi_case *const __start_abi_cases[];
extern const struct abi_case *const __stop_abi_cases[];
extern const struct abi_helper *const __start_abi_helpers[];
extern const struct abi_helper *const __stop_abi_helpers[];

enum { LIMIT_SECONDS = 30, MAX_CASES = 1024 };

static const struct abi_case *cases[MAX_CASES];
static int nr_cases;
static volatile pid_t running;
static volatile sig_atomic_t struck;

static const char USAGE[] =
    "usage: abi [NAME-OR-PREFIX…]   run all cases, or those whose family.case begins so\n"
    "       abi --list              print the names of all cases\n"
    "       abi --help              print this\n"
    "Environment: TMPDIR (default /tmp), ABI_TIMEOUT_SCALE (multiplies the 30 s limit of a case).\n"
    "Exit status: 0 when no case failed, 1 otherwise, 2 for wrong use.\n";

static int compare_cases(const void *a, const void *b)
{
    const struct abi_case *x = *(const struct abi_case *const *)a;
    const struct abi_case *y = *(const struct abi_case *const *)b;
    int order = strcmp(x->file, y->file);
    return order ? order : x->line - y->line;
}

static void collect_cases(void)
{
    for (const struct abi_case *const *c = __start_abi_cases; c < __stop_abi_cases; c++) {
        if (nr_cases < MAX_CASES)
            cases[nr_cases++] = *c;
    }
    qsort(cases, (size_t)nr_cases, sizeof(cases[0]), compare_cases);
}

static void strike(int sig)
{
    (void)sig;
    struck = 1;
    if (running > 0) {
        kill(-running, SIGKILL);
        kill(running, SIGKILL);
    }
}

static unsigned time_limit(void)
{
    const char *scale = getenv("ABI_TIMEOUT_SCALE");
    double factor = scale ? strtod(scale, NULL) : 1.0;
    if (!(factor >= 0.1 && factor <= 1000.0))
        factor = 1.0;
    return (unsigned)(LIMIT_SECONDS * factor) + 1;
}

/* Remove a directory and all below it, without following symlinks. */
static void remove_tree(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (unlinkat(fd, entry->d_name, 0) != 0) {
            fchmodat(fd, entry->d_name, 0700, 0);
            remove_tree(fd, entry->d_name);
        }
    }
    closedir(dir);
    unlinkat(parent, name, AT_REMOVEDIR);
}

_Noreturn static void run_child(const struct abi_case *c, const char *dir, const int report[2])
{
    setpgid(0, 0);
    if (dup2(report[1], REPORT_FD) < 0)
        _exit(ABI_EXIT_FAILED);
    close(report[0]);
    close(report[1]);
    fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    if (chdir(dir) != 0)
        abi_fail(__FILE__, __LINE__, "chdir(%s): %s", dir, strerror(errno));
    c->run();
    fflush(NULL);
    _exit(0);
}

/* The first report of the case, if any: 'F' or 'S' and words. */
static void read_report(int fd, char *text, size_t cap)
{
    ssize_t len = read(fd, text, cap - 1);
    text[len > 0 ? len : 0] = '\0';
    char *end = strchr(text, '\n');
    if (end)
        *end = '\0';
}

/* Returns 'P', 'F' or 'S', with words for the last two. */
static char judge(int status, unsigned limit, char *text, size_t cap)
{
    if (struck)
        snprintf(text, cap, "Fno end within %u s", limit);
    else if (text[0] == 'F')
        return 'F';
    else if (WIFSIGNALED(status))
        snprintf(text, cap, "Fdied of signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (text[0] == 'S' && WEXITSTATUS(status) == ABI_EXIT_SKIPPED)
        return 'S';
    else if (WEXITSTATUS(status) != 0)
        snprintf(text, cap, "Fthe case's process exited with status %d", WEXITSTATUS(status));
    else
        return 'P';
    return 'F';
}

static char run_case(const struct abi_case *c, char *text, size_t cap)
{
    char dir[PATH_MAX];
    const char *tmp = getenv("TMPDIR");
    int report[2];

    snprintf(dir, sizeof(dir), "%s/abi.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(dir) || chmod(dir, 0755) != 0 || pipe2(report, O_NONBLOCK) != 0) {
        snprintf(text, cap, "Fcannot prepare %s: %s", dir, strerror(errno));
        return 'F';
    }
    unsigned limit = time_limit();
    struck = 0;
    pid_t pid = fork();
    if (pid == 0)
        run_child(c, dir, report);
    close(report[1]);
    int status = 0;
    if (pid > 0) {
        setpgid(pid, pid);
        running = pid;
        alarm(limit);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        alarm(0);
        running = 0;
        kill(-pid, SIGKILL);
        read_report(report[0], text, cap);
    } else {
        snprintf(text, cap, "Ffork: %s", strerror(errno));
    }
    close(report[0]);
    remove_tree(AT_FDCWD, dir);
    return judge(status, limit, text, cap);
}

static bool selected(const struct abi_case *c, int argc, char **argv)
{
    char full[256];
    snprintf(full, sizeof(full), "%s.%s", c->family, c->name);
    for (int i = 1; i < argc; i++) {
        if (!strncmp(full, argv[i], strlen(argv[i])))
            return true;
    }
    return argc <= 1;
}

static void find_self(const char *argv0)
{
    ssize_t len = readlink("/proc/self/exe", abi_self, sizeof(abi_self) - 1);
    if (len > 0 && abi_self[0] == '/')
        abi_self[len] = '\0';
    else if (!strchr(argv0, '/') || !realpath(argv0, abi_self))
        strcpy(abi_self, "/tests/abi");
}

static int run_all(int argc, char **argv)
{
    int passed = 0, failed = 0, skipped = 0;
    static char text[4096];
    struct sigaction sa = {.sa_handler = strike};

    sigaction(SIGALRM, &sa, NULL);
    for (int i = 0; i < nr_cases; i++) {
        const struct abi_case *c = cases[i];
        if (!selected(c, argc, argv))
            continue;
        fflush(stdout);
        switch (run_case(c, text, sizeof(text))) {
        case 'P':
            passed++;
            printf("ok   %s.%s\n", c->family, c->name);
            break;
        case 'S':
            skipped++;
            printf("skip %s.%s: %s\n", c->family, c->name, text + 1);
            break;
        default: failed++; printf("FAIL %s.%s: %s\n", c->family, c->name, text + 1);
        }
    }
    if (passed + failed + skipped == 0) {
        fprintf(stderr, "abi: no case has such a name (abi --list shows them)\n");
        return 2;
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    find_self(argc > 0 ? argv[0] : "");
    if (argc > 1 && argv[1][0] == '@') {
        for (const struct abi_helper *const *h = __start_abi_helpers; h < __stop_abi_helpers; h++) {
            if (!strcmp((*h)->name, argv[1]))
                return (*h)->run(argc - 2, argv + 2);
        }
        fprintf(stderr, "abi: no helper %s\n", argv[1]);
        return 2;
    }
    collect_cases();
    if (argc > 1 && argv[1][0] == '-') {
        bool list = !strcmp(argv[1], "--list");
        bool help = !strcmp(argv[1], "--help");
        for (int i = 0; list && i < nr_cases; i++)
            printf("%s.%s\n", cases[i]->family, cases[i]->name);
        if (!list)
            fputs(USAGE, help ? stdout : stderr);
        return list || help ? 0 : 2;
    }
    return run_all(argc, argv);
}
