// SPDX-License-Identifier: MIT
/* Moving a page to another frame while it is in use: what is in it, and all who map it. Theory in
 * migrate.c. */
#ifndef CAIRN_MM_MIGRATE_H
#define CAIRN_MM_MIGRATE_H

#include "mm/page.h"

/** Move what the frame holds to another, if it is an anonymous page or one of a file, and free the
 *  frame. Any frame may be asked about at any time.
 *  @fresh: an allocated single frame; the caller's reference passes on success.
 *  Returns 0, or -EBUSY when it cannot be moved now: it is in use by more than its mappings, or a
 *  lock is taken, or it is no such page.
 *  Context: may sleep, waits for no sleeping lock; holds may be anything that an allocation with
 *  ALLOC_WAIT may be called with. */
int must_check page_migrate(struct page *page, struct page *fresh);

/** Whether page_migrate() may succeed, by a look without locks: free frames and those of users and
 *  files. Context: any. */
bool page_looks_movable(const struct page *page);

/** Whoever keeps pages of kind PAGE_CACHE: give the place of one of them to a fresh frame, whose
 *  only reference is the caller's, and passes on success. Context as page_migrate(); `old` may be any
 *  frame. Returns 0 or -EBUSY. */
typedef int cache_mover_t(struct page *old, struct page *fresh);
void migrate_set_cache_mover(cache_mover_t *mover);

#endif
