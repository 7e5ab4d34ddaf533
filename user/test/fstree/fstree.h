// SPDX-License-Identifier: MIT
/* Steps on a tree of files that can be repeated, or compared, on another system. */
#ifndef CAIRN_USER_TEST_FSTREE_H
#define CAIRN_USER_TEST_FSTREE_H

#include <stdbool.h>
#include <stdint.h>

enum { CHURNERS = 8 };

/* A number below `below` from *state. */
uint32_t tree_random(uint64_t *state, uint32_t below);

/* Fill the current directory's file system until no room is left, change it at random, and empty it, over and over, by
 * CHURNERS processes, until some seconds have passed, and once at least. All contents, and how much is free, are checked
 * on the way. It ends empty. */
bool tree_churn(unsigned seconds, uint64_t seed);

/* Make the tree `name` of some hundred small files, and directories of some MiB each, with links and holes where there are
 * such. */
bool tree_make(const char *name, uint64_t seed, int nr_directories);

/* Print what is below the current directory, an entry a line (list), and the checksum of these lines:
 * kind, path, size, mode, time of change, content. */
bool tree_sum(bool list);

/* Remove everything below the current directory. */
bool tree_empty(void);

#endif
