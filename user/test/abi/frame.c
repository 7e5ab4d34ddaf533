// SPDX-License-Identifier: MIT
/* The frame that runs cases: one process each, in a directory of its own, under a time limit.
 *
 * Cases collect themselves in the linker section abi_cases, helpers in abi_helpers: whoever is linked
 * in, is there. The frame uses little of what it tests: fork, pipe, waitpid, kill, alarm and a directory.
 * The time limit is kept by the runner, so that cases may use alarm() as they wish: when it strikes,
 * the case's whole process group is killed.
 */
#include "frame.h"

#include <dirent.h>

extern const struct abi_case *const __start_abi_cases[];
extern const struct abi_case *const __stop_abi_cases[];
extern const struct abi_helper *const __start_abi_helpers[] __attribute__((weak));
extern const struct abi_helper *const __stop_abi_helpers[] __attribute__((weak));

enum { LIMIT_SECONDS = 30 };

const struct abi_case *abi_cases[ABI_MAX_CASES];
int abi_nr_cases;
static volatile pid_t running;
static volatile sig_atomic_t struck;

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
        if (abi_nr_cases < ABI_MAX_CASES)
            abi_cases[abi_nr_cases++] = *c;
    }
    qsort(abi_cases, (size_t)abi_nr_cases, sizeof(abi_cases[0]), compare_cases);
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

char abi_run(const struct abi_case *c, const char *parent, char *text, size_t cap)
{
    char dir[PATH_MAX];
    int report[2];

    snprintf(dir, sizeof(dir), "%s/abi.XXXXXX", parent);
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

bool abi_selected(const struct abi_case *c, int nr_names, char **names)
{
    char full[256];
    snprintf(full, sizeof(full), "%s.%s", c->family, c->name);
    for (int i = 0; i < nr_names; i++) {
        if (!strncmp(full, names[i], strlen(names[i])))
            return true;
    }
    return nr_names == 0;
}

static void find_self(const char *argv0)
{
    ssize_t len = readlink("/proc/self/exe", abi_self, sizeof(abi_self) - 1);
    if (len > 0 && abi_self[0] == '/')
        abi_self[len] = '\0';
    else if (!strchr(argv0, '/') || !realpath(argv0, abi_self))
        strcpy(abi_self, "/tests/abi");
}

static int run_helper(int argc, char **argv)
{
    for (const struct abi_helper *const *h = __start_abi_helpers; h < __stop_abi_helpers; h++) {
        if (!strcmp((*h)->name, argv[1]))
            return (*h)->run(argc - 2, argv + 2);
    }
    fprintf(stderr, "%s: no helper %s\n", argv[0], argv[1]);
    return 2;
}

void abi_begin(int argc, char **argv)
{
    struct sigaction sa = {.sa_handler = strike};

    find_self(argc > 0 ? argv[0] : "");
    if (argc > 1 && argv[1][0] == '@')
        exit(run_helper(argc, argv));
    collect_cases();
    sigaction(SIGALRM, &sa, NULL);
}

void abi_list(void)
{
    for (int i = 0; i < abi_nr_cases; i++)
        printf("%s.%s\n", abi_cases[i]->family, abi_cases[i]->name);
}
