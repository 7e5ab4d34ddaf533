// SPDX-License-Identifier: MIT
/* Swapping: slots, and the swap cache. The areas that slots are part of: swap_area.c.
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
 *                 ▲                              │             │                │ a fault reads it
 *                 │                              ▼             └────────────────┴─► cached ──► …
 *                 │     the write failed: cached, the slot bad
 *                 └── in another slot, when somebody has had it back
 *
 * A bad slot is never given out again. It is *held* as long as entries name it: they find its page in
 * the cache, for there is no other place where it is.
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
#include "mm/swap_internal.h"

static _Atomic uint64_t nr_cached; /* [a] */

uint64_t swap_cache_count(void)
{
    return load_relaxed(&nr_cached);
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
        swap_count_slots(0, change);
    }
}

/* Nobody names the slot, and no write is under way: it may be given out again, unless it is bad. */
static void release_if_unused(struct swap_area *area, uint64_t index)
{
    const struct swap_slot *slot = &area->slots[index];

    if (slot->page != NULL || (slot->state & ~SLOT_BAD) != 0) {
        return;
    }
    if ((slot->state & SLOT_BAD) != 0) {
        area->nr_held--;
    } else {
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
    struct swap_area *area = swap_area_of(number);
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
                (best == nr_areas || swap_area_of(i)->priority > swap_area_of(best)->priority)) {
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
    struct swap_area *area = swap_area_of(slot_area_number(slot));
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
    struct swap_area *area = swap_area_of(slot_area_number(slot));
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
    struct swap_area *area;
    bool is_held = false;
    uint64_t irq;

    if (!page_has(page, PAGE_SWAPCACHE) || number >= swap_nr_known()) {
        return false; /* what seems a number may be anything */
    }
    area = swap_area_of(number);
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
    struct swap_area *area = swap_area_of(slot_area_number(page->anon.slot));
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

bool swap_cache_pin(struct page *page, uint64_t *number)
{
    struct swap_area *area = swap_area_of(slot_area_number(page->anon.slot));
    uint64_t irq = spin_lock_irqsave(&area->lock);
    struct swap_slot *slot = slot_of(area, page);

    if (slot != NULL) {
        assert(nr_entries(slot) < SLOT_ENTRIES);
        slot->state++;
        *number = page->anon.slot;
    }
    spin_unlock_irqrestore(&area->lock, irq);
    return slot != NULL;
}

/* The cached page of one slot, if nobody maps it or means it any more. */
static struct page *take_unused(struct swap_area *area, uint64_t index)
{
    uint64_t irq = spin_lock_irqsave(&area->lock);
    struct swap_slot *slot = &area->slots[index];
    struct page *page = NULL;

    if (slot->page != NULL && (slot->state & ~SLOT_BAD) == 0 && page_refs(slot->page) == 1) {
        page = uncache(slot);
        release_if_unused(area, index);
    }
    spin_unlock_irqrestore(&area->lock, irq);
    return page;
}

void swap_cache_drop_unused(unsigned area_number)
{
    struct swap_area *area = swap_area_of(area_number);

    for (uint64_t i = 0; i < area->nr_slots; i++) {
        struct page *page = take_unused(area, i);

        if (page != NULL) {
            page_put(page);
        }
    }
}

enum swap_claim swap_cache_claim(uint64_t slot, struct page *page)
{
    struct swap_area *area = swap_area_of(slot_area_number(slot));
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
    struct swap_area *area = swap_area_of(slot_area_number(slot));
    uint64_t irq = spin_lock_irqsave(&area->lock);

    assert(nr_entries(&area->slots[slot_index(slot)]) < SLOT_ENTRIES);
    area->slots[slot_index(slot)].state++;
    spin_unlock_irqrestore(&area->lock, irq);
}

uint32_t swap_slot_count(uint64_t slot)
{
    struct swap_area *area = swap_area_of(slot_area_number(slot));
    uint64_t irq = spin_lock_irqsave(&area->lock);
    uint32_t nr = nr_entries(&area->slots[slot_index(slot)]);

    spin_unlock_irqrestore(&area->lock, irq);
    return nr;
}

void swap_slot_put(uint64_t slot)
{
    struct swap_area *area = swap_area_of(slot_area_number(slot));
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
    struct swap_area *area = swap_area_of(slot_area_number(page->anon.slot));
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

/* Put a slot that could not be written out of use: nobody gets it again. Its page, which is in memory
 * and nowhere else, is still found by it. */
static void retire(struct swap_area *area, struct swap_slot *slot)
{
    if ((slot->state & SLOT_BAD) == 0) {
        slot->state |= SLOT_BAD;
        area->nr_usable--;
        area->nr_used--;
        area->nr_held++;
        if (!area->is_leaving) {
            swap_count_slots(-1, 0);
        }
    }
}

bool swap_cache_end_write(unsigned area_number, uint64_t index, struct page *page, int error)
{
    struct swap_area *area = swap_area_of(area_number);
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
    }
    release_if_unused(area, index); /* its last entry may have gone while it was being written */
    page_clear(page, PAGE_WRITEBACK);
    spin_unlock_irqrestore(&area->lock, irq);
    if (removed != NULL) {
        page_put(removed);
    }
    page_put(page);
    return removed != NULL;
}

/* ---- Checking --------------------------------------------------------------------------------- */

void swap_area_check(unsigned number)
{
    struct swap_area *area = swap_area_of(number);
    uint64_t irq = spin_lock_irqsave(&area->lock);
    uint64_t nr_used = 0, nr_held = 0, nr_writing = 0;

    for (uint64_t i = 0; i < area->nr_slots; i++) {
        const struct swap_slot *slot = &area->slots[i];
        bool is_bad = (slot->state & SLOT_BAD) != 0;
        bool is_in_use = slot->page != NULL || (slot->state & ~SLOT_BAD) != 0;

        nr_used += is_in_use && !is_bad;
        nr_held += is_in_use && is_bad;
        nr_writing += (slot->state & SLOT_WRITING) != 0;
        assert((area->used_bits[i / 64] >> i % 64 & 1) != 0 || (!is_in_use && !is_bad));
        if (slot->page != NULL) {
            assert(slot->page->anon.slot == slot_make(number, i));
            assert(page_has(slot->page, PAGE_SWAPCACHE) && page_refs(slot->page) != 0);
        }
    }
    assert(nr_used == area->nr_used && nr_held == area->nr_held && nr_writing == area->nr_writing);
    spin_unlock_irqrestore(&area->lock, irq);
}
