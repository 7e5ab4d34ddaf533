// SPDX-License-Identifier: MIT
/* Swap space: slots, and the swap cache.
 *
 * The memory of a process that it has not used for a while is worth less than what others could do
 * with it. It is written to a swap area, a disk or a file that is divided into slots of a page, and
 * its frame is free. The page-table entries that mapped it name its slot instead; the next access
 * faults, and the page is read back. Pages of files need none of this: their place is in the file.
 *
 *     page-table entry ──► frame            page-table entry ──► slot (area, index)
 *     page-table entry ──► frame            page-table entry ──► slot
 *                          in use                                swapped out
 *
 * On its way out or in a page is in both places. For that time it stands in the *swap cache*: its
 * slot knows it and it knows its slot, so that everybody who comes with the slot's number finds the
 * page that is already (or still) in memory. The states of a slot:
 *
 *     free ──► cached, dirty ──► cached, being written ──► cached, clean ──► on disk
 *                 ▲                                            │                │ a fault reads it
 *                 └── the write failed: it stays in memory     └────────────────┴─► cached ──► …
 *
 * Counting. A slot counts the entries that name it. A page counts its references as ever, one an
 * entry that maps it; the cache has one, and a write under way has one. When the last entry that
 * names a slot is gone (it maps the page again, or its process has ended), the page leaves the cache
 * and the slot is free, after the end of the write if one is under way: before, the slot must not
 * get other content. So a page that comes back to its only user costs no swap space any more, and
 * "who else has this page" is answered by its reference count as if there were no swapping: a cached
 * page is never mapped for writing, since the cache's reference makes its mapper one of several.
 * What lies in a slot therefore equals the page for as long as both exist, but for dirty ones.
 *
 * Nothing here allocates: slots are a table made with the area, and a page's part is in its `struct
 * page`. That is what lets it run when memory is out.
 *
 * Who finds a page by anything else than its slot (the hand of swap_out.c) does not believe what the
 * page says: areas are never freed, only out of use, so it can lock the area that the page seems to
 * name and look whether the slot there knows the page.
 *
 * Locks: area->lock, a spinlock with interrupts off, inside a page-table lock. PAGE_LOCKED of a
 * cached page: its content is being read, or it is being taken out.
 *
 * Source: the swap cache is Linux's idea (Gorman, "Understanding the Linux Virtual Memory Manager",
 * ch. 11); the structures are ours. */
#include "mm/swap.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "kernel/base/string.h"
#include "kernel/sync/mutex.h"
#include "mm/swap_internal.h"
#include "mm/vmalloc.h"

_Atomic uint32_t swap_swappiness = 60;

static struct mutex areas_lock = MUTEX_INIT(areas_lock, LOCK_RANK_NONE, "swap areas");
static struct swap_area areas[SWAP_MAX_AREAS];
static _Atomic unsigned nr_known;  /* [areas_lock to change] of areas, with a lock; never fewer */
static _Atomic uint64_t nr_total;  /* [a] usable slots of all areas that are not leaving */
static _Atomic uint64_t nr_free;   /* [a] free ones of them */
static _Atomic uint64_t nr_cached; /* [a] */
static int next_priority = -2;     /* [areas_lock] for who names none: as Linux shows it */

unsigned swap_nr_known(void)
{
    return load_acquire(&nr_known);
}

struct swap_area *swap_area_of(unsigned number)
{
    return &areas[number];
}

bool swap_has_room(void)
{
    return load_relaxed(&nr_free) != 0;
}

void swap_get_stats(struct swap_stats *stats)
{
    *stats = (struct swap_stats){load_relaxed(&nr_total), load_relaxed(&nr_free),
                                 load_relaxed(&nr_cached)};
}

/* ---- Slots; callers hold area->lock ---------------------------------------------------------- */

static uint32_t nr_entries(const struct swap_slot *slot)
{
    return slot->state & SLOT_ENTRIES;
}

static void count_free(struct swap_area *area, int64_t change)
{
    area->nr_used -= (uint64_t)change;
    if (!area->is_leaving) {
        atomic_fetch_add_explicit(&nr_free, (uint64_t)change, memory_order_relaxed);
    }
}

/* Nobody names the slot, and no write is under way: it may be given out again. */
static void release_if_unused(struct swap_area *area, uint64_t index)
{
    if (area->slots[index].state == 0 && area->slots[index].page == NULL) {
        area->used_bits[index / 64] &= ~(1ull << index % 64);
        count_free(area, 1);
    }
}

/* The page leaves the cache; the cache's reference is the caller's now, to be dropped without the
 * lock. */
static struct page *uncache(struct swap_slot *slot)
{
    struct page *page = slot->page;

    slot->page = NULL;
    page_clear(page, PAGE_SWAPCACHE | PAGE_DIRTY);
    atomic_fetch_sub_explicit(&nr_cached, 1, memory_order_relaxed);
    return page;
}

static void enter_cache(struct swap_slot *slot, uint64_t number, struct page *page)
{
    page_get(page);
    slot->page = page;
    page->anon.slot = number;
    page_set(page, PAGE_SWAPCACHE);
    atomic_fetch_add_explicit(&nr_cached, 1, memory_order_relaxed);
}

/* The next free slot from area->next on, going around once. Returns false: there is none. */
static bool find_free(struct swap_area *area, uint64_t *index)
{
    uint64_t nr_words = (area->nr_slots + 63) / 64;
    uint64_t word = area->next / 64;
    uint64_t free_bits = ~area->used_bits[word] & (~0ull << area->next % 64);

    for (uint64_t i = 0; i <= nr_words; i++) {
        if (free_bits != 0) {
            *index = word * 64 + bit_first(free_bits);
            return true;
        }
        word = word + 1 < nr_words ? word + 1 : 0;
        free_bits = ~area->used_bits[word];
    }
    return false;
}

static bool take_slot(unsigned number, struct page *page)
{
    struct swap_area *area = &areas[number];
    uint64_t irq = spin_lock_irqsave(&area->lock);
    uint64_t index;
    bool is_taken = area->store != NULL && !area->is_leaving && area->nr_used < area->nr_usable &&
                    find_free(area, &index);

    if (is_taken) {
        area->used_bits[index / 64] |= 1ull << index % 64;
        area->next = index + 1 < area->nr_slots ? index + 1 : 0;
        count_free(area, -1);
        enter_cache(&area->slots[index], slot_make(number, index), page);
        page_clear(page, PAGE_ERROR); /* of a slot that it had before */
        page_set(page, PAGE_UPTODATE | PAGE_DIRTY);
    }
    spin_unlock_irqrestore(&area->lock, irq);
    return is_taken;
}

/* ---- The cache ------------------------------------------------------------------------------- */

bool swap_cache_add(struct page *page)
{
    unsigned nr_areas = swap_nr_known();
    uint64_t tried = 0; /* areas without room: a bit each */

    for (unsigned round = 0; round < nr_areas; round++) {
        unsigned best = nr_areas;

        for (unsigned i = 0; i < nr_areas; i++) {
            if ((tried & 1ull << i) == 0 &&
                (best == nr_areas || areas[i].priority > areas[best].priority)) {
                best = i;
            }
        }
        if (best < nr_areas && take_slot(best, page)) {
            return true;
        }
        tried |= 1ull << best;
    }
    return false;
}

struct page *swap_cache_find(uint64_t slot, bool *is_used)
{
    struct swap_area *area = &areas[slot_area_number(slot)];
    uint64_t irq = spin_lock_irqsave(&area->lock);
    struct page *page = NULL;

    *is_used = false;
    if (slot_index(slot) < area->nr_slots) {
        page = area->slots[slot_index(slot)].page;
        *is_used = nr_entries(&area->slots[slot_index(slot)]) != 0;
        if (page != NULL) {
            page_get(page);
        }
    }
    spin_unlock_irqrestore(&area->lock, irq);
    return page;
}

int swap_cache_insert(uint64_t slot, struct page *page)
{
    struct swap_area *area = &areas[slot_area_number(slot)];
    uint64_t irq = spin_lock_irqsave(&area->lock);
    int error = -EAGAIN;

    if (slot_index(slot) < area->nr_slots) {
        struct swap_slot *entry = &area->slots[slot_index(slot)];

        if (entry->page == NULL && nr_entries(entry) != 0) {
            enter_cache(entry, slot, page);
            error = 0;
        }
    }
    spin_unlock_irqrestore(&area->lock, irq);
    return error;
}

/* What a page seems to say of itself. A race by intention: see the theory. */
__attribute__((no_sanitize_thread)) static uint64_t peek_slot(const struct page *page)
{
    return ((const volatile struct page *)page)->anon.slot;
}

bool swap_cache_hold(struct page *page)
{
    uint64_t slot = peek_slot(page);
    unsigned number = slot_area_number(slot);
    struct swap_area *area = &areas[number];
    bool is_held = false;
    uint64_t irq;

    if (!page_has(page, PAGE_SWAPCACHE) || number >= swap_nr_known()) {
        return false;
    }
    irq = spin_lock_irqsave(&area->lock);
    if (slot_index(slot) < area->nr_slots && area->slots[slot_index(slot)].page == page) {
        page_get(page);
        is_held = true;
    }
    spin_unlock_irqrestore(&area->lock, irq);
    return is_held;
}

/* The slot of a page that was cached a moment ago and may be no more: NULL then. Caller: area->lock. */
static struct swap_slot *slot_of(struct swap_area *area, const struct page *page)
{
    uint64_t index = slot_index(page->anon.slot);

    return index < area->nr_slots && area->slots[index].page == page ? &area->slots[index] : NULL;
}

bool swap_cache_remove(struct page *page, bool even_if_used)
{
    struct swap_area *area = &areas[slot_area_number(page->anon.slot)];
    struct page *removed = NULL;
    uint64_t irq = spin_lock_irqsave(&area->lock);
    struct swap_slot *slot = slot_of(area, page);

    if (slot != NULL && (even_if_used || page_refs(page) == 2)) {
        removed = uncache(slot);
        release_if_unused(area, (uint64_t)(slot - area->slots));
    }
    spin_unlock_irqrestore(&area->lock, irq);
    if (removed == NULL) {
        return false;
    }
    page_put(removed);
    return true;
}

enum swap_claim swap_cache_claim(uint64_t slot, struct page *page)
{
    struct swap_area *area = &areas[slot_area_number(slot)];
    struct swap_slot *entry = &area->slots[slot_index(slot)];
    enum swap_claim claim = SWAP_GONE;
    struct page *removed = NULL;
    uint64_t irq = spin_lock_irqsave(&area->lock);

    if (entry->page == page) {
        uint32_t nr_ours = 2 + ((entry->state & SLOT_WRITING) != 0); /* cache, caller, write */

        debug_assert(nr_entries(entry) != 0);
        claim = SWAP_SHARED;
        entry->state--;
        if (nr_entries(entry) == 0) {
            claim = page_refs(page) == nr_ours ? SWAP_ALONE : SWAP_SHARED;
            removed = uncache(entry);
            release_if_unused(area, slot_index(slot));
        }
    }
    spin_unlock_irqrestore(&area->lock, irq);
    if (removed != NULL) {
        page_put(removed);
    }
    return claim;
}

void swap_slot_get(uint64_t slot)
{
    struct swap_area *area = &areas[slot_area_number(slot)];
    uint64_t irq = spin_lock_irqsave(&area->lock);

    assert(nr_entries(&area->slots[slot_index(slot)]) < SLOT_ENTRIES);
    area->slots[slot_index(slot)].state++;
    spin_unlock_irqrestore(&area->lock, irq);
}

uint32_t swap_slot_count(uint64_t slot)
{
    struct swap_area *area = &areas[slot_area_number(slot)];
    uint64_t irq = spin_lock_irqsave(&area->lock);
    uint32_t nr = nr_entries(&area->slots[slot_index(slot)]);

    spin_unlock_irqrestore(&area->lock, irq);
    return nr;
}

void swap_slot_put(uint64_t slot)
{
    struct swap_area *area = &areas[slot_area_number(slot)];
    struct swap_slot *entry = &area->slots[slot_index(slot)];
    struct page *removed = NULL;
    uint64_t irq = spin_lock_irqsave(&area->lock);

    assert(nr_entries(entry) != 0);
    entry->state--;
    if (nr_entries(entry) == 0) {
        if (entry->page != NULL) {
            removed = uncache(entry);
        }
        release_if_unused(area, slot_index(slot));
    }
    spin_unlock_irqrestore(&area->lock, irq);
    if (removed != NULL) {
        page_put(removed);
    }
}

bool swap_cache_begin_write(struct page *page, uint64_t *number)
{
    struct swap_area *area = &areas[slot_area_number(page->anon.slot)];
    uint64_t irq = spin_lock_irqsave(&area->lock);
    struct swap_slot *slot = slot_of(area, page);
    bool is_begun = slot != NULL && page_refs(page) == 2 &&
                    !page_has(page, PAGE_WRITEBACK | PAGE_ERROR);

    if (is_begun) {
        page_set(page, PAGE_WRITEBACK);
        slot->state |= SLOT_WRITING;
        area->nr_writing++;
        *number = page->anon.slot;
    }
    spin_unlock_irqrestore(&area->lock, irq);
    return is_begun;
}

/* Put a slot that could not be written out of use: nobody gets it again. */
static void retire(struct swap_area *area, struct swap_slot *slot)
{
    if ((slot->state & SLOT_BAD) == 0) {
        slot->state |= SLOT_BAD;
        area->nr_usable--;
        area->nr_used--;
        if (!area->is_leaving) {
            atomic_fetch_sub_explicit(&nr_total, 1, memory_order_relaxed);
        }
    }
}

bool swap_cache_end_write(unsigned area_number, uint64_t index, struct page *page, int error)
{
    struct swap_area *area = &areas[area_number];
    struct swap_slot *slot = &area->slots[index];
    struct page *removed = NULL;
    uint64_t irq = spin_lock_irqsave(&area->lock);

    slot->state &= ~SLOT_WRITING;
    area->nr_writing--;
    if (error != 0) {
        retire(area, slot);
    }
    if (slot->page == page) {
        page_clear(page, error != 0 ? 0 : PAGE_DIRTY);
        page_set(page, error != 0 ? PAGE_ERROR : 0);
        if (error == 0 && page_refs(page) == 2) { /* the cache's, and the write's */
            removed = uncache(slot);
        }
    } else {
        release_if_unused(area, index);
    }
    page_clear(page, PAGE_WRITEBACK);
    spin_unlock_irqrestore(&area->lock, irq);
    if (removed != NULL) {
        page_put(removed);
    }
    page_put(page);
    return removed != NULL;
}

/* ---- Areas ----------------------------------------------------------------------------------- */

static int make_tables(const struct swap_setup *setup, struct swap_slot **slots, uint64_t **bits)
{
    uint64_t nr_words = (setup->nr_pages + 63) / 64;

    if (setup->nr_pages > SIZE_MAX / sizeof(struct swap_slot)) {
        return -ENOMEM;
    }
    *slots = vmalloc(setup->nr_pages * sizeof(struct swap_slot), ALLOC_KERNEL | ALLOC_ZERO);
    *bits = vmalloc(nr_words * sizeof(uint64_t), ALLOC_KERNEL | ALLOC_ZERO);
    if (*slots == NULL || *bits == NULL) {
        vfree(*slots);
        vfree(*bits);
        return -ENOMEM;
    }
    return 0;
}

/* Bits of slots that are not to be given out: header, bad ones, and those behind the end. */
static uint64_t mark_unusable(const struct swap_setup *setup, uint64_t *bits)
{
    uint64_t nr_usable = setup->nr_pages - 1;

    bits[0] |= 1;
    for (unsigned i = 0; i < setup->nr_bad; i++) {
        uint64_t bit = 1ull << setup->bad[i] % 64;

        nr_usable -= (bits[setup->bad[i] / 64] & bit) == 0;
        bits[setup->bad[i] / 64] |= bit;
    }
    if (setup->nr_pages % 64 != 0) {
        bits[setup->nr_pages / 64] |= ~0ull << setup->nr_pages % 64;
    }
    return nr_usable;
}

static struct swap_area *find_unused(void)
{
    for (unsigned i = 0; i < SWAP_MAX_AREAS; i++) {
        if (areas[i].store == NULL) {
            if (i >= swap_nr_known()) {
                spin_init(&areas[i].lock, LOCK_RANK_SWAP, "swap area");
                store_release(&nr_known, i + 1);
            }
            return &areas[i];
        }
    }
    return NULL;
}

static void begin(struct swap_area *area, const struct swap_setup *setup, struct swap_slot *slots,
                  uint64_t *bits)
{
    uint64_t nr_usable = mark_unusable(setup, bits);
    uint64_t irq;

    area->priority = setup->priority >= 0 ? setup->priority : next_priority--;
    area->is_file = setup->is_file;
    strlcpy(area->name, setup->name, sizeof(area->name));
    irq = spin_lock_irqsave(&area->lock);
    area->slots = slots;
    area->used_bits = bits;
    area->nr_slots = setup->nr_pages;
    area->nr_usable = nr_usable;
    area->nr_used = 0;
    area->next = 0;
    area->is_leaving = false;
    area->store = setup->store;
    spin_unlock_irqrestore(&area->lock, irq);
    atomic_fetch_add(&nr_total, nr_usable);
    atomic_fetch_add(&nr_free, nr_usable);
}

int swap_area_add(const struct swap_setup *setup)
{
    struct swap_slot *slots;
    uint64_t *bits;
    struct swap_area *area;
    int error = make_tables(setup, &slots, &bits);

    if (error != 0) {
        return error;
    }
    mutex_lock(&areas_lock);
    area = find_unused();
    if (area != NULL) {
        begin(area, setup, slots, bits);
    }
    mutex_unlock(&areas_lock);
    if (area == NULL) {
        vfree(slots);
        vfree(bits);
        return -EPERM;
    }
    swap_out_start();
    return 0;
}

/* Stop giving out the area's slots, or go on with it. */
static void set_leaving(struct swap_area *area, bool is_leaving)
{
    uint64_t irq = spin_lock_irqsave(&area->lock);
    uint64_t nr_left = area->nr_usable - area->nr_used;

    area->is_leaving = is_leaving;
    if (is_leaving) {
        atomic_fetch_sub(&nr_total, area->nr_usable);
        atomic_fetch_sub(&nr_free, nr_left);
    } else {
        atomic_fetch_add(&nr_total, area->nr_usable);
        atomic_fetch_add(&nr_free, nr_left);
    }
    spin_unlock_irqrestore(&area->lock, irq);
}

/* Find the area of a store and mark it as leaving. */
static int find_to_remove(struct swap_store *store, unsigned *number)
{
    int error = -EINVAL;

    mutex_lock(&areas_lock);
    for (unsigned i = 0; i < swap_nr_known(); i++) {
        if (areas[i].store == store) {
            error = areas[i].is_leaving ? -EBUSY : 0;
            *number = i;
            break;
        }
    }
    if (error == 0) {
        set_leaving(&areas[*number], true);
    }
    mutex_unlock(&areas_lock);
    return error;
}

static void end(struct swap_area *area)
{
    struct swap_slot *slots = area->slots;
    uint64_t *bits = area->used_bits;
    struct swap_store *store = area->store;
    uint64_t irq = spin_lock_irqsave(&area->lock);

    assert(area->nr_used == 0 && area->nr_writing == 0);
    area->nr_slots = 0;
    area->slots = NULL;
    area->used_bits = NULL;
    spin_unlock_irqrestore(&area->lock, irq);
    vfree(slots);
    vfree(bits);
    store->ops->release(store);
    mutex_lock(&areas_lock);
    area->store = NULL;
    mutex_unlock(&areas_lock);
}

int swap_area_remove(struct swap_store *store, bool (*is_interrupted)(void))
{
    unsigned number = 0;
    int error = find_to_remove(store, &number);

    if (error != 0) {
        return error;
    }
    error = swap_in_all(number, is_interrupted);
    if (error != 0) {
        set_leaving(&areas[number], false);
        return error;
    }
    end(&areas[number]);
    return 0;
}

bool swap_area_get(unsigned n, struct swap_area_info *info)
{
    bool is_found = false;

    mutex_lock(&areas_lock);
    for (unsigned i = 0; i < swap_nr_known() && !is_found; i++) {
        const struct swap_area *area = &areas[i];

        if (area->store != NULL && n-- == 0) {
            *info = (struct swap_area_info){.is_file = area->is_file,
                                            .nr_pages = area->nr_usable,
                                            .nr_used = area->nr_used,
                                            .priority = area->priority,
                                            .store = area->store};
            strlcpy(info->name, area->name, sizeof(info->name));
            is_found = true;
        }
    }
    mutex_unlock(&areas_lock);
    return is_found;
}
