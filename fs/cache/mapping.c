// SPDX-License-Identifier: MIT
/* The page cache: which pages of an object are in memory.
 *
 * One idea: a file's content and a disk's metadata are both "pages of an object", found by index in
 * a sparse tree, read in on demand, and written back later. Everything that reads or changes them
 * (read, write, mmap, execve, directory code, the block maps of file systems) works on the same
 * pages, so nothing has to be kept coherent.
 *
 * The life of a page:   absent → LOCKED while it is read → UPTODATE → (DIRTY → WRITEBACK →)* clean
 * → absent
 *
 * References. The cache holds one; each finder and each page-table entry holds one more. A page
 * leaves the cache by truncation (its mapping field becomes NULL under the page lock; late holders
 * notice and let go) or by reclaim (only when the cache's and reclaim's own references are the only
 * ones, checked under mapping->lock, where new ones are made).
 *
 * Locks. mapping->lock guards the tree, its tags and counts, and is taken with interrupts off
 * because writes complete in interrupt handlers. The page lock guards content changes and a
 * page's place in a mapping; it also keeps the mapping alive, since an inode cannot go before it
 * has locked and removed each of its pages. */
#include "fs/cache/cache_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/string.h"
#include "mm/commit.h"
#include "mm/frames.h"
#include "mm/slab.h"
#include "mm/vmstat.h"

SLAB_CACHE_RECLAIMABLE(radix_node_cache, struct radix_node, NULL);

static struct radix_node *alloc_radix_node(void *context)
{
    return slab_alloc(&radix_node_cache, ALLOC_ATOMIC | ALLOC_QUIET);
}

static void free_radix_node(void *context, struct radix_node *node)
{
    slab_free(&radix_node_cache, node);
}

/* Nodes are allocated under mapping->lock and so without waiting. When that fails, wait for
 * memory here, outside the lock, and give it to the cache: the next try will find it. An
 * insertion takes all the nodes of its way or none, so it must find as many at a time: twice the
 * height of the tallest tree (further roots on top, and a branch below). */
static bool wait_for_radix_nodes(void)
{
    void *nodes[20];
    unsigned nr = 0;

    while (nr < array_size(nodes) &&
           (nodes[nr] = slab_alloc(&radix_node_cache, ALLOC_WAIT | ALLOC_NOFS)) != NULL) {
        nr++;
    }
    for (unsigned i = 0; i < nr; i++) {
        slab_free(&radix_node_cache, nodes[i]);
    }
    return nr == array_size(nodes);
}

void mapping_init(struct mapping *mapping, struct inode *inode, struct block_device *device,
                  const struct mapping_ops *ops, uint32_t block_shift)
{
    page_queues_prepare();
    memset(mapping, 0, sizeof(*mapping));
    map_object_init(&mapping->object, &mapping_object_ops);
    mapping->object.is_memory = device == NULL;
    mapping->inode = inode;
    mapping->device = device;
    mapping->ops = ops;
    mapping->block_shift = block_shift;
    atomic_init(&mapping->limit_bytes, UINT64_MAX);
    spin_init(&mapping->lock, LOCK_RANK_MAPPING, "mapping");
    radix_init(&mapping->pages, alloc_radix_node, free_radix_node, mapping);
}

int mapping_map(struct mapping *mapping, uint64_t block, uint64_t max_blocks, bool create,
                struct block_extent *extent)
{
    if (mapping->ops != NULL) {
        return mapping->ops->map_blocks(mapping->inode, block, max_blocks, create, extent);
    }
    *extent = (struct block_extent){.disk_block = block, .nr_blocks = max_blocks};
    return 0;
}

struct page *mapping_find(struct mapping *mapping, uint64_t index)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    struct page *page = radix_lookup(&mapping->pages, index);

    if (page != NULL) {
        page_get(page);
    }
    spin_unlock_irqrestore(&mapping->lock, irq);
    if (page != NULL && !page_has(page, PAGE_REFERENCED)) {
        page_set(page, PAGE_REFERENCED);
    }
    return page;
}

bool mapping_has(struct mapping *mapping, uint64_t index)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    bool result = radix_lookup(&mapping->pages, index) != NULL;

    spin_unlock_irqrestore(&mapping->lock, irq);
    return result;
}

/* The counts change under mapping->lock; others look at them without. */
static void count(_Atomic uint64_t *counter, uint64_t change)
{
    store_relaxed(counter, load_relaxed(counter) + change);
}

/* Put a fresh, locked page into the tree. Returns 0, -EEXIST or -ENOMEM. */
static int mapping_insert(struct mapping *mapping, uint64_t index, struct page *page)
{
    int error;

    page->kind = PAGE_CACHE;
    page->cache.mapping = mapping;
    page->cache.index = index;
    list_init(&page->cache.lru);
    atomic_store_explicit(&page->dirty_sectors, 0, memory_order_relaxed);
    atomic_store_explicit(&page->maps, 0, memory_order_relaxed);
    atomic_store_explicit(&page->flags, PAGE_LOCKED | PAGE_REFERENCED, memory_order_relaxed);
    do {
        uint64_t irq = spin_lock_irqsave(&mapping->lock);

        error = radix_insert(&mapping->pages, index, page);
        if (error == 0) {
            page_get(page); /* the cache's own */
            count(&mapping->nr_pages, 1);
        }
        spin_unlock_irqrestore(&mapping->lock, irq);
    } while (error == -ENOMEM && wait_for_radix_nodes());
    if (error == 0) {
        lru_add(page);
    }
    if (error == 0 && mapping->device == NULL) {
        vm_count(VM_NR_SHMEM);
    }
    return error;
}

/* Pages without a disk stay until they are cut: each is a promise of its own, unless all were promised
 * when the file was made. */
static bool is_charged(const struct mapping *mapping)
{
    return mapping->device == NULL && !mapping->is_prepaid;
}

/* A frame that never got into a tree goes back as it came. */
static void discard_frame(struct page *page)
{
    page->kind = PAGE_USED;
    atomic_store_explicit(&page->flags, 0, memory_order_relaxed);
    page_put(page);
}

static int add_page(struct mapping *mapping, uint64_t index, enum alloc_flags flags,
                    struct page **out)
{
    /* Pages of files can be moved while nobody is at them (migrate.c); metadata is held for long. */
    struct page *page = frames_alloc(0, flags | (mapping->inode != NULL ? ALLOC_MOVABLE : 0));
    int error;

    if (page == NULL) {
        return -ENOMEM;
    }
    error = mapping_insert(mapping, index, page);
    if (error != 0) {
        discard_frame(page);
        return error;
    }
    *out = page;
    return 0;
}

/* Make a page at index. Returns 0 with the page locked and referenced, -EEXIST when another was
 * faster, -ENOMEM, -ENOSPC when no more may be promised. */
int mapping_add_page(struct mapping *mapping, uint64_t index, enum alloc_flags flags,
                     struct page **out)
{
    int error;

    if (is_charged(mapping) && commit_charge(1) != 0) {
        return -ENOSPC;
    }
    error = add_page(mapping, index, flags, out);
    if (error != 0 && is_charged(mapping)) {
        commit_uncharge(1);
    }
    return error;
}

int mapping_grab(struct mapping *mapping, uint64_t index, struct page **out)
{
    for (;;) {
        struct page *page = mapping_find(mapping, index);

        if (page != NULL) {
            page_lock(page);
            if (page_mapping(page) == mapping) {
                *out = page;
                return 0;
            }
            page_unlock(page); /* truncated while we waited */
            page_put(page);
            continue;
        }
        int error = mapping_add_page(mapping, index, ALLOC_WAIT | ALLOC_NOFS, out);

        if (error != -EEXIST) {
            return error;
        }
    }
}

static void remove_from_tree(struct mapping *mapping, struct page *page)
{
    spin_assert_held(&mapping->lock);
    if (radix_tag_get(&mapping->pages, page->cache.index, MAPPING_TAG_DIRTY)) {
        count(&mapping->nr_dirty, UINT64_MAX);
    }
    radix_remove(&mapping->pages, page->cache.index);
    count(&mapping->nr_pages, UINT64_MAX);
}

/* The page is out of the tree: forget what it was, drop the cache's reference. */
static void release_removed(struct page *page)
{
    lru_remove(page);
    if ((page_clear(page, PAGE_DIRTY | PAGE_MAPPED | PAGE_READAHEAD | PAGE_UPTODATE) &
         PAGE_DIRTY) != 0) {
        writeback_count_dirty(-1);
    }
    if (page->cache.mapping->device == NULL) {
        vm_count_many(VM_NR_SHMEM, -1);
    }
    if (is_charged(page->cache.mapping)) {
        commit_uncharge(1);
    }
    __atomic_store_n(&page->cache.mapping, NULL, __ATOMIC_RELAXED);
    page_put(page);
}

void mapping_remove_locked(struct mapping *mapping, struct page *page)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);

    debug_assert(page_mapping(page) == mapping);
    remove_from_tree(mapping, page);
    spin_unlock_irqrestore(&mapping->lock, irq);
    release_removed(page);
}

bool mapping_remove_if_unused(struct mapping *mapping, struct page *page)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    bool is_unused = page_refs(page) == 2 && !page_has(page, PAGE_DIRTY | PAGE_WRITEBACK);

    if (is_unused) {
        remove_from_tree(mapping, page);
    }
    spin_unlock_irqrestore(&mapping->lock, irq);
    if (is_unused) {
        release_removed(page);
    }
    return is_unused;
}

/* Collect referenced pages of [first, last]. */
static size_t gather_pages(struct mapping *mapping, uint64_t first, uint64_t last,
                           struct page **pages, size_t nr)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    size_t found = radix_gather(&mapping->pages, first, last, (void **)pages, NULL, nr);

    for (size_t i = 0; i < found; i++) {
        page_get(pages[i]);
    }
    spin_unlock_irqrestore(&mapping->lock, irq);
    return found;
}

/* Take one page away from its object and from everybody who has it mapped. It leaves the object
 * first: a fault that has found it already counts it as mapped and then looks whether it still
 * belongs (mm/fault.c), so one of the two sees the other. */
static void cut_page(struct mapping *mapping, struct page *page, bool also_private)
{
    page_lock(page);
    page_wait_writeback(page);
    if (page_mapping(page) == mapping) {
        mapping_remove_locked(mapping, page);
        fence_full();
        if (atomic_load_explicit(&page->maps, memory_order_acquire) != 0) {
            map_object_unmap(&mapping->object, page->cache.index, 1, also_private);
        }
    }
    page_unlock(page);
}

/* Drop whole pages from index `first` on, dirty or not. */
static void cut_whole_pages(struct mapping *mapping, uint64_t first)
{
    struct page *pages[CACHE_BATCH];
    size_t nr;

    while ((nr = gather_pages(mapping, first, UINT64_MAX, pages, CACHE_BATCH)) != 0) {
        for (size_t i = 0; i < nr; i++) {
            cut_page(mapping, pages[i], true);
            page_put(pages[i]);
        }
    }
}

void mapping_cut_pages(struct mapping *mapping, uint64_t first, uint64_t last)
{
    struct page *pages[CACHE_BATCH];
    size_t nr;

    while (first <= last && (nr = gather_pages(mapping, first, last, pages, CACHE_BATCH)) != 0) {
        first = pages[nr - 1]->cache.index + 1;
        for (size_t i = 0; i < nr; i++) {
            cut_page(mapping, pages[i], false);
            page_put(pages[i]);
        }
    }
}

/* Clear the bytes in the cache and have the page written, so that the disk agrees. A write under
 * way may go to blocks that are about to be freed: it must have ended. */
int mapping_zero_rest(struct mapping *mapping, uint64_t size_bytes)
{
    uint32_t offset = (uint32_t)(size_bytes & PAGE_MASK);
    struct page *page;
    int error = 0;

    if (offset == 0) {
        return 0;
    }
    if (mapping->device == NULL) {
        page = mapping_find(mapping, size_bytes >> PAGE_SHIFT);
    } else {
        error = mapping_read(mapping, size_bytes >> PAGE_SHIFT, 1, &page);
    }
    if (error != 0 || page == NULL) { /* where no page is there are zeros */
        return error;
    }
    page_lock(page);
    page_wait_writeback(page);
    if (page_mapping(page) == mapping) {
        memset((char *)page_address(page) + offset, 0, PAGE_SIZE - offset);
        page_clear(page, PAGE_MAPPED); /* blocks behind the end are about to be freed */
        page_mark_dirty(page, offset, (uint32_t)PAGE_SIZE - offset);
    }
    page_unlock(page);
    page_put(page);
    return 0;
}

/* The old last page, locked, now reaches further into the file. */
static void extend_page(struct mapping *mapping, struct page *page, uint64_t old_size_bytes)
{
    uint32_t offset = (uint32_t)(old_size_bytes & PAGE_MASK);
    uint64_t start = page->cache.index << PAGE_SHIFT;
    uint32_t end = (uint32_t)min_of(mapping_size(mapping) - start, PAGE_SIZE);
    struct mapping_give give;

    if (atomic_load_explicit(&page->maps, memory_order_acquire) != 0) {
        (void)map_object_clean(&mapping->object, page->cache.index);
        /* Without a place (the disk is full) the next store is an error; those before are lost. */
        (void)!mapping_allocate(mapping, page, offset, end - offset, &end, &give);
        mapping_end_allocate(mapping, &give);
    }
    if (page_mapping(page) == mapping) { /* it may have been unlocked for a moment */
        page_mark_dirty(page, offset, (uint32_t)PAGE_SIZE - offset);
    }
}

void mapping_extended(struct mapping *mapping, uint64_t old_size_bytes)
{
    struct page *page;

    if ((old_size_bytes & PAGE_MASK) == 0 || mapping->device == NULL ||
        (page = mapping_find(mapping, old_size_bytes >> PAGE_SHIFT)) == NULL) {
        return;
    }
    page_lock(page);
    if (page_mapping(page) == mapping && page_has(page, PAGE_UPTODATE)) {
        extend_page(mapping, page, old_size_bytes);
    }
    page_unlock(page);
    page_put(page);
}

void mapping_cut_begin(struct mapping *mapping, uint64_t size_bytes)
{
    uint64_t first = (size_bytes + PAGE_MASK) >> PAGE_SHIFT;

    /* First the limit, then the look at the tree: who puts a page there later sees the limit,
     * and reads nothing. */
    mapping_extents_changed(mapping);
    atomic_store(&mapping->limit_bytes, size_bytes);
    map_object_unmap(&mapping->object, first, UINT64_MAX - first, true);
    cut_whole_pages(mapping, first);
    if (!list_is_empty(&mapping->object.areas)) { /* private copies made meanwhile */
        map_object_unmap(&mapping->object, first, UINT64_MAX - first, true);
    }
    /* Whoever lets the file grow again needs zeros there, and looks: a page that cannot be read
     * now is his error then. */
    (void)!mapping_zero_rest(mapping, size_bytes);
}

void mapping_cut_end(struct mapping *mapping)
{
    mapping_extents_changed(mapping);
    atomic_store(&mapping->limit_bytes, UINT64_MAX);
}

uint64_t mapping_drop_range(struct mapping *mapping, uint64_t next, uint64_t last)
{
    struct page *pages[CACHE_BATCH];
    uint64_t nr_dropped = 0;
    size_t nr;

    if (mapping->device == NULL) {
        return 0;
    }
    while (next <= last && (nr = gather_pages(mapping, next, last, pages, CACHE_BATCH)) != 0) {
        next = pages[nr - 1]->cache.index + 1;
        for (size_t i = 0; i < nr; i++) {
            if (page_trylock(pages[i])) {
                if (page_mapping(pages[i]) == mapping &&
                    mapping_remove_if_unused(mapping, pages[i])) {
                    nr_dropped++;
                }
                page_unlock(pages[i]);
            }
            page_put(pages[i]);
        }
        if (next == 0) {
            break;
        }
    }
    return nr_dropped;
}

void mapping_destroy(struct mapping *mapping)
{
    cut_whole_pages(mapping, 0);
    assert(radix_is_empty(&mapping->pages));
    radix_destroy(&mapping->pages);
}

int mapping_check_error(struct mapping *mapping, uint32_t *seq)
{
    uint32_t now = atomic_load_explicit(&mapping->error_seq, memory_order_acquire);

    if (likely(now == *seq)) {
        return 0;
    }
    *seq = now;
    return atomic_load_explicit(&mapping->error, memory_order_relaxed);
}

void mapping_set_error(struct mapping *mapping, int error)
{
    atomic_store_explicit(&mapping->error, error, memory_order_relaxed);
    atomic_fetch_add_explicit(&mapping->error_seq, 1, memory_order_release);
}
