// SPDX-License-Identifier: MIT
// Expansion: words of the tree to strings.
#ifndef CAIRN_USER_SH_EXPAND_H
#define CAIRN_USER_SH_EXPAND_H

#include "user/sh/ast.h"
#include "user/sh/list.h"

/** Expand a list of words fully: substitutions, field splitting, file names.
 *  Returns 0, or -1 with a message and shell.unwind set. */
int expand_words(const struct word *words, struct arena *arena, struct string_list *out);

/** Expand one word to one string, unsplit: values, redirections, here-documents.
 *  Returns NULL as above. */
char *expand_text(const struct word *word, struct arena *arena);

/** Expand one word to a pattern. Returns NULL as above. */
char *expand_pattern(const struct word *word, struct arena *arena);

/** Expand the parameters in a prompt. Falls back to the text itself on an error. */
char *expand_prompt(const char *text, struct arena *arena);

#endif
