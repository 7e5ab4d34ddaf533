// SPDX-License-Identifier: MIT
// What every command shares: its name in messages, --help, options, errors, memory, and the end.
#ifndef CAIRN_USER_LIB_TOOL_H
#define CAIRN_USER_LIB_TOOL_H

#include <stdbool.h>
#include <stddef.h>

struct tool {
    const char *name;  // as messages name it
    const char *usage; // the arguments, as in "[-l] [FILE]…"
    const char *about; // one sentence
    int trouble;       // exit status of usage errors and die(); 0 means 1
};

// Each tool's own main. The multi-call binary compiles it under another name by -Dmain=….
int main(int argc, char **argv);

/** Set the name for messages; answer a lone --help and exit. */
void tool_begin(const struct tool *tool, int argc, char **argv);

/** Change only the name that messages carry: a shell names the builtin that it runs. */
void tool_set_name(const char *name);

/** The next option as getopt(3) gives it; an unknown one ends the program with its usage. */
int tool_option(int argc, char **argv, const char *spec);

/** Print the usage line on standard error and exit with the tool's trouble status. */
_Noreturn void tool_usage(void);

/** Flush standard output. Returns status, or 1 (trouble) with a message if a write was lost. */
int tool_end(int status);

/** "name: message"; the _errno forms add ": reason" from errno. die ends with trouble. */
void warn_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void warn_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Memory or the end: on failure one message, then exit with the trouble status. */
void *xmalloc(size_t len_bytes);
void *xcalloc(size_t nr, size_t len_bytes);
void *xrealloc(void *old, size_t len_bytes);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len_bytes);

/** Write all of it, however the kernel splits it. 0 or -1 with errno. */
int write_all(int fd, const void *data, size_t len_bytes);

#endif
