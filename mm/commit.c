// SPDX-License-Identifier: MIT
/* Promised memory.
 *
 * mmap gives addresses; memory comes with the first store. Between the two stands a promise, and a
 * kernel must decide how many it makes. Whoever promises no more than there is never breaks his
 * word: a program is told "no" by mmap, brk or fork, where it can hear it. But programs reserve far
 * more than they touch, and a machine that takes each at its word stands half empty. Whoever promises
 * freely uses all of memory, and may have to break his word: then no call is there to fail, and a
 * process is killed. Linux leaves the choice to the administrator, with three modes, and we follow:
 *
 *     0 guess     a single call for more than RAM and swap together fails; all else is promised
 *     1 always    everything is promised
 *     2 never     the sum of all promises stays below a limit: ratio% of RAM (or a number of KiB), and all of
 *                 swap. Of that, a part is kept for the superuser, and each process leaves 1/32 of its own
 *                 size (up to user_reserve) for others, so that somebody can still log in and mend things
 *
 * What is a promise? Memory that the machine would have to find, and could not take back by dropping
 * it: private pages that may be written, and pages of tmpfs. Pages of files are not: they have a disk.
 *
 *     a private area that is, or becomes, writable      all its pages         AREA_ACCOUNT
 *     shared anonymous memory                           all its pages         when it is made
 *     a file of tmpfs                                   page by page          when it gets one
 *     any of the first two with MAP_NORESERVE           none, but in mode 2
 *
 * There is one account. It is charged before the area is made or grows, and the charge then belongs
 * to the area: it is split, joined and moved with it, and ends with it (area_destroy). So mmap,
 * mprotect, mremap, brk, a growing stack, fork, execve, munmap and exit keep the same books, and when
 * all processes have ended the account stands where it stood.
 *
 * Locks: none. Each hart adds to a word of its own (a fork adds for each area), and the sum is the
 * account; one word alone may be negative. In mode 2 a charge is entered first and the sum looked at
 * afterwards, with a fence between: of two that ask at once, the one whose fence is later sees both,
 * so both may be refused where one would have fitted, but never is more promised than the limit.
 *
 * Source: Documentation/mm/overcommit-accounting of Linux, for the modes and the limit. */
#include "mm/commit.h"

#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "mm/frames.h"
#include "mm/swap.h"

#define KIB_PER_PAGE          (PAGE_SIZE / 1024)
#define RESERVE_SHARE         32u /* of what is free at boot, and of a process */
#define ADMIN_RESERVE_MAX_KIB (8ull << 10)
#define USER_RESERVE_MAX_KIB  (128ull << 10)

struct hart_account {
    _Alignas(64) _Atomic uint64_t nr_pages; /* [a] modulo 2^64 */
};

static struct hart_account accounts[MAX_HARTS];
static void (*describe_payer)(struct payer *payer); /* [I] after boot */

struct commit_rules commit_rules = {.mode = COMMIT_GUESS, .ratio_percent = 50};

void commit_init(void (*describe)(struct payer *payer))
{
    uint64_t share_kib = frames_nr_free() * KIB_PER_PAGE / RESERVE_SHARE;

    store_relaxed(&commit_rules.admin_reserve_kib, min_of(share_kib, ADMIN_RESERVE_MAX_KIB));
    store_relaxed(&commit_rules.user_reserve_kib, min_of(share_kib, USER_RESERVE_MAX_KIB));
    describe_payer = describe;
}

void commit_describe_payer(struct payer *payer)
{
    *payer = (struct payer){.is_privileged = true};
    if (describe_payer != NULL) {
        describe_payer(payer);
    }
}

void commit_charge_always(uint64_t nr_pages)
{
    /* The task may be moved to another hart in between; so it is an addition in one step. */
    atomic_fetch_add_explicit(&accounts[port_hart_id()].nr_pages, nr_pages, memory_order_relaxed);
}

void commit_uncharge(uint64_t nr_pages)
{
    commit_charge_always(-nr_pages);
}

uint64_t commit_nr_charged(void)
{
    uint64_t nr = 0;

    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        nr += load_relaxed(&accounts[hart].nr_pages);
    }
    return (int64_t)nr > 0 ? nr : 0; /* a charge may have been met after its end */
}

static uint64_t nr_swap_pages(void)
{
    struct swap_stats swap;

    swap_get_stats(&swap);
    return swap.nr_total;
}

uint64_t commit_nr_limit(void)
{
    uint64_t limit_kib = load_relaxed(&commit_rules.limit_kib);
    uint64_t ratio = load_relaxed(&commit_rules.ratio_percent);
    uint64_t nr_ram = limit_kib != 0 ? limit_kib / KIB_PER_PAGE : frames_nr_total() * ratio / 100;

    return nr_ram + nr_swap_pages();
}

/* What the sum of all promises must stay below, for the running task's sake. */
static uint64_t nr_allowed(void)
{
    uint64_t limit = commit_nr_limit();
    uint64_t kept = load_relaxed(&commit_rules.user_reserve_kib) / KIB_PER_PAGE;
    struct payer payer;

    commit_describe_payer(&payer);
    kept = min_of(kept, payer.nr_mapped_pages / RESERVE_SHARE);
    if (!payer.is_privileged) {
        kept += load_relaxed(&commit_rules.admin_reserve_kib) / KIB_PER_PAGE;
    }
    return limit > kept ? limit - kept : 0;
}

static bool is_allowed(uint64_t nr_pages)
{
    switch (load_relaxed(&commit_rules.mode)) {
    case COMMIT_GUESS:
        return nr_pages <= frames_nr_total() || nr_pages - frames_nr_total() <= nr_swap_pages();
    case COMMIT_NEVER:
        fence_full(); /* entered, then looked: without it, two could each miss the other's charge */
        return commit_nr_charged() < nr_allowed();
    default: return true;
    }
}

int commit_charge(uint64_t nr_pages)
{
    commit_charge_always(nr_pages);
    if (likely(is_allowed(nr_pages))) {
        return 0;
    }
    commit_uncharge(nr_pages);
    return -ENOMEM;
}
