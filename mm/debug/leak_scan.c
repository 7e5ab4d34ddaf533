// SPDX-License-Identifier: MIT
/* The leak search: mark and sweep over the kernel's memory.
 *
 * An object is lost when no pointer to it is left. Pointers are not typed in C, so every aligned
 * word counts that has the value of an address inside a live object (Boehm & Weiser 1988: a
 * conservative search). It may take a number for a pointer, and so miss a leak; it reports nothing
 * that is in use.
 *
 *     roots                                    objects (white, grey, black)
 *     data, zeroed data                        slab objects in use
 *     live part of every kernel stack    ──►   large kmalloc blocks      ──► what their words
 *     frames nobody typed (PAGE_USED)          vmalloc areas                 point to, and so on
 *     struct page of frames in use             (stacks: never looked into, they are roots)
 *
 * All objects begin white. What a root points to becomes grey; a grey object's words are read, and
 * it is black. When nothing is grey, what is still white is unreachable.
 *
 * The machine stands still meanwhile (leak_world.stop_and_call): interrupts off on this hart, the
 * others parked in an interrupt handler, all their registers on their stacks. So no pointer can move
 * from a place not yet read to one that has been, which is what makes concurrent collectors hard;
 * and two scans agree. A parked hart was interruptible, so it holds no lock that is taken with
 * interrupts off: those of slabs and window can be taken here.
 *
 * The search needs to know which objects are in use, exactly. Objects in magazines would look used;
 * but with the search on, all caches keep owners (slab_debug.c), and debugged caches have no
 * magazines. The record beside each object also holds its colour and, while it is grey, the link
 * to the next: white NULL, otherwise the next grey one or END. So marking needs no memory, and no
 * recursion. For large blocks the cell is in the `struct page`, for areas in the area. Since cells
 * of the three kinds lead to their objects in different ways, there are three grey lists.
 *
 * Nothing here may keep the address of a white object in memory that is a root: what was found is
 * kept with addresses complemented.
 *
 * Locks: scan_lock; the search itself has the machine to itself.
 * Sources: H. Boehm, M. Weiser, "Garbage Collection in an Uncooperative Environment", 1988; the
 * three colours are Dijkstra's, 1978. */
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/sync/mutex.h"
#include "mm/debug/leak.h"
#include "mm/debug/slab_debug.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/frames_visit.h"
#include "mm/kmalloc_large.h"
#include "mm/sanitize.h"
#include "mm/slab_inspect.h"
#include "mm/vmalloc_inspect.h"

#define END       ((void *)1)
#define MAX_KEPT  64u
#define NS_PER_US 1000u

struct kept {
    uint64_t hidden_address; /* complemented */
    uint64_t size_bytes;
    char name[LEAK_NAME_BYTES];
    struct owner owner;
};

bool leak_search_is_on;

static const struct leak_world *world; /* [I] after boot */
static struct mutex scan_lock = MUTEX_INIT(scan_lock, LOCK_RANK_RECLAIM, "leak search");
static struct kept kept[MAX_KEPT]; /* [scan_lock] */
static unsigned nr_found;          /* [scan_lock] */
static int64_t scan_ns = -1;       /* [scan_lock] */
static uint64_t nr_objects;        /* [scan_lock] looked at by the last scan */
static bool is_clearing;           /* [scan_lock] */

static void *grey_objects, *grey_large, *grey_areas; /* [scan_lock] cells; END: none */

void leak_enable(void)
{
    leak_search_is_on = true;
    slab_debug_track_all();
}

void leak_set_world(const struct leak_world *leak_world)
{
    world = leak_world;
}

/* ---- Marking ---------------------------------------------------------------------------------- */

/* White becomes grey; a record of the slab stands for its object. */
static void make_grey(void **cell, void **list)
{
    if (*cell == NULL) {
        *cell = *list;
        *list = cell;
    }
}

/* The first page of the large block that a page lies in, or NULL. Such a run is several blocks to
 * the frame allocator, and only the first is marked as PAGE_LARGE (kmalloc_large.c). */
static struct page *run_of(struct page *page)
{
    struct page *block = frames_block_of(page);

    if (block == NULL || block->kind == PAGE_LARGE) {
        return block;
    }
    if (block->kind != PAGE_USED) {
        return NULL;
    }
    for (uint64_t back = 1; back < 1ull << BUDDY_MAX_ORDER; back++) {
        struct page *before = page_from_phys(phys(page_to_phys(block).addr - back * PAGE_SIZE));
        if (before != NULL && before->kind == PAGE_LARGE) {
            return before->large.nr_frames > back ? before : NULL;
        }
        if (before == NULL || (before->kind != PAGE_TAIL && before->kind != PAGE_USED)) {
            return NULL;
        }
    }
    return NULL;
}

static void mark_frame_address(const void *address)
{
    struct page *page = page_from_virt(address);
    struct slab_cache *cache;
    void *object;

    if (page == NULL) {
        return;
    }
    if (page->kind == PAGE_SLAB) {
        object = slab_object_at(address, &cache);
        if (object != NULL && slab_is_debugged(cache) && slab_debug_is_live(cache, object)) {
            make_grey(slab_debug_mark(cache, object), &grey_objects);
        }
        return;
    }
    page = run_of(page);
    if (page != NULL) {
        make_grey(&page->large.mark, &grey_large);
    }
}

/* What `word`, somewhere in memory, points to. */
static void mark_address(uint64_t value, const void *word)
{
    struct vmalloc_view view;

    if (is_direct_pointer((const void *)value)) {
        mark_frame_address((const void *)value);
    } else if (value - VMALLOC_BASE < VMALLOC_SIZE && vmalloc_find(value, &view) &&
               word != view.record) {
        make_grey(view.mark, &grey_areas);
    }
}

SANITIZE_NOT static void scan(const void *start, const void *end)
{
    const uint64_t *word = (const uint64_t *)align_up((uint64_t)start, 8);

    for (; word + 1 <= (const uint64_t *)end; word++) {
        mark_address(*(const volatile uint64_t *)word, word);
    }
}

static void scan_bytes(const void *start, uint64_t len_bytes)
{
    scan(start, (const char *)start + len_bytes);
}

static void *take(void **list)
{
    void **cell = *list;

    *list = *cell;
    *cell = END; /* black */
    return cell;
}

static void mark_all_grey(void)
{
    for (;;) {
        if (grey_objects != END) {
            struct slab_cache *cache;
            void *object = slab_debug_of_mark(take(&grey_objects), &cache);
            scan_bytes(object, cache->size_bytes);
        } else if (grey_large != END) {
            struct page *page = container_of(take(&grey_large), struct page, large.mark);
            scan_bytes(page_address(page), large_size(page));
        } else if (grey_areas != END) {
            struct vmalloc_view view;
            if (vmalloc_find((uint64_t)vmalloc_of_mark(take(&grey_areas)), &view) &&
                !view.is_stack) {
                scan_bytes((const void *)view.start, view.len_bytes);
            }
        } else {
            return;
        }
    }
}

/* ---- All objects, and the frames that are roots ----------------------------------------------- */

static bool whiten_object(struct slab_cache *cache, void *object, bool is_free, void *arg)
{
    (void)arg;
    if (!is_free) {
        *slab_debug_mark(cache, object) = NULL;
    }
    return true;
}

static void whiten_block(struct page *page, void *arg)
{
    (void)arg;
    if (page->kind == PAGE_LARGE) {
        page->large.mark = NULL;
    }
}

/* Frames of slabs, large blocks and areas are objects; those of users and files hold no pointers of
 * ours. What is left is what drivers and file systems took straight from the frame allocator. */
static void scan_block(struct page *page, void *arg)
{
    (void)arg;
    switch (page->kind) {
    case PAGE_USED:
        if (run_of(page) != NULL) {
            return; /* part of an object */
        }
        scan_bytes(page_address(page), PAGE_SIZE << page_order(page));
        break;
    case PAGE_ANON:
    case PAGE_CACHE: break;
    default: return;
    }
    scan_bytes(page, sizeof(*page)); /* its owner, its file */
}

static void for_each_object(slab_visitor visit)
{
    for (struct slab_cache *cache = slab_next_cache(NULL); cache != NULL;
         cache = slab_next_cache(cache)) {
        if (slab_is_debugged(cache)) {
            slab_pages_visit(cache, NULL, visit, NULL);
        }
    }
}

/* ---- Sweeping --------------------------------------------------------------------------------- */

static void found(const char *name, uint64_t address, uint64_t size_bytes, struct owner *owner)
{
    nr_objects++;
    if (address == 0 || owner_is_ignored(owner)) {
        return;
    }
    if (is_clearing) {
        owner_ignore(owner);
        return;
    }
    if (nr_found < MAX_KEPT) {
        struct kept *entry = &kept[nr_found];
        entry->hidden_address = ~address;
        entry->size_bytes = size_bytes;
        entry->owner = *owner;
        strlcpy(entry->name, name, sizeof(entry->name));
    }
    nr_found++;
}

static bool sweep_object(struct slab_cache *cache, void *object, bool is_free, void *arg)
{
    const struct owner *allocated, *freed;
    bool is_white = !is_free && *slab_debug_mark(cache, object) == NULL;

    (void)arg;
    if (!is_free && slab_debug_is_live(cache, object)) {
        slab_debug_owners(cache, object, &allocated, &freed);
        found(cache->name, is_white ? (uint64_t)object : 0, cache->size_bytes,
              (struct owner *)(uintptr_t)allocated);
    }
    return true;
}

static void sweep_block(struct page *page, void *arg)
{
    (void)arg;
    if (page->kind == PAGE_LARGE) {
        found("kmalloc-large", page->large.mark == NULL ? (uint64_t)page_address(page) : 0,
              large_size(page), &page->large.owner);
    }
}

static void sweep_areas(void)
{
    struct vmalloc_view view;

    for (uint64_t at = VMALLOC_BASE; vmalloc_next(at, &view); at = view.start + view.len_bytes) {
        found(view.is_stack ? "stack" : "vmalloc", *view.mark == NULL ? view.start : 0,
              view.len_bytes, view.owner);
    }
}

static void whiten_areas(void)
{
    struct vmalloc_view view;

    for (uint64_t at = VMALLOC_BASE; vmalloc_next(at, &view); at = view.start + view.len_bytes) {
        *view.mark = NULL;
    }
}

/* The machine stands still. */
static void search(void *arg)
{
    uint64_t start_ns = port_clock_ns();

    (void)arg;
    nr_found = 0;
    nr_objects = 0;
    memset(kept, 0, sizeof(kept));
    grey_objects = grey_large = grey_areas = END;
    for_each_object(whiten_object);
    frames_visit_blocks(whiten_block, NULL);
    whiten_areas();
    world->visit_roots(scan);
    frames_visit_blocks(scan_block, NULL);
    mark_all_grey();
    for_each_object(sweep_object);
    frames_visit_blocks(sweep_block, NULL);
    sweep_areas();
    scan_ns = (int64_t)(port_clock_ns() - start_ns);
}

/* ---- For /proc -------------------------------------------------------------------------------- */

static int run(bool clear)
{
    int error;

    if (!leak_search_is_on || world == NULL) {
        return -EOPNOTSUPP;
    }
    mutex_lock(&scan_lock);
    is_clearing = clear;
    error = world->stop_and_call(search, NULL);
    if (error == 0) {
        pr_info("kmemleak: %llu objects in %llu us: %u unreferenced%s",
                (unsigned long long)nr_objects, (unsigned long long)scan_ns / NS_PER_US, nr_found,
                nr_found > 0 ? ", see /proc/kmemleak" : "");
        error = (int)nr_found;
    }
    mutex_unlock(&scan_lock);
    return error;
}

int leak_scan(void)
{
    return run(false);
}

int leak_clear(void)
{
    return run(true);
}

bool leak_get(unsigned index, struct leak *leak)
{
    bool is_there;

    mutex_lock(&scan_lock);
    is_there = index < nr_found && index < MAX_KEPT;
    if (is_there) {
        const struct kept *entry = &kept[index];
        leak->address = ~entry->hidden_address;
        leak->size_bytes = entry->size_bytes;
        leak->owner = entry->owner;
        memcpy(leak->name, entry->name, sizeof(leak->name));
    }
    mutex_unlock(&scan_lock);
    return is_there;
}

unsigned leak_count(void)
{
    return nr_found;
}

int64_t leak_scan_ns(void)
{
    return scan_ns;
}
