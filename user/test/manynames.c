// SPDX-License-Identifier: MIT
/* manynames: a directory of many files, made, looked up, listed, renamed and removed, and what that costs.
 *
 * Each phase is measured in ten parts. Where a call searches the directory from its start, the parts in which it is full cost
 * many times what those cost in which it is nearly empty; so the dearest part may cost a few times the cheapest, and no
 * more. What is counted is this process's time on the processor: on Cairn with -icount that is instructions.
 *
 * Every name must be found, every listing have each of them once, and in the end the directory must be empty. */
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NR_PARTS = 10 };

static const char USAGE[] =
    "usage: manynames (--type TYPE --device DEVICE [--options TEXT] | --dir DIRECTORY) [OPTION…]\n"
    "Make, look up, list, rename and remove many files of one directory, and tell what each costs.\n"
    "  --names N     how many (10000)\n"
    "  --long        long names, of which FAT needs three slots each, and not such of eight letters\n"
    "  --factor N    how much more the dearest tenth of a phase may cost than the cheapest (6; 0: any)\n";

static struct place place = {.type = "", .dir = NULL};
static unsigned nr_names = 10000, factor = 6;
static bool is_long, has_failed;
static unsigned *order; /* a permutation */
static unsigned char *seen;

static int wrong_use(const char *why)
{
    fprintf(stderr, "manynames: %s\n%s", why, USAGE);
    return 2;
}

static void fail(const char *what, const char *name)
{
    printf("manynames: %s: %s: %s: %s\n", place.type, what, name, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static const char *name_of(unsigned i)
{
    static char name[64];
    snprintf(name, sizeof(name), is_long ? "%u is a name of two slots" : "n%07u", i);
    return name;
}

static void shuffle(void)
{
    uint64_t random = 88172645463325252u;
    for (unsigned i = nr_names - 1; i > 0; i--) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        unsigned j = (unsigned)(random % (i + 1)), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/* Do something with each name, in the order of numbers or shuffled. */
static void phase(const char *what, void (*act)(unsigned), bool is_shuffled)
{
    uint64_t least = UINT64_MAX, most = 0, total = 0;
    for (unsigned part = 0; part < NR_PARTS; part++) {
        unsigned first = (unsigned)((uint64_t)nr_names * part / NR_PARTS);
        unsigned end = (unsigned)((uint64_t)nr_names * (part + 1) / NR_PARTS);
        uint64_t begin = now_ns(), cost;
        for (unsigned i = first; i < end; i++)
            act(is_shuffled ? order[i] : i);
        cost = now_ns() - begin;
        total += cost;
        cost /= end - first;
        least = cost < least ? cost : least;
        most = cost > most ? cost : most;
    }
    printf("manynames: %s: %-24s %7llu ns each, tenths %llu to %llu\n", place.type, what,
           (unsigned long long)(total / nr_names), (unsigned long long)least,
           (unsigned long long)most);
    if (factor != 0 && most > factor * least) {
        printf("manynames: %s: %s: the cost grows with the directory\n", place.type, what);
        has_failed = true;
    }
    fflush(stdout);
}

static void create(unsigned i)
{
    int fd = open(name_of(i), O_CREAT | O_EXCL | O_WRONLY, 0644);
    if (fd < 0)
        fail("create", name_of(i));
    close(fd);
}

static void look_up(unsigned i)
{
    struct stat st;
    if (stat(name_of(i), &st) != 0)
        fail("look up", name_of(i));
}

static void miss(unsigned i)
{
    struct stat st;
    if (stat(name_of(i + nr_names), &st) == 0 || errno != ENOENT)
        fail("look up what is missing", name_of(i + nr_names));
}

static void change(unsigned i)
{
    char old[64];
    strcpy(old, name_of(i));
    if (rename(old, name_of(i + nr_names)) != 0)
        fail("rename", old);
}

static void take_away(unsigned i)
{
    if (unlink(name_of(i + nr_names)) != 0)
        fail("remove", name_of(i + nr_names));
}

/* Each of the names once, and nothing else. */
static void list(unsigned base, unsigned nr)
{
    uint64_t begin = now_ns();
    unsigned nr_seen = 0;
    DIR *dir = opendir(".");
    if (dir == NULL)
        fail("list", ".");
    memset(seen, 0, nr_names);
    for (struct dirent *entry; (entry = readdir(dir));) {
        unsigned i = (unsigned)strtoul(entry->d_name + !is_long, NULL, 10) - base;
        if (entry->d_name[0] == '.')
            continue;
        if (i >= nr_names || seen[i]++ != 0) {
            printf("manynames: %s: %s is listed twice, or was never made\n", place.type,
                   entry->d_name);
            exit(1);
        }
        nr_seen++;
    }
    closedir(dir);
    if (nr_seen != nr) {
        printf("manynames: %s: %u names are listed, not %u\n", place.type, nr_seen, nr);
        exit(1);
    }
    if (nr != 0)
        printf("manynames: %s: %-24s %7llu ns each\n", place.type, "list",
               (unsigned long long)((now_ns() - begin) / nr));
}

/* So that the file system is asked, and not the cache of names. */
static void drop_caches(void)
{
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (fd < 0)
        return;
    sync();
    if (write(fd, "2", 1) != 1)
        fail("drop", "caches");
    close(fd);
}

static int run(void)
{
    order = malloc(nr_names * sizeof(*order));
    seen = malloc(nr_names);
    if (order == NULL || seen == NULL)
        fail("memory", "for the names");
    for (unsigned i = 0; i < nr_names; i++)
        order[i] = i;
    shuffle();
    if (chdir(place.dir) != 0 || mkdir("many", 0755) != 0 || chdir("many") != 0)
        fail("make", "the directory");
    phase("create", create, false);
    list(0, nr_names);
    phase("look up", look_up, true);
    drop_caches();
    phase("look up what is missing", miss, true);
    drop_caches();
    phase("rename", change, true);
    list(nr_names, nr_names);
    drop_caches();
    phase("remove", take_away, true);
    list(0, 0);
    phase("create again", create, true);
    list(0, nr_names);
    phase("rename again", change, false);
    phase("remove again", take_away, false);
    if (chdir("..") != 0 || rmdir("many") != 0)
        fail("remove", "the directory");
    printf("manynames: %s: %u names: %s\n", place.type, nr_names, has_failed ? "FAILED" : "ok");
    return has_failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"type", 1, NULL, 't'},    {"device", 1, NULL, 'd'}, {"dir", 1, NULL, 'D'},
        {"options", 1, NULL, 'o'}, {"names", 1, NULL, 'n'},  {"long", 0, NULL, 'l'},
        {"factor", 1, NULL, 'f'},  {"help", 0, NULL, 'h'},   {NULL, 0, NULL, 0}};
    int option, status;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
        switch (option) {
        case 't': place.type = optarg; break;
        case 'd': place.device = optarg; break;
        case 'D': place.dir = optarg; break;
        case 'o': place.options = optarg; break;
        case 'n': nr_names = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'l': is_long = true; break;
        case 'f': factor = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'h': fputs(USAGE, stdout); return 0;
        default: fputs(USAGE, stderr); return 2;
        }
    }
    if (optind < argc || (!place.device && !place.dir))
        return wrong_use("give a device or a directory, and options");
    if (nr_names < NR_PARTS || nr_names > 1000000)
        return wrong_use("names: 10 to 1000000");
    if (place.device && !place_mount(&place, "manynames"))
        return 2;
    status = run();
    if (chdir("/") != 0 || (place.device && !place_unmount(&place, "manynames")))
        return 1;
    return status;
}
