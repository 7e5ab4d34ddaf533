// SPDX-License-Identifier: MIT
/* Debugged slab caches.
 *
 * An object of such a cache has company:
 *
 *     lead        slot 0                                        slot 1
 *     |    |red| object | red …  | record |red| object | red …  | record |red| …
 *               ^                             ^
 *               aligned                       one stride later
 *
 * Redzones (Z) are bytes of a known value before and behind each object. Nobody but an error writes
 * them; they are checked when the object is allocated and freed. The zone behind begins at the
 * object's last byte, whatever the alignment, so one byte too far is seen.
 *
 * Poison (P): a free object is filled with a pattern, checked when the object is allocated, so a
 * write after free is seen (a read gets a pattern that is no pointer). A fresh object is filled
 * with another, so that it is never zero by luck. What of constructors? A freed object is in its
 * constructed state, which the poison destroys; so for a poisoned cache the constructor runs at
 * each allocation instead of once for each object. For the caller that makes no difference, and a
 * field that an earlier life left wrong can't do harm here; a run without P shows that. Caches whose
 * free objects may be looked at (SLAB_TYPE_STABLE) are never poisoned.
 *
 * The record (U) says who allocated the object and who freed it last: when, on which hart, by which
 * calls. It is kept whatever the letters, so that each report can name both.
 *
 * Which objects are free is told by the slab's bitmap: in this allocator no free pointer lies in a
 * free object, where a stray write could bend it and make the next allocation return any address.
 * What takes its place, the bitmap, lies in the `struct page`, or at the slab's end behind the last
 * redzone. The record is a second witness against it: its state is a constant for live or for free,
 * mixed with the record's own address, so neither zeroes nor a copy of another record look like
 * one. Between allocation and free the two agree; map and record are changed one after the other,
 * record first on a free and last on an allocation, so
 *
 *     the map says free  =>  the record says free
 *
 * holds at every moment, and is checked (F) for all objects of the slab at each allocation and
 * free. Whatever the letters, a free of an object whose record does not say "live", or that is no
 * object, is refused at the call.
 *
 * After a report the damage is repaired and the kernel goes on: the first report is the one to
 * believe.
 *
 * A debugged cache is SLAB_PLAIN: it has no magazines, so every operation comes through the slow
 * path, where these hooks are, and the fast path needs no test. Locks: the record belongs to whoever
 * has the object; its state changes by compare-and-swap, so that of two harts that free the same
 * object one is told.
 *
 * Sources: the idea of redzones and of poison is that of J. Bonwick's allocator (1994, section 6);
 * the letters are Linux's. */
#include "mm/debug/slab_debug.h"

#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/printk.h"
#include "mm/debug/mistakes.h"
#include "mm/sanitize.h"
#include "mm/slab_inspect.h"

#define REDZONE_BYTES 16u /* before each object; behind it at least MIN_BEHIND */
#define MIN_BEHIND    8u

#define REDZONE_VALUE 0xbb
#define FREE_VALUE    0x6b /* no pointer, an odd number, 'k' in ASCII */
#define FRESH_VALUE   0x5a

#define STATE_LIVE 0x11ef11ef11ef11efull
#define STATE_FREE 0xf7eef7eef7eef7eeull

struct record {
    _Atomic uint64_t state; /* [a] one of the above, mixed with the record's address */
    void *mark;             /* [leak search] */
    struct owner allocated; /* [object] */
    struct owner freed;     /* [object] */
};

static struct record *record_of(const struct slab_cache *cache, const void *object)
{
    return (struct record *)((char *)(uintptr_t)object + cache->stride_bytes - REDZONE_BYTES) - 1;
}

static uint64_t mixed(const struct record *record, uint64_t state)
{
    return state ^ (uint64_t)record * 0x9e3779b97f4a7c15ull;
}

uint32_t slab_debug_plan(struct slab_cache *cache, uint32_t align_bytes)
{
    /* What magazines are made of stays as it is: a debugged cache would need none, and all need
     * them. */
    if ((cache->flags & SLAB_PLAIN) == 0) {
        cache->flags |= slab_debug_flags_for(cache->name);
    }
    /* The free objects of these may be looked at, in their constructed state. */
    if ((cache->flags & SLAB_TYPE_STABLE) != 0) {
        cache->flags &= ~(uint32_t)SLAB_DEBUG_POISON;
    }
    if (!slab_is_debugged(cache)) {
        return align_up(cache->size_bytes + SANITIZE_GAP_BYTES, align_bytes);
    }
    cache->flags |= SLAB_PLAIN;
    return align_up(cache->size_bytes + MIN_BEHIND + (uint32_t)sizeof(struct record) +
                        REDZONE_BYTES,
                    align_bytes);
}

uint32_t slab_debug_lead(const struct slab_cache *cache)
{
    uint32_t align_bytes = max_of(cache->align_bytes, 1u);

    return slab_is_debugged(cache) ? align_up(REDZONE_BYTES, align_bytes) : 0;
}

/* ---- Bytes ------------------------------------------------------------------------------------
 * What a sanitizer forbids to everybody is looked at here: that is the point. */

SANITIZE_NOT static void fill(void *start, unsigned char value, size_t len_bytes)
{
    volatile unsigned char *bytes = start; /* volatile: no call of memset(), which is checked */

    for (size_t i = 0; i < len_bytes; i++) {
        bytes[i] = value;
    }
}

/* How many bytes differ, the first of them at *at. */
SANITIZE_NOT static size_t count_damage(const void *start, unsigned char value, size_t len_bytes,
                                        size_t *at)
{
    const volatile unsigned char *bytes = start;
    size_t nr = 0;

    for (size_t i = 0; i < len_bytes; i++) {
        if (bytes[i] != value) {
            *at = nr == 0 ? i : *at;
            nr++;
        }
    }
    return nr;
}

SANITIZE_NOT static unsigned char byte_at(const void *start, size_t at)
{
    return ((const volatile unsigned char *)start)[at];
}

/* ---- Reports ---------------------------------------------------------------------------------- */

static void log_owners(const struct slab_cache *cache, const void *object)
{
    const struct record *record = record_of(cache, object);

    owner_log(&record->allocated, "allocated");
    owner_log(&record->freed, "last freed");
}

/* Check a run of bytes that should all have one value; report and repair it. Returns whether it was
 * whole. @offset: of the run, from the object. */
static bool check_bytes(struct slab_cache *cache, void *object, const char *what, int64_t offset,
                        unsigned char value, size_t len_bytes)
{
    char *start = (char *)object + offset;
    size_t at = 0;
    size_t nr = count_damage(start, value, len_bytes, &at);

    if (likely(nr == 0)) {
        return true;
    }
    mistake_begin();
    pr_err("slab: %s: %s object %p (%u bytes): %llu bytes overwritten, the first at %+lld with "
           "0x%02x; found by %pS",
           cache->name, what, object, cache->size_bytes, (unsigned long long)nr,
           (long long)offset + (long long)at, byte_at(start, at), mistake_caller());
    log_owners(cache, object);
    mistake_end();
    fill(start, value, len_bytes);
    return false;
}

static bool check_redzones(struct slab_cache *cache, void *object)
{
    const char *record = (const char *)record_of(cache, object);
    size_t behind = (size_t)(record - (const char *)object) - cache->size_bytes;
    bool is_whole = check_bytes(cache, object, "redzone before", -(int64_t)REDZONE_BYTES,
                                REDZONE_VALUE, REDZONE_BYTES);

    return check_bytes(cache, object, "redzone behind", cache->size_bytes, REDZONE_VALUE, behind) &&
           is_whole;
}

static bool check_poison(struct slab_cache *cache, void *object)
{
    return check_bytes(cache, object, "poison of free", 0, FREE_VALUE, cache->size_bytes);
}

static void report_state(const struct slab_cache *cache, const void *object, const char *what)
{
    mistake_begin();
    pr_err("slab: %s: object %p: %s; found by %pS", cache->name, object, what, mistake_caller());
    log_owners(cache, object);
    mistake_end();
}

static void report_free(const struct slab_cache *cache, const void *object,
                        enum slab_verdict verdict)
{
    mistake_begin();
    slab_report(cache, object, verdict, mistake_caller());
    if (verdict == SLAB_DOUBLE) {
        log_owners(cache, object);
    }
    mistake_end();
}

/* ---- Free map and records --------------------------------------------------------------------- */

static bool visit_witnesses(struct slab_cache *cache, void *object, bool is_free, void *arg)
{
    const struct record *record = record_of(cache, object);
    uint64_t state = mixed(record, load_relaxed(&record->state));

    if (state == STATE_FREE || (state == STATE_LIVE && !is_free)) {
        return true;
    }
    *(void **)arg = object;
    return false;
}

static void check_map(struct slab_cache *cache, const void *object)
{
    void *wrong = NULL;

    slab_pages_visit(cache, object, visit_witnesses, &wrong);
    if (unlikely(wrong != NULL)) {
        struct record *record = record_of(cache, wrong);
        bool is_live = mixed(record, load_relaxed(&record->state)) == STATE_LIVE;
        report_state(cache, wrong,
                     is_live ? "in use, but the slab's free map calls it free"
                             : "its record was overwritten");
        if (!is_live) {
            store_relaxed(&record->state, mixed(record, STATE_LIVE));
        }
    }
}

/* ---- The hooks -------------------------------------------------------------------------------- */

void slab_debug_format(struct slab_cache *cache, void *object)
{
    struct record *record = record_of(cache, object);

    sanitize_allow(record, sizeof(*record));
    fill((char *)object - REDZONE_BYTES, REDZONE_VALUE, REDZONE_BYTES);
    fill((char *)object + cache->size_bytes, REDZONE_VALUE,
         (size_t)((char *)record - (char *)object) - cache->size_bytes);
    *record = (struct record){.state = mixed(record, STATE_FREE)};
    if ((cache->flags & SLAB_DEBUG_POISON) != 0) {
        fill(object, FREE_VALUE, cache->size_bytes);
    } else if (cache->construct != NULL) {
        cache->construct(object);
    }
    sanitize_forbid((char *)object - REDZONE_BYTES, REDZONE_BYTES);
    sanitize_forbid(object, (size_t)((char *)record - (char *)object));
    if ((cache->flags & SLAB_TYPE_STABLE) != 0) {
        sanitize_allow(object, cache->size_bytes);
    }
}

void slab_debug_alloc(struct slab_cache *cache, void *object)
{
    struct record *record = record_of(cache, object);
    uint64_t expected = mixed(record, STATE_FREE);

    if ((cache->flags & SLAB_DEBUG_REDZONE) != 0) {
        (void)check_redzones(cache, object);
    }
    if ((cache->flags & SLAB_DEBUG_POISON) != 0) {
        (void)check_poison(cache, object);
        fill(object, FRESH_VALUE, cache->size_bytes);
        if (cache->construct != NULL) {
            cache->construct(object);
        }
    }
    if (!atomic_compare_exchange_strong(&record->state, &expected, mixed(record, STATE_LIVE))) {
        report_state(cache, object,
                     mixed(record, expected) == STATE_LIVE
                         ? "in use, but the slab's free map gave it out again"
                         : "its record was overwritten");
        store_relaxed(&record->state, mixed(record, STATE_LIVE));
    }
    record->mark = NULL;
    owner_record(&record->allocated);
    if ((cache->flags & SLAB_DEBUG_CHECKS) != 0) {
        check_map(cache, object);
    }
}

bool slab_debug_free(struct slab_cache *cache, void *object)
{
    enum slab_verdict verdict = slab_pages_judge(cache, object);
    struct record *record = record_of(cache, object);
    uint64_t expected = mixed(record, STATE_LIVE);

    if (verdict == SLAB_OK &&
        !atomic_compare_exchange_strong(&record->state, &expected, mixed(record, STATE_FREE))) {
        if (mixed(record, expected) == STATE_FREE) {
            verdict = SLAB_DOUBLE;
        } else {
            report_state(cache, object, "its record was overwritten");
            store_relaxed(&record->state, mixed(record, STATE_FREE));
        }
    }
    if (verdict != SLAB_OK) {
        report_free(cache, object, verdict);
        return false;
    }
    if ((cache->flags & SLAB_DEBUG_CHECKS) != 0) {
        check_map(cache, object);
    }
    if ((cache->flags & SLAB_DEBUG_REDZONE) != 0) {
        (void)check_redzones(cache, object);
    }
    owner_record(&record->freed);
    if ((cache->flags & SLAB_DEBUG_POISON) != 0) {
        if (cache->destruct != NULL) {
            cache->destruct(object);
        }
        fill(object, FREE_VALUE, cache->size_bytes);
    }
    return true;
}

/* ---- Looking ---------------------------------------------------------------------------------- */

void slab_debug_owners(const struct slab_cache *cache, const void *object,
                       const struct owner **allocated, const struct owner **freed)
{
    const struct record *record = record_of(cache, object);

    *allocated = &record->allocated;
    *freed = &record->freed;
}

bool slab_debug_is_live(const struct slab_cache *cache, const void *object)
{
    const struct record *record = record_of(cache, object);

    return mixed(record, load_relaxed(&record->state)) == STATE_LIVE;
}

void **slab_debug_mark(const struct slab_cache *cache, const void *object)
{
    return &record_of(cache, object)->mark;
}

void *slab_debug_of_mark(void **mark, struct slab_cache **cache)
{
    struct record *record = container_of(mark, struct record, mark);

    *cache = slab_cache_at(record);
    return (char *)(record + 1) + REDZONE_BYTES - (*cache)->stride_bytes;
}

static bool check_object(struct slab_cache *cache, void *object, bool is_free, void *arg)
{
    bool is_whole = (cache->flags & SLAB_DEBUG_REDZONE) == 0 || check_redzones(cache, object);

    if (is_free && (cache->flags & SLAB_DEBUG_POISON) != 0) {
        is_whole = check_poison(cache, object) && is_whole;
    }
    *(unsigned *)arg += !is_whole;
    return true;
}

static void check_cache(struct slab_cache *cache, void *arg)
{
    slab_pages_visit(cache, NULL, check_object, arg);
}

unsigned slab_debug_check_all(void)
{
    unsigned nr_damaged = 0;

    slab_visit_caches(SLAB_DEBUG_ANY, check_cache, &nr_damaged);
    return nr_damaged;
}
