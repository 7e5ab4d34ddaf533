// SPDX-License-Identifier: MIT
/* Page locks, and waiting for a page's write to end.
 *
 * A page is locked by one bit of its flags, so that a lock costs no memory; who must wait sleeps on
 * one of a few wait queues, chosen by hashing the page's address (Linux's page wait table has the
 * same shape). The WAITERS bit says that somebody may be asleep, so that the usual unlock is a
 * single atomic operation.
 *
 * No wake-up is lost: a waiter sets WAITERS and then looks at the bit it waits for once more; who
 * clears that bit clears WAITERS in the same operation and sees whether it was set. A queue is
 * shared by unrelated pages, so all sleepers of a queue are woken and each looks again; who has
 * still to wait sets WAITERS anew.
 *
 * Page locks are the innermost sleeping locks but for the file system's own: page of a file,
 * then the file system's block map, then pages of metadata. Two pages of one file are locked in
 * index order. */
#include "fs/cache/cache_internal.h"
#include "fs/cache/mapping.h"
#include "kernel/base/assert.h"
#include "kernel/base/once.h"
#include "kernel/sync/waitq.h"
#include "mm/vmstat.h"

#define NR_PAGE_QUEUES 64

static struct waitq page_queues[NR_PAGE_QUEUES];
static struct once page_queues_once = ONCE_INIT("page_queues", ONCE_RETRY);

static int page_queues_init(void *arg)
{
    for (unsigned i = 0; i < NR_PAGE_QUEUES; i++) {
        waitq_init(&page_queues[i]);
    }
    return 0;
}

void page_queues_prepare(void)
{
    int error = once_get(&page_queues_once, page_queues_init, NULL);

    assert(error == 0);
}

static struct waitq *page_queue(const struct page *page)
{
    return &page_queues[((uint64_t)page / sizeof(*page)) % NR_PAGE_QUEUES];
}

bool page_trylock(struct page *page)
{
    return (page_set(page, PAGE_LOCKED) & PAGE_LOCKED) == 0;
}

/* Try once more after announcing that we wait. */
static bool page_trylock_or_announce(struct page *page)
{
    if (page_trylock(page)) {
        return true;
    }
    page_set(page, PAGE_WAITERS);
    return page_trylock(page);
}

void page_lock(struct page *page)
{
    if (likely(page_trylock(page))) {
        return;
    }
    waitq_wait_event(page_queue(page), page_trylock_or_announce(page));
}

static void page_clear_and_wake(struct page *page, uint32_t flag)
{
    uint32_t old = page_clear(page, flag | PAGE_WAITERS);

    if (unlikely((old & PAGE_WAITERS) != 0)) {
        waitq_wake_all(page_queue(page));
    }
}

void page_unlock(struct page *page)
{
    debug_assert(page_has(page, PAGE_LOCKED));
    page_clear_and_wake(page, PAGE_LOCKED);
}

static bool writeback_ended_or_announce(struct page *page)
{
    if (!page_has(page, PAGE_WRITEBACK)) {
        return true;
    }
    page_set(page, PAGE_WAITERS);
    return !page_has(page, PAGE_WRITEBACK);
}

void page_wait_writeback(struct page *page)
{
    if (likely(!page_has(page, PAGE_WRITEBACK))) {
        return;
    }
    waitq_wait_event(page_queue(page), writeback_ended_or_announce(page));
}

void page_wake_writeback(struct page *page)
{
    vm_count_many(VM_NR_WRITEBACK, -1);
    page_clear_and_wake(page, PAGE_WRITEBACK);
    writeback_count_end();
}

static bool unlocked_or_announce(struct page *page)
{
    if (!page_has(page, PAGE_LOCKED)) {
        return true;
    }
    page_set(page, PAGE_WAITERS);
    return !page_has(page, PAGE_LOCKED);
}

void page_wait_unlocked(struct page *page)
{
    if (likely(!page_has(page, PAGE_LOCKED))) {
        return;
    }
    waitq_wait_event(page_queue(page), unlocked_or_announce(page));
}
