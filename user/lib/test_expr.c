// SPDX-License-Identifier: MIT
// test EXPRESSION and [ EXPRESSION ]
//
//   or      = and { "-o" and } ;
//   and     = not { "-a" not } ;
//   not     = "!" not | primary ;
//   primary = "(" or ")" | unary OPERAND | OPERAND binary OPERAND | OPERAND ;
//
// With up to four arguments POSIX decides by their number, so that operands which look like
// operators are taken for what they are: `test ! = x` compares. `primary` follows that by looking
// for a binary operator in second place first.
#include "user/lib/number.h"
#include "user/lib/text_commands.h"
#include "user/lib/tool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct parser {
    char **at, **end;
    bool failed;
    int depth;
};

enum { DEPTH_MAX = 200 };

static bool parse_or(struct parser *p);

static bool fail(struct parser *p, const char *what, const char *why)
{
    if (!p->failed)
        warn_text("%s: %s", what, why);
    p->failed = true;
    return false;
}

static size_t nr_left(const struct parser *p)
{
    return (size_t)(p->end - p->at);
}

static bool is_unary(const char *op)
{
    return op[0] == '-' && op[1] && !op[2] && strchr("bcdefgGhkLnOprsStuwxz", op[1]);
}

static bool is_binary(const char *op)
{
    static const char *const names[] = {"=",   "==",  "!=",  "<",   ">",   "-eq", "-ne",
                                        "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], op) == 0)
            return true;
    return false;
}

static bool mode_test(char op, const struct stat *st)
{
    switch (op) {
    case 'b': return S_ISBLK(st->st_mode);
    case 'c': return S_ISCHR(st->st_mode);
    case 'd': return S_ISDIR(st->st_mode);
    case 'f': return S_ISREG(st->st_mode);
    case 'g': return st->st_mode & S_ISGID;
    case 'G': return st->st_gid == getegid();
    case 'k': return st->st_mode & S_ISVTX;
    case 'O': return st->st_uid == geteuid();
    case 'p': return S_ISFIFO(st->st_mode);
    case 's': return st->st_size > 0;
    case 'S': return S_ISSOCK(st->st_mode);
    case 'u': return st->st_mode & S_ISUID;
    default: // 'e'
        return true;
    }
}

static bool eval_unary(struct parser *p, char op, const char *operand)
{
    struct stat st;
    int64_t fd;

    switch (op) {
    case 'n': return *operand != '\0';
    case 'z': return *operand == '\0';
    case 't':
        if (!parse_i64(operand, &fd))
            return fail(p, operand, "not a number");
        return fd >= 0 && fd < 0x7fffffff && isatty((int)fd);
    case 'r': return access(operand, R_OK) == 0;
    case 'w': return access(operand, W_OK) == 0;
    case 'x': return access(operand, X_OK) == 0;
    case 'h':
    case 'L': return lstat(operand, &st) == 0 && S_ISLNK(st.st_mode);
    default: return stat(operand, &st) == 0 && mode_test(op, &st);
    }
}

static bool newer(const char *left, const char *right)
{
    struct stat a, b;

    if (stat(left, &a) != 0)
        return false;
    if (stat(right, &b) != 0)
        return true;
    if (a.st_mtim.tv_sec != b.st_mtim.tv_sec)
        return a.st_mtim.tv_sec > b.st_mtim.tv_sec;
    return a.st_mtim.tv_nsec > b.st_mtim.tv_nsec;
}

static bool same_file(const char *left, const char *right)
{
    struct stat a, b;

    return stat(left, &a) == 0 && stat(right, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

// Blanks around a number are allowed, as the output of wc has them.
static int64_t number(struct parser *p, const char *text)
{
    char *copy = xstrdup(text + strspn(text, " \t\n")), *last = copy + strlen(copy);
    int64_t value = 0;

    while (last > copy && strchr(" \t\n", last[-1]))
        *--last = '\0';
    if (!parse_i64(copy, &value))
        fail(p, text, "not a number");
    free(copy);
    return value;
}

static bool compare_numbers(struct parser *p, const char *op, const char *left, const char *right)
{
    int64_t a = number(p, left), b = p->failed ? 0 : number(p, right);

    if (p->failed)
        return false;
    if (strcmp(op, "-eq") == 0)
        return a == b;
    if (strcmp(op, "-ne") == 0)
        return a != b;
    if (strcmp(op, "-lt") == 0)
        return a < b;
    if (strcmp(op, "-le") == 0)
        return a <= b;
    if (strcmp(op, "-gt") == 0)
        return a > b;
    return a >= b;
}

static bool eval_binary(struct parser *p, const char *left, const char *op, const char *right)
{
    if (strcmp(op, "=") == 0 || strcmp(op, "==") == 0)
        return strcmp(left, right) == 0;
    if (strcmp(op, "!=") == 0)
        return strcmp(left, right) != 0;
    if (op[0] == '<')
        return strcmp(left, right) < 0;
    if (op[0] == '>')
        return strcmp(left, right) > 0;
    if (strcmp(op, "-nt") == 0)
        return newer(left, right);
    if (strcmp(op, "-ot") == 0)
        return newer(right, left);
    if (strcmp(op, "-ef") == 0)
        return same_file(left, right);
    return compare_numbers(p, op, left, right);
}

static bool parse_primary(struct parser *p)
{
    const char *first;
    bool value;

    if (nr_left(p) == 0)
        return fail(p, p->at[-1], "an operand is missing");
    first = *p->at++;
    if (nr_left(p) >= 2 && is_binary(p->at[0])) {
        p->at += 2;
        return eval_binary(p, first, p->at[-2], p->at[-1]);
    }
    if (nr_left(p) >= 1 && strcmp(first, "(") == 0) {
        value = parse_or(p);
        if (nr_left(p) == 0 || strcmp(*p->at, ")") != 0)
            return fail(p, "(", "no closing parenthesis");
        p->at++;
        return value;
    }
    if (nr_left(p) >= 1 && is_unary(first))
        return eval_unary(p, first[1], *p->at++);
    return *first != '\0';
}

static bool parse_not(struct parser *p)
{
    bool value;

    if (++p->depth > DEPTH_MAX)
        return fail(p, "expression", "nested too deeply");
    // "!" alone, or before a binary operator, is an operand.
    if (nr_left(p) >= 2 && strcmp(*p->at, "!") == 0 &&
        !(nr_left(p) >= 3 && is_binary(p->at[1]) && nr_left(p) == 3)) {
        p->at++;
        value = !parse_not(p);
    } else {
        value = parse_primary(p);
    }
    p->depth--;
    return value;
}

static bool parse_and(struct parser *p)
{
    bool value = parse_not(p);

    while (!p->failed && nr_left(p) > 0 && strcmp(*p->at, "-a") == 0) {
        p->at++;
        value = parse_not(p) && value;
    }
    return value;
}

static bool parse_or(struct parser *p)
{
    bool value = parse_and(p);

    while (!p->failed && nr_left(p) > 0 && strcmp(*p->at, "-o") == 0) {
        p->at++;
        value = parse_and(p) || value;
    }
    return value;
}

int test_command(int argc, char **argv)
{
    struct parser p = {.at = argv + 1, .end = argv + argc};
    bool value;

    if (strcmp(argv[0], "[") == 0) {
        if (argc < 2 || strcmp(argv[argc - 1], "]") != 0) {
            warn_text("the closing ] is missing");
            return 2;
        }
        p.end--;
    }
    if (nr_left(&p) == 0)
        return 1;
    value = parse_or(&p);
    if (!p.failed && nr_left(&p) > 0)
        fail(&p, *p.at, "unexpected argument");
    if (p.failed)
        return 2;
    return value ? 0 : 1;
}
