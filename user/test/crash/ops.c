// SPDX-License-Identifier: MIT
/* The harness's little language: one table says what each verb takes, and both directions read it. */
#include "user/test/crash/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of each verb: its name, and its operands: a path, another one, a length, a position that may be missing. */
static const struct {
    const char *name, *operands;
} verbs[CRASH_NR_VERBS] = {
    [CRASH_CREAT] = {"creat", "p"},         [CRASH_MKDIR] = {"mkdir", "p"},
    [CRASH_WRITE] = {"write", "pl@"},       [CRASH_TRUNCATE] = {"truncate", "pl"},
    [CRASH_RENAME] = {"rename", "po"},      [CRASH_LINK] = {"link", "po"},
    [CRASH_UNLINK] = {"unlink", "p"},       [CRASH_RMDIR] = {"rmdir", "p"},
    [CRASH_SYMLINK] = {"symlink", "po"},    [CRASH_FSYNC] = {"fsync", "p"},
    [CRASH_FDATASYNC] = {"fdatasync", "p"}, [CRASH_SYNC] = {"sync", ""},
};

/* The next word, which ends at a blank or a ';'. Returns its length, 0 where the operation ends. */
static size_t take_word(const char **text, char *word, size_t size)
{
    size_t len;

    *text += strspn(*text, " \t\n");
    len = strcspn(*text, " \t\n;");
    if (len >= size) {
        return size;
    }
    memcpy(word, *text, len);
    word[len] = '\0';
    *text += len;
    return len;
}

static const char *take_operand(const char **text, char kind, struct crash_op *op)
{
    char word[CRASH_PATH], *end = word;
    size_t len = take_word(text, word, sizeof(word));
    unsigned long value = strtoul(word, &end, 0);

    if (len == 0) {
        return kind == '@' ? NULL : "an operand is missing";
    }
    if (len == sizeof(word)) {
        return "a path is too long";
    }
    if (kind == 'p' || kind == 'o') {
        memcpy(kind == 'p' ? op->path : op->other, word, len + 1);
        return NULL;
    }
    if (*end != '\0' || value > CRASH_FILE) {
        return "a length or position is no number up to 131072";
    }
    *(kind == 'l' ? &op->len_bytes : &op->at_byte) = (uint32_t)value;
    return NULL;
}

const char *crash_op_parse(const char *text, struct crash_op *op, const char **why)
{
    char word[CRASH_PATH];
    unsigned verb;

    memset(op, 0, sizeof(*op));
    op->at_byte = CRASH_AT_END;
    (void)take_word(&text, word, sizeof(word));
    for (verb = 0; verb < CRASH_NR_VERBS && strcmp(word, verbs[verb].name) != 0; verb++) {
    }
    *why = verb == CRASH_NR_VERBS ? "no such operation" : NULL;
    op->verb = verb < CRASH_NR_VERBS ? (enum crash_verb)verb : CRASH_SYNC;
    for (const char *kind = verbs[op->verb].operands; *why == NULL && *kind != '\0'; kind++) {
        *why = take_operand(&text, *kind, op);
    }
    text += strspn(text, " \t\n");
    if (*why == NULL && *text != ';' && *text != '\0') {
        *why = "more operands than it takes";
    }
    if (*why == NULL && op->verb == CRASH_WRITE && op->at_byte != CRASH_AT_END &&
        op->len_bytes + op->at_byte > CRASH_FILE) {
        *why = "the file would be longer than 131072 bytes";
    }
    if (*why != NULL) {
        return NULL;
    }
    return text + strspn(text, "; \t\n");
}

int crash_ops_parse(const char *text, struct crash_op ops[CRASH_MAX_OPS], const char **why)
{
    unsigned nr = 0;

    for (text += strspn(text, "; \t\n"); *text != '\0'; nr++) {
        if (nr == CRASH_MAX_OPS) {
            *why = "more than 64 operations";
            return -1;
        }
        text = crash_op_parse(text, &ops[nr], why);
        if (text == NULL) {
            return -1;
        }
    }
    return (int)nr;
}

void crash_op_format(const struct crash_op *op, char *text)
{
    size_t used = (size_t)snprintf(text, CRASH_TEXT, "%s", verbs[op->verb].name);

    for (const char *kind = verbs[op->verb].operands; *kind != '\0'; kind++) {
        if (*kind == 'p' || *kind == 'o') {
            used += (size_t)snprintf(text + used, CRASH_TEXT - used, " %s",
                                     *kind == 'p' ? op->path : op->other);
        } else if (*kind == 'l' || op->at_byte != CRASH_AT_END) {
            used += (size_t)snprintf(text + used, CRASH_TEXT - used, " %u",
                                     *kind == 'l' ? op->len_bytes : op->at_byte);
        }
    }
}

uint8_t crash_byte(unsigned number, uint32_t at)
{
    uint32_t mixed = (number + 1) * 2654435761u + (at >> 3) * 2246822519u;

    mixed ^= mixed >> 15;
    return (uint8_t)(1 + ((mixed >> (at & 7)) % 255));
}

void crash_list_line(char *line, const char *path, char kind, const void *bytes, uint32_t len_bytes)
{
    const uint8_t *at = bytes;
    uint32_t sum = 2166136261u; /* FNV-1a */

    for (uint32_t i = 0; i < len_bytes; i++) {
        sum = (sum ^ at[i]) * 16777619u;
    }
    snprintf(line, CRASH_TEXT, "%s %c %u %08x", path, kind, len_bytes, sum);
}
