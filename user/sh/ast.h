// SPDX-License-Identifier: MIT
// The syntax tree.
//
// The parser makes it, expansion and execution read it, and nobody changes it: a loop body or a
// function is run again and again from the same tree. It lives in the arena of the complete command
// that it was read from.
#ifndef CAIRN_USER_SH_AST_H
#define CAIRN_USER_SH_AST_H

#include <stdbool.h>

struct node;

// A word is a list of parts, each of one kind and either quoted or not. Quotes are gone; what they
// meant is in the flag.
enum part_kind {
    PART_LITERAL,    // text
    PART_TILDE,      // ~text at the start of a word
    PART_PARAMETER,  // $text or ${text…}
    PART_COMMAND,    // $(…) or `…`
    PART_ARITHMETIC, // $((…))
};

enum parameter_op {
    PARAM_PLAIN,          // ${x}
    PARAM_LENGTH,         // ${#x}
    PARAM_DEFAULT,        // ${x-word}
    PARAM_ASSIGN,         // ${x=word}
    PARAM_ERROR,          // ${x?word}
    PARAM_ALTERNATIVE,    // ${x+word}
    PARAM_CUT_SUFFIX,     // ${x%word}
    PARAM_CUT_SUFFIX_MAX, // ${x%%word}
    PARAM_CUT_PREFIX,     // ${x#word}
    PARAM_CUT_PREFIX_MAX, // ${x##word}
};

struct word_part {
    struct word_part *next;
    enum part_kind kind;
    bool quoted;
    bool in_value; // a tilde behind = or :, expanded only in assignments
    char *text;
    enum parameter_op op;
    bool colon;           // ${x:-word}: an empty value counts as unset
    struct word *operand; // of op, or the expression of $((…))
    struct node *command;
};

struct word {
    struct word *next; // in a list of words
    struct word_part *parts;
};

struct assignment {
    struct assignment *next;
    char *name;
    struct word *value;
};

enum redirect_kind {
    REDIRECT_IN,         // <
    REDIRECT_OUT,        // >, >|
    REDIRECT_APPEND,     // >>
    REDIRECT_READ_WRITE, // <>
    REDIRECT_DUP,        // <& and >&
    REDIRECT_HERE,       // << and <<-
};

struct redirect {
    struct redirect *next;
    enum redirect_kind kind;
    bool no_clobber; // a plain >, which `set -C` restrains
    int fd;
    struct word *target; // the file, the descriptor, or the text of a here-document
};

struct case_arm {
    struct case_arm *next;
    struct word *patterns;
    struct node *body; // may be NULL
};

enum node_kind {
    NODE_SIMPLE,   // assignments, words
    NODE_PIPELINE, // members, negated
    NODE_AND_OR,   // members, each but the first with its `connector`
    NODE_LIST,     // members one after another, each perhaps in the background
    NODE_SUBSHELL, // body
    NODE_GROUP,    // body
    NODE_IF,       // condition, body, otherwise
    NODE_LOOP,     // condition, body, until
    NODE_FOR,      // name, words, body
    NODE_CASE,     // words (the subject), arms
    NODE_FUNCTION, // name, body
};

enum connector { CONNECT_NONE, CONNECT_AND, CONNECT_OR };

struct node {
    struct node *next; // among the members of a pipeline, an and-or list or a list
    enum node_kind kind;
    int line;
    enum connector connector;
    bool background; // a member of a list that ended with &
    bool negated;    // a pipeline behind !
    bool until;      // a loop that runs until, not while
    bool has_words;  // a for loop with "in"
    char *text;      // source text, for job notices; only on members of lists
    char *name;
    struct redirect *redirects;
    struct assignment *assignments;
    struct word *words;
    struct node *members;
    struct node *condition, *body, *otherwise;
    struct case_arm *arms;
};

#endif
