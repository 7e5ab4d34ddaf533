// SPDX-License-Identifier: MIT
// User and group names.
//
// Both tables begin "name:password:id:", so one reader serves both. They are read directly and not
// through getpwnam(3): a static glibc would load shared name-service modules for that.
#include "user/lib/names.h"

#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NR_FIELDS = 7 };

struct entry_search {
    const char *name; // looked for, or NULL
    unsigned id;      // looked for where name is NULL
};

// Cut a line at its colons. Missing fields are empty strings.
static void split_fields(char *line, char *fields[NR_FIELDS])
{
    static char nothing[1];

    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < NR_FIELDS; i++) {
        fields[i] = line ? line : nothing;
        if (line)
            line = strchr(line, ':');
        if (line)
            *line++ = '\0';
    }
}

// The wanted field of the first entry that fits, to be freed, or NULL.
static char *find_entry(enum name_space space, const struct entry_search *search, int wanted)
{
    FILE *table = fopen(space == NAMES_USER ? "/etc/passwd" : "/etc/group", "re");
    char *line = NULL, *fields[NR_FIELDS], *found = NULL;
    size_t cap = 0;

    if (!table)
        return NULL;
    while (!found && getline(&line, &cap, table) > 0) {
        int64_t id;

        split_fields(line, fields);
        if (!parse_i64(fields[2], &id))
            continue;
        if (search->name ? strcmp(search->name, fields[0]) == 0 : id == search->id)
            found = xstrdup(fields[wanted]);
    }
    free(line);
    fclose(table);
    return found;
}

const char *name_of_id(enum name_space space, unsigned id)
{
    // A listing asks for the same id again and again: remember the last answer of each table.
    static struct {
        bool valid;
        unsigned id;
        char name[40];
    } last[2];
    struct entry_search search = {.id = id};

    if (!last[space].valid || last[space].id != id) {
        char *name = find_entry(space, &search, 0);

        if (name)
            snprintf(last[space].name, sizeof(last[space].name), "%s", name);
        else
            snprintf(last[space].name, sizeof(last[space].name), "%u", id);
        last[space].id = id;
        last[space].valid = true;
        free(name);
    }
    return last[space].name;
}

bool id_of_name(enum name_space space, const char *name, unsigned *out)
{
    struct entry_search search = {.name = name};
    char *digits = find_entry(space, &search, 2);
    int64_t id;
    bool ok = parse_i64(digits ? digits : name, &id) && id >= 0 && id < 0xffffffffLL;

    free(digits);
    if (ok)
        *out = (unsigned)id;
    return ok;
}

char *home_of_user(const char *name)
{
    struct entry_search search = {.name = name};

    return find_entry(NAMES_USER, &search, 5);
}
