// SPDX-License-Identifier: MIT
/* fsx: random operations on files, each compared with a model in memory.
 *
 * Every process has a file of its own, or (--shared) a band of one file: the bands meet in the middle of
 * pages and blocks, so that neighbours change the same page at the same time, and neither may lose what
 * the other wrote. What a process does depends on the seed and its number alone: the same seed does it
 * again. The idea is that of fsx by Avadis Tevanian of 1991. */
#include "../place.h"
#include "fsx.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: fsx (--type TYPE --device DEVICE [--options TEXT] | --dir DIRECTORY) [OPTION…]\n"
    "Do random reads, writes, mappings, truncations, holes and syncs, and compare with a model.\n"
    "  --ops N       operations of all processes together (1000000)\n"
    "  --seconds N   stop after this time, however many were done\n"
    "  --procs N     processes, each with a file of its own (4)\n"
    "  --shared      one file for all, each process a band of it\n"
    "  --seed N      repeats a run (1)\n"
    "  --size BYTES  how long files become, or bands are (262144)\n"
    "  --drop        drop all of the machine's caches now and then (needs root)\n";

static struct place place = {.type = "", .dir = NULL};
static unsigned long nr_ops = 1000000, nr_procs = 4, seed = 1, size = 262144, seconds;
static bool is_shared, drops_all;

static int wrong_use(const char *why)
{
    fprintf(stderr, "fsx: %s\n%s", why, USAGE);
    return 2;
}

static void *memory(size_t len)
{
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED) {
        perror("fsx: memory");
        exit(2);
    }
    return at;
}

static struct worker *make_worker(int number)
{
    struct worker *w = memory(sizeof(*w));
    size_t band = size + 1237; /* of no page and of no block */

    w->number = number;
    w->is_shared = is_shared;
    w->drops_all = drops_all;
    w->first = is_shared ? (size_t)number * band : 0;
    w->end = is_shared ? w->first + band : size;
    w->max_size = is_shared ? (nr_procs * band + PAGE - 1) / PAGE * PAGE : size;
    w->size = is_shared ? nr_procs * band : 0;
    w->model = memory(w->max_size);
    w->buffer = memory(w->max_size);
    w->random = (seed * 1000003 + (unsigned long)number + 1) * 0x9e3779b97f4a7c15ull;
    snprintf(w->path, sizeof(w->path), "%s/fsx.%d", place.dir, is_shared ? 0 : number);
    return w;
}

static int run_worker(int number)
{
    struct worker *w = make_worker(number);
    uint64_t share = nr_ops / nr_procs, told = 0;
    time_t begin = time(NULL);
    bool is_right = worker_open(w);

    while (is_right && w->nr_done < share && (!seconds || time(NULL) - begin < (time_t)seconds)) {
        is_right = worker_step(w);
        if (number == 0 && w->nr_done * 10 / share > told) {
            told = w->nr_done * 10 / share;
            printf("fsx: %llu%%\n", (unsigned long long)told * 10);
            fflush(stdout);
        }
    }
    is_right = is_right && worker_check(w);
    printf("fsx: worker %d: %llu operations%s\n", number, (unsigned long long)w->nr_done,
           is_right ? "" : ", FAILED");
    fflush(stdout);
    return is_right ? 0 : 1;
}

/* The shared file has its size from the beginning. */
static bool prepare_shared(void)
{
    char path[512];
    int fd;
    bool is_done;

    snprintf(path, sizeof(path), "%s/fsx.0", place.dir);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    is_done = fd >= 0 && ftruncate(fd, (off_t)(nr_procs * (size + 1237))) == 0;
    if (!is_done)
        perror(path);
    close(fd);
    return is_done;
}

static int run_all(void)
{
    int nr_failed = 0, status;

    if (is_shared && !prepare_shared())
        return 2;
    for (unsigned long i = 0; i < nr_procs; i++) {
        pid_t pid = fork();

        if (pid < 0) {
            perror("fsx: fork");
            return 2;
        }
        if (pid == 0)
            exit(run_worker((int)i));
    }
    while (wait(&status) > 0)
        nr_failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    printf("fsx: %s: %lu processes%s, seed %lu: %s\n", *place.type ? place.type : place.dir,
           nr_procs, is_shared ? " on one file" : "", seed, nr_failed ? "FAILED" : "ok");
    if (nr_failed)
        printf("fsx: again: --seed %lu --procs %lu --ops %lu --size %lu%s%s\n", seed, nr_procs,
               nr_ops, size, is_shared ? " --shared" : "", drops_all ? " --drop" : "");
    for (unsigned long i = 0; i < nr_procs && !nr_failed; i++) {
        char path[512];

        snprintf(path, sizeof(path), "%s/fsx.%lu", place.dir, i);
        unlink(path);
    }
    return nr_failed ? 1 : 0;
}

static bool take_number(const char *text, unsigned long *number)
{
    char *end;

    errno = 0;
    *number = strtoul(text, &end, 0);
    return errno == 0 && *end == '\0' && end != text;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"type", 1, NULL, 't'},  {"device", 1, NULL, 'd'}, {"options", 1, NULL, 'o'},
        {"dir", 1, NULL, 'D'},   {"ops", 1, NULL, 'n'},    {"seconds", 1, NULL, 'T'},
        {"procs", 1, NULL, 'p'}, {"shared", 0, NULL, 's'}, {"seed", 1, NULL, 'S'},
        {"size", 1, NULL, 'z'},  {"drop", 0, NULL, 'c'},   {"help", 0, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    bool is_number = true;
    int option, status;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 't': place.type = optarg; break;
        case 'd': place.device = optarg; break;
        case 'o': place.options = optarg; break;
        case 'D': place.dir = optarg; break;
        case 's': is_shared = true; break;
        case 'c': drops_all = true; break;
        case 'n': is_number = is_number && take_number(optarg, &nr_ops); break;
        case 'T': is_number = is_number && take_number(optarg, &seconds); break;
        case 'p': is_number = is_number && take_number(optarg, &nr_procs); break;
        case 'S': is_number = is_number && take_number(optarg, &seed); break;
        case 'z': is_number = is_number && take_number(optarg, &size); break;
        case 'h': fputs(USAGE, stdout); return 0;
        default: return wrong_use("unknown option");
        }
    }
    if (optind != argc || !is_number || !nr_procs || nr_procs > 64 || size < 65536 ||
        nr_ops < nr_procs)
        return wrong_use(
            "not a number, or out of range (up to 64 processes, 65536 bytes at least)");
    if ((place.dir == NULL) == (place.device == NULL))
        return wrong_use("one of --device and --dir is needed");
    size -= size % PAGE;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!place_mount(&place, "fsx"))
        return 2;
    status = run_all();
    return place_unmount(&place, "fsx") || status ? status : 1;
}
