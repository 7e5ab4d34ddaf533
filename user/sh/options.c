// SPDX-License-Identifier: MIT
// Options. One table has the letter, the long name and the flag of each; the command line, `set`,
// `set -o` and $- are four readings of it. -c, -i, -l and -s are for the command line alone.
#include "user/sh/options.h"

#include "user/lib/tool.h"
#include "user/sh/job.h"
#include "user/sh/shell.h"
#include "user/sh/var.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option {
    char letter;
    const char *name;
    bool *flag;
} options[] = {
    {'a', "allexport", &shell.export_all},   {'C', "noclobber", &shell.no_clobber},
    {'e', "errexit", &shell.exit_on_error},  {'f', "noglob", &shell.no_glob},
    {'m', "monitor", &shell.job_control},    {'n', "noexec", &shell.no_execute},
    {'u', "nounset", &shell.unset_is_error}, {'v', "verbose", &shell.verbose},
    {'x', "xtrace", &shell.trace},
};

enum { NR_OPTIONS = sizeof(options) / sizeof(options[0]) };

const char *shell_option_letters(void)
{
    static char letters[NR_OPTIONS + 3];
    size_t len = 0;

    for (int i = 0; i < NR_OPTIONS; i++)
        if (*options[i].flag)
            letters[len++] = options[i].letter;
    if (shell.interactive)
        letters[len++] = 'i';
    if (shell.from_stdin)
        letters[len++] = 's';
    letters[len] = '\0';
    return letters;
}

void shell_print_options(bool plus)
{
    for (int i = 0; i < NR_OPTIONS; i++) {
        if (plus)
            printf("set %co %s\n", *options[i].flag ? '-' : '+', options[i].name);
        else
            printf("%-12s %s\n", options[i].name, *options[i].flag ? "on" : "off");
    }
}

static bool set_option(const struct option *option, bool on)
{
    if (option->letter != 'm') {
        *option->flag = on;
    } else if (!job_control_enable(on)) {
        shell_error("no job control: there is no terminal to control");
        return false;
    }
    return true;
}

static bool set_letter(char letter, bool on)
{
    for (int i = 0; i < NR_OPTIONS; i++)
        if (options[i].letter == letter)
            return set_option(&options[i], on);
    if (letter == 'b' || letter == 'h') // notices and hashing: nothing to switch here
        return true;
    shell_error("unknown option -%c", letter);
    return false;
}

static bool set_name(const char *name, bool on)
{
    for (int i = 0; i < NR_OPTIONS; i++)
        if (strcmp(options[i].name, name) == 0)
            return set_option(&options[i], on);
    shell_error("%s: no such option", name);
    return false;
}

bool shell_take_options(int argc, char **argv, int *at)
{
    for (; *at < argc; (*at)++) {
        const char *word = argv[*at];
        bool on = word[0] == '-';

        if ((!on && word[0] != '+') || !word[1])
            return true;
        if (strcmp(word, "--") == 0) {
            (*at)++;
            return true;
        }
        for (const char *letter = word + 1; *letter; letter++) {
            if (*letter == 'o' && *at + 1 < argc) {
                if (!set_name(argv[++*at], on))
                    return false;
            } else if (!set_letter(*letter, on)) {
                return false;
            }
        }
    }
    return true;
}

// Letters that only the command line knows. Returns false for others.
static bool take_start_letter(char letter, bool *commands, struct invocation *invocation)
{
    switch (letter) {
    case 'c': *commands = true; return true;
    case 'i': shell.interactive = true; return true;
    case 'l': invocation->login = true; return true;
    case 's': shell.from_stdin = true; return true;
    default: return false;
    }
}

struct invocation options_parse_invocation(int argc, char **argv)
{
    struct invocation invocation = {0};
    bool commands = false;
    int at = 1;

    if (argc > 0) {
        shell.name = argv[0];
        invocation.login = argv[0][0] == '-';
    }
    for (; at < argc && (argv[at][0] == '-' || argv[at][0] == '+') && argv[at][1]; at++) {
        bool on = argv[at][0] == '-';

        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        for (const char *letter = argv[at] + 1; *letter; letter++) {
            if (on && take_start_letter(*letter, &commands, &invocation))
                continue;
            if (*letter == 'o' && at + 1 < argc ? !set_name(argv[++at], on)
                                                : !set_letter(*letter, on))
                tool_usage();
        }
    }
    if (at < argc && strcmp(argv[at], "-") == 0)
        at++;
    if (commands && at == argc)
        die_text("option -c needs a value");
    if (commands)
        invocation.commands = argv[at++];
    else if (!shell.from_stdin && at < argc)
        invocation.script = argv[at];
    if (at < argc && (commands || invocation.script))
        shell.name = argv[at++];
    params_set(argc - at, argv + at);
    return invocation;
}
