// SPDX-License-Identifier: MIT
/* The kernel argument slab_debug=, in the form that Linux gave it:
 *
 *     slab_debug                   everything, for all caches
 *     slab_debug=FZ                checks and redzones, for all
 *     slab_debug=,inode_cache      everything, for one
 *     slab_debug=P,kmalloc-*,dentry_cache;U    poison for these, owners for all others
 *
 * The argument becomes a short list of rules, each a set of flags and a pattern; the first rule
 * whose pattern fits a cache's name decides, and a rule without names fits all that no other does.
 * Caches are statics that register themselves on first use, so the rules are kept, and asked when
 * a cache is set up. Names that no cache of the image has are most likely typing errors: the linker
 * collects all static caches (section slab_caches), so that they can be named at boot.
 *
 * Written at boot by one hart, and constant afterwards: no locks. */
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/debug/slab_debug.h"

#define MAX_RULES  16
#define NAME_BYTES 32

struct rule {
    uint32_t flags;
    char pattern[NAME_BYTES];
};

/* Every static cache: the linker's. */
extern struct slab_cache __start_slab_caches[], __stop_slab_caches[];

static struct rule rules[MAX_RULES]; /* [I] after boot */
static unsigned nr_rules;            /* [I] after boot */
static uint32_t flags_of_rest;       /* [I] after boot: caches without a rule of their own */
static uint32_t flags_of_all;        /* [I] after boot: besides the rules */

static const struct {
    char letter;
    uint32_t flag;
} letters_known[] = {
    {'F', SLAB_DEBUG_CHECKS},
    {'Z', SLAB_DEBUG_REDZONE},
    {'P', SLAB_DEBUG_POISON},
    {'U', SLAB_DEBUG_OWNER},
};

void slab_debug_letters(uint32_t flags, char letters[8])
{
    size_t nr = 0;

    for (size_t i = 0; i < array_size(letters_known); i++) {
        if ((flags & letters_known[i].flag) != 0) {
            letters[nr++] = letters_known[i].letter;
        }
    }
    letters[nr] = '\0';
}

static bool fits(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);

    if (len > 0 && pattern[len - 1] == '*') {
        return strncmp(pattern, name, len - 1) == 0;
    }
    return strcmp(pattern, name) == 0;
}

static uint32_t parse_letters(const char *text, size_t len)
{
    uint32_t flags = 0;

    if (len == 0) {
        return SLAB_DEBUG_ANY;
    }
    for (size_t i = 0; i < len; i++) {
        uint32_t flag = 0;
        for (size_t j = 0; j < array_size(letters_known); j++) {
            /* Linux takes small letters, too. */
            if ((text[i] & ~0x20) == letters_known[j].letter) {
                flag = letters_known[j].flag;
            }
        }
        if (flag == 0 && text[i] != '-') {
            pr_warn("slab_debug: unknown option letter '%c' (known: F Z P U -)", text[i]);
        }
        flags |= flag;
    }
    return flags;
}

static bool some_cache_fits(const char *pattern)
{
    for (struct slab_cache *cache = __start_slab_caches; cache < __stop_slab_caches; cache++) {
        if (fits(pattern, cache->name)) {
            return true;
        }
    }
    return false;
}

static void add_rule(uint32_t flags, const char *name, size_t len)
{
    if (nr_rules == MAX_RULES || len >= NAME_BYTES) {
        pr_warn("slab_debug: %s \"%.*s\"",
                len >= NAME_BYTES ? "no cache has such a long name:" : "too many caches, left out:",
                (int)min_of(len, (size_t)NAME_BYTES), name);
        return;
    }
    rules[nr_rules].flags = flags;
    memcpy(rules[nr_rules].pattern, name, len);
    rules[nr_rules].pattern[len] = '\0';
    if (!some_cache_fits(rules[nr_rules].pattern)) {
        pr_warn("slab_debug: no cache is called \"%s\" (names: /proc/slabinfo)",
                rules[nr_rules].pattern);
    }
    nr_rules++;
}

/* One block: OPTIONS[,CACHE…], `len` characters long. */
static void parse_block(const char *text, size_t len)
{
    size_t at = 0;
    uint32_t flags;

    while (at < len && text[at] != ',') {
        at++;
    }
    flags = parse_letters(text, at);
    if (at == len) {
        flags_of_rest = flags;
        return;
    }
    while (at < len) {
        size_t start = ++at;
        while (at < len && text[at] != ',') {
            at++;
        }
        if (at > start) {
            add_rule(flags, text + start, at - start);
        }
    }
}

void slab_debug_configure(const char *argument)
{
    nr_rules = 0;
    flags_of_rest = 0;
    for (;;) {
        const char *end = strchr(argument, ';');
        parse_block(argument, end == NULL ? strlen(argument) : (size_t)(end - argument));
        if (end == NULL) {
            break;
        }
        argument = end + 1;
    }
}

void slab_debug_track_all(void)
{
    flags_of_all = SLAB_DEBUG_OWNER;
}

uint32_t slab_debug_flags_for(const char *name)
{
    for (unsigned i = 0; i < nr_rules; i++) {
        if (fits(rules[i].pattern, name)) {
            return rules[i].flags | flags_of_all;
        }
    }
    return flags_of_rest | flags_of_all;
}
