// SPDX-License-Identifier: MIT
// Builtins about variables, options and positional parameters.
#include "user/lib/number.h"
#include "user/lib/strbuf.h"
#include "user/lib/tool.h"
#include "user/sh/builtin.h"
#include "user/sh/field.h"
#include "user/sh/function.h"
#include "user/sh/parse.h"
#include "user/sh/shell.h"
#include "user/sh/trap.h"
#include "user/sh/var.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// "name" or "name=value" taken apart: the name is to be freed, *value points into the operand.
// NULL, with a message, where the name is none.
static char *split_operand(const char *operand, const char **value)
{
    size_t len = strcspn(operand, "=");
    char *name = xstrndup(operand, len);

    *value = operand[len] ? operand + len + 1 : NULL;
    if (is_name(name))
        return name;
    warn_text("%s: not a valid name", name);
    free(name);
    return NULL;
}

// export and readonly.
int builtin_export(int argc, char **argv)
{
    unsigned flags = argv[0][0] == 'e' ? VAR_EXPORT : VAR_READONLY;
    bool drop = false;
    int at = 1, status = 0;

    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++)
        drop |= argv[at][1] == 'n';
    if (at == argc)
        var_print(argv[0], flags);
    for (; at < argc && !shell.unwind; at++) {
        const char *value;
        char *name = split_operand(argv[at], &value);

        if (!name) {
            status = STATUS_SYNTAX;
            continue;
        }
        if (value && var_set(name, value, 0) != 0)
            status = shell.status;
        else if (drop)
            var_drop_export(name);
        else
            var_add_flags(name, flags);
        free(name);
    }
    return status;
}

int builtin_local(int argc, char **argv)
{
    int status = 0;

    if (shell.function_depth == 0) {
        warn_text("not in a function");
        return STATUS_SYNTAX;
    }
    for (int at = 1; at < argc && !shell.unwind; at++) {
        const char *value;
        char *name = split_operand(argv[at], &value);

        if (!name) {
            status = STATUS_SYNTAX;
            continue;
        }
        var_make_local(name);
        if (value && var_set(name, value, 0) != 0)
            status = shell.status;
        free(name);
    }
    return status;
}

int builtin_unset(int argc, char **argv)
{
    bool functions = false, variables = false;
    int at = 1, status = 0;

    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
        functions |= argv[at][1] == 'f';
        variables |= argv[at][1] == 'v';
    }
    for (; at < argc && !shell.unwind; at++) {
        // Without an option, a variable goes first; where there is none, a function.
        bool is_function = !variables && !var_get(argv[at]) && function_find(argv[at]);

        if (functions || is_function) {
            function_remove(argv[at]);
        } else if (!is_name(argv[at])) {
            warn_text("%s: not a valid name", argv[at]);
            status = STATUS_SYNTAX;
        } else if (var_unset(argv[at]) != 0) {
            status = shell.status;
        }
    }
    return status;
}

int builtin_set(int argc, char **argv)
{
    int at = 1;

    if (argc == 1) {
        var_print("", 0);
        return 0;
    }
    if (argc == 2 && (strcmp(argv[1], "-o") == 0 || strcmp(argv[1], "+o") == 0)) {
        shell_print_options(argv[1][0] == '+');
        return 0;
    }
    if (!shell_take_options(argc, argv, &at)) {
        shell_abandon(STATUS_SYNTAX);
        return STATUS_SYNTAX;
    }
    if (at < argc || strcmp(argv[argc - 1], "--") == 0)
        params_set(argc - at, argv + at);
    return 0;
}

int builtin_shift(int argc, char **argv)
{
    int64_t count = 1;

    if (argc > 1 && (!parse_i64(argv[1], &count) || count < 0)) {
        shell_fatal(STATUS_SYNTAX, "shift: %s: not a valid number", argv[1]);
        return shell.status;
    }
    if (count > params_get()->nr) {
        shell_fatal(STATUS_SYNTAX, "shift: there are only %d parameters", params_get()->nr);
        return shell.status;
    }
    params_shift((int)count);
    return 0;
}

// --- read ---------------------------------------------------------------------------------------

// Read a line byte by byte, since what follows belongs to the next reader. Escaped characters are
// marked as quoted. Returns 0, 1 at the end of the file, or 128 + a signal.
static int read_marked_line(struct marked *line, bool raw)
{
    for (;;) {
        char c;
        ssize_t len = read(STDIN_FILENO, &c, 1);
        bool escaped = false;

        if (len < 0 && errno == EINTR) {
            int number = trap_pending();

            if (trap_take_interrupt()) {
                number = SIGINT;
                shell.unwind = UNWIND_ABORT;
            }
            if (number)
                return STATUS_SIGNAL + number;
            continue;
        }
        if (len < 0) {
            warn_errno("standard input");
            return STATUS_SYNTAX;
        }
        if (len == 0)
            return 1;
        if (c == '\\' && !raw) {
            if (read(STDIN_FILENO, &c, 1) != 1)
                return 1;
            if (c == '\n')
                continue;
            escaped = true;
        }
        if (c == '\n' && !escaped)
            return 0;
        if (c)
            marked_add_char(line, c, escaped ? MARK_QUOTED : MARK_SPLIT);
    }
}

// Give each name a field; the last one gets all that is left, with its separators.
static int assign_fields(const struct marked *line, int nr, char **names)
{
    struct arena *arena = arena_create();
    int status = 0;
    size_t at = 0;

    for (int i = 0; i < nr && status == 0; i++) {
        char *value = i + 1 < nr ? field_next(line, &at, arena) : field_rest(line, at, arena);

        if (var_set(names[i], value, 0) != 0)
            status = shell.status;
    }
    arena_put(arena);
    return status;
}

int builtin_read(int argc, char **argv)
{
    static char reply[] = "REPLY", *default_names[] = {reply};
    struct marked line = {0};
    bool raw = false;
    const char *prompt = NULL;
    int at = 1, status, result;

    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
        raw |= argv[at][1] == 'r';
        if (argv[at][1] == 'p' && at + 1 < argc)
            prompt = argv[++at];
    }
    for (int i = at; i < argc; i++) {
        if (!is_name(argv[i])) {
            warn_text("%s: not a valid name", argv[i]);
            return STATUS_SYNTAX;
        }
    }
    if (prompt && isatty(STDIN_FILENO))
        fputs(prompt, stderr);
    status = read_marked_line(&line, raw);
    result = assign_fields(&line, at < argc ? argc - at : 1, at < argc ? argv + at : default_names);
    marked_free(&line);
    return status ? status : result;
}

// --- getopts ------------------------------------------------------------------------------------

// Where we are in a cluster as in -abc; valid for the OPTIND that we left.
static struct {
    int64_t place;
    size_t at;
} cluster;

static int finish_option(const char *name, const char *value, const char *argument, int64_t next)
{
    if (argument)
        var_set("OPTARG", argument, 0);
    else
        var_unset("OPTARG");
    cluster.place = next;
    var_set_number("OPTIND", next);
    if (var_set(name, value, 0) != 0)
        return shell.status;
    return 0;
}

static int bad_option(const char *name, bool silent, char letter, const char *why, int64_t next)
{
    char text[2] = {letter};

    if (silent)
        return finish_option(name, *why == 'u' ? "?" : ":", text, next);
    shell_error("%s -%c", why, letter);
    return finish_option(name, "?", NULL, next);
}

static int next_option(const char *spec, const char *name, int nr, char *const *args)
{
    bool silent = *spec == ':';
    const char *known;
    int64_t place;
    char letter[2] = "";

    if (!var_get("OPTIND") || !parse_i64(var_get("OPTIND"), &place) || place < 1)
        place = 1;
    if (place != cluster.place)
        cluster.at = 0;
    if (cluster.at == 0) {
        const char *word = place <= nr ? args[place - 1] : NULL;

        if (!word || word[0] != '-' || !word[1] || strcmp(word, "--") == 0) {
            finish_option(name, "?", NULL, place + (word && strcmp(word, "--") == 0));
            return 1;
        }
        cluster.at = 1;
    }
    letter[0] = args[place - 1][cluster.at++];
    known = letter[0] != ':' ? strchr(spec + silent, letter[0]) : NULL;
    if (known && known[1] == ':') {
        const char *argument = args[place - 1] + cluster.at;

        cluster.at = 0;
        if (*argument)
            return finish_option(name, letter, argument, place + 1);
        if (place < nr)
            return finish_option(name, letter, args[place], place + 2);
        return bad_option(name, silent, letter[0], "no argument for option", place + 1);
    }
    if (!args[place - 1][cluster.at]) {
        cluster.at = 0;
        place++;
    }
    if (!known)
        return bad_option(name, silent, letter[0], "unknown option", place);
    return finish_option(name, letter, NULL, place);
}

int builtin_getopts(int argc, char **argv)
{
    const struct parameters *params = params_get();

    if (argc < 3 || !is_name(argv[2])) {
        warn_text("the letters and a variable are needed");
        return STATUS_SYNTAX;
    }
    if (argc > 3)
        return next_option(argv[1], argv[2], argc - 3, argv + 3);
    return next_option(argv[1], argv[2], params->nr, params->items);
}
