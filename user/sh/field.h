// SPDX-License-Identifier: MIT
// Marked text: the result of expanding a word, before it is split into fields.
#ifndef CAIRN_USER_SH_FIELD_H
#define CAIRN_USER_SH_FIELD_H

#include "user/lib/strbuf.h"
#include "user/sh/list.h"

#include <stdbool.h>

// What a byte of marked text is, besides an ordinary character of the word.
enum mark {
    MARK_NONE = 0,
    MARK_QUOTED = 1, // no separator, and nothing special in a pattern
    MARK_SPLIT = 2,  // from an unquoted expansion: an IFS character here separates
    MARK_EXISTS = 4, // no character: the field exists even if it is empty, as "" is
    MARK_BREAK = 8,  // no character: one field ends here, as between the parameters of "$@"
};

struct marked {
    struct strbuf text, marks; // of equal length
};

void marked_add_char(struct marked *marked, char c, enum mark mark);
void marked_add_text(struct marked *marked, const char *text, enum mark mark);
void marked_free(struct marked *marked);

/** The characters alone. */
char *marked_to_text(const struct marked *marked, struct arena *arena);

/** The characters as a pattern: quoted ones that are special get a backslash. */
char *marked_to_pattern(const struct marked *marked, struct arena *arena);

/** Split into fields by IFS and expand their patterns to file names. */
void marked_to_fields(const struct marked *marked, struct arena *arena, struct string_list *out);

/** For read: the next field from *at on, which is moved behind its separator; "" at the end. */
char *field_next(const struct marked *marked, size_t *at, struct arena *arena);

/** For read: all from at on, without IFS blanks around it and without one last separator. */
char *field_rest(const struct marked *marked, size_t at, struct arena *arena);

/** The value of IFS that splitting goes by. */
const char *field_separators(void);

#endif
