// SPDX-License-Identifier: MIT
/* conf: the cases of a file system, one line each, and `TYPE: N passed, N failed`.
 *
 * It mounts what is to be tested, runs each case in a new directory there, and puts back how it was
 * mounted when a case has changed that. A failure that Linux shows on the same file system (expected.c)
 * counts as passed if its words are the same, and to pass where they are expected is a failure.
 */
#include "../abi/frame.h"
#include "conf.h"

#include <getopt.h>

static const char USAGE[] =
    "usage: conf --type TYPE --device DEVICE [--options TEXT] [NAME-OR-PREFIX…]\n"
    "       conf --type TYPE --dir DIRECTORY [NAME-OR-PREFIX…]\n"
    "       conf --list | --help\n"
    "Run all cases, or those whose family.case begins so, on a file system: DEVICE is mounted as TYPE\n"
    "(ext2, ext3, vfat, tmpfs) for it, or DIRECTORY lies on one, and cases that mount are left out.\n"
    "  --every N:K   only every Nth case, beginning with the Kth: a sample\n"
    "  --rows        print a row of expected.c for each case that fails\n"
    "Exit status: 0 when no case failed, 1 otherwise, 2 for wrong use.\n";

static unsigned every = 1, first;
static bool prints_rows;

static int wrong_use(const char *why)
{
    fprintf(stderr, "conf: %s\n%s", why, USAGE);
    return 2;
}

/* What stays mounted below the place is of a case that failed; the flags may be any case's. */
static void restore_mounts(void)
{
    char line[1024], path[512];
    FILE *mounts = fopen("/proc/self/mounts", "r");
    char found[8][512];
    int nr = 0;

    if (!mounts)
        return;
    while (fgets(line, sizeof(line), mounts)) {
        if (sscanf(line, "%*s %511s", path) == 1 && nr < 8 &&
            !strncmp(path, conf_place.dir, strlen(conf_place.dir)) &&
            path[strlen(conf_place.dir)] == '/')
            strcpy(found[nr++], path);
    }
    fclose(mounts);
    while (nr > 0)
        umount2(found[--nr], MNT_DETACH);
    mount(conf_place.device, conf_place.dir, conf_place.type, MS_REMOUNT | MS_RELATIME,
          conf_place.options);
}

/* The words of a failure without the place in the source. */
static const char *words_of(const char *text)
{
    const char *colon = strstr(text, ": ");
    return colon ? colon + 2 : text;
}

static void print_row(const struct abi_case *c, const char *text)
{
    printf("    {\"%s\", \"%s\", \"%s\",\n     \"", conf_place.type, c->family, c->name);
    for (const char *at = words_of(text); *at; at++)
        printf(*at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
    printf("\", CANNOT},\n");
}

/* Judge one case and print its line. Returns 'P', 'F' or 'S'. */
static char run_one(const struct abi_case *c)
{
    static char text[4096];
    char verdict = abi_run(c, conf_place.dir, text, sizeof(text));
    const char *words = verdict == 'P' ? NULL : words_of(text);

    if (conf_place.device)
        restore_mounts();
    if (verdict == 'S') {
        printf("skip %s.%s: %s\n", c->family, c->name, text + 1);
    } else if (conf_is_expected(conf_place.type, c, words)) {
        printf(words ? "ok   %s.%s (%s: %s)\n" : "ok   %s.%s\n", c->family, c->name,
               conf_place.type, words);
        verdict = 'P';
    } else {
        printf("FAIL %s.%s: %s\n", c->family, c->name,
               words ? text + 1 : "passed, which this file system cannot (expected.c)");
        if (words && prints_rows)
            print_row(c, text);
        verdict = 'F';
    }
    fflush(stdout);
    return verdict;
}

static int run_all(int nr_names, char **names)
{
    unsigned counts[256] = {0}, number = 0;

    for (int i = 0; i < abi_nr_cases; i++) {
        if (abi_selected(abi_cases[i], nr_names, names) && number++ % every == first)
            counts[(unsigned char)run_one(abi_cases[i])]++;
    }
    if (number == 0)
        return wrong_use("no case has such a name (--list shows them)");
    if (counts['S'] > 0)
        printf("%u skipped\n", counts['S']);
    printf("%s: %u passed, %u failed\n", conf_place.type, counts['P'], counts['F']);
    return counts['F'] ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"type", 1, NULL, 't'},  {"device", 1, NULL, 'd'},  {"dir", 1, NULL, 'D'},
        {"every", 1, NULL, 'e'}, {"options", 1, NULL, 'o'}, {"rows", 0, NULL, 'r'},
        {"list", 0, NULL, 'l'},  {"help", 0, NULL, 'h'},    {NULL, 0, NULL, 0}};
    bool has_dir = false;
    int option, status;

    abi_begin(argc, argv);
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 't': conf_place.type = optarg; break;
        case 'd': conf_place.device = optarg; break;
        case 'D': conf_place.dir = optarg, has_dir = true; break;
        case 'o': conf_place.options = optarg; break;
        case 'r': prints_rows = true; break;
        case 'l': abi_list(); return 0;
        case 'h': fputs(USAGE, stdout); return 0;
        case 'e':
            if (sscanf(optarg, "%u:%u", &every, &first) != 2 || every == 0 || first >= every)
                return wrong_use("--every takes N:K, K less than N");
            break;
        default: return wrong_use("unknown option");
        }
    }
    if (!*conf_place.type || has_dir == (conf_place.device != NULL))
        return wrong_use("--type is needed, and one of --device and --dir");
    if (!place_mount(&conf_place, "conf"))
        return 2;
    status = run_all(argc - optind, argv + optind);
    if (!place_unmount(&conf_place, "conf"))
        status = status ? status : 1;
    return status;
}
