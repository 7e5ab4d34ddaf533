// SPDX-License-Identifier: MIT
// Whole trees: visiting, copying, removing. cp, mv, rm, chmod and chown are made of these.
#ifndef CAIRN_USER_LIB_TREE_H
#define CAIRN_USER_LIB_TREE_H

#include <stdbool.h>

/** Call fn for every entry of a directory but "." and "..", in name order.
 *  @fn: gets the entry's path and arg; returns false to count a failure.
 *  Returns true if the directory could be read and no call failed. Errors are reported. */
bool for_each_entry(const char *dir, bool (*fn)(const char *path, void *arg), void *arg);

struct copy_options {
    bool recursive; // directories too, links as links
    bool preserve;  // mode, owner and times
    bool force;     // an unwritable target is removed first
    bool no_clobber;
    bool verbose;
};

/** Copy a file, or a tree where options say so. Errors are reported; returns true if there was none. */
bool copy_tree(const char *source, const char *target, const struct copy_options *options);

struct remove_options {
    bool recursive;
    bool force;       // a missing file is no error, no questions
    bool interactive; // ask for each
    bool verbose;
};

/** Remove a file, or a tree where options say so. Errors are reported; returns true if all went. */
bool remove_tree(const char *path, const struct remove_options *options);

#endif
