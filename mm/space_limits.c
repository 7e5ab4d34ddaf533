// SPDX-License-Identifier: MIT
/* What a process may have: asked before an area is made, split, grows, or becomes writable.
 *
 * Four bounds, in the order in which Linux asks, so that the same error comes out when several say
 * no. Three are the process's own (setrlimit(2)), one is the machine's (commit.c):
 *
 *     RLIMIT_MEMLOCK   pages locked into memory            -EAGAIN   the superuser is not asked
 *     RLIMIT_AS        pages of all areas                  -ENOMEM
 *     RLIMIT_DATA      private writable pages, no stacks   -ENOMEM
 *     commit           what all processes were promised    -ENOMEM
 *
 * (RLIMIT_STACK bounds one area, and is asked where that grows.) A fifth is the machine's, too: the
 * number of areas (/proc/sys/vm/max_map_count). They are memory of the kernel that no user's page
 * shows, so without it a process that maps every other page would fill the machine and not be the one
 * that the killer finds.
 *
 * Those of the process count the pages of areas, touched or not, and are kept by area.c where areas
 * change. A page that is replaced is in the counts when its successor asks for a place; so who
 * replaces says how many those are.
 *
 * Locks: the caller has space->lock for writing, so that what was asked is still true when the area
 * is entered. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "mm/commit.h"
#include "mm/space_internal.h"

_Atomic uint64_t space_max_areas = 65530;

bool space_may_add_area(const struct space *space)
{
    return space->nr_areas < load_relaxed(&space_max_areas);
}

static bool fits(const _Atomic uint64_t *nr_pages, uint64_t nr_more, uint64_t limit_bytes)
{
    uint64_t limit = limit_bytes >> PAGE_SHIFT;

    return nr_more <= limit && load_relaxed(nr_pages) <= limit - nr_more;
}

bool space_may_lock(struct space *space, uint64_t nr_pages)
{
    struct payer payer;

    if (fits(&space->nr_locked_pages, nr_pages, space->limit_locked_bytes)) {
        return true;
    }
    commit_describe_payer(&payer);
    return payer.is_privileged;
}

bool space_may_add_data(struct space *space, uint64_t nr_pages)
{
    return nr_pages == 0 || fits(&space->nr_data_pages, nr_pages, space->limit_data_bytes);
}

int space_check_limits(struct space *space, uint64_t nr_pages, uint64_t nr_replaced, uint32_t flags)
{
    uint64_t nr_more = nr_pages - nr_replaced;

    debug_assert(rwlock_is_write_held(&space->lock) && nr_replaced <= nr_pages);
    if ((flags & AREA_LOCKED) != 0 && !space_may_lock(space, nr_pages)) {
        return -EAGAIN;
    }
    if (!fits(&space->nr_mapped_pages, nr_more, space->limit_address_space_bytes) ||
        (area_is_data(flags) && !space_may_add_data(space, nr_more))) {
        return -ENOMEM;
    }
    return 0;
}

int space_charge(struct space *space, uint64_t nr_pages, uint32_t flags)
{
    int error = space_check_limits(space, nr_pages, 0, flags);

    if (error == 0 && (flags & AREA_ACCOUNT) != 0) {
        error = commit_charge(nr_pages);
    }
    return error;
}

void space_uncharge(uint64_t nr_pages, uint32_t flags)
{
    if ((flags & AREA_ACCOUNT) != 0) {
        commit_uncharge(nr_pages);
    }
}
