// SPDX-License-Identifier: MIT
/* What a task leaves behind in user memory when it ends.
 *
 * Robust mutexes: the thread keeps a list, in its own memory, of those it holds. Each is marked as
 * abandoned, and one waiter is woken to find that out. The list is the user's and may be anything:
 * it is read with checked copies, and at most MAX_ROBUST_ENTRIES of it.
 * The tid word: cleared and woken, which is what pthread_join() waits for. */
#include "kernel/abi/futex.h"
#include "kernel/arch/riscv64/user_atomic.h"
#include "kernel/task/futex.h"
#include "kernel/task/task.h"
#include "mm/space.h"

#define MAX_ROBUST_ENTRIES 2048

/** Mark one robust mutex as abandoned if the task holds it. */
static int release_robust(const struct task *task, uint64_t address, bool is_pending)
{
    uint32_t old;
    uint32_t seen;
    int error = user_atomic_load(user_ptr(address), &seen);

    for (;;) {
        if (error != 0) {
            return error;
        }
        if (is_pending && seen == 0) { /* died between unlocking and waking */
            (void)futex_wake(address, false, 1, ABI_FUTEX_BITSET_ANY);
            return 0;
        }
        if ((seen & ABI_FUTEX_TID_MASK) != (uint32_t)task->tid) {
            return 0;
        }
        error = user_atomic_cmpxchg(user_ptr(address), seen,
                                    (seen & ABI_FUTEX_WAITERS) | ABI_FUTEX_OWNER_DIED, &old);
        if (error == 0 && old == seen) {
            if ((seen & ABI_FUTEX_WAITERS) != 0) {
                (void)futex_wake(address, false, 1, ABI_FUTEX_BITSET_ANY);
            }
            return 0;
        }
        seen = old;
    }
}

static void release_robust_list(const struct task *task)
{
    struct abi_robust_list_head head;
    uint64_t entry;
    uint64_t next;
    unsigned i;

    if (port_copy_from_user(&head, user_ptr(task->robust_list), sizeof(head)) != 0) {
        return;
    }
    /* The lowest bit of a link marks a priority-inheriting mutex, which is released like the
     * others. */
    entry = head.first & ~1ull;
    for (i = 0; i < MAX_ROBUST_ENTRIES && entry != task->robust_list; i++) {
        if (port_copy_from_user(&next, user_ptr(entry), sizeof(next)) != 0) {
            return;
        }
        if (entry != (head.pending & ~1ull) &&
            release_robust(task, entry + (uint64_t)head.futex_offset, false) != 0) {
            return;
        }
        entry = next & ~1ull;
    }
    if (head.pending != 0) {
        (void)release_robust(task, (head.pending & ~1ull) + (uint64_t)head.futex_offset, true);
    }
}

void futex_exit_task(struct task *task)
{
    static const uint32_t zero;

    if (task->space == NULL) {
        return;
    }
    if (task->robust_list != 0) {
        release_robust_list(task);
        task->robust_list = 0;
    }
    if (task->clear_child_tid != 0) {
        /* Only when others still see this memory; else nobody could notice. */
        if (refcount_read(&task->space->refs) > 1 &&
            port_copy_to_user(user_ptr(task->clear_child_tid), &zero, sizeof(zero)) == 0) {
            (void)futex_wake(task->clear_child_tid, false, 1, ABI_FUTEX_BITSET_ANY);
        }
        task->clear_child_tid = 0;
    }
}
