// SPDX-License-Identifier: MIT
/* Swap areas: swapon and swapoff, as far as they concern memory (what slots are for: swap.c).
 *
 * An area is a store, which moves pages (fs/swap), and two tables with an entry for each of its
 * slots: what each holds, and a bit for each that is taken. The bits of slots that must not be used
 * (the header, bad places, what lies behind the end) are set from the beginning, so who looks for a
 * free one needs not know of them.
 *
 *     not in use ──► in use ──► leaving ──► not in use
 *                      ▲           │  every slot is free again
 *                      └───────────┘  it did not fit into memory, or somebody lost patience
 *
 * Records of areas are never freed, only out of use, and keep their locks: a number of a slot, however
 * old, leads to a lock, under which one sees whether there is such a slot.
 *
 * Nothing more is put into a leaving area. Its pages are brought back by swap_in_all(), and when no
 * slot is taken and no write is under way, nobody can come with a number of it any more.
 *
 * Locks: areas_lock, a mutex, around the table of areas; area->lock around each one's slots. The sums
 * are atomic counts, for who wants them without a lock. A store is looked at under areas_lock only, and
 * has left the table when it is released: so two swapoffs at once do not meet in one that goes away. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "kernel/sync/mutex.h"
#include "mm/swap.h"
#include "mm/swap_internal.h"
#include "mm/vmalloc.h"

static struct mutex areas_lock = MUTEX_INIT(areas_lock, LOCK_RANK_NONE, "swap areas");
static struct swap_area areas[SWAP_MAX_AREAS];
static _Atomic unsigned nr_known; /* [areas_lock to change] of areas, with a lock; never fewer */
static _Atomic uint64_t nr_total; /* [a] usable slots of all areas that are not leaving */
static _Atomic uint64_t nr_free;  /* [a] free ones of them */
static int next_priority = -2;    /* [areas_lock] for who names none: as Linux shows it */

unsigned swap_nr_known(void)
{
    return load_acquire(&nr_known);
}

struct swap_area *swap_area_of(unsigned number)
{
    return &areas[number];
}

void swap_count_slots(int64_t total, int64_t free)
{
    atomic_fetch_add_explicit(&nr_total, (uint64_t)total, memory_order_relaxed);
    atomic_fetch_add_explicit(&nr_free, (uint64_t)free, memory_order_relaxed);
}

bool swap_has_room(void)
{
    return load_relaxed(&nr_free) != 0;
}

void swap_get_stats(struct swap_stats *stats)
{
    *stats = (struct swap_stats){load_relaxed(&nr_total), load_relaxed(&nr_free),
                                 swap_cache_count()};
}

/* ---- swapon ----------------------------------------------------------------------------------- */

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
    area->nr_held = 0;
    area->next = 0;
    area->is_leaving = false;
    area->store = setup->store;
    spin_unlock_irqrestore(&area->lock, irq);
    swap_count_slots((int64_t)nr_usable, (int64_t)nr_usable);
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

/* ---- swapoff ---------------------------------------------------------------------------------- */

/* Stop giving out the area's slots, or go on with it. */
static void set_leaving(struct swap_area *area, bool is_leaving)
{
    uint64_t irq = spin_lock_irqsave(&area->lock);
    int64_t sign = is_leaving ? -1 : 1;

    area->is_leaving = is_leaving;
    swap_count_slots(sign * (int64_t)area->nr_usable,
                     sign * (int64_t)(area->nr_usable - area->nr_used));
    spin_unlock_irqrestore(&area->lock, irq);
}

/* The area of such a store, or NULL. Caller: areas_lock, so that no store goes away meanwhile. */
static struct swap_area *find_area(swap_store_matcher matches, const void *arg)
{
    for (unsigned i = 0; i < swap_nr_known(); i++) {
        if (areas[i].store != NULL && matches(areas[i].store, arg)) {
            return &areas[i];
        }
    }
    return NULL;
}

bool swap_area_has(swap_store_matcher matches, const void *arg)
{
    bool is_found;

    mutex_lock(&areas_lock);
    is_found = find_area(matches, arg) != NULL;
    mutex_unlock(&areas_lock);
    return is_found;
}

/* Find the area of such a store and mark it as leaving. */
static int find_to_remove(swap_store_matcher matches, const void *arg, struct swap_area **found)
{
    struct swap_area *area;
    int error = -EINVAL;

    mutex_lock(&areas_lock);
    area = find_area(matches, arg);
    if (area != NULL) {
        error = area->is_leaving ? -EBUSY : 0;
    }
    if (error == 0) {
        set_leaving(area, true);
        *found = area;
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

    assert(area->nr_used == 0 && area->nr_held == 0 && area->nr_writing == 0);
    area->nr_slots = 0;
    area->slots = NULL;
    area->used_bits = NULL;
    spin_unlock_irqrestore(&area->lock, irq);
    vfree(slots);
    vfree(bits);
    mutex_lock(&areas_lock);
    area->store = NULL;
    mutex_unlock(&areas_lock);
    store->ops->release(store); /* nobody finds it any more */
}

int swap_area_remove(swap_store_matcher matches, const void *arg, bool (*is_interrupted)(void))
{
    struct swap_area *area = NULL;
    int error = find_to_remove(matches, arg, &area);

    if (error != 0) {
        return error;
    }
    error = swap_in_all((unsigned)(area - areas), is_interrupted);
    if (error != 0) {
        set_leaving(area, false);
        return error;
    }
    end(area);
    return 0;
}

/* ---- Looking ---------------------------------------------------------------------------------- */

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
                                            .priority = area->priority};
            strlcpy(info->name, area->name, sizeof(info->name));
            is_found = true;
        }
    }
    mutex_unlock(&areas_lock);
    return is_found;
}
