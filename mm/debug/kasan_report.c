// SPDX-License-Identifier: MIT
/* What KASAN says of an access that must not be: what it hit, who did it, and whose memory it was.
 *
 * The shadow tells only that a byte is forbidden; its frame's page knows the rest: a slab has a cache
 * and objects at known distances, a free frame remembers who freed it. An object is free if its first
 * byte is forbidden. Who took and who freed it stands in a table of the last such events, one entry
 * for all objects whose addresses hash to it; the entry names its object, so a report says nothing
 * rather than something about another one.
 *
 * After a report the kernel goes on, and the access is made. A place reports once, or a loop would
 * fill the log. Our own accesses while we report are not judged.
 *
 * Locks: none for the table: two harts with two objects of the same entry may leave a mixture, which
 * costs at most a wrong line in a report. */
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "mm/debug/kasan_internal.h"
#include "mm/debug/mistakes.h"
#include "mm/debug/owner.h"
#include "mm/frames_visit.h"
#include "mm/slab_inspect.h"
#include "port/kasan.h"

#define NR_NOTES_LOG2 12u
#define NR_PLACES     64u
#define NR_CALLS      8u

struct note {
    const void *object;
    struct owner allocated;
    struct owner freed;
};

static struct note notes[1u << NR_NOTES_LOG2];
static const void *_Atomic places[NR_PLACES]; /* [a] that have reported */
static bool is_reporting[MAX_HARTS];          /* [its hart] */

static struct note *note_of(const void *object)
{
    return &notes[(uint64_t)object * 0x9e3779b97f4a7c15ull >> (64 - NR_NOTES_LOG2)];
}

void kasan_note(const void *object, bool is_free)
{
    struct note *note = note_of(object);

    if (note->object != object || !is_free) {
        *note = (struct note){.object = object};
    }
    owner_record(is_free ? &note->freed : &note->allocated);
}

/* Whether a place reports for the first time. When the table is full, nobody does any more. */
static bool is_new(const void *place)
{
    for (unsigned i = 0; i < NR_PLACES; i++) {
        const void *seen = NULL;

        if (atomic_compare_exchange_strong(&places[i], &seen, place)) {
            if (i == NR_PLACES - 1) {
                pr_err("kasan: %u places have reported: no more reports", NR_PLACES);
            }
            return true;
        }
        if (seen == place) {
            return false;
        }
    }
    return false;
}

/* ---- Kinds ------------------------------------------------------------------------------------ */

static bool is_forbidden(const void *address)
{
    return *(volatile int8_t *)kasan_shadow_of((uint64_t)address) < 0;
}

/* Why a byte is forbidden. Behind a granule that is used in part, the next one says it. */
static int8_t reason(uint64_t bad)
{
    int8_t shadow = *(volatile int8_t *)kasan_shadow_of(bad);

    return shadow > 0 ? *(volatile int8_t *)kasan_shadow_of(bad + 8) : shadow;
}

/* What a forbidden byte belongs to. */
struct victim {
    const struct page *page;  /* of its frame, or NULL */
    const struct page *large; /* the first page of its kmalloc block of whole frames, or NULL */
    const char *object;       /* of a slab, nearest to the byte, or NULL */
    struct slab_cache *cache; /* the object's */
    bool is_free;             /* the object */
};

static struct victim find_victim(uint64_t bad)
{
    struct victim victim = {.page = page_from_virt((const void *)bad)};
    const char *next;

    if (victim.page == NULL) {
        return victim;
    }
    victim.large = frames_large_of(victim.page);
    victim.object = slab_object_near((const void *)bad, &victim.cache);
    if (victim.object == NULL) {
        return victim;
    }
    victim.is_free = is_forbidden(victim.object);
    /* In the gap between a free object and one in use, it is the latter's user who is wrong. */
    next = victim.object + victim.cache->stride_bytes;
    if (victim.is_free && bad - (uint64_t)victim.object >= victim.cache->size_bytes &&
        slab_object_near(next, &victim.cache) == next && !is_forbidden(next)) {
        victim.object = next;
        victim.is_free = false;
    }
    return victim;
}

static const char *kind_of_victim(const struct victim *victim)
{
    if (victim->page == NULL) {
        return "forbidden memory";
    }
    if (victim->page->kind == PAGE_SLAB) {
        return victim->is_free ? "use after free" : "out of bounds";
    }
    if (victim->large != NULL) {
        return "out of bounds";
    }
    return victim->page->kind <= PAGE_TAIL ? "use of a free frame" : "forbidden memory";
}

static const char *kind_of(uint64_t bad, const struct victim *victim)
{
    if (bad < DIRECT_MAP_BASE) {
        return "no memory of the kernel's";
    }
    switch (reason(bad)) {
    case KASAN_STACK_FIRST:
    case KASAN_STACK_BETWEEN:
    case KASAN_STACK_LAST: return "out of bounds on the stack";
    case KASAN_STACK_SCOPE: return "use of a variable out of its scope";
    case KASAN_GLOBAL: return "out of bounds of a global";
    default: return kind_of_victim(victim);
    }
}

/* ---- Whose memory ------------------------------------------------------------------------------- */

static void describe_object(uint64_t bad, const struct victim *victim)
{
    const struct note *note = note_of(victim->object);
    const struct slab_cache *cache = victim->cache;
    int64_t offset = (int64_t)(bad - (uint64_t)victim->object);
    const char *where = offset < 0 ? "bytes before" : "bytes into";

    if (offset >= (int64_t)cache->size_bytes) {
        where = "bytes behind";
        offset -= (int64_t)cache->size_bytes;
    }
    pr_err("  %lld %s object %p of %s (%u bytes), %s", (long long)(offset < 0 ? -offset : offset),
           where, victim->object, cache->name, cache->size_bytes,
           victim->is_free ? "free" : "in use");
    if (note->object == victim->object) {
        owner_log(&note->allocated, "allocated");
        owner_log(&note->freed, "freed");
    }
}

static void describe(uint64_t bad, const struct victim *victim)
{
    const struct page *page = victim->page;
    const struct kasan_global *global;

    if (victim->object != NULL) {
        describe_object(bad, victim);
    } else if (victim->large != NULL) {
        pr_err("  %llu bytes into a block of %llu frames of kmalloc, at %p",
               (unsigned long long)(bad - (uint64_t)page_address(victim->large)),
               (unsigned long long)victim->large->large.nr_frames, page_address(victim->large));
    } else if (page != NULL && (page->kind == PAGE_FREE || page->kind == PAGE_HOT)) {
        pr_err("  frame %#llx, free, last freed by %pS",
               (unsigned long long)page_to_phys(page).addr, page->free.freed_by);
    } else if ((global = kasan_find_global(bad)) != NULL) {
        pr_err("  %llu bytes behind %s of %s (%llu bytes)",
               (unsigned long long)(bad - global->start - global->size_bytes), global->name,
               global->file, (unsigned long long)global->size_bytes);
    }
}

static void report(uint64_t bad, uint64_t start, size_t len_bytes, bool is_write, const void *place)
{
    const void *calls[NR_CALLS];
    unsigned nr_calls = port_backtrace(calls, NR_CALLS);
    struct victim victim = find_victim(bad);

    mistake_begin();
    pr_err("kasan: %s: %s of %llu bytes at 0x%llx, by %pS", kind_of(bad, &victim),
           is_write ? "write" : "read", (unsigned long long)len_bytes, (unsigned long long)start,
           place);
    for (unsigned i = nr_calls > 0 && calls[0] == place ? 1 : 0; i < nr_calls; i++) {
        pr_err("    < %pS", calls[i]);
    }
    describe(bad, &victim);
    mistake_end();
}

void kasan_report(uint64_t bad, uint64_t start, size_t len_bytes, bool is_write, const void *place)
{
    uint64_t irq_state = port_irq_save(); /* stay on this hart */
    bool *is_mine = &is_reporting[port_hart_id()];

    if (!*is_mine) {
        *is_mine = true;
        if (is_new(place)) {
            report(bad, start, len_bytes, is_write, place);
        }
        *is_mine = false;
    }
    port_irq_restore(irq_state);
}
