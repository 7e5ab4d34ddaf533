// SPDX-License-Identifier: MIT
/* Moving a page to another frame while it is in use.
 *
 * Compaction wants frames that are in use to become free. An anonymous page has no address that
 * anybody could know but through page tables, and those can be changed under its users. The
 * difficulty is the stores that go on meanwhile: none may be lost. So nobody may store while the
 * content is copied; readers may go on.
 *
 *     old frame   mapped rw       mapped r        mapped r                       unmapped, freed
 *     new frame                                   copied          mapped r
 *                 -------------------------------------------------------------------> time
 *                 1. take the right to write from every entry, and make every hart forget it
 *                                 2. copy
 *                                                 3. show every entry the new frame, and make
 *                                                    every hart forget the old one
 *
 * A store between 1 and 3 faults. The fault finds a page with a holder more than itself (us), so it
 * does what it does for any shared page: it makes a copy of its own, which then stands in the entry,
 * and step 3 leaves that entry alone (fault.c). A store after 3, while some hart still reads the old
 * frame, is kept from the new one in the same way: we hold a reference to that, too, until all harts
 * have forgotten. When we let go, the page has its mappings for holders again, and the next store
 * makes it writable in place.
 *
 * So nobody ever waits for a migration. An entry is empty only while it is changed, under its
 * page-table lock: a fault that falls into that moment takes the lock before it acts, sees that
 * the entry is not what it was, and leaves the access to be tried again.
 *
 * What else holds a reference (a fault in the middle of copying, fork on its way to the child, an
 * I/O) shows as a difference between references and entries, and the page is left alone. Should one
 * come after that look, it comes through an entry and so reads what is the same in both frames; the
 * old frame then lives as long as it does, and only the purpose is missed.
 *
 * Pages of files belong to the page cache, which moves them itself (fs/cache/migrate.c): a page that
 * nobody maps and nobody uses can be replaced in the file's tree as if it had been dropped and read
 * again.
 *
 * Locks: the family's (a try-lock), then one page-table lock at a time; no spinlock while harts are
 * told to forget.
 *
 * Source: the problem's shape is that of Linux's migrate.c, which parks faults on special entries
 * instead. */
#include "mm/migrate.h"

#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "kernel/base/test_point.h"
#include "mm/anon.h"
#include "mm/space_internal.h"
#include "mm/vmstat.h"

static cache_mover_t *_Atomic cache_mover; /* [a] NULL until there is a page cache */

void migrate_set_cache_mover(cache_mover_t *mover)
{
    atomic_store(&cache_mover, mover);
}

/* What kind of frame it is at this moment; its owner may change it at any time. A race by intention,
 * and so hidden from ThreadSanitizer. */
__attribute__((no_sanitize_thread)) static enum page_kind peek_kind(const struct page *page)
{
    const volatile struct page *peeked = page;

    return (enum page_kind)peeked->kind;
}

bool page_looks_movable(const struct page *page)
{
    switch (peek_kind(page)) {
    case PAGE_FREE:
    case PAGE_HOT:
    case PAGE_TAIL: /* of a free block: kernel blocks have first frames that tell */
    case PAGE_ANON:
    case PAGE_CACHE: return true;
    default: return false;
    }
}

/* ---- Anonymous pages ------------------------------------------------------------------------- */

struct move {
    struct page *old;
    struct page *fresh;
    unsigned nr_entries;
    bool is_code;
};

static bool maps_frame(struct pte pte, const struct page *page)
{
    return pte.is_present && pte.frame.addr == page_to_phys(page).addr;
}

/* Step 1 for one entry. */
static bool take_write_right(struct area *area, uint64_t address, void *arg)
{
    struct move *move = arg;
    struct space *space = area->space;
    bool was_writable = false;
    struct pte pte;

    spin_lock(&space->table_lock);
    pte = pagetable_get(&space->table, address);
    if (maps_frame(pte, move->old)) {
        move->nr_entries++;
        move->is_code |= (pte.flags & PTE_FLAG_EXEC) != 0;
        was_writable = (pte.flags & PTE_FLAG_WRITE) != 0;
    }
    if (was_writable) {
        pte = pagetable_clear(&space->table, address);
        pagetable_set(&space->table, address, pte.frame,
                      pte.flags & ~(uint32_t)(PTE_FLAG_WRITE | PTE_FLAG_DIRTY));
    }
    spin_unlock(&space->table_lock);
    if (was_writable) {
        pagetable_flush(&space->table, address, address + PAGE_SIZE);
    }
    return true;
}

/* Step 3 for one entry: its reference goes from the old frame to the new one. */
static bool show_fresh(struct area *area, uint64_t address, void *arg)
{
    struct move *move = arg;
    struct space *space = area->space;
    bool is_changed = false;

    spin_lock(&space->table_lock);
    if (maps_frame(pagetable_get(&space->table, address), move->old)) {
        struct pte pte = pagetable_clear(&space->table, address);
        page_get(move->fresh);
        pagetable_set(&space->table, address, page_to_phys(move->fresh), pte.flags);
        is_changed = true;
    }
    spin_unlock(&space->table_lock);
    if (is_changed) {
        pagetable_flush(&space->table, address, address + PAGE_SIZE);
        page_put(move->old);
    }
    return true;
}

/* The family is locked, and we hold a reference to the page. */
static int move_anonymous(struct anon_family *family, struct page *old, struct page *fresh)
{
    struct move move = {.old = old, .fresh = fresh};
    uint64_t index = old->anon.index;

    anon_for_each(family, index, take_write_right, &move);
    if (page_refs(old) != move.nr_entries + 1) {
        return -EBUSY;
    }
    TEST_POINT(TEST_MIGRATE_PROTECTED, old);
    memcpy(page_address(fresh), page_address(old), PAGE_SIZE);
    fresh->kind = PAGE_ANON;
    vm_count(VM_NR_ANON_PAGES); /* the old one is still counted, until it is freed */
    fresh->anon = old->anon;
    if (move.is_code) {
        pagetable_sync_icache();
    }
    anon_for_each(family, index, show_fresh, &move);
    page_put(fresh);
    return 0;
}

static int migrate_anonymous(struct page *page, struct page *fresh)
{
    struct anon_family *family = anon_lock_page(page);
    int error;

    if (family == NULL) {
        return -EBUSY;
    }
    error = move_anonymous(family, page, fresh);
    anon_unlock_page(family, page);
    return error;
}

int page_migrate(struct page *page, struct page *fresh)
{
    cache_mover_t *mover = atomic_load(&cache_mover);
    enum page_kind kind = peek_kind(page);
    int error = -EBUSY;

    if (kind == PAGE_ANON) {
        error = migrate_anonymous(page, fresh);
    } else if (kind == PAGE_CACHE && mover != NULL) {
        error = mover(page, fresh);
    } else {
        return -EBUSY;
    }
    vm_count(error == 0 ? VM_PGMIGRATE_SUCCESS : VM_PGMIGRATE_FAIL);
    return error;
}
