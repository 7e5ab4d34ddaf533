// SPDX-License-Identifier: MIT
/* mistreat: everything that a program can do with file systems that may be damaged.
 *
 *     mistreat [--seconds N] TYPE DEVICE…
 *
 * Each device is mounted on a folder of its own, walked, read, written and unmounted, in a child, so that one that
 * does not come back is a line of the report and not the end of it. What is found is bounded: a damaged tree can
 * be without end. One line for each device:
 *
 *     vdb1: refused, error 117
 *     vdb2: mounted, 12 names, 5 in its root
 *     vdb3: mounted, 12 names, 5 in its root, 3 times error 117
 *
 * and at the end `mistreat: N devices, N that did not come back`. Exit status: 0, or 1 if one did not.
 *
 * (tools/storage/exercise.c does the same on the host.) */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PLACES = 120, MAX_OF_A_DIR = 40, MAX_CHANGED = 10, BUFFER_BYTES = 9000 };

#ifndef EUCLEAN
#define EUCLEAN 117
#endif

static struct place {
    char *name;
    mode_t mode;
    off_t size;
} places[MAX_PLACES];
static int nr_places, nr_names, nr_root, nr_errors, first_error;
static char buffer[BUFFER_BYTES];
static const char *top;

/* Damage or a disk that fails; other errors are a call's ordinary answers. */
static void note(int result)
{
    if (result < 0 && (errno == EUCLEAN || errno == EIO)) {
        nr_errors++;
        if (first_error == 0)
            first_error = errno;
    }
}

/* Calls whose outcome nobody asks for. */
static void try(long result)
{
    (void)result;
}

static void add_place(const char *dir, const char *name)
{
    struct stat st;
    char *path;
    nr_names++;
    if (nr_places == MAX_PLACES || asprintf(&path, "%s/%s", dir, name) < 0)
        return;
    int result = lstat(path, &st);
    note(result);
    if (result != 0) {
        free(path);
        return;
    }
    places[nr_places++] = (struct place){path, st.st_mode, st.st_size};
}

static void list_dir(const char *dir)
{
    DIR *open_dir = opendir(dir);
    int nr = 0;
    if (open_dir == NULL) {
        note(-1);
        return;
    }
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(open_dir);
        if (entry == NULL)
            break;
        nr++;
        if (nr <= MAX_OF_A_DIR && strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0)
            add_place(dir, entry->d_name);
    }
    if (errno != 0)
        note(-1);
    if (dir == top)
        nr_root = nr;
    closedir(open_dir);
}

static void read_file(const struct place *place)
{
    int fd = open(place->name, O_RDONLY);
    note(fd);
    if (fd < 0)
        return;
    note((int)pread(fd, buffer, sizeof(buffer), 0));
    note((int)pread(fd, buffer, sizeof(buffer), place->size / 2));
    if (place->size > BUFFER_BYTES)
        note((int)pread(fd, buffer, sizeof(buffer), place->size - BUFFER_BYTES));
    close(fd);
}

static void walk(void)
{
    list_dir(top);
    for (int i = 0; i < nr_places; i++) { /* it grows meanwhile */
        struct stat st;
        if (S_ISDIR(places[i].mode))
            list_dir(places[i].name);
        else if (S_ISREG(places[i].mode))
            read_file(&places[i]);
        else if (S_ISLNK(places[i].mode)) {
            note((int)readlink(places[i].name, buffer, sizeof(buffer)));
            note(stat(places[i].name, &st));
        }
    }
}

/* ---- Changing -------------------------------------------------------------------------------- */

static sigjmp_buf after_bus;

static void on_bus(int signal_number)
{
    siglongjmp(after_bus, signal_number);
}

/* A page that cannot be read, or has no room on the disk, is SIGBUS, and that is right. */
static void change_mapped(int fd)
{
    char *volatile mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return;
    signal(SIGBUS, on_bus);
    if (sigsetjmp(after_bus, 1) == 0)
        mapped[0] = 'm';
    try(msync(mapped, 4096, MS_SYNC));
    munmap(mapped, 4096);
}

static void change_file(const struct place *place)
{
    int fd = open(place->name, O_RDWR);
    if (fd < 0)
        return;
    try(pwrite(fd, buffer, 3000, 0));
    try(pwrite(fd, buffer, 100, place->size / 2));
    try(pwrite(fd, buffer, sizeof(buffer), place->size));
    try(pwrite(fd, buffer, 1, place->size + 300000));
    try(fsync(fd));
    change_mapped(fd);
    try(ftruncate(fd, place->size / 3));
    try(ftruncate(fd, place->size + 20000));
    try(pread(fd, buffer, sizeof(buffer), place->size / 3));
    close(fd);
}

static void new_file(const char *name)
{
    int fd = open(name, O_CREAT | O_RDWR, 0644);
    if (fd >= 0) {
        try(write(fd, buffer, sizeof(buffer)));
        close(fd);
    }
}

static char *below(const char *dir, const char *name)
{
    static char names[4][5000];
    static unsigned next;
    char *path = names[next++ % 4];
    snprintf(path, sizeof(names[0]), "%s/%s", dir, name);
    return path;
}

static void change_dir(const char *dir)
{
    new_file(below(dir, "a new file with a long name"));
    try(link(below(dir, "a new file with a long name"), below(dir, "second")));
    try(rename(below(dir, "a new file with a long name"), below(dir, "second")));
    try(mkdir(below(dir, "new directory"), 0755));
    new_file(below(dir, "new directory/inside"));
    try(rmdir(below(dir, "new directory")));
    try(symlink("second", below(dir, "link")));
    try(rename(below(dir, "new directory/inside"), below(top, "link")));
}

static void change_all(void)
{
    struct statvfs space;
    int nr_files = 0, nr_dirs = 0;
    for (int i = 0; i < nr_places; i++) {
        if (S_ISREG(places[i].mode) && nr_files++ < MAX_CHANGED)
            change_file(&places[i]);
        else if (S_ISDIR(places[i].mode) && nr_dirs++ < MAX_CHANGED)
            change_dir(places[i].name);
    }
    change_dir(top);
    sync();
    for (int i = nr_places; i-- > 0;) { /* what lies deeper first */
        char name[32];
        snprintf(name, sizeof(name), "moved%d", i);
        if (i % 3 == 0)
            try(rename(places[i].name, below(top, name)));
        else if (S_ISDIR(places[i].mode))
            try(rmdir(places[i].name));
        else
            try(unlink(places[i].name));
    }
    try(statvfs(top, &space));
    sync();
}

/* ---- Devices --------------------------------------------------------------------------------- */

/* In the child: the report goes to `report`, as one write. */
static void mistreat(const char *type, const char *device, int report)
{
    char text[200];
    int len = 0;
    if (mount(device, top, type, 0, "") != 0) {
        len = snprintf(text, sizeof(text), "refused, error %d", errno);
    } else {
        walk();
        len = snprintf(text, sizeof(text), "mounted, %d names, %d in its root", nr_names, nr_root);
        if (nr_errors != 0)
            len += snprintf(text + len, sizeof(text) - (size_t)len, ", %d times error %d",
                            nr_errors, first_error);
        change_all();
        if (umount(top) != 0)
            len += snprintf(text + len, sizeof(text) - (size_t)len, ", and not unmounted: error %d",
                            errno);
    }
    try(write(report, text, (size_t)len));
}

/* Returns whether the child came back. */
static int run_one(const char *type, const char *device, int seconds)
{
    const char *name = strrchr(device, '/') != NULL ? strrchr(device, '/') + 1 : device;
    char folder[64], text[200] = "";
    int ends[2];
    snprintf(folder, sizeof(folder), "/tmp/mistreat.%s", name);
    top = folder;
    try(mkdir(folder, 0755));
    if (pipe(ends) != 0)
        return 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        mistreat(type, device, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    struct pollfd poll_fd = {.fd = ends[0], .events = POLLIN};
    int is_back = child > 0 && poll(&poll_fd, 1, seconds * 1000) > 0;
    if (is_back && read(ends[0], text, sizeof(text) - 1) > 0)
        printf("%s: %s\n", name, text);
    else
        printf("%s: %s\n", name, is_back ? "the child died" : "did not come back");
    is_back = is_back && text[0] != '\0';
    close(ends[0]);
    if (!is_back)
        kill(child, SIGKILL);
    else
        waitpid(child, NULL, 0);
    return is_back;
}

int main(int argc, char **argv)
{
    int at = 1, seconds = 60, nr = 0, nr_lost = 0;
    if (argc > 2 && strcmp(argv[1], "--seconds") == 0) {
        seconds = atoi(argv[2]);
        at = 3;
    }
    if (argc < at + 2) {
        int is_help = argc > 1 && strcmp(argv[1], "--help") == 0;
        fprintf(is_help ? stdout : stderr,
                "usage: mistreat [--seconds N] TYPE DEVICE...\n"
                "Mount each device, walk it, read it, write it, unmount it; one line each.\n");
        return is_help ? 0 : 2;
    }
    for (int i = at + 1; i < argc; i++, nr++)
        nr_lost += !run_one(argv[at], argv[i], seconds);
    printf("mistreat: %d devices, %d that did not come back\n", nr, nr_lost);
    return nr_lost != 0;
}
