// SPDX-License-Identifier: MIT
/* Operations on files as lines of text: what the power-cut harness runs, on the host and in the machine. */
#ifndef CAIRN_USER_TEST_CRASH_OPS_H
#define CAIRN_USER_TEST_CRASH_OPS_H

#include <stdint.h>

#define CRASH_PATH    64u          /* bytes of a path, its end included */
#define CRASH_TEXT    160u         /* of an operation as text */
#define CRASH_FILE    (128u << 10) /* no file becomes longer */
#define CRASH_AT_END  UINT32_MAX
#define CRASH_MAX_OPS 64u /* of one sequence */

enum crash_verb {
    CRASH_CREAT,     /* creat P: made if it isn't there, and empty afterwards */
    CRASH_MKDIR,     /* mkdir P */
    CRASH_WRITE,     /* write P LENGTH [OFFSET]: at the end, or there */
    CRASH_TRUNCATE,  /* truncate P SIZE */
    CRASH_RENAME,    /* rename P Q */
    CRASH_LINK,      /* link P Q */
    CRASH_UNLINK,    /* unlink P */
    CRASH_RMDIR,     /* rmdir P */
    CRASH_SYMLINK,   /* symlink P TARGET */
    CRASH_FSYNC,     /* fsync P: a file, or a directory; "." is the top one */
    CRASH_FDATASYNC, /* fdatasync P */
    CRASH_SYNC,      /* sync */
    CRASH_NR_VERBS,
};

struct crash_op {
    enum crash_verb verb;
    char path[CRASH_PATH];
    char other[CRASH_PATH];      /* where to, or a symlink's target */
    uint32_t len_bytes, at_byte; /* at_byte: CRASH_AT_END to append */
};

/** Read one operation, which ends with the text or at a ';'. Returns where the next one begins, or NULL: then *why
 *  is set. An empty piece is an error. */
const char *crash_op_parse(const char *text, struct crash_op *op, const char **why);

/** Read a whole sequence, "creat a; write a 4096; fsync a". Returns how many, or -1 with *why set. */
int crash_ops_parse(const char *text, struct crash_op ops[CRASH_MAX_OPS], const char **why);

/** The text of an operation, as crash_op_parse() reads it. @text: CRASH_TEXT bytes. */
void crash_op_format(const struct crash_op *op, char *text);

/** What the number-th operation of a run writes to a file's byte `at`: never 0, and another byte for another number. */
uint8_t crash_byte(unsigned number, uint32_t at);

/** The line of a listing, "path kind length sum", which two machines can compare. @line: CRASH_TEXT bytes. @kind: 'f', 'd'
 *  or 'l'. @bytes: the content, or a symlink's target. */
void crash_list_line(char *line, const char *path, char kind, const void *bytes,
                     uint32_t len_bytes);

#endif
