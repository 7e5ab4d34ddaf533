// SPDX-License-Identifier: MIT
/* The guard-page pool.
 *
 * Redzones find a stray write when somebody looks; a page that is not mapped finds it at the
 * instruction, reads included. A page for each object would cost far too much, but one object in a
 * hundred thousand costs nothing, and machines that run long enough meet every mistake with a
 * sampled object in the end.
 *
 *     guard    slot 0      guard    slot 1      guard            guard    slot 31     guard
 *     |######| [ object ]  |######| [object   ] |######|  ...   |######| [  object ]  |######|
 *              ^ at either end of its page, in turn: next to one of the guards
 *
 * The pool lies at the end of the vmalloc window, so a shift and a comparison tell its objects from
 * all others, which are in the direct map: the fast path of slab_free() pays two instructions, and
 * that of slab_alloc() none. The price is that virt_to_phys() doesn't hold for them: who gives an
 * object's physical address to a device asks for it with ALLOC_DIRECT, and is not sampled.
 *
 * When: in the slow path of slab_alloc(), where both magazines are empty, if the interval has passed
 * since the last sample. Which object that hits is up to the load. Caches with a destructor are left
 * out: it would have to run at each free.
 *
 * A slot is UNUSED, LIVE or FREED. Freed slots are used again first in, first out, so an object
 * stays unmapped as long as can be. Each slot has a frame of its own for ever. So it does no harm
 * when another hart still remembers the translation of a slot that was freed: it reaches the same
 * frame, and a mistake of that hart's is missed, no more. That is why unmapping needs no message to
 * other harts, and may be done in any context.
 *
 * An access to a guard page or to a FREED slot is a fault, and a report with the object, who took
 * it, who freed it, and who touched it. Then the page is mapped (the slot's frame, or one frame of
 * rubbish for all guards), and the kernel goes on, as it would without the pool; it panics with
 * panic_on_warn. The page disappears again when the slot is used next.
 *
 * The rest of a slot's page, on the side away from the guard or up to the alignment, holds a
 * pattern that is checked when the object is freed.
 *
 * Locks: pool_lock for the slots. A fault looks without it: it may come at any moment, and what it
 * reads is only for the report.
 *
 * Source: the idea is that of electric fence (B. Perens 1987), and of sampling it that of GWP-ASan
 * and KFENCE. */
#include "mm/debug/guard_pool.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/sync/spinlock.h"
#include "mm/debug/mistakes.h"
#include "mm/debug/owner.h"
#include "mm/frames.h"
#include "mm/sanitize.h"
#include "mm/slab.h"
#include "port/pagetable.h"

#define NS_PER_MS    1000000ull
#define REST_PATTERN 0xa7

enum slot_state { SLOT_UNUSED, SLOT_LIVE, SLOT_FREED };

struct slot {
    enum slot_state state;    /* [pool_lock] */
    bool is_exposed;          /* [pool_lock] FREED, and mapped after a report */
    struct slab_cache *cache; /* [pool_lock] NULL when it is gone; then there is still: */
    uint32_t size_bytes;      /* [pool_lock] */
    char cache_name[20];      /* [pool_lock] */
    char *object;             /* [pool_lock] */
    struct page *frame;       /* [I] after guard_pool_start() */
    struct owner allocated;   /* [pool_lock] */
    struct owner freed;       /* [pool_lock] */
};

_Atomic uint64_t guard_pool_next_ns = UINT64_MAX; /* [a] */

static struct spinlock pool_lock = SPINLOCK_INIT(LOCK_RANK_VMALLOC, "guard pool");
static struct slot slots[GUARD_POOL_SLOTS];
static uint8_t queue[GUARD_POOL_SLOTS]; /* [pool_lock] slots that are not LIVE, oldest first */
static unsigned nr_queued, queue_head;  /* [pool_lock] */
static bool guard_is_exposed[GUARD_POOL_SLOTS + 1]; /* [pool_lock] */
static struct page *rubbish;                        /* [I] behind guards after a report */
static uint64_t interval_ns;                        /* [I] */
static bool at_end;                                 /* [pool_lock] of the page: the next object */
static uint64_t nr_sampled, nr_missed;              /* [pool_lock] */
static _Atomic uint64_t nr_reports;                 /* [a] */

static uint64_t slot_page(unsigned index)
{
    return GUARD_POOL_BASE + (2ul * index + 1) * PAGE_SIZE;
}

static uint64_t guard_page(unsigned index)
{
    return GUARD_POOL_BASE + 2ul * index * PAGE_SIZE;
}

static int map_page(uint64_t address, const struct page *frame)
{
    return pagetable_map_kernel(address, page_to_phys(frame), PTE_FLAG_READ | PTE_FLAG_WRITE);
}

/* ---- Start ------------------------------------------------------------------------------------ */

static int prepare_slot(unsigned index)
{
    slots[index] = (struct slot){.frame = frames_alloc(0, ALLOC_KERNEL)};
    if (slots[index].frame == NULL || map_page(slot_page(index), slots[index].frame) != 0) {
        return -ENOMEM;
    }
    pagetable_hide_kernel(slot_page(index)); /* the tables stay: mapping can't fail from now on */
    queue[index] = (uint8_t)index;
    return 0;
}

int guard_pool_start(unsigned interval_ms)
{
    int error = 0;

    if (interval_ms == 0) {
        return 0;
    }
    rubbish = frames_alloc(0, ALLOC_KERNEL);
    for (unsigned i = 0; i < GUARD_POOL_SLOTS && error == 0; i++) {
        error = prepare_slot(i);
    }
    if (rubbish == NULL ||
        error != 0) { /* what was taken stays: the machine has no memory at all */
        return -ENOMEM;
    }
    queue_head = 0;
    nr_queued = GUARD_POOL_SLOTS;
    interval_ns = interval_ms * NS_PER_MS;
    store_release(&guard_pool_next_ns, port_clock_ns() + interval_ns);
    return 0;
}

void guard_pool_sample_next(void)
{
    if (load_relaxed(&guard_pool_next_ns) != UINT64_MAX) {
        store_relaxed(&guard_pool_next_ns, 0);
    }
}

/* ---- Allocation ------------------------------------------------------------------------------- */

static void fill_rest(const struct slot *slot, uint64_t page)
{
    for (char *at = (char *)page; at < slot->object; at++) {
        *at = (char)REST_PATTERN;
    }
    for (char *at = slot->object + slot->size_bytes; at < (char *)page + PAGE_SIZE; at++) {
        *at = (char)REST_PATTERN;
    }
}

static void hide_guard(unsigned index)
{
    if (guard_is_exposed[index]) {
        guard_is_exposed[index] = false;
        pagetable_hide_kernel(guard_page(index));
    }
}

/* Caller: pool_lock. */
static struct slot *take_slot(struct slab_cache *cache)
{
    unsigned index;
    struct slot *slot;
    uint64_t page;

    if (nr_queued == 0) {
        nr_missed++;
        return NULL;
    }
    index = queue[queue_head];
    slot = &slots[index];
    page = slot_page(index);
    if (map_page(page, slot->frame) != 0) {
        return NULL;
    }
    sanitize_allow((void *)page, PAGE_SIZE); /* the last one may have been forbidden in part */
    queue_head = (queue_head + 1) % GUARD_POOL_SLOTS;
    nr_queued--;
    nr_sampled++;
    hide_guard(index);
    hide_guard(index + 1);
    at_end = !at_end;
    slot->cache = cache;
    slot->size_bytes = cache->size_bytes;
    strlcpy(slot->cache_name, cache->name, sizeof(slot->cache_name));
    slot->object = (char *)page;
    if (at_end) {
        slot->object += align_down(PAGE_SIZE - cache->size_bytes, max_of(cache->align_bytes, 1u));
    }
    slot->is_exposed = false;
    slot->freed = (struct owner){0};
    slot->state = SLOT_LIVE;
    return slot;
}

void *guard_pool_alloc(struct slab_cache *cache, enum alloc_flags flags)
{
    const uint32_t unfit = SLAB_PLAIN | SLAB_TYPE_STABLE;
    struct slot *slot;
    uint64_t state;

    if ((cache->flags & unfit) != 0 || cache->size_bytes > PAGE_SIZE || cache->destruct != NULL ||
        (flags & ALLOC_DIRECT) != 0) {
        return NULL;
    }
    store_relaxed(&guard_pool_next_ns, port_clock_ns() + interval_ns);
    state = spin_lock_irqsave(&pool_lock);
    slot = take_slot(cache);
    if (slot != NULL) {
        owner_record(&slot->allocated);
        fill_rest(slot, align_down((uint64_t)slot->object, PAGE_SIZE));
    }
    spin_unlock_irqrestore(&pool_lock, state);
    if (slot == NULL) {
        return NULL;
    }
    if (cache->construct != NULL) {
        cache->construct(slot->object);
    }
    return slot->object;
}

/* ---- Reports ---------------------------------------------------------------------------------- */

/* The slot whose page an address lies in, or which is nearer to an address in a guard. */
static struct slot *slot_near(uint64_t address)
{
    uint64_t number = (address - GUARD_POOL_BASE) / PAGE_SIZE;
    struct slot *left = number == 0 ? NULL : &slots[(number - 1) / 2];
    struct slot *right = number / 2 == GUARD_POOL_SLOTS ? NULL : &slots[number / 2];

    if (number % 2 == 1 || left == NULL || left->object == NULL) {
        return right;
    }
    if (right == NULL || right->object == NULL) {
        return left;
    }
    return address - (uint64_t)left->object - left->size_bytes < (uint64_t)right->object - address
               ? left
               : right;
}

static void describe(const struct slot *slot)
{
    if (slot == NULL || slot->state == SLOT_UNUSED) {
        return;
    }
    pr_err("  object %p of %s (%u bytes), %s", (const void *)slot->object, slot->cache_name,
           slot->size_bytes, slot->state == SLOT_LIVE ? "in use" : "free");
    owner_log(&slot->allocated, "allocated");
    owner_log(&slot->freed, "freed");
}

/* "3 bytes behind", into a buffer. */
static const char *relation(const struct slot *slot, uint64_t address, char buffer[40])
{
    uint64_t start = (uint64_t)slot->object;
    uint64_t end = start + slot->size_bytes;

    if (address < start) {
        ksnprintf(buffer, 40, "%llu bytes before", (unsigned long long)(start - address));
    } else if (address >= end) {
        ksnprintf(buffer, 40, "%llu bytes behind", (unsigned long long)(address - end));
    } else {
        ksnprintf(buffer, 40, "byte %llu of", (unsigned long long)(address - start));
    }
    return buffer;
}

static void begin_report(void)
{
    mistake_begin();
    atomic_fetch_add_explicit(&nr_reports, 1, memory_order_relaxed);
}

static void report_access(const struct slot *slot, uint64_t address, bool is_write, bool is_guard,
                          const void *const *calls, unsigned nr_calls)
{
    char where[40] = "no object near";

    begin_report();
    pr_err("guard pool: %s: %s of 0x%llx, %s an object, by %pS",
           is_guard ? "out of bounds" : "use after free", is_write ? "write" : "read",
           (unsigned long long)address,
           slot != NULL && slot->state != SLOT_UNUSED ? relation(slot, address, where) : where,
           nr_calls > 0 ? calls[0] : NULL);
    for (unsigned i = 1; i < nr_calls; i++) {
        pr_err("    < %pS", calls[i]);
    }
    describe(slot);
    mistake_end();
}

bool guard_pool_fault(uint64_t address, bool is_write, const void *const *calls, unsigned nr_calls)
{
    uint64_t page = align_down(address, PAGE_SIZE);
    uint64_t number = (page - GUARD_POOL_BASE) / PAGE_SIZE;
    bool is_guard = number % 2 == 0;
    struct slot *slot = slot_near(address);

    if (load_relaxed(&guard_pool_next_ns) == UINT64_MAX) {
        return false;
    }
    if (!is_guard && slot->state == SLOT_LIVE) {
        return true; /* this hart remembers the page as absent: trap.c has it forget that */
    }
    report_access(slot, address, is_write, is_guard, calls, nr_calls);
    if (is_guard) {
        guard_is_exposed[number / 2] = true;
    } else {
        slot->is_exposed = true;
    }
    return map_page(page, is_guard ? rubbish : slot->frame) == 0;
}

/* ---- Freeing ---------------------------------------------------------------------------------- */

static void report_free(const struct slot *slot, const void *object, const char *what)
{
    begin_report();
    pr_err("guard pool: bad free of %p by %pS: %s", object, mistake_caller(), what);
    describe(slot);
    mistake_end();
}

static void check_rest(const struct slot *slot)
{
    uint64_t page = align_down((uint64_t)slot->object, PAGE_SIZE);
    uint64_t at = page;
    char where[40];

    while (at < page + PAGE_SIZE) {
        if (at == (uint64_t)slot->object) {
            at += slot->size_bytes;
        } else if (*(const unsigned char *)at != REST_PATTERN) {
            begin_report();
            pr_err("guard pool: out of bounds: %s an object was overwritten with 0x%02x; found on "
                   "the free by %pS",
                   relation(slot, at, where), *(const unsigned char *)at, mistake_caller());
            describe(slot);
            mistake_end();
            return;
        } else {
            at++;
        }
    }
}

static const char *judge_free(const struct slab_cache *cache, const void *object,
                              const struct slot *slot)
{
    if (slot == NULL || slot->state == SLOT_UNUSED) {
        return "no object is there";
    }
    if (slot->object != object) {
        return "not the beginning of an object";
    }
    if (slot->state == SLOT_FREED) {
        return "already free";
    }
    return slot->cache == cache ? NULL : "not an object of this cache";
}

void guard_pool_free(struct slab_cache *cache, const void *object)
{
    uint64_t state = spin_lock_irqsave(&pool_lock);
    struct slot *slot = slot_near((uint64_t)object);
    const char *wrong = judge_free(cache, object, slot);

    if (wrong == NULL) {
        check_rest(slot);
        owner_record(&slot->freed);
        slot->state = SLOT_FREED;
        pagetable_hide_kernel(align_down((uint64_t)slot->object, PAGE_SIZE));
        queue[(queue_head + nr_queued) % GUARD_POOL_SLOTS] = (uint8_t)(slot - slots);
        nr_queued++;
    }
    spin_unlock_irqrestore(&pool_lock, state);
    if (wrong != NULL) {
        report_free(slot, object, wrong);
    }
}

/* ---- Looking ---------------------------------------------------------------------------------- */

struct slab_cache *guard_pool_cache_of(const void *address)
{
    return guard_pool_has(address) ? slot_near((uint64_t)address)->cache : NULL;
}

void guard_pool_forget(const struct slab_cache *cache)
{
    uint64_t state = spin_lock_irqsave(&pool_lock);

    for (unsigned i = 0; i < GUARD_POOL_SLOTS; i++) {
        if (slots[i].cache == cache) {
            slots[i].cache = NULL;
        }
    }
    spin_unlock_irqrestore(&pool_lock, state);
}

unsigned guard_pool_count(const struct slab_cache *cache)
{
    uint64_t state = spin_lock_irqsave(&pool_lock);
    unsigned nr = 0;

    for (unsigned i = 0; i < GUARD_POOL_SLOTS; i++) {
        nr += slots[i].state == SLOT_LIVE && slots[i].cache == cache;
    }
    spin_unlock_irqrestore(&pool_lock, state);
    return nr;
}

void guard_pool_get_stats(struct guard_pool_stats *stats)
{
    uint64_t state = spin_lock_irqsave(&pool_lock);

    *stats = (struct guard_pool_stats){.nr_live = GUARD_POOL_SLOTS - nr_queued,
                                       .nr_sampled = nr_sampled,
                                       .nr_missed = nr_missed,
                                       .nr_reports = load_relaxed(&nr_reports)};
    if (load_relaxed(&guard_pool_next_ns) == UINT64_MAX) {
        stats->nr_live = 0;
    }
    spin_unlock_irqrestore(&pool_lock, state);
}
