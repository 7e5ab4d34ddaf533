// SPDX-License-Identifier: MIT
/* abi: runs the ABI cases, one line each, and counts. */
#include "frame.h"

static const char USAGE[] =
    "usage: abi [NAME-OR-PREFIX…]   run all cases, or those whose family.case begins so\n"
    "       abi --list              print the names of all cases\n"
    "       abi --help              print this\n"
    "Environment: TMPDIR (default /tmp), ABI_TIMEOUT_SCALE (multiplies the 30 s limit of a case).\n"
    "Exit status: 0 when no case failed, 1 otherwise, 2 for wrong use.\n";

static int run_all(int argc, char **argv)
{
    int passed = 0, failed = 0, skipped = 0;
    static char text[4096];
    const char *tmp = getenv("TMPDIR");

    for (int i = 0; i < abi_nr_cases; i++) {
        const struct abi_case *c = abi_cases[i];
        if (!abi_selected(c, argc - 1, argv + 1))
            continue;
        fflush(stdout);
        switch (abi_run(c, tmp && *tmp ? tmp : "/tmp", text, sizeof(text))) {
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
    abi_begin(argc, argv);
    if (argc > 1 && argv[1][0] == '-') {
        bool is_list = !strcmp(argv[1], "--list");
        bool is_help = !strcmp(argv[1], "--help");
        if (is_list)
            abi_list();
        else
            fputs(USAGE, is_help ? stdout : stderr);
        return is_list || is_help ? 0 : 2;
    }
    return run_all(argc, argv);
}
