// SPDX-License-Identifier: MIT
// Variables.
//
// A hash table of chains. A variable may be unset and still carry flags (export before assignment).
// A scope is a list of copies: a name becomes local by saving what it was, and leaving the scope
// puts that back. So a lookup never has to know about scopes, and a called function sees its
// caller's locals, as in every shell of this family.
#include "user/sh/var.h"

#include "user/lib/tool.h"
#include "user/sh/parse.h"
#include "user/sh/shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NR_BUCKETS = 64 };

struct var {
    struct var *next;
    char *value; // NULL: unset
    unsigned flags;
    char name[];
};

struct saved_var {
    struct saved_var *next;
    char *value;
    unsigned flags;
    char name[];
};

struct scope {
    struct scope *outer;
    struct saved_var *saved;
};

static struct var *buckets[NR_BUCKETS];
static struct scope *scope;
static struct parameters parameters;

static struct var **bucket_of(const char *name)
{
    unsigned hash = 5381;

    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return &buckets[hash % NR_BUCKETS];
}

static struct var *find(const char *name)
{
    struct var *var = *bucket_of(name);

    while (var && strcmp(var->name, name) != 0)
        var = var->next;
    return var;
}

static struct var *find_or_make(const char *name)
{
    struct var *var = find(name), **bucket = bucket_of(name);
    size_t len = strlen(name) + 1;

    if (var)
        return var;
    var = xcalloc(1, sizeof(*var) + len);
    memcpy(var->name, name, len);
    var->next = *bucket;
    *bucket = var;
    return var;
}

const char *var_get(const char *name)
{
    const struct var *var = find(name);

    return var ? var->value : NULL;
}

static int check_writable(const char *name)
{
    const struct var *var = find(name);

    if (var && (var->flags & VAR_READONLY))
        return shell_fatal(STATUS_SYNTAX, "%s: is read only", name);
    return 0;
}

static void replace_value(struct var *var, const char *value)
{
    char *old = var->value; // value may lie within it

    var->value = value ? xstrdup(value) : NULL;
    free(old);
}

int var_set(const char *name, const char *value, unsigned flags)
{
    struct var *var;

    if (check_writable(name) != 0)
        return -1;
    var = find_or_make(name);
    replace_value(var, value);
    var->flags |= flags | (shell.export_all ? VAR_EXPORT : 0);
    return 0;
}

int var_set_number(const char *name, long long value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", value);
    return var_set(name, text, 0);
}

void var_add_flags(const char *name, unsigned flags)
{
    find_or_make(name)->flags |= flags;
}

void var_drop_export(const char *name)
{
    struct var *var = find(name);

    if (var)
        var->flags &= ~(unsigned)VAR_EXPORT;
}

int var_unset(const char *name)
{
    struct var **link = bucket_of(name), *var;

    if (check_writable(name) != 0)
        return -1;
    while (*link && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    var = *link;
    if (var) {
        *link = var->next;
        free(var->value);
        free(var);
    }
    return 0;
}

void var_init(char **environment)
{
    char *dir;

    for (; environment && *environment; environment++) {
        const char *equals = strchr(*environment, '=');
        char *name;

        if (!equals)
            continue;
        name = xstrndup(*environment, (size_t)(equals - *environment));
        if (is_name(name))
            var_set(name, equals + 1, VAR_EXPORT);
        free(name);
    }
    // Not what the environment says: an IFS from outside has been used to break scripts.
    var_unset("IFS");
    var_set("IFS", " \t\n", 0);
    var_drop_export("IFS");
    var_set("PS4", "+ ", 0);
    var_set("OPTIND", "1", 0);
    var_set_number("PPID", getppid());
    if (!var_get("PATH"))
        var_set("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 0);
    dir = getcwd(NULL, 0);
    if (dir && (!var_get("PWD") || strcmp(var_get("PWD"), dir) != 0))
        var_set("PWD", dir, 0);
    free(dir);
}

// --- Scopes -------------------------------------------------------------------------------------

void var_begin_scope(void)
{
    struct scope *inner = xcalloc(1, sizeof(*inner));

    inner->outer = scope;
    scope = inner;
}

void var_make_local(const char *name)
{
    const struct var *var = find(name);
    struct saved_var *saved;
    size_t len = strlen(name) + 1;

    for (saved = scope->saved; saved; saved = saved->next)
        if (strcmp(saved->name, name) == 0)
            return;
    saved = xcalloc(1, sizeof(*saved) + len);
    memcpy(saved->name, name, len);
    if (var) {
        saved->value = var->value ? xstrdup(var->value) : NULL;
        saved->flags = var->flags;
    }
    saved->next = scope->saved;
    scope->saved = saved;
}

void var_end_scope(void)
{
    struct scope *inner = scope;

    while (inner->saved) {
        struct saved_var *saved = inner->saved;
        struct var *var = find_or_make(saved->name);

        inner->saved = saved->next;
        free(var->value);
        var->value = saved->value;
        var->flags = saved->flags;
        free(saved);
    }
    scope = inner->outer;
    free(inner);
}

// --- Listing ------------------------------------------------------------------------------------

static int compare_vars(const void *left, const void *right)
{
    return strcmp((*(struct var *const *)left)->name, (*(struct var *const *)right)->name);
}

// All variables that carry the flags, in order; to be freed.
static struct var **collect(unsigned flags, size_t *nr)
{
    struct var **vars = NULL;
    size_t cap = 0;

    *nr = 0;
    for (int i = 0; i < NR_BUCKETS; i++) {
        for (struct var *var = buckets[i]; var; var = var->next) {
            if ((var->flags & flags) != flags || (!flags && !var->value))
                continue;
            if (*nr == cap) {
                cap = cap ? cap * 2 : 64;
                vars = xrealloc(vars, cap * sizeof(struct var *));
            }
            vars[(*nr)++] = var;
        }
    }
    if (*nr)
        qsort(vars, *nr, sizeof(struct var *), compare_vars);
    return vars;
}

char **var_environment(struct arena *arena)
{
    size_t nr, nr_set = 0;
    struct var **vars = collect(VAR_EXPORT, &nr);
    char **environment = arena_alloc(arena, (nr + 1) * sizeof(char *));

    for (size_t i = 0; i < nr; i++) {
        size_t name_len = strlen(vars[i]->name);
        char *text;

        if (!vars[i]->value)
            continue;
        text = arena_alloc(arena, name_len + strlen(vars[i]->value) + 2);
        memcpy(text, vars[i]->name, name_len);
        text[name_len] = '=';
        strcpy(text + name_len + 1, vars[i]->value);
        environment[nr_set++] = text;
    }
    free(vars);
    return environment;
}

void print_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*text);
    }
    putchar('\'');
}

void var_print(const char *prefix, unsigned flags)
{
    size_t nr;
    struct var **vars = collect(flags, &nr);

    for (size_t i = 0; i < nr; i++) {
        printf("%s%s%s", prefix, *prefix ? " " : "", vars[i]->name);
        if (vars[i]->value) {
            putchar('=');
            print_quoted(vars[i]->value);
        }
        putchar('\n');
    }
    free(vars);
}

// --- Positional parameters ----------------------------------------------------------------------

const struct parameters *params_get(void)
{
    return &parameters;
}

static void free_params(struct parameters *params)
{
    for (int i = 0; i < params->nr; i++)
        free(params->items[i]);
    free(params->items);
    *params = (struct parameters){0};
}

void params_set(int nr, char *const *items)
{
    struct parameters fresh = {.nr = nr, .items = xcalloc((size_t)nr + 1, sizeof(char *))};

    for (int i = 0; i < nr; i++)
        fresh.items[i] = xstrdup(items[i]);
    free_params(&parameters); // only now: items may be the old ones
    parameters = fresh;
}

void params_shift(int nr)
{
    for (int i = 0; i < nr; i++)
        free(parameters.items[i]);
    memmove(parameters.items, parameters.items + nr,
            (size_t)(parameters.nr - nr + 1) * sizeof(char *));
    parameters.nr -= nr;
}

struct parameters params_save(void)
{
    struct parameters saved = parameters;

    parameters = (struct parameters){0};
    return saved;
}

void params_restore(struct parameters saved)
{
    free_params(&parameters);
    parameters = saved;
}
