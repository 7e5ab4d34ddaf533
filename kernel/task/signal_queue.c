// SPDX-License-Identifier: MIT
/* Queues of pending signals: a bit for each, and a list of details.
 *
 * A standard signal (1 to 31) waits at most once. A real-time signal waits as often as it was
 * sent, as long as there are details; its bit stays while one of its details is left. Locks: the
 * signal_lock of the process. */
#include "kernel/task/signal_queue.h"
#include "kernel/base/bits.h"
#include "kernel/base/string.h"
#include "mm/slab.h"

/* Faults come first, so that the handler's frame shows the place of the fault. */
#define SYNCHRONOUS                                                              \
    (signal_bit(ABI_SIGSEGV) | signal_bit(ABI_SIGBUS) | signal_bit(ABI_SIGILL) | \
     signal_bit(ABI_SIGTRAP) | signal_bit(ABI_SIGFPE) | signal_bit(ABI_SIGSYS))

SLAB_CACHE(signal_info_cache, struct signal_info, NULL);

struct signal_info *signal_info_alloc(void)
{
    return slab_alloc(&signal_info_cache, ALLOC_ATOMIC | ALLOC_QUIET);
}

void signal_info_free(struct signal_info *info)
{
    slab_free(&signal_info_cache, info);
}

void signal_queue_init(struct signal_queue *queue)
{
    queue->set = 0;
    list_init(&queue->infos);
}

void signal_queue_add(struct signal_queue *queue, int signal, struct signal_info *detail)
{
    queue->set |= signal_bit(signal);
    if (detail != NULL) {
        list_push_back(&queue->infos, &detail->node);
    }
}

/** Take the details of the oldest instance; the bit goes with the last one. */
static void take_detail(struct signal_queue *queue, int signal, struct abi_siginfo *info,
                        unsigned *nr_details)
{
    struct signal_info *detail;
    struct signal_info *found = NULL;
    bool has_more = false;

    list_for_each (detail, &queue->infos, node) {
        if (detail->info.si_signo != signal) {
            continue;
        }
        if (found != NULL) {
            has_more = true;
            break;
        }
        found = detail;
    }
    if (!has_more) {
        queue->set &= ~signal_bit(signal);
    }
    if (found == NULL) {
        memset(info, 0, sizeof(*info));
        info->si_signo = signal;
        return;
    }
    *info = found->info;
    list_remove(&found->node);
    signal_info_free(found);
    (*nr_details)--;
}

int signal_queue_take(struct signal_queue *queue, uint64_t wanted, struct abi_siginfo *info,
                      unsigned *nr_details)
{
    uint64_t set = queue->set & wanted;
    int signal;

    if (set == 0) {
        return 0;
    }
    if ((set & SYNCHRONOUS) != 0) {
        set &= SYNCHRONOUS;
    }
    signal = (int)bit_first(set) + 1;
    take_detail(queue, signal, info, nr_details);
    return signal;
}

unsigned signal_queue_flush(struct signal_queue *queue, uint64_t set)
{
    struct signal_info *detail;
    struct signal_info *after;
    unsigned nr = 0;

    if ((queue->set & set) == 0) {
        return 0;
    }
    queue->set &= ~set;
    list_for_each_safe (detail, after, &queue->infos, node) {
        if ((signal_bit(detail->info.si_signo) & set) != 0) {
            list_remove(&detail->node);
            signal_info_free(detail);
            nr++;
        }
    }
    return nr;
}
