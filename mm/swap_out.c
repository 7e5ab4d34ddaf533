// SPDX-License-Identifier: MIT
/* Swapping out: which pages go, and how they get to the disk.
 *
 * The order in which processes use their pages is not recorded: a list of them by age would cost
 * every page fault. Instead a *hand* goes around over all frames of the machine, like that of a
 * clock (Corbató 1968). An anonymous page whose entries were used since the hand last came by gets a
 * second chance: their accessed bits are cleared, and the hand goes on. A page that nobody used for a
 * whole round goes. The translations of harts are not flushed when an accessed bit is cleared: a stale
 * one costs at most a page that looks unused, and comes back from the cache for the price of a fault.
 *
 *     found and locked      anon_lock_page(), or swap_cache_hold() for a page that is mapped nowhere
 *     given a slot          swap_cache_add(): from here on whoever faults finds it in the cache
 *     taken from everybody  each entry that maps it names the slot instead, flushed, reference dropped
 *     written               with neighbours: victims that follow each other get slots that follow
 *                           each other, so a round writes runs of up to SWAP_CLUSTER pages
 *     given up              when the write ends, if nobody wanted it back meanwhile
 *
 * A page whose reference count does not equal its entries is in somebody's hands (a fault copies it,
 * fork is between parent and child) and stays.
 *
 * Memory. Reclaim must not need what it shall find: writes are described by a fixed set of swap_io,
 * waited for if need be, and the store has reserves of its own. A round waits for its writes, so who
 * wants memory is slowed down to the speed of the disk, and sees what was really freed.
 *
 * Errors. A page that cannot be written stays in the cache, dirty: whoever wants it finds it in
 * memory. Its slot is never used again, and the hand leaves the page alone (PAGE_ERROR).
 *
 * Others. A page whose family's lock is taken, or which another round has in hand, is passed over:
 * reclaim may run with any lock held, and must not wait for one. With a single process that may be
 * every page there is, while its lock is held by somebody who was just interrupted. So a round that
 * met such pages has not shown that there is nothing: the last one to be asked, behind whom stands
 * only the killer, looks again a moment later. After PATIENCE_NS it gives up, since who holds the
 * lock may be the one who asks.
 *
 * Swappiness says in which order this and the page cache are asked: a part of each request goes to
 * the hand before files are touched, and what nobody else could give comes at last.
 *
 * Locks: the family's, then one page-table lock at a time, inside it area->lock. io_lock is a leaf. */
#include "kernel/base/atomic.h"
#include "kernel/base/once.h"
#include "kernel/base/printk.h"
#include "mm/anon.h"
#include "mm/frames_internal.h"
#include "mm/reclaim.h"
#include "mm/space_internal.h"
#include "mm/swap_internal.h"
#include "mm/vmstat.h"

#define NR_IOS          16u
#define ERROR_PERIOD_NS 1000000000ull /* between two reports of failed writes */
#define PATIENCE_NS     200000000ull  /* that pages which others have in hand are waited for */
#define PAUSE_NS        1000000ull    /* before the next look at them */

struct swap_round {
    struct swap_io *io;          /* being filled, or NULL */
    uint64_t nr_started;         /* pages of writes that were started, and io's */
    bool is_full;                /* there was no slot for a page */
    bool has_met_others;         /* a page was passed over that somebody had in hand */
    _Atomic uint64_t nr_pending; /* [a] writes that have not ended */
    _Atomic uint64_t nr_freed;   /* [a] */
};

static struct swap_io ios[NR_IOS];
static struct spinlock io_lock = SPINLOCK_INIT(LOCK_RANK_SWAP, "swap io");
static struct waitq io_waitq = WAITQ_INIT(io_waitq); /* for a free one, and for the end of rounds */
static _Atomic uint64_t hand;                        /* [a] a number of a frame; wraps around */

/* ---- Descriptions of transfers --------------------------------------------------------------- */

static struct swap_io *try_take_io(void)
{
    uint64_t irq = spin_lock_irqsave(&io_lock);
    struct swap_io *found = NULL;

    for (unsigned i = 0; i < NR_IOS && found == NULL; i++) {
        if (!ios[i].is_taken) {
            found = &ios[i];
            found->is_taken = true;
        }
    }
    spin_unlock_irqrestore(&io_lock, irq);
    return found;
}

struct swap_io *swap_io_take(unsigned area_number, bool is_write)
{
    struct swap_io *io = NULL;

    (void)waitq_wait(&io_waitq, PORT_BLOCK_UNINTERRUPTIBLE, PORT_NO_DEADLINE,
                     (io = try_take_io()) != NULL);
    io->area_number = area_number;
    io->is_write = is_write;
    io->nr = 0;
    io->round = NULL;
    atomic_store_explicit(&io->is_done, false, memory_order_relaxed);
    atomic_store_explicit(&io->error, 0, memory_order_relaxed);
    return io;
}

void swap_io_give(struct swap_io *io)
{
    uint64_t irq = spin_lock_irqsave(&io_lock);

    io->is_taken = false;
    spin_unlock_irqrestore(&io_lock, irq);
    waitq_wake_all(&io_waitq);
}

void swap_io_start(struct swap_io *io)
{
    struct swap_store *store = swap_area_of(io->area_number)->store;

    store->ops->start(store, io);
}

/* ---- Taking a page from everybody ------------------------------------------------------------ */

struct look {
    struct page *page;
    unsigned nr_entries;
    bool is_wanted; /* used since the hand last came by, or locked into memory */
};

/* The entry of an address, if it maps the page. Entries are changed in one step: who looks without
 * the lock must not take one for empty. Caller: the page-table lock. */
static bool find_entry(struct space *space, uint64_t address, const struct page *page,
                       struct pte_slot *slot)
{
    struct pte pte = pagetable_get(&space->table, address);

    return pte.is_present && pte.frame.addr == page_to_phys(page).addr &&
           pagetable_next_run(&space->table, &address, address + PAGE_SIZE, slot) != 0;
}

static bool look_at_entry(struct area *area, uint64_t address, void *arg)
{
    struct look *look = arg;
    struct space *space = area->space;
    struct pte_slot slot;

    spin_lock(&space->table_lock);
    if (find_entry(space, address, look->page, &slot)) {
        look->nr_entries++;
        look->is_wanted |= (area->flags & AREA_LOCKED) != 0;
        if ((pte_slot_get(slot).flags & PTE_FLAG_ACCESSED) != 0) {
            pte_slot_reduce(slot, PTE_FLAG_ACCESSED);
            look->is_wanted = true;
        }
    }
    spin_unlock(&space->table_lock);
    return true;
}

static bool take_entry(struct area *area, uint64_t address, void *arg)
{
    struct page *page = arg;
    struct space *space = area->space;
    struct pte_slot slot;
    bool is_taken;

    spin_lock(&space->table_lock);
    is_taken = find_entry(space, address, page, &slot);
    if (is_taken) {
        space_note_peak(space);
        swap_slot_get(page->anon.slot);
        pte_slot_set_swapped(slot, page->anon.slot);
        space_count_page(space, page, -1);
        swap_count_entry(space, 1);
    }
    spin_unlock(&space->table_lock);
    if (is_taken) {
        pagetable_flush(&space->table, address, address + PAGE_SIZE);
        page_put(page);
    }
    return true;
}

/* Make every entry that maps the page name its slot. Returns whether that was done. Caller: has the
 * family's lock, the page's, and a reference. */
static bool unmap(struct anon_family *family, struct page *page, struct swap_round *round)
{
    struct look look = {.page = page};
    unsigned is_cached = page_has(page, PAGE_SWAPCACHE);
    uint64_t slot;

    anon_for_each(family, page->anon.index, look_at_entry, &look);
    if (look.is_wanted || page_refs(page) != look.nr_entries + 1 + is_cached) {
        return false;
    }
    if (!is_cached && !swap_cache_add(page)) {
        round->is_full = true;
        return false;
    }
    /* Others who named its slot may let go of it meanwhile: it stays the page's until all have it. */
    if (!swap_cache_pin(page, &slot)) {
        return false;
    }
    anon_for_each(family, page->anon.index, take_entry, page);
    swap_slot_put(slot);
    return true;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void start_write(struct swap_round *round)
{
    if (round->io != NULL) {
        vm_count_many(VM_PSWPOUT, round->io->nr);
        swap_io_start(round->io);
        round->io = NULL;
    }
}

/* Add a page to the write that is being gathered, unless somebody has it. Returns whether the
 * caller's reference went to the write. */
static bool write_page(struct swap_round *round, struct page *page)
{
    struct swap_io *io = round->io;
    uint64_t slot;

    if (!swap_cache_begin_write(page, &slot)) {
        return false;
    }
    if (io != NULL && (io->nr == SWAP_CLUSTER || io->area_number != slot_area_number(slot) ||
                       io->index + io->nr != slot_index(slot))) {
        start_write(round);
        io = NULL;
    }
    if (io == NULL) {
        io = swap_io_take(slot_area_number(slot), true);
        io->index = slot_index(slot);
        io->round = round;
        round->io = io;
        atomic_fetch_add_explicit(&round->nr_pending, 1, memory_order_relaxed);
    }
    io->pages[io->nr++] = page;
    round->nr_started++;
    return true;
}

static void report_write_error(const struct swap_io *io, int error)
{
    static _Atomic uint64_t next_report_ns; /* [a] */
    uint64_t now = port_clock_ns();

    if (now >= load_relaxed(&next_report_ns)) {
        store_relaxed(&next_report_ns, now + ERROR_PERIOD_NS);
        pr_err(
            "swap: %s: writing %u pages from slot %llu on failed (error %d): they stay in memory",
            swap_area_of(io->area_number)->name, io->nr, (unsigned long long)io->index, error);
    }
}

void swap_out_done(struct swap_io *io, int error)
{
    struct swap_round *round = io->round;
    uint64_t nr_freed = 0;

    if (error != 0) {
        report_write_error(io, error);
    }
    for (unsigned i = 0; i < io->nr; i++) {
        nr_freed += swap_cache_end_write(io->area_number, io->index + i, io->pages[i], error);
    }
    atomic_fetch_add_explicit(&round->nr_freed, nr_freed, memory_order_relaxed);
    /* From here on the round may be gone: it waits only for this. */
    atomic_fetch_sub_explicit(&round->nr_pending, 1, memory_order_release);
    swap_io_give(io);
}

/* ---- The hand -------------------------------------------------------------------------------- */

/* A page that no entry maps any more, if nobody was faster. Returns whether the caller's reference
 * was passed on. */
static bool give_up_or_write(struct swap_round *round, struct page *page)
{
    if (page_has(page, PAGE_DIRTY)) {
        return write_page(round, page);
    }
    if (swap_cache_remove(page, false)) {
        atomic_fetch_add_explicit(&round->nr_freed, 1, memory_order_relaxed);
    }
    return false;
}

static bool try_unmap(struct anon_family *family, struct page *page, struct swap_round *round)
{
    bool has_failed = page_has(page, PAGE_SWAPCACHE) && page_has(page, PAGE_ERROR);
    bool is_unmapped = false;

    if ((page_set(page, PAGE_LOCKED) & PAGE_LOCKED) != 0) { /* it is being read, or unmapped */
        round->has_met_others = true;
        return false;
    }
    if (page_has(page, PAGE_WRITEBACK)) {
        round->has_met_others = true;
    } else if (!has_failed) {
        is_unmapped = family == NULL || unmap(family, page, round);
    }
    page_clear(page, PAGE_LOCKED);
    return is_unmapped;
}

static void consider(struct swap_round *round, struct page *page)
{
    struct anon_family *family = anon_lock_page(page);
    bool is_unmapped;

    if (family == NULL && !swap_cache_hold(page)) {
        round->has_met_others = true; /* or it has just come, or is just going */
        return;
    }
    is_unmapped = try_unmap(family, page, round);
    if (family != NULL) {
        mutex_unlock(&family->lock); /* the reference that came with it is still ours */
    }
    if (!is_unmapped || !give_up_or_write(round, page)) {
        page_put(page);
    }
}

__attribute__((no_sanitize_thread)) static bool seems_anonymous(const struct page *page)
{
    return ((const volatile struct page *)page)->kind == PAGE_ANON;
}

static uint64_t nr_frames_in_all(void)
{
    uint64_t nr = 0;

    for (unsigned i = 0; i < nr_frame_regions; i++) {
        nr += frame_regions[i].nr_frames;
    }
    return nr;
}

/* The page that the hand points to, if it is one of a process; the hand moves on. */
static struct page *next_page(uint64_t nr_frames)
{
    uint64_t number = atomic_fetch_add_explicit(&hand, 1, memory_order_relaxed) % nr_frames;

    for (unsigned i = 0; i < nr_frame_regions; i++) {
        if (number < frame_regions[i].nr_frames) {
            struct page *page = &frame_regions[i].pages[number];

            return seems_anonymous(page) ? page : NULL;
        }
        number -= frame_regions[i].nr_frames;
    }
    return NULL;
}

/* Free about nr frames. The hand goes around at most twice: once to take the chances away, once to
 * take the pages. When nothing is freed, *may_retry says whether others were in the way. */
static uint64_t swap_out(uint64_t nr, bool *may_retry)
{
    struct swap_round round = {0};
    uint64_t nr_frames = nr_frames_in_all();
    uint64_t nr_left = 2 * nr_frames;

    while (nr_left-- > 0 && !round.is_full &&
           round.nr_started + load_relaxed(&round.nr_freed) < nr) {
        struct page *page = next_page(nr_frames);

        if (page != NULL) {
            consider(&round, page);
        }
    }
    start_write(&round);
    (void)waitq_wait(&io_waitq, PORT_BLOCK_UNINTERRUPTIBLE, PORT_NO_DEADLINE,
                     atomic_load_explicit(&round.nr_pending, memory_order_acquire) == 0);
    *may_retry = round.has_met_others && !round.is_full;
    return load_relaxed(&round.nr_freed);
}

static uint64_t swap_out_patiently(uint64_t nr)
{
    uint64_t end_ns = port_clock_ns() + PATIENCE_NS;
    bool may_retry;
    uint64_t nr_freed = swap_out(nr, &may_retry);

    while (nr_freed == 0 && may_retry && port_clock_ns() < end_ns) {
        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        (void)!port_block(port_clock_ns() + PAUSE_NS);
        port_block_cancel();
        nr_freed = swap_out(nr, &may_retry);
    }
    return nr_freed;
}

/* ---- Shrinkers ------------------------------------------------------------------------------- */

#define SWAPPINESS_MAX 200u

_Atomic uint32_t swap_swappiness = 60;

static uint64_t shrink_first(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags)
{
    uint64_t share = nr_frames * min_of(load_relaxed(&swap_swappiness), SWAPPINESS_MAX) /
                     SWAPPINESS_MAX;
    bool may_retry; /* others are asked next */

    return share != 0 && swap_has_room() ? swap_out(share, &may_retry) : 0;
}

static uint64_t shrink_last(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags)
{
    struct swap_stats stats;

    swap_get_stats(&stats);
    return stats.nr_free + stats.nr_cached != 0 ? swap_out_patiently(nr_frames) : 0;
}

static struct shrinker first_shrinker = {
    .name = "swap, by swappiness", .shrink = shrink_first, .order = RECLAIM_SWAP_SHARE};
static struct shrinker last_shrinker = {
    .name = "swap", .shrink = shrink_last, .order = RECLAIM_SWAP};
static struct once shrinkers_once = ONCE_INIT("swap shrinkers", ONCE_RETRY);

static int register_shrinkers(void *arg)
{
    shrinker_register(&first_shrinker);
    shrinker_register(&last_shrinker);
    return 0;
}

void swap_out_start(void)
{
    (void)!once_get(&shrinkers_once, register_shrinkers, NULL);
}
