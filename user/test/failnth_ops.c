// SPDX-License-Identifier: MIT
/* The operations of failnth: what a program can ask of the kernel that takes memory.
 *
 * Each is the bare calls; whatever they need is prepared before and undone after, when nothing
 * fails. File operations run in /failnth, on the root file system, and in /tmp, on a tmpfs. */
#include "failnth.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096 };

#define DIR_NAME  "/failnth"
#define LONG_NAME "a-name-that-is-too-long-for-what-a-directory-entry-of-the-cache-keeps-by-itself"

const char *mount_device, *mount_type;

static int fd_a = -1, fd_b = -1;
static char *area;
static size_t area_pages = 16;
static char buffer[64 * 1024];

static int result(long value)
{
    return value < 0 ? errno : 0;
}

/* The same of a call that makes a name: one that failed must not have made it all the same, which is
 * told as EEXIST, an error that nothing here may have. Only one allocation fails: not those of the look. */
static int result_of_making(const char *path, long value)
{
    int error = result(value);
    struct stat status;

    return error != 0 && lstat(path, &status) == 0 ? EEXIST : error;
}

static void close_all(void)
{
    if (fd_a >= 0)
        close(fd_a);
    if (fd_b >= 0)
        close(fd_b);
    fd_a = fd_b = -1;
}

/* ---- Names ----------------------------------------------------------------------------------- */

static void drop_caches(void)
{
    sync();
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (fd >= 0) {
        (void)!write(fd, "3\n", 2);
        close(fd);
    }
}

static void make_dir(void)
{
    mkdir(DIR_NAME, 0755);
}

static void make_file(void)
{
    make_dir();
    memset(buffer, 'x', sizeof(buffer)); /* so that it is there when the kernel copies into it */
    int fd = open(DIR_NAME "/file", O_CREAT | O_TRUNC | O_RDWR, 0644);
    (void)!write(fd, buffer, sizeof(buffer));
    close(fd);
}

static void make_cold_file(void)
{
    make_file();
    drop_caches();
}

static void remove_names(void)
{
    close_all();
    unlink(DIR_NAME "/file");
    unlink(DIR_NAME "/new");
    unlink(DIR_NAME "/" LONG_NAME);
    rmdir(DIR_NAME "/dir");
    rmdir(DIR_NAME);
}

static int do_open(void)
{
    return result(fd_a = open(DIR_NAME "/file", O_RDONLY));
}

static int do_create(void)
{
    return result_of_making(DIR_NAME "/" LONG_NAME,
                            fd_a = open(DIR_NAME "/" LONG_NAME, O_CREAT | O_RDWR, 0644));
}

static int do_mkdir(void)
{
    return result_of_making(DIR_NAME "/dir", mkdir(DIR_NAME "/dir", 0755));
}

static int do_unlink(void)
{
    return result(unlink(DIR_NAME "/file"));
}

static int do_rename(void)
{
    return result(rename(DIR_NAME "/file", DIR_NAME "/" LONG_NAME));
}

static int do_link(void)
{
    return result_of_making(DIR_NAME "/new", link(DIR_NAME "/file", DIR_NAME "/new"));
}

static int do_symlink(void)
{
    if (symlink("file", DIR_NAME "/new") != 0)
        return result_of_making(DIR_NAME "/new", -1);
    return result(readlink(DIR_NAME "/new", buffer, sizeof(buffer)));
}

static void make_link(void)
{
    make_file();
    (void)!symlink(DIR_NAME "/file", DIR_NAME "/new");
    drop_caches();
}

static int do_follow(void)
{
    struct stat st;
    return result(stat(DIR_NAME "/new", &st));
}

static int do_mknod(void)
{
    if (mkfifo(DIR_NAME "/new", 0644) != 0)
        return result_of_making(DIR_NAME "/new", -1);
    return result(fd_a = open(DIR_NAME "/new", O_RDWR));
}

static int do_readdir(void)
{
    char entries[2048];
    fd_a = open(DIR_NAME, O_RDONLY | O_DIRECTORY);
    return result(fd_a < 0 ? -1 : syscall(SYS_getdents64, fd_a, entries, sizeof(entries)));
}

static int do_getcwd(void)
{
    char text[256];
    return result(syscall(SYS_getcwd, text, sizeof(text)));
}

static int do_tmpfs_create(void)
{
    fd_a = open("/tmp/failnth/" LONG_NAME, O_CREAT | O_RDWR, 0644);
    return fd_a < 0 ? result_of_making("/tmp/failnth/" LONG_NAME, -1)
                    : result(write(fd_a, buffer, 3 * PAGE));
}

static void remove_tmpfs_names(void)
{
    close_all();
    unlink("/tmp/failnth/" LONG_NAME);
}

/* ---- Content --------------------------------------------------------------------------------- */

static void open_file(void)
{
    make_file();
    fd_a = open(DIR_NAME "/file", O_RDWR);
}

static void open_cold_file(void)
{
    make_cold_file();
    fd_a = open(DIR_NAME "/file", O_RDWR);
}

/* A write may be short: what was written before the failure counts. */
static int do_write(void)
{
    return result(pwrite(fd_a, buffer, sizeof(buffer), 1 << 20));
}

static int do_read(void)
{
    return result(pread(fd_a, buffer, sizeof(buffer), 0));
}

static int do_fsync(void)
{
    (void)!pwrite(fd_a, buffer, PAGE, 3 << 20);
    return result(fsync(fd_a));
}

static int do_truncate(void)
{
    return result(ftruncate(fd_a, 100));
}

static int do_vectors(void)
{
    struct iovec parts[100];
    for (int i = 0; i < 100; i++)
        parts[i] = (struct iovec){buffer + i, 1};
    return result(preadv(fd_a, parts, 100, 0));
}

static int do_sendfile(void)
{
    off_t from = 0;
    return result(sendfile(fd_b, fd_a, &from, PAGE));
}

static void open_file_and_pipe(void)
{
    int ends[2];
    open_cold_file();
    if (pipe(ends) == 0) {
        close(ends[0]);
        close(ends[1]);
    }
    fd_b = open(DIR_NAME "/new", O_CREAT | O_RDWR, 0644);
}

static int do_lock(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
    if (fcntl(fd_a, F_SETLK, &lock) != 0)
        return errno;
    return result(flock(fd_a, LOCK_EX));
}

static int do_proc(void)
{
    fd_a = open("/proc/self/maps", O_RDONLY);
    return result(fd_a < 0 ? -1 : read(fd_a, buffer, PAGE));
}

/* ---- Mounts ---------------------------------------------------------------------------------- */

static int mount_it(void)
{
    return result(mount_device ? mount(mount_device, DIR_NAME, mount_type, 0, NULL)
                               : mount("none", DIR_NAME, "tmpfs", 0, "size=64k"));
}

static void unmount_it(void)
{
    umount2(DIR_NAME, 0);
    rmdir(DIR_NAME);
}

static void mount_dirty(void)
{
    make_dir();
    mount_it();
    int fd = open(DIR_NAME "/file", O_CREAT | O_RDWR, 0644);
    (void)!write(fd, buffer, PAGE);
    close(fd);
    unlink(DIR_NAME "/file");
}

static int do_umount(void)
{
    return result(umount2(DIR_NAME, 0));
}

static int do_mounts(void)
{
    fd_a = open("/proc/self/mounts", O_RDONLY);
    return result(fd_a < 0 ? -1 : read(fd_a, buffer, PAGE));
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static void map_area(void)
{
    area = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(area, 1, 16 * PAGE);
}

static void unmap_area(void)
{
    if (area && area != MAP_FAILED)
        munmap(area, area_pages * PAGE);
    area = NULL;
    area_pages = 16;
}

static int do_mmap(void)
{
    area = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                -1, 0);
    return area == MAP_FAILED ? errno : 0;
}

static int do_mmap_file(void)
{
    area = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_a, 0);
    return area == MAP_FAILED ? errno : 0;
}

static void undo_mmap_file(void)
{
    unmap_area();
    remove_names();
}

static int do_munmap(void)
{
    return result(munmap(area + 4 * PAGE, PAGE));
}

static int do_mprotect(void)
{
    return result(mprotect(area + 4 * PAGE, PAGE, PROT_READ));
}

static int do_mremap(void)
{
    void *moved = mremap(area, 16 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED)
        return errno;
    area = moved;
    area_pages = 64;
    return 0;
}

static int do_brk(void)
{
    char *end = (char *)syscall(SYS_brk, 0);
    char *now = (char *)syscall(SYS_brk, end + 8 * PAGE);
    if (now != end + 8 * PAGE)
        return ENOMEM; /* the call itself says nothing */
    syscall(SYS_brk, end);
    return 0;
}

/* The kernel copies into memory that is not there yet. */
static int do_copy_out(void)
{
    return result(pread(fd_a, area, 3 * PAGE, 0));
}

static void map_untouched(void)
{
    open_file();
    area = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

static int do_pipe(void)
{
    int ends[2];
    if (pipe(ends) != 0)
        return errno;
    fd_a = ends[0];
    fd_b = ends[1];
    return result(write(fd_b, buffer, PAGE));
}

static int do_eventfd(void)
{
    return result(fd_a = eventfd(1, 0));
}

static int do_poll(void)
{
    struct pollfd many[200];
    for (int i = 0; i < 200; i++)
        many[i] = (struct pollfd){.fd = fd_a, .events = POLLIN};
    return result(poll(many, 200, 1));
}

static int do_select(void)
{
    fd_set set;
    struct timeval soon = {0, 1000};
    FD_ZERO(&set);
    FD_SET(fd_a, &set);
    return result(select(1000, &set, NULL, NULL, &soon));
}

static void open_pipe(void)
{
    do_pipe();
    (void)!read(fd_a, buffer, PAGE);
}

/* ---- Processes ------------------------------------------------------------------------------- */

static int do_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid < 0)
        return errno;
    return result(waitpid(pid, NULL, 0));
}

static void *thread_main(void *arg)
{
    return arg;
}

static int do_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, thread_main, NULL);
    if (error == 0)
        pthread_join(thread, NULL);
    return error;
}

/* Let a child arm itself and run something. */
static int in_child(int (*run)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        char text[8] = "?";
        int fd = failnth_arm_self(current_nth);
        int error = fd < 0 ? EBADF : run();
        bool was_reached = pread(fd, text, sizeof(text), 0) > 0 && text[0] == '0';
        _exit(was_reached ? (error ? error : 200) : (error ? EPROTO : 0));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return errno;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGKILL ? CHILD_KILLED : EPROTO;
    return WEXITSTATUS(status) == 200 ? CHILD_INJECTED : WEXITSTATUS(status);
}

static int dup_far(void)
{
    return result(dup2(0, 900));
}

static int do_dup(void)
{
    return in_child(dup_far);
}

static int exit_thread(void)
{
    int error = do_thread();
    struct sigaction action = {.sa_handler = SIG_IGN};
    return error ? error : result(sigaction(SIGUSR2, &action, NULL));
}

static int do_clone(void)
{
    return in_child(exit_thread);
}

/* failnth_exec says with its exit status whether the failure has been. */
static int do_exec(void)
{
    char *const argv[] = {"failnth_exec", "an argument", NULL};
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        int fd = open("/proc/self/fail-nth", O_RDWR);
        char text[16];
        int len = snprintf(text, sizeof(text), "%d", current_nth);
        if (dup2(fd, 3) != 3 || pwrite(3, text, (size_t)len, 0) != len)
            _exit(EBADF);
        execve("/tests/failnth_exec", argv, environ);
        _exit(errno);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return errno;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGSEGV ? CHILD_KILLED : EPROTO;
    switch (WEXITSTATUS(status)) {
    case 10: return 0;
    case 11: return CHILD_INJECTED;
    default: return WEXITSTATUS(status);
    }
}

/* ---- Signals and timers ---------------------------------------------------------------------- */

static volatile sig_atomic_t nr_handled;

static void handler(int signal)
{
    nr_handled += signal == SIGUSR1;
}

static int do_signal(void)
{
    struct sigaction action = {.sa_handler = handler};
    int before = nr_handled;
    if (sigaction(SIGUSR1, &action, NULL) != 0 || kill(getpid(), SIGUSR1) != 0)
        return errno;
    return nr_handled == before + 1 ? 0 : EPROTO; /* kill() never loses a signal */
}

static sigset_t queued(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    return set;
}

static void block_queued(void)
{
    sigset_t set = queued();
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static int do_sigqueue(void)
{
    union sigval value = {.sival_int = 5};
    return result(sigqueue(getpid(), SIGRTMIN, value));
}

static void take_queued(void)
{
    sigset_t set = queued();
    struct timespec now = {0, 0};
    while (sigtimedwait(&set, NULL, &now) > 0) {
    }
}

static timer_t timer;
static bool has_timer;

static int do_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec hour = {.it_value = {3600, 0}};
    has_timer = timer_create(CLOCK_MONOTONIC, &event, &timer) == 0;
    return result(has_timer ? timer_settime(timer, 0, &hour, NULL) : -1);
}

static void delete_timer(void)
{
    if (has_timer)
        timer_delete(timer);
    has_timer = false;
}

/* ---- The list -------------------------------------------------------------------------------- */

const struct operation operations[] = {
    {"open", make_cold_file, do_open, remove_names, {0}, false},
    {"create", make_dir, do_create, remove_names, {0}, false},
    {"mkdir", make_dir, do_mkdir, remove_names, {0}, false},
    {"unlink", make_cold_file, do_unlink, remove_names, {0}, false},
    {"rename", make_cold_file, do_rename, remove_names, {0}, false},
    {"link", make_cold_file, do_link, remove_names, {0}, false},
    {"symlink", make_file, do_symlink, remove_names, {0}, false},
    {"follow", make_link, do_follow, remove_names, {0}, false},
    {"mknod", make_dir, do_mknod, remove_names, {0}, false},
    {"readdir", make_cold_file, do_readdir, remove_names, {0}, false},
    {"getcwd", NULL, do_getcwd, NULL, {0}, false},
    {"tmpfs", NULL, do_tmpfs_create, remove_tmpfs_names, {0}, false},
    {"write", open_file, do_write, remove_names, {0}, false},
    {"read", open_cold_file, do_read, remove_names, {EIO}, false},
    {"fsync", open_file, do_fsync, remove_names, {EIO}, false},
    {"truncate", open_cold_file, do_truncate, remove_names, {0}, false},
    {"readv", open_file, do_vectors, remove_names, {0}, false},
    {"sendfile", open_file_and_pipe, do_sendfile, remove_names, {EIO}, false},
    {"lock", open_file, do_lock, remove_names, {ENOLCK}, false},
    {"proc", NULL, do_proc, close_all, {0}, false},
    {"mount", make_dir, mount_it, unmount_it, {EIO}, false},
    {"umount", mount_dirty, do_umount, unmount_it, {EIO}, false},
    {"mounts", NULL, do_mounts, close_all, {0}, false},
    {"mmap", NULL, do_mmap, unmap_area, {0}, false},
    {"mmap-file", open_cold_file, do_mmap_file, undo_mmap_file, {0}, false},
    {"munmap", map_area, do_munmap, unmap_area, {0}, false},
    {"mprotect", map_area, do_mprotect, unmap_area, {0}, false},
    {"mremap", map_area, do_mremap, unmap_area, {0}, false},
    {"brk", NULL, do_brk, NULL, {0}, false},
    {"copy-out", map_untouched, do_copy_out, undo_mmap_file, {EFAULT}, false},
    {"pipe", NULL, do_pipe, close_all, {0}, false},
    {"eventfd", NULL, do_eventfd, close_all, {0}, false},
    {"poll", open_pipe, do_poll, close_all, {0}, false},
    {"select", open_pipe, do_select, close_all, {0}, false},
    {"fork", NULL, do_fork, NULL, {EAGAIN}, false},
    {"thread", NULL, do_thread, NULL, {EAGAIN}, false},
    {"signal", NULL, do_signal, NULL, {0}, false},
    {"sigqueue", block_queued, do_sigqueue, take_queued, {EAGAIN}, false},
    {"timer", NULL, do_timer, delete_timer, {EAGAIN}, false},
    {"dup", NULL, do_dup, NULL, {EMFILE}, true},
    {"clone", NULL, do_clone, NULL, {EAGAIN}, true},
    {"exec", NULL, do_exec, NULL, {CHILD_KILLED}, true},
};
const size_t nr_operations = sizeof(operations) / sizeof(operations[0]);
