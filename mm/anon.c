// SPDX-License-Identifier: MIT
/* From an anonymous page to those who map it.
 *
 * A page of a file belongs to an object, and the object lists the areas that map it
 * (map_object.c). An anonymous page belongs to nobody but its mappers: the process that first stored
 * to it, and after a fork the children. To find them, areas stand in families. An area founds one
 * with its first anonymous page; what it is cut into and its copies made by fork belong to it, too.
 * A page notes the family and an index, and every area of a family has the index of its start:
 *
 *     page {family, index} --> family --> area of the parent   address = start + (index - anon_index)
 *                                     --> area of a child      each entry there may map the page, or
 *                                     --> area of another      a copy that was made since: look
 *
 * Indices are page numbers of the founder's addresses. mremap takes them along to the new place, so
 * a page's index never changes; arithmetic on them wraps around and means no harm.
 *
 * From a frame to its family. Swapping and compaction come with a frame that they know nothing of:
 * it may be freed, and be a slab or a page table, between two of their instructions. So nothing that
 * its page says is believed, and no reference is taken to a page that is only seen:
 *
 *   1. read kind and family without a lock;
 *   2. the family is believed to be one if it is an object of the cache of families. That cache
 *      never gives memory back, and a freed family is in its constructed state: empty and unlocked.
 *      So its lock can be taken even if it was freed, or is another family by now;
 *   3. with the lock held, look through the page tables of its areas. An entry that maps the frame
 *      holds a reference, and under its page-table lock it is safe to take another.
 *
 * The page is then what it seemed to be, and stays that: only mapped anonymous pages stand in
 * private areas' entries, apart from pages of files, which kind tells.
 *
 * An area joins before its first page is entered and leaves after the last one is gone. Its bounds
 * change under the family's lock, so between two holds of it every entry lies inside an area of the
 * list. A child's area joins before its entries are copied. fork, and mremap while it moves entries,
 * may have a page in two places for a while: whoever compares counts sees the difference and leaves
 * the page alone.
 *
 * Locks: family->lock (a mutex, LOCK_RANK_ANON, after an object's), then one page-table lock at a
 * time. area->family is set under the page-table lock of its space, and with space->lock held.
 *
 * Source: the idea is Linux's anon_vma (2.6.7; see Gorman, "Understanding the Linux Virtual Memory
 * Manager"), of which this is the form with one level. */
#include "mm/anon.h"

#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "mm/slab.h"
#include "mm/space_internal.h"

static void construct_family(void *object)
{
    struct anon_family *family = object;

    mutex_init(&family->lock, LOCK_RANK_ANON, "anon_family");
    list_init(&family->areas);
}

SLAB_CACHE_TYPE_STABLE(family_cache, struct anon_family, construct_family);

/* ---- Areas and their families ---------------------------------------------------------------- */

/* Whether the areas differ in nothing but that one has no family yet: with the same they can be
 * joined later. */
static bool could_be_one(const struct area *lower, const struct area *upper)
{
    return lower->end == upper->start && lower->flags == upper->flags &&
           lower->object == upper->object && lower->file == upper->file &&
           (lower->flags & AREA_GROWS_DOWN) == 0;
}

/* A neighbour's family that the area may take over, with the index that it has there. */
static struct anon_family *family_of_neighbour(struct area *area, uint64_t *index)
{
    struct area *prev = area_prev(area);
    struct area *next = area_next(area);
    struct anon_family *family = NULL;

    if (prev != NULL && could_be_one(prev, area)) {
        family = load_acquire(&prev->family);
        *index = prev->anon_index + ((prev->end - prev->start) >> PAGE_SHIFT);
    }
    if (family == NULL && next != NULL && could_be_one(area, next)) {
        family = load_acquire(&next->family);
        *index = next->anon_index - ((area->end - area->start) >> PAGE_SHIFT);
    }
    return family;
}

int anon_join(struct area *area)
{
    uint64_t index = area->start >> PAGE_SHIFT;
    struct anon_family *family, *fresh = NULL;

    family = family_of_neighbour(area, &index);
    if (family == NULL) {
        index = area->start >> PAGE_SHIFT;
        fresh = slab_alloc(&family_cache, ALLOC_KERNEL);
        if (fresh == NULL) {
            return -ENOMEM;
        }
        family = fresh;
    }
    mutex_lock(&family->lock);
    spin_lock(&area->space->table_lock); /* one of the threads that fault here at once */
    if (load_relaxed(&area->family) == NULL) {
        area->anon_index = index;
        list_push_back(&family->areas, &area->anon_node);
        /* Release: who sees the family sees the index. */
        store_release(&area->family, family);
        fresh = NULL;
    }
    spin_unlock(&area->space->table_lock);
    mutex_unlock(&family->lock);
    if (fresh != NULL) {
        anon_free(fresh);
    }
    return 0;
}

void anon_enter(struct area *area)
{
    struct anon_family *family = load_relaxed(&area->family);

    if (family != NULL) {
        mutex_assert_held(&family->lock);
        list_push_back(&family->areas, &area->anon_node);
    }
}

struct anon_family *anon_leave(struct area *area)
{
    struct anon_family *family = load_relaxed(&area->family);

    if (family == NULL) {
        return NULL;
    }
    mutex_assert_held(&family->lock);
    list_remove(&area->anon_node);
    return list_is_empty(&family->areas) ? family : NULL;
}

void anon_free(struct anon_family *family)
{
    if (family != NULL) {
        slab_free(&family_cache, family);
    }
}

/* ---- From the page to its mappers ------------------------------------------------------------ */

/* What the frame's page says at this moment, without a lock: step 1 of the theory. A race by
 * intention, and so hidden from ThreadSanitizer. */
__attribute__((no_sanitize_thread)) static struct anon_family *peek_family(const struct page *page,
                                                                           uint64_t *index)
{
    const volatile struct page *peeked = page;

    *index = peeked->anon.index; /* a wrong one finds no entry of this page */
    return peeked->kind == PAGE_ANON ? peeked->anon.family : NULL;
}

void anon_for_each(struct anon_family *family, uint64_t index,
                   bool (*visit)(struct area *area, uint64_t address, void *arg), void *arg)
{
    struct area *area;

    mutex_assert_held(&family->lock);
    list_for_each (area, &family->areas, anon_node) {
        uint64_t nr_pages = (area->end - area->start) >> PAGE_SHIFT;
        uint64_t offset = index - area->anon_index; /* wraps if it lies before the area */

        if (offset < nr_pages && !visit(area, area->start + (offset << PAGE_SHIFT), arg)) {
            return;
        }
    }
}

struct search {
    struct page *page;
    bool takes_reference; /* with the first entry found, and ends there */
    unsigned nr_found;
};

static bool search_entry(struct area *area, uint64_t address, void *arg)
{
    struct search *search = arg;
    struct page *page = search->page;
    struct space *space = area->space;
    struct pte pte;
    bool is_found;

    spin_lock(&space->table_lock);
    pte = pagetable_get(&space->table, address);
    /* A page that is mapped does not change its kind: now it may be looked at. */
    is_found = pte.is_present && pte.frame.addr == page_to_phys(page).addr &&
               page->kind == PAGE_ANON;
    if (is_found && search->takes_reference) {
        page_get(page);
    }
    spin_unlock(&space->table_lock);
    search->nr_found += is_found;
    return !(is_found && search->takes_reference);
}

struct anon_family *anon_lock_page(struct page *page)
{
    struct search search = {.page = page, .takes_reference = true};
    uint64_t index;
    struct anon_family *family = peek_family(page, &index);

    if (family == NULL || slab_cache_of(family) != &family_cache || !mutex_trylock(&family->lock)) {
        return NULL;
    }
    anon_for_each(family, index, search_entry, &search);
    if (search.nr_found == 0) {
        mutex_unlock(&family->lock);
        return NULL;
    }
    return family;
}

void anon_unlock_page(struct anon_family *family, struct page *page)
{
    mutex_unlock(&family->lock);
    page_put(page);
}

unsigned anon_count_entries(struct anon_family *family, struct page *page)
{
    struct search search = {.page = page};

    anon_for_each(family, page->anon.index, search_entry, &search);
    return search.nr_found;
}
