// SPDX-License-Identifier: MIT
/* Bringing pages back: one at a time, for a fault; and all of an area, to give it up.
 *
 * A fault that meets a slot looks for its page in the swap cache. If it is not there, a fresh page
 * enters the cache for the slot, locked, and is read; others who come with the same slot find it and
 * wait for the same read. Then, under the page-table lock, the entry is looked at again, and the
 * cache asked whether the slot still has this page: between the first look and now the page may have
 * come back by another thread, have been swapped out again, and the slot be another's.
 *
 * An entry that gives up its slot for the page may be the last that named it. Then the page leaves
 * the cache, and if nobody else maps it, it may at once be written.
 *
 * Giving up an area: nobody knows from a slot who names it. So every space that has swapped pages
 * stands on a list, and their page tables are searched, as often as there are slots in use: an entry
 * may just be on its way from a parent to its child (fork), in nobody's table. Nothing new gets into
 * the area meanwhile, so it ends.
 *
 * Locks: space->lock for reading, by the caller; the page-table lock, inside it area->lock.
 * spaces_lock around the list is a leaf; a space on it leaves before it is freed. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/printk.h"
#include "mm/anon.h"
#include "mm/frames.h"
#include "mm/space_internal.h"
#include "mm/swap_internal.h"
#include "mm/vmstat.h"

#define RETRY_NS 1000000ull /* until the next search for entries that were in nobody's table */

static struct waitq read_waitq = WAITQ_INIT(read_waitq); /* who waits for a page to be read */
static struct spinlock spaces_lock = SPINLOCK_INIT(LOCK_RANK_LEAF, "swapped spaces");
static struct list spaces = LIST_INIT(spaces); /* [spaces_lock] by swap_node */

/* ---- One page -------------------------------------------------------------------------------- */

void swap_io_done(struct swap_io *io, int error)
{
    if (io->is_write) {
        swap_out_done(io, error);
        return;
    }
    io->error = error;
    atomic_store_explicit(&io->is_done, true, memory_order_release);
    waitq_wake_all(&read_waitq);
}

/* Read a locked page of the cache from its slot. */
static int read_page(struct page *page)
{
    uint64_t slot = page->anon.slot;
    struct swap_io *io = swap_io_take(slot_area_number(slot), false);
    int error;

    io->index = slot_index(slot);
    io->nr = 1;
    io->pages[0] = page;
    swap_io_start(io);
    (void)waitq_wait(&read_waitq, PORT_BLOCK_UNINTERRUPTIBLE, PORT_NO_DEADLINE,
                     atomic_load_explicit(&io->is_done, memory_order_acquire));
    error = io->error;
    swap_io_give(io);
    vm_count(VM_PSWPIN);
    vm_count_major_fault();
    return error;
}

static struct page *alloc_page(const struct area *area, uint64_t address, enum alloc_flags flags)
{
    struct page *page = frames_alloc(0, flags | ALLOC_USER | ALLOC_MOVABLE);

    if (page != NULL) {
        page->kind = PAGE_ANON;
        page->anon.family = load_relaxed(&area->family);
        page->anon.index = area->anon_index + ((address - area->start) >> PAGE_SHIFT);
        page_set(page, PAGE_LOCKED);
        vm_count(VM_NR_ANON_PAGES);
    }
    return page;
}

/* A page for the slot, with its content. Returns 0 and the page with a reference, -EAGAIN, -ENOMEM,
 * -EIO. */
static int bring_in(const struct area *area, uint64_t address, uint64_t slot,
                    enum alloc_flags flags, struct page **out)
{
    struct page *page = alloc_page(area, address, flags);
    int error;

    if (page == NULL) {
        return -ENOMEM;
    }
    error = swap_cache_insert(slot, page);
    if (error != 0) {
        page_put(page);
        return error;
    }
    error = read_page(page);
    if (error != 0) {
        pr_err("swap: %s: reading slot %llu failed (error %d): its page is lost",
               swap_area_of(slot_area_number(slot))->name, (unsigned long long)slot_index(slot),
               error);
    }
    page_set(page, error != 0 ? PAGE_ERROR : PAGE_UPTODATE);
    page_clear(page, PAGE_LOCKED);
    waitq_wake_all(&read_waitq);
    if (error != 0) {
        (void)!swap_cache_remove(page, true); /* so that the next access tries again */
        page_put(page);
        return -EIO;
    }
    *out = page;
    return 0;
}

static int get_page(const struct area *area, uint64_t address, uint64_t slot,
                    enum alloc_flags flags, struct page **out)
{
    bool is_used;
    struct page *page = swap_cache_find(slot, &is_used);

    if (page == NULL) {
        return is_used ? bring_in(area, address, slot, flags, out) : -EAGAIN;
    }
    (void)waitq_wait(&read_waitq, PORT_BLOCK_UNINTERRUPTIBLE, PORT_NO_DEADLINE,
                     page_has(page, PAGE_UPTODATE | PAGE_ERROR));
    if (!page_has(page, PAGE_UPTODATE)) { /* the reader gave up, and has said so */
        page_put(page);
        return -EIO;
    }
    *out = page;
    return 0;
}

/* Let the entry map the page. Returns 0, with the reference passed on, or -EAGAIN. */
static int map(struct area *area, uint64_t address, uint64_t slot, struct page *page, bool is_write)
{
    struct space *space = area->space;
    enum swap_claim claim = SWAP_GONE;
    struct pte pte;

    spin_lock(&space->table_lock);
    pte = pagetable_get(&space->table, address);
    if (pte.is_swapped && pte_swap_slot(pte) == slot) {
        claim = swap_cache_claim(slot, page);
    }
    if (claim != SWAP_GONE) {
        pagetable_set(&space->table, address, page_to_phys(page),
                      area_pte_flags(area, is_write && claim == SWAP_ALONE));
        space_count_page(space, page, 1);
        swap_count_entry(space, -1);
    }
    spin_unlock(&space->table_lock);
    if (claim == SWAP_GONE) {
        return -EAGAIN;
    }
    return 0;
}

int swap_in(struct area *area, uint64_t address, uint64_t slot, bool is_write,
            enum alloc_flags flags)
{
    struct page *page;
    int error = get_page(area, address, slot, flags, &page);

    if (error == 0) {
        if ((area->flags & AREA_EXEC) != 0) {
            pagetable_sync_icache(); /* instructions came as data */
        }
        error = map(area, address, slot, page, is_write);
        if (error != 0) {
            page_put(page);
        }
    }
    return error == -EAGAIN ? 0 : error;
}

/* ---- Spaces that have swapped pages ---------------------------------------------------------- */

void swap_count_entry(struct space *space, int change)
{
    uint64_t before = atomic_fetch_add_explicit(&space->nr_swap_pages, (uint64_t)(int64_t)change,
                                                memory_order_relaxed);

    if (before == 0) {
        spin_lock(&spaces_lock);
        if (!list_is_linked(&space->swap_node)) { /* it stays on when it has none for a while */
            list_push_back(&spaces, &space->swap_node);
        }
        spin_unlock(&spaces_lock);
    }
}

void swap_forget_space(struct space *space)
{
    spin_lock(&spaces_lock);
    if (list_is_linked(&space->swap_node)) {
        list_remove(&space->swap_node);
    }
    spin_unlock(&spaces_lock);
}

/* The first space of the list, with a reference, moved to its end; NULL when all were had. */
static struct space *next_space(uint64_t *nr_left)
{
    struct space *found = NULL;

    spin_lock(&spaces_lock);
    while (found == NULL && *nr_left > 0 && !list_is_empty(&spaces)) {
        struct space *space = list_first(&spaces, struct space, swap_node);

        list_remove(&space->swap_node);
        list_push_back(&spaces, &space->swap_node);
        (*nr_left)--;
        if (refcount_get_unless_zero(&space->refs)) {
            found = space;
        }
    }
    spin_unlock(&spaces_lock);
    return found;
}

static uint64_t count_spaces(void)
{
    struct list *node;
    uint64_t nr = 0;

    spin_lock(&spaces_lock);
    for (node = spaces.next; node != &spaces; node = node->next) {
        nr++;
    }
    spin_unlock(&spaces_lock);
    return nr;
}

/* ---- All of an area -------------------------------------------------------------------------- */

struct slot_search {
    unsigned area_number;
    uint64_t address, slot;
    bool is_found;
};

static bool stop_at_slot(struct pte_slot place, uint64_t address, struct pte pte, void *arg)
{
    struct slot_search *search = arg;

    if (pte.is_swapped && slot_area_number(pte_swap_slot(pte)) == search->area_number) {
        search->address = address;
        search->slot = pte_swap_slot(pte);
        search->is_found = true;
    }
    return !search->is_found;
}

static bool find_slot(struct space *space, uint64_t from, struct slot_search *search)
{
    search->is_found = false;
    spin_lock(&space->table_lock);
    pagetable_walk(&space->table, from, USER_END, stop_at_slot, search);
    spin_unlock(&space->table_lock);
    return search->is_found;
}

static int bring_back_space(struct space *space, unsigned area_number, bool (*is_interrupted)(void))
{
    struct slot_search search = {.area_number = area_number};
    int error = 0;

    while (error == 0) {
        struct area *area;

        rwlock_read_lock(&space->lock);
        if (!find_slot(space, search.address, &search)) {
            rwlock_read_unlock(&space->lock);
            break;
        }
        area = area_find(space, search.address);
        assert(area_contains(area, search.address));
        error = swap_in(area, search.address, search.slot, false, ALLOC_WAIT | ALLOC_QUIET);
        rwlock_read_unlock(&space->lock);
        if (error == 0 && is_interrupted()) {
            error = -EINTR;
        }
    }
    return error;
}

static bool is_empty(unsigned area_number)
{
    struct swap_area *area = swap_area_of(area_number);
    uint64_t irq = spin_lock_irqsave(&area->lock);
    bool is_empty = area->nr_used == 0 && area->nr_held == 0 && area->nr_writing == 0;

    spin_unlock_irqrestore(&area->lock, irq);
    return is_empty;
}

int swap_in_all(unsigned area_number, bool (*is_interrupted)(void))
{
    int error = 0;

    while (error == 0 && !is_empty(area_number)) {
        uint64_t nr_left = count_spaces();
        struct space *space;

        while (error == 0 && (space = next_space(&nr_left)) != NULL) {
            error = bring_back_space(space, area_number, is_interrupted);
            space_put(space);
        }
        swap_cache_drop_unused(area_number);
        if (error == 0 && is_interrupted()) {
            error = -EINTR;
        }
        if (error == 0 && !is_empty(area_number)) {
            port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
            (void)!port_block(port_clock_ns() + RETRY_NS);
            port_block_cancel();
        }
    }
    return error;
}
