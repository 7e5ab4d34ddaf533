// SPDX-License-Identifier: MIT
/* The power-cut harness, on the host: `make crash`. The chapter "Testing" of the book says how to use it and how to read
 * a failure.
 *
 *     ops, generate (user/test/crash)   what is done: sequences of operations
 *     session, world                    doing it with the host build of fs/, and recording each write
 *     states, image                     the states that a power cut may leave
 *     judge, kinds                      repair, check, mount, read
 *     model, expect, seen               what was promised, and whether it is there
 *     workers                           several processes, and totals
 *
 * Source: littlefs's simulated power losses; CrashMonkey (J. Mohan et al., OSDI 2018). */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/crash/image.h"
#include "tools/crash/kinds.h"
#include "tools/crash/workers.h"
#include "user/test/crash/generate.h"
#include "user/test/crash/mark.h"

static const char help[] =
    "usage: crash [options]\n"
    "\n"
    "Run sequences of operations on a simulated disk, cut the power at every write, repair, mount, and\n"
    "compare with what had been promised. Options (and the variable of `make crash` that gives each):\n"
    "\n"
    "  --fs NAMES        ext2, ext3, fat12, fat16, fat32; several with blanks; all (FS)\n"
    "  --seed N          of the sampled sequences and of the subsets of writes (SEED)\n"
    "  --seconds N       stop after this time, for each file system (T)\n"
    "  --states N        stop after so many states of each file system (STATES)\n"
    "  --ops TEXT        one sequence: 'creat x; write x 4096; fsync x; rename x y' (OPS)\n"
    "  --state N         of that sequence, or of the log, this state alone (STATE)\n"
    "  --show            print the writes of each sequence (SHOW)\n"
    "  --lie             play a disk whose flushes do nothing: every file system must lose something (LIE)\n"
    "  --log FILE        judge what a machine wrote, as QEMU's blklogwrites has kept it: tools/crash/qemu (LOG)\n"
    "  --before FILE     the machine's disk before it (beside LOG: NAME.log has NAME.before)\n"
    "  --program PATH    whose promises the log has, when not those of user/test/crash (PROGRAM)\n"
    "  --save FILE       do not judge the --state, but write it there and list what is in it\n"
    "  --make FILE       only make a file system for such a machine, with room for marks behind it\n"
    "  --jobs N          processes (as many as there are processors)\n"
    "  --list            list the operations and the tree that sequences begin in\n"
    "\n"
    "The last lines are the totals. The exit status is 0 when nothing was lost, and only ext2 had states\n"
    "that the repair tool could not mend alone; with --lie, when something was lost everywhere.\n";

static void list_sequences(void)
{
    struct crash_op ops[CRASH_MAX_OPS];
    char text[CRASH_TEXT];

    printf("Each begins with: %s\n", crash_base_tree);
    for (unsigned i = 0; i < crash_nr_enumerated(true); i++) {
        unsigned nr = crash_generate(i, 1, true, ops);

        printf("%4u ", i);
        for (unsigned j = 0; j < nr; j++) {
            crash_op_format(&ops[j], text);
            printf("%s %s", j != 0 ? ";" : "", text);
        }
        printf("\n");
    }
}

static void refuse(const char *what, const char *given)
{
    fprintf(stderr, "crash: %s: %s (--help lists the options)\n", given, what);
    exit(2);
}

static unsigned long number(const char *text, const char *what)
{
    char *end;
    unsigned long value = strtoul(text, &end, 0);

    if (*text == '\0' || *end != '\0') {
        refuse("this is no number", what);
    }
    return value;
}

/* Run one file system. Returns whether it did well. */
static bool run_one(struct campaign *campaign, char *line, size_t size)
{
    struct totals totals;
    bool is_good = workers_run(campaign, &totals);
    bool may_need_person = strcmp(campaign->kind->name, "ext2") == 0;

    snprintf(line, size, "%s: %u states, %u unrepairable, %u lost", campaign->kind->name,
             totals.nr_states, totals.nr_unrepairable, totals.nr_lost);
    if (may_need_person && totals.nr_states != 0) {
        snprintf(line + strlen(line), size - strlen(line), " (%.1f %% need a person)",
                 100.0 * totals.nr_unrepairable / totals.nr_states);
    }
    if (totals.nr_broken != 0) {
        snprintf(line + strlen(line), size - strlen(line), ", %u sequences failed",
                 totals.nr_broken);
    }
    if (!is_good) {
        snprintf(line + strlen(line), size - strlen(line), ", a process died");
    }
    if (campaign->ignores_flush) {
        return is_good && totals.nr_lost != 0;
    }
    return is_good && totals.nr_lost == 0 && totals.nr_broken == 0 &&
           (may_need_person || totals.nr_unrepairable == 0);
}

static int run_all(struct campaign *campaign, const char *names)
{
    char lines[8][200], name[16];
    unsigned nr = 0;
    bool is_good = true;

    if (strcmp(names, "all") == 0) {
        names = "ext2 ext3 fat12 fat16 fat32";
    }
    while (*(names += strspn(names, " ,")) != '\0' && nr < 8) {
        size_t len = strcspn(names, " ,");

        snprintf(name, sizeof(name), "%.*s", (int)len, names);
        campaign->kind = kind_find(name);
        if (campaign->kind == NULL) {
            refuse("no file system is called so", name);
        }
        is_good = run_one(campaign, lines[nr++], sizeof(lines[0])) && is_good;
        names += len;
    }
    for (unsigned i = 0; i < nr; i++) {
        printf("%s\n", lines[i]);
    }
    return is_good ? 0 : 1;
}

static const struct option options[] = {
    {"fs", 1, NULL, 'f'},     {"seed", 1, NULL, 's'},   {"seconds", 1, NULL, 't'},
    {"states", 1, NULL, 'n'}, {"ops", 1, NULL, 'o'},    {"state", 1, NULL, 'k'},
    {"show", 0, NULL, 'w'},   {"lie", 0, NULL, 'i'},    {"jobs", 1, NULL, 'j'},
    {"log", 1, NULL, 'g'},    {"before", 1, NULL, 'b'}, {"program", 1, NULL, 'p'},
    {"make", 1, NULL, 'm'},   {"save", 1, NULL, 'v'},   {"list", 0, NULL, 'l'},
    {"help", 0, NULL, 'h'},   {NULL, 0, NULL, 0},
};

static void check_ops(const char *text)
{
    struct crash_op ops[CRASH_MAX_OPS];
    const char *why = "it is empty";

    if (crash_ops_parse(text, ops, &why) <= 0) {
        refuse(why, text);
    }
}

/* A disk for a machine: larger than those of the host form if it is to hold a data base. */
static int make_disk(const struct fs_kind *kind, const char *path, bool is_for_program)
{
    size_t size_bytes = kind != NULL ? kind->size_bytes * (is_for_program ? 4 : 1) : 0;
    struct image image;
    const char *slash = strrchr(path, '/');
    char folder[IMAGE_PATH];
    int status;

    if (kind == NULL || strlen(path) + sizeof(".log") > IMAGE_PATH) {
        refuse(kind == NULL ? "--make takes one file system" : "the path is too long", path);
    }
    snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    image_make(&image, folder, slash != NULL ? slash + 1 : path, size_bytes);
    status = kind_run(kind->make, &image);
    kind_forget_words(&image);
    if (status == 0 && ftruncate(image.fd, (off_t)(image.size_bytes + MARK_AREA)) != 0) {
        status = 2;
    }
    return status;
}

int main(int argc, char **argv)
{
    struct campaign campaign = {
        .seed = (uint64_t)time(NULL),
        .only_state = -1,
        .nr_states = UINT32_MAX,
        .nr_seconds = 1u << 30,
        .nr_jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
    };
    const char *names = "all", *made = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'f': names = optarg; break;
        case 's': campaign.seed = number(optarg, "--seed"); break;
        case 't': campaign.nr_seconds = (unsigned)number(optarg, "--seconds"); break;
        case 'n': campaign.nr_states = (unsigned)number(optarg, "--states"); break;
        case 'o': campaign.ops = optarg; break;
        case 'k': campaign.only_state = (int)number(optarg, "--state"); break;
        case 'w': campaign.shows = true; break;
        case 'i': campaign.ignores_flush = true; break;
        case 'j': campaign.nr_jobs = (unsigned)number(optarg, "--jobs"); break;
        case 'g': campaign.log = optarg; break;
        case 'b': campaign.before = optarg; break;
        case 'p': campaign.program = optarg; break;
        case 'v': campaign.saved = optarg; break;
        case 'm': made = optarg; break;
        case 'l': list_sequences(); return 0;
        case 'h': fputs(help, stdout); return 0;
        default: return 2;
        }
    }
    if (made != NULL) {
        return make_disk(kind_find(names), made, campaign.program != NULL);
    }
    if ((campaign.log != NULL) != (campaign.before != NULL)) {
        refuse("--log and --before belong together", "the log");
    }
    if (campaign.ops != NULL) {
        check_ops(campaign.ops);
    }
    if (campaign.ops != NULL || campaign.only_state >= 0) {
        campaign.nr_jobs = 1;
    }
    campaign.nr_jobs = campaign.nr_jobs < 1 ? 1 : campaign.nr_jobs > 32 ? 32 : campaign.nr_jobs;
    if (campaign.ops == NULL && campaign.nr_states == UINT32_MAX &&
        campaign.nr_seconds == 1u << 30) {
        campaign.nr_states = 22000;
    }
    printf("SEED=%llu repeats this run\n", (unsigned long long)campaign.seed);
    return run_all(&campaign, names);
}
