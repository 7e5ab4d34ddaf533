// SPDX-License-Identifier: MIT
/* crash: run the power-cut harness's sequences on a real kernel, and say what was promised when.
 *
 * Each sequence begins in the same small tree, which is made by operations like any others, and is removed by such
 * afterwards; a mark before and after each operation says what it is and how it ended. So whoever has the disk's
 * writes knows everything: the harness needs nothing else to judge any state of the disk. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/test/crash/generate.h"
#include "user/test/crash/mark.h"

static const char help[] =
    "usage: crash [options] DIRECTORY\n"
    "\n"
    "Run sequences of file operations in an empty directory, each from the same small tree.\n"
    "\n"
    "  --marks DEVICE   write BEGIN and DONE records to the last 4 KiB of this device\n"
    "  --first N        the first sequence's number (0)\n"
    "  --count N        how many sequences (100)\n"
    "  --seed N         of the sampled ones (1)\n"
    "  --no-links       without hard and symbolic links\n"
    "  --list           only list what is there: path, kind, length, and a sum of the content\n"
    "  --ops TEXT       this sequence alone: 'creat x; write x 4096; fsync x; rename x y'\n";

static unsigned nr_done; /* the last operation's number */

/* ---- Operations ---------------------------------------------------------------------------------- */

static int do_creat(const char *path)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_NOFOLLOW | O_WRONLY, 0644);

    return fd < 0 ? -1 : close(fd);
}

static int do_write(const struct crash_op *op, unsigned number)
{
    static unsigned char bytes[CRASH_FILE];
    int fd = open(op->path, O_WRONLY | O_NOFOLLOW);
    struct stat stat;
    off_t at = op->at_byte;
    ssize_t nr = -1;

    if (fd < 0) {
        return -1;
    }
    if (op->at_byte == CRASH_AT_END && fstat(fd, &stat) == 0) {
        at = stat.st_size;
    }
    for (uint32_t i = 0; i < op->len_bytes; i++) {
        bytes[i] = crash_byte(number, (uint32_t)at + i);
    }
    if (at + op->len_bytes <= (off_t)CRASH_FILE) {
        nr = pwrite(fd, bytes, op->len_bytes, at);
    } else {
        errno = EFBIG;
    }
    close(fd);
    return nr == (ssize_t)op->len_bytes ? 0 : -1;
}

static int do_truncate(const struct crash_op *op)
{
    int fd = open(op->path, O_WRONLY | O_NOFOLLOW);
    int result = fd < 0 ? -1 : ftruncate(fd, (off_t)op->len_bytes);

    if (fd >= 0) {
        close(fd);
    }
    return result;
}

static int do_fsync(const struct crash_op *op)
{
    int fd = open(op->path, O_RDONLY | O_NOFOLLOW);
    int result = fd < 0 ? -1 : op->verb == CRASH_FSYNC ? fsync(fd) : fdatasync(fd);

    if (fd >= 0) {
        close(fd);
    }
    return result;
}

static int do_op(const struct crash_op *op, unsigned number)
{
    switch (op->verb) {
    case CRASH_CREAT: return do_creat(op->path);
    case CRASH_MKDIR: return mkdir(op->path, 0755);
    case CRASH_WRITE: return do_write(op, number);
    case CRASH_TRUNCATE: return do_truncate(op);
    case CRASH_RENAME: return rename(op->path, op->other);
    case CRASH_LINK: return link(op->path, op->other);
    case CRASH_UNLINK: return unlink(op->path);
    case CRASH_RMDIR: return rmdir(op->path);
    case CRASH_SYMLINK: return symlink(op->other, op->path);
    case CRASH_FSYNC:
    case CRASH_FDATASYNC: return do_fsync(op);
    default: sync(); return 0;
    }
}

/* One operation between its marks. An error that says that the disk is at fault ends the program. */
static void run_op(const struct crash_op *op)
{
    char text[CRASH_TEXT], result[32] = "0";
    unsigned number = ++nr_done;

    crash_op_format(op, text);
    mark_begin(number, text);
    if (do_op(op, number) != 0) {
        snprintf(result, sizeof(result), "%d", errno);
        if (errno == EIO || errno == EUCLEAN || errno == EROFS || errno == ENOSPC) {
            fprintf(stderr, "crash: %s: %s\n", text, strerror(errno));
            exit(1);
        }
    }
    mark_done(number, result);
}

/* ---- Sequences ----------------------------------------------------------------------------------- */

static void remove_below(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    struct crash_op op = {.verb = CRASH_UNLINK};
    struct stat stat;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            strcmp(entry->d_name, "lost+found") == 0) {
            continue;
        }
        if ((size_t)snprintf(op.path, sizeof(op.path), "%s%s%s", strcmp(path, ".") != 0 ? path : "",
                             strcmp(path, ".") != 0 ? "/" : "", entry->d_name) >= sizeof(op.path)) {
            fprintf(stderr, "crash: %s/%s is not mine\n", path, entry->d_name);
            exit(2);
        }
        op.verb = lstat(op.path, &stat) == 0 && S_ISDIR(stat.st_mode) ? CRASH_RMDIR : CRASH_UNLINK;
        if (op.verb == CRASH_RMDIR) {
            remove_below(op.path);
        }
        run_op(&op);
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void list_one(const char *path)
{
    static unsigned char bytes[CRASH_FILE];
    char line[CRASH_TEXT];
    struct stat stat;
    ssize_t len = 0;
    int fd = -1;

    if (lstat(path, &stat) != 0) {
        perror(path);
        exit(1);
    }
    if (S_ISREG(stat.st_mode)) {
        fd = open(path, O_RDONLY);
        len = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
        close(fd);
    } else if (S_ISLNK(stat.st_mode)) {
        len = readlink(path, (char *)bytes, sizeof(bytes));
    }
    if (len < 0) {
        perror(path);
        exit(1);
    }
    crash_list_line(line, path,
                    S_ISDIR(stat.st_mode)   ? 'd'
                    : S_ISLNK(stat.st_mode) ? 'l'
                                            : 'f',
                    bytes, (uint32_t)len);
    printf("%s\n", line);
}

static void list_below(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char below[4 * CRASH_PATH];
    struct stat stat;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        snprintf(below, sizeof(below), "%s/%.60s", path, entry->d_name);
        list_one(below);
        if (lstat(below, &stat) == 0 && S_ISDIR(stat.st_mode)) {
            list_below(below);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void run_text(const char *text)
{
    struct crash_op ops[CRASH_MAX_OPS];
    const char *why = "it is empty";
    int nr = crash_ops_parse(text, ops, &why);

    if (nr <= 0) {
        fprintf(stderr, "crash: %s: %s\n", text, why);
        exit(2);
    }
    for (int i = 0; i < nr; i++) {
        run_op(&ops[i]);
    }
}

static void clean(void)
{
    remove_below(".");
    run_text("sync");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"marks", 1, NULL, 'm'}, {"first", 1, NULL, 'f'},    {"count", 1, NULL, 'c'},
        {"seed", 1, NULL, 's'},  {"no-links", 0, NULL, 'n'}, {"ops", 1, NULL, 'o'},
        {"list", 0, NULL, 'l'},  {"help", 0, NULL, 'h'},     {NULL, 0, NULL, 0},
    };
    unsigned first = 0, count = 100;
    unsigned long seed = 1;
    bool has_links = true, only_lists = false;
    const char *text = NULL, *marks = NULL;
    struct crash_op ops[CRASH_MAX_OPS];
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'm': marks = optarg; break;
        case 'f': first = (unsigned)strtoul(optarg, NULL, 0); break;
        case 'c': count = (unsigned)strtoul(optarg, NULL, 0); break;
        case 's': seed = strtoul(optarg, NULL, 0); break;
        case 'n': has_links = false; break;
        case 'o': text = optarg; break;
        case 'l': only_lists = true; break;
        case 'h': fputs(help, stdout); return 0;
        default: return 2;
        }
    }
    if (optind + 1 != argc || chdir(argv[optind]) != 0) {
        fprintf(stderr, "crash: which directory? (--help says more)\n");
        return 2;
    }
    if (only_lists) {
        list_below(".");
        return 0;
    }
    mark_open(marks);
    for (unsigned i = 0; i < (text != NULL ? 1 : count); i++) {
        unsigned nr = text == NULL ? crash_generate(first + i, seed, has_links, ops) : 0;

        run_text(crash_base_tree);
        for (unsigned j = 0; j < nr; j++) {
            run_op(&ops[j]);
        }
        if (text != NULL) {
            run_text(text);
        }
        clean();
    }
    printf("crash: %u operations\n", nr_done);
    return 0;
}
