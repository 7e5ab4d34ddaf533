// SPDX-License-Identifier: MIT
/* The kernel's arguments: words of /chosen/bootargs, separated by spaces, `name` or `name=value`.
 * Double quotes keep spaces together, in the value or around the whole word, and are removed. As
 * in Linux, the last word of a name wins, and words after a lone `--` are not the kernel's. */
#include "drivers/fdt.h"

#include "kernel/base/string.h"

const char *bootargs(void)
{
    const struct fdt *fdt = machine_fdt();
    const char *text = NULL;

    if (fdt != NULL) {
        text = fdt_string(fdt, fdt_find_path(fdt, "/chosen"), "bootargs");
    }
    return text != NULL ? text : "";
}

static const char *skip_spaces(const char *at)
{
    while (char_is_space(*at)) {
        at++;
    }
    return at;
}

/* Behind the word that begins here. */
static const char *word_end(const char *at)
{
    bool is_quoted = false;

    while (*at != 0 && (is_quoted || !char_is_space(*at))) {
        is_quoted ^= *at == '"';
        at++;
    }
    return at;
}

/* If the word at [at, end) is `name` or `name=…`, its value goes to value. */
static bool match_word(const char *at, const char *end, const char *name, char *value,
                       size_t size_bytes)
{
    size_t len = 0;

    for (; *name != 0; name++) {
        while (at < end && *at == '"') {
            at++;
        }
        if (at == end || *at++ != *name) {
            return false;
        }
    }
    if (at < end && *at != '=' && *at != '"') {
        return false;
    }
    while (at < end && *at == '"') {
        at++;
    }
    at += at < end && *at == '=';
    for (; at < end; at++) {
        if (*at != '"' && len + 1 < size_bytes) {
            value[len++] = *at;
        }
    }
    if (size_bytes > 0) {
        value[len] = 0;
    }
    return true;
}

bool bootarg_get(const char *name, char *value, size_t size_bytes)
{
    bool is_found = false;

    for (const char *at = skip_spaces(bootargs()); *at != 0;) {
        const char *end = word_end(at);

        if (end - at == 2 && at[0] == '-' && at[1] == '-') {
            break;
        }
        is_found |= match_word(at, end, name, value, size_bytes);
        at = skip_spaces(end);
    }
    return is_found;
}
