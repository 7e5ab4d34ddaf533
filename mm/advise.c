// SPDX-License-Identifier: MIT
/* madvise(2): what a program says about memory that it has mapped.
 *
 * Advice is of three kinds. Some of it is a mark on areas, which others ask for later: large pages
 * (huge.c), and what a child of fork is to get of them (space_fork.c). Some is done at once: pages are
 * dropped, or brought in (space_fault_range()). The rest changes nothing that a program could see, and
 * is only checked: that there is something at the place.
 *
 * Marks are set as rights are (protect.c): the range is cut out, its areas are marked, neighbours that
 * continue each other are joined again. As on Linux a gap in the range is -ENOMEM, after all else has
 * been done; what must not be done to one of the areas is found before anything is.
 *
 * Locks: space->lock, for writing where areas change. */
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "mm/space_internal.h"

int space_check_covered(struct space *space, uint64_t start, uint64_t end)
{
    for (struct area *area = area_find(space, start); start < end; area = area_next(area)) {
        if (!area_contains(area, start)) {
            return -ENOMEM;
        }
        start = area->end;
    }
    return 0;
}

int space_check_mapped(struct space *space, uint64_t start, uint64_t len_bytes)
{
    int error;

    rwlock_read_lock(&space->lock);
    error = space_check_covered(space, start, start + len_bytes);
    rwlock_read_unlock(&space->lock);
    return error;
}

static bool has_object(struct space *space, uint64_t start, uint64_t end)
{
    struct area *area = area_find(space, start);

    while (area != NULL && area->start < end && area->object == NULL) {
        area = area_next(area);
    }
    return area != NULL && area->start < end;
}

/* ---- Marks ----------------------------------------------------------------------------------- */

int space_advise(struct space *space, uint64_t start, uint64_t len_bytes, uint32_t cleared,
                 uint32_t set)
{
    uint64_t end = start + len_bytes;
    struct area *area;
    int error;

    rwlock_write_lock(&space->lock);
    /* What is wiped in the child must be a process's own, and come from nowhere. */
    error = (set & AREA_WIPE_ON_FORK) != 0 && has_object(space, start, end)
                ? -EINVAL
                : area_split(space, start);
    if (error == 0) {
        error = area_split(space, end);
    }
    if (error == 0) {
        error = space_check_covered(space, start, end);
        area = area_find(space, start);
        while (area != NULL && area->start < end) {
            area_set_flags(area, (area->flags & ~cleared) | set);
            area = area_next(area_merge(area));
        }
    }
    space_write_unlock(space);
    return error;
}

/* ---- Pages ----------------------------------------------------------------------------------- */

int space_discard(struct space *space, uint64_t start, uint64_t len_bytes, uint32_t how)
{
    uint64_t end;
    int error;

    if ((start & PAGE_MASK) != 0 || !space_is_user_range(start, len_bytes)) {
        return -EINVAL;
    }
    end = align_up(start + len_bytes, PAGE_SIZE);
    rwlock_read_lock(&space->lock);
    if (((how & DISCARD_EVEN_LOCKED) == 0 && space_is_any_locked(space, start, end)) ||
        ((how & DISCARD_ANONYMOUS_ONLY) != 0 && has_object(space, start, end))) {
        rwlock_read_unlock(&space->lock);
        return -EINVAL;
    }
    space_unmap_pages(space, start, end, UNMAP_ALL);
    error = space_check_covered(space, start, end);
    rwlock_read_unlock(&space->lock);
    return error;
}

int space_check_idle_advice(struct space *space, uint64_t start, uint64_t len_bytes)
{
    uint64_t end = start + len_bytes;
    int error;

    rwlock_read_lock(&space->lock);
    error = space_is_any_locked(space, start, end) ? -EINVAL
                                                   : space_check_covered(space, start, end);
    rwlock_read_unlock(&space->lock);
    return error;
}

int space_check_removable(struct space *space, uint64_t start, uint64_t len_bytes)
{
    const uint32_t needed = AREA_SHARED | AREA_MAY_WRITE;
    uint64_t end = start + len_bytes;
    struct area *area;
    int error = 0;

    rwlock_read_lock(&space->lock);
    for (area = area_find(space, start); area != NULL && area->start < end && error == 0;
         area = area_next(area)) {
        if ((area->flags & AREA_LOCKED) != 0 || area->file == NULL) {
            error = -EINVAL;
        } else if ((area->flags & needed) != needed) {
            error = -EACCES;
        }
    }
    error = error != 0 ? error : space_check_covered(space, start, end);
    rwlock_read_unlock(&space->lock);
    return error;
}
