// SPDX-License-Identifier: MIT
/* Pages that stay in memory: mlock(2) and its family.
 *
 * To be locked is a property of areas, like their rights, and is set in the same way: the range is cut
 * out (area_split), its areas are marked, neighbours that continue each other are joined again. The
 * mark itself moves nothing. It is asked by those who would take a page away to have its frame: swap_out.c
 * looks at every area that may map a page, map_object_unmap_page() at every area that shows it, and
 * one mark is enough for the page to stay. Moving a page to another frame is still allowed.
 *
 * Then the pages that are not there are brought in: all of them, since who locks memory wants no fault
 * later. AREA_LOCK_ON_FAULT leaves that out, and each page stays once it came. What is marked after
 * pages were looked at, and before they are taken, would slip through: so the mark is set under the
 * locks of the area's lists, which who takes pages away holds from the look to the end.
 *
 *     mark        under space->lock for writing, and the lists' locks     a page taken before is missing
 *     bring in    under space->lock for reading, by faults                … and comes back; none goes after
 *
 * New areas are marked from the start, where mlockall(MCL_FUTURE) has said so (space->future_lock), and
 * what they gain by brk or mremap is brought in as well. A child of fork inherits no locks, and a
 * new program begins without.
 *
 * Bounds: RLIMIT_MEMLOCK, in pages of areas, for all but the superuser (space_limits.c). */
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "mm/commit.h"
#include "mm/space_internal.h"

static uint64_t count_locked(struct space *space, uint64_t start, uint64_t end)
{
    uint64_t nr = 0;

    for (struct area *area = area_find(space, start); area != NULL && area->start < end;
         area = area_next(area)) {
        if ((area->flags & AREA_LOCKED) != 0) {
            nr += (min_of(area->end, end) - max_of(area->start, start)) >> PAGE_SHIFT;
        }
    }
    return nr;
}

bool space_is_any_locked(struct space *space, uint64_t start, uint64_t end)
{
    return load_relaxed(&space->nr_locked_pages) != 0 && count_locked(space, start, end) != 0;
}

/* ---- The mark -------------------------------------------------------------------------------- */

static struct area *mark_area(struct area *area, uint32_t lock)
{
    area_lock_lists(area);
    area_set_flags(area, (area->flags & ~(uint32_t)AREA_LOCK_FLAGS) | lock);
    area_unlock_lists(area);
    return area_merge(area);
}

/* As on Linux, what lies before the first gap is marked all the same. */
static int mark_range(struct space *space, uint64_t start, uint64_t end, uint32_t lock)
{
    while (start < end) {
        struct area *area = area_find(space, start);
        uint64_t part_end;
        int error;

        if (!area_contains(area, start)) {
            return -ENOMEM;
        }
        part_end = min_of(end, area->end);
        if ((area->flags & AREA_LOCK_FLAGS) != lock) {
            error = area_split(space, start);
            if (error == 0) {
                error = area_split(space, part_end);
            }
            if (error != 0) {
                return error;
            }
            (void)mark_area(area_find(space, start), lock);
        }
        start = part_end;
    }
    return 0;
}

/* ---- Bringing in ----------------------------------------------------------------------------- */

/* The first part of [start, end) that is to be brought in. Private memory that may be written is
 * copied now, and not at the first store. */
static bool find_wanted(struct space *space, uint64_t *start, uint64_t *end,
                        enum fault_access *access)
{
    struct area *area;
    bool is_found = false;

    rwlock_read_lock(&space->lock);
    for (area = area_find(space, *start); area != NULL && area->start < *end && !is_found;
         area = area_next(area)) {
        is_found = (area->flags & AREA_LOCK_FLAGS) == AREA_LOCKED;
        if (is_found) {
            *start = max_of(*start, area->start);
            *end = min_of(*end, area->end);
            *access = (area->flags & (AREA_WRITE | AREA_SHARED)) == AREA_WRITE ? FAULT_WRITE
                      : (area->flags & (AREA_READ | AREA_WRITE)) == 0          ? FAULT_EXEC
                                                                               : FAULT_READ;
        }
    }
    rwlock_read_unlock(&space->lock);
    return is_found;
}

int space_bring_in_locked(struct space *space, uint64_t start, uint64_t end)
{
    enum fault_access access;
    int first_error = 0;

    while (load_relaxed(&space->nr_locked_pages) != 0 && start < end) {
        uint64_t part_end = end;
        int error;

        if (!find_wanted(space, &start, &part_end, &access)) {
            break;
        }
        error = space_fault_range(space, start, part_end - start, access);
        first_error = first_error != 0 ? first_error : error;
        start = part_end;
    }
    return first_error;
}

/* ---- The calls ------------------------------------------------------------------------------- */

bool space_may_lock_at_all(const struct space *space)
{
    struct payer payer;

    if (space->limit_locked_bytes != 0) {
        return true;
    }
    commit_describe_payer(&payer);
    return payer.is_privileged;
}

int space_lock(struct space *space, uint64_t start, uint64_t end, bool is_on_fault)
{
    uint64_t nr_pages = (end - start) >> PAGE_SHIFT;
    uint32_t lock = is_on_fault ? AREA_LOCK_FLAGS : AREA_LOCKED;
    int error = -ENOMEM;

    rwlock_write_lock(&space->lock);
    if (space_may_lock(space, nr_pages) ||
        space_may_lock(space, nr_pages - count_locked(space, start, end))) {
        error = mark_range(space, start, end, lock);
    }
    space_write_unlock(space);
    if (error == 0) {
        error = space_bring_in_locked(space, start, end);
        error = error == 0 ? 0 : error == -ENOMEM ? -EAGAIN : -ENOMEM;
    }
    return error;
}

int space_unlock(struct space *space, uint64_t start, uint64_t end)
{
    int error;

    rwlock_write_lock(&space->lock);
    error = mark_range(space, start, end, 0);
    space_write_unlock(space);
    return error;
}

static void mark_all(struct space *space, uint32_t lock)
{
    for (struct area *area = area_find(space, 0); area != NULL; area = area_next(area)) {
        if ((area->flags & AREA_LOCK_FLAGS) != lock) {
            area = mark_area(area, lock);
        }
    }
}

int space_lock_all(struct space *space, bool is_current, bool is_future, bool is_on_fault)
{
    uint32_t lock = is_on_fault ? AREA_LOCK_FLAGS : AREA_LOCKED;
    bool may = true;

    rwlock_write_lock(&space->lock);
    if (is_current) {
        may = space_may_lock(space, load_relaxed(&space->nr_mapped_pages) -
                                        load_relaxed(&space->nr_locked_pages));
    }
    if (may) {
        space->future_lock = is_future ? lock : 0;
    }
    if (may && is_current) {
        mark_all(space, lock);
    }
    space_write_unlock(space);
    if (may && is_current) {
        (void)!space_bring_in_locked(space, 0, USER_END); /* as far as it goes, as on Linux */
    }
    return may ? 0 : -ENOMEM;
}

void space_unlock_all(struct space *space)
{
    rwlock_write_lock(&space->lock);
    space->future_lock = 0;
    mark_all(space, 0);
    space_write_unlock(space);
}
