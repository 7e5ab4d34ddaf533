// SPDX-License-Identifier: MIT
/* fstree: steps on a file system, in the order of the arguments, so that one boot does them all. */
#include "../place.h"
#include "fstree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: fstree (TYPE DEVICE | --dir DIRECTORY) STEP…\n"
    "Mount DEVICE as TYPE (or go to DIRECTORY), do the steps, unmount.\n"
    "  churn=SECONDS[,SEED]   fill, change and empty it, over and over, once at least\n"
    "  make=NAME[,SEED[,N]]   make a tree of that name, with N directories (12)\n"
    "  sum                    the checksum of all trees\n"
    "  list                   the same, with a line for each entry\n"
    "  empty                  remove everything\n";

static bool empty_below(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    bool is_right = dir != NULL;

    while (is_right && (entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            !strcmp(entry->d_name, "lost+found"))
            continue;
        is_right = unlinkat(fd, entry->d_name, 0) == 0 ||
                   (empty_below(fd, entry->d_name) &&
                    unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0);
    }
    if (!is_right)
        perror(name);
    if (dir)
        closedir(dir);
    return is_right;
}

bool tree_empty(void)
{
    return empty_below(AT_FDCWD, ".");
}

static bool do_step(char *step)
{
    char *value = strchr(step, '='), *comma = value ? strchr(value, ',') : NULL, *rest = NULL;
    uint64_t seed = comma ? strtoull(comma + 1, &rest, 0) : 1;
    int nr = rest && *rest == ',' ? (int)strtol(rest + 1, NULL, 0) : 12;

    if (value)
        *value++ = '\0';
    if (comma)
        *comma = '\0';
    if (!strcmp(step, "churn") && value)
        return tree_churn((unsigned)strtoul(value, NULL, 0), seed);
    if (!strcmp(step, "make") && value)
        return tree_make(value, seed, nr);
    if (!strcmp(step, "sum") || !strcmp(step, "list"))
        return tree_sum(step[0] == 'l');
    if (!strcmp(step, "empty"))
        return tree_empty();
    fprintf(stderr, "fstree: %s is no step\n%s", step, USAGE);
    return false;
}

int main(int argc, char **argv)
{
    struct place place = {.type = NULL};
    bool is_right = true;

    if (argc < 4) {
        bool is_help = argc == 2 && !strcmp(argv[1], "--help");
        fputs(USAGE, is_help ? stdout : stderr);
        return is_help ? 0 : 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    umask(022);
    if (!strcmp(argv[1], "--dir"))
        place.dir = argv[2];
    else
        place = (struct place){
            .type = argv[1], .device = argv[2], .options = strcmp(argv[1], "vfat") ? NULL : "utf8"};
    if (!place_mount(&place, "fstree"))
        return 2;
    if (chdir(place.dir) != 0) {
        perror(place.dir);
        return 2;
    }
    for (int i = 3; i < argc && is_right; i++) {
        is_right = do_step(argv[i]);
        if (!is_right)
            printf("fstree: step %d, %s, failed\n", i - 2, argv[i]);
    }
    if (chdir("/") != 0 || !place_unmount(&place, "fstree"))
        return 1;
    printf(is_right ? "fstree: done\n" : "fstree: FAILED\n");
    return is_right ? 0 : 1;
}
