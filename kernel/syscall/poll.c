// SPDX-License-Identifier: MIT
/* ppoll and pselect6.
 *
 * Both become an array of poll_items. A signal mask given with the call holds for its length;
 * when a signal ended it, the mask stays for the handler's frame to restore. The time that is
 * left is written back, as Linux does; and where that fails the call is not restarted. */
#include "fs/vfs/poll.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/poll.h"
#include "kernel/abi/resource.h"
#include "kernel/base/bits.h"
#include "kernel/base/string.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/syscall/times.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/signal.h"
#include "kernel/task/task.h"
#include "mm/kmalloc.h"

#define FAST_ITEMS   8u
#define SIGSET_BYTES 8u

/* ---- Time and signals ------------------------------------------------------------------------ */

/* 0 stays 0: don't wait; otherwise the time on port_clock_ns at which to give up. */
static int load_deadline(uint64_t address, uint64_t *deadline_ns)
{
    uint64_t timeout_ns;
    uint64_t now_ns;
    int error;

    *deadline_ns = PORT_NO_DEADLINE;
    if (address == 0) {
        return 0;
    }
    error = times_timespec_from_user(address, &timeout_ns);
    if (error != 0) {
        return error;
    }
    now_ns = port_clock_ns();
    *deadline_ns = timeout_ns == 0                              ? 0
                   : timeout_ns < PORT_NO_DEADLINE - 1 - now_ns ? now_ns + timeout_ns
                                                                : PORT_NO_DEADLINE;
    return 0;
}

static int64_t store_time_left(uint64_t address, uint64_t deadline_ns, int64_t result)
{
    uint64_t now_ns = port_clock_ns();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    struct abi_timespec left = {(int64_t)(left_ns / NS_PER_SEC), (int64_t)(left_ns % NS_PER_SEC)};

    if (address == 0 || deadline_ns == 0 || deadline_ns == PORT_NO_DEADLINE ||
        copy_to_user(address, &left, sizeof(left)) == 0) {
        return result;
    }
    return result == -ERESTARTNOHAND ? -EINTR : result;
}

static int begin_mask(uint64_t address, uint64_t size_bytes)
{
    uint64_t mask;

    if (address == 0) {
        return 0;
    }
    if (size_bytes != SIGSET_BYTES) {
        return -EINVAL;
    }
    if (copy_from_user(&mask, address, sizeof(mask)) != 0) {
        return -EFAULT;
    }
    signal_swap_blocked(mask);
    return 0;
}

static void end_mask(uint64_t address, int64_t result)
{
    if (address != 0 && result != -ERESTARTNOHAND) {
        signal_restore_blocked();
    }
}

/* ---- Items ----------------------------------------------------------------------------------- */

static struct poll_item *items_alloc(uint64_t nr, struct poll_item *fast)
{
    return nr <= FAST_ITEMS ? fast : kmalloc(nr * sizeof(*fast), ALLOC_KERNEL);
}

static void items_free(struct poll_item *items, struct poll_item *fast)
{
    if (items != fast) {
        kfree(items);
    }
}

static void items_put_files(struct poll_item *items, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        if (items[i].file != NULL) {
            fd_end(items[i].file, items[i].is_counted);
        }
    }
}

/* ---- ppoll ----------------------------------------------------------------------------------- */

#define CHUNK_FDS 32u /* of the user's array, copied at a time */

static void load_item(struct poll_item *item, const struct abi_pollfd *pollfd)
{
    *item = (struct poll_item){.events = (uint16_t)pollfd->events};
    if (pollfd->fd >= 0 && fd_begin(pollfd->fd, &item->file, &item->is_counted) != 0) {
        item->file = NULL;
        item->ready = POLLNVAL;
    }
}

static int load_pollfds(uint64_t address, unsigned nr, struct poll_item *items)
{
    struct abi_pollfd chunk[CHUNK_FDS];

    for (unsigned i = 0; i < nr; i++) {
        unsigned place = i % CHUNK_FDS;

        if (place == 0 && copy_from_user(chunk, address + i * sizeof(chunk[0]),
                                         min_of(nr - i, CHUNK_FDS) * sizeof(chunk[0])) != 0) {
            items_put_files(items, i);
            return -EFAULT;
        }
        load_item(&items[i], &chunk[place]);
    }
    return 0;
}

/* Only revents is written: another thread may be changing the rest of the array meanwhile. */
static int store_revents(uint64_t address, unsigned nr, const struct poll_item *items)
{
    for (unsigned i = 0; i < nr; i++) {
        int16_t revents = (int16_t)items[i].ready;

        if (copy_to_user(address + i * sizeof(struct abi_pollfd) +
                             offsetof(struct abi_pollfd, revents),
                         &revents, sizeof(revents)) != 0) {
            return -EFAULT;
        }
    }
    return 0;
}

static int64_t poll_user(uint64_t address, unsigned nr, uint64_t deadline_ns)
{
    struct poll_item fast[FAST_ITEMS];
    struct poll_item *items = items_alloc(nr, fast);
    int64_t result;

    if (items == NULL) {
        return -ENOMEM;
    }
    result = load_pollfds(address, nr, items);
    if (result == 0) {
        result = poll_items(items, nr, deadline_ns);
        items_put_files(items, nr);
        if (result >= 0 && store_revents(address, nr, items) != 0) {
            result = -EFAULT;
        }
    }
    items_free(items, fast);
    return result;
}

int64_t sys_ppoll(const struct syscall_args *args)
{
    uint64_t deadline_ns;
    int64_t result = load_deadline(args->a[2], &deadline_ns);

    if (result != 0) {
        return result;
    }
    result = begin_mask(args->a[3], args->a[4]);
    if (result != 0) {
        return result;
    }
    result = (uint32_t)args->a[1] > task_rlimit(ABI_RLIMIT_NOFILE)
                 ? -EINVAL
                 : poll_user(args->a[0], (uint32_t)args->a[1], deadline_ns);
    end_mask(args->a[3], result);
    return store_time_left(args->a[2], deadline_ns, result);
}

/* ---- pselect6 -------------------------------------------------------------------------------- */

enum { SET_READ, SET_WRITE, SET_EXCEPT, NR_SETS };

/* What is asked of poll for a descriptor in a set; errors it tells unasked. */
#define READ_EVENTS   (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP)
#define WRITE_EVENTS  (POLLOUT | POLLWRNORM | POLLWRBAND)
#define EXCEPT_EVENTS POLLPRI

/* What makes a descriptor part of a set that it is in. */
static const uint16_t set_events[NR_SETS] = {
    [SET_READ] = READ_EVENTS | POLLERR,
    [SET_WRITE] = WRITE_EVENTS | POLLERR,
    [SET_EXCEPT] = EXCEPT_EVENTS,
};

/* What is asked for a descriptor in several sets: bit i of the index is set i. */
static const uint16_t events_of_sets[1 << NR_SETS] = {
    0,
    READ_EVENTS,
    WRITE_EVENTS,
    READ_EVENTS | WRITE_EVENTS,
    EXCEPT_EVENTS,
    READ_EVENTS | EXCEPT_EVENTS,
    WRITE_EVENTS | EXCEPT_EVENTS,
    READ_EVENTS | WRITE_EVENTS | EXCEPT_EVENTS,
};

struct select {
    unsigned nr_words;       /* of each set */
    uint64_t *sets[NR_SETS]; /* in, then out */
    unsigned nr_items;
    struct poll_item *items; /* one for each descriptor that is in some set, in their order */
};

static int select_add(struct select *select, uint32_t fd, uint32_t sets)
{
    struct poll_item *item = &select->items[select->nr_items];

    item->events = events_of_sets[sets];
    item->ready = 0;
    if (fd_begin((int)fd, &item->file, &item->is_counted) != 0) {
        return -EBADF;
    }
    select->nr_items++;
    return 0;
}

static int select_open(struct select *select)
{
    for (unsigned word = 0; word < select->nr_words; word++) {
        uint64_t in = select->sets[SET_READ][word];
        uint64_t out = select->sets[SET_WRITE][word];
        uint64_t except = select->sets[SET_EXCEPT][word];
        uint64_t any = in | out | except;

        for (unsigned bit = 0; any != 0; bit++, any >>= 1) {
            uint32_t sets = (uint32_t)((in >> bit & 1) | (out >> bit & 1) << 1 |
                                       (except >> bit & 1) << 2);
            int error = (any & 1) != 0 ? select_add(select, word * BITMAP_WORD_BITS + bit, sets)
                                       : 0;

            if (error != 0) {
                return error;
            }
        }
    }
    return 0;
}

/* Make the sets anew of what is ready: the items come in the order of the bits. Returns the number
 * of bits. */
static int64_t select_close(struct select *select)
{
    const struct poll_item *item = select->items;
    int64_t nr_bits = 0;

    for (unsigned word = 0; word < select->nr_words; word++) {
        uint64_t any = select->sets[SET_READ][word] | select->sets[SET_WRITE][word] |
                       select->sets[SET_EXCEPT][word];
        uint64_t ready[NR_SETS] = {0};

        for (uint64_t bit = 1; any != 0; bit <<= 1, any >>= 1) {
            uint32_t events = (any & 1) != 0 ? (item++)->ready : 0;

            ready[SET_READ] |= (events & set_events[SET_READ]) != 0 ? bit : 0;
            ready[SET_WRITE] |= (events & set_events[SET_WRITE]) != 0 ? bit : 0;
            ready[SET_EXCEPT] |= (events & set_events[SET_EXCEPT]) != 0 ? bit : 0;
        }
        for (unsigned i = 0; i < NR_SETS; i++) {
            select->sets[i][word] &= ready[i];
            nr_bits += bit_count(select->sets[i][word]);
        }
    }
    return nr_bits;
}

/* nr: only that many descriptors count. */
static int select_load(struct select *select, const uint64_t *addresses, unsigned nr)
{
    for (unsigned i = 0; i < NR_SETS; i++) {
        if (addresses[i] != 0 && copy_from_user(select->sets[i], addresses[i],
                                                select->nr_words * sizeof(uint64_t)) != 0) {
            return -EFAULT;
        }
        if (nr % BITMAP_WORD_BITS != 0) {
            select->sets[i][select->nr_words - 1] &= BIT(nr % BITMAP_WORD_BITS) - 1;
        }
    }
    return 0;
}

static int select_store(const struct select *select, const uint64_t *addresses)
{
    for (unsigned i = 0; i < NR_SETS; i++) {
        if (addresses[i] != 0 &&
            copy_to_user(addresses[i], select->sets[i], select->nr_words * sizeof(uint64_t)) != 0) {
            return -EFAULT;
        }
    }
    return 0;
}

static int64_t select_run(struct select *select, const uint64_t *addresses, unsigned nr,
                          uint64_t deadline_ns)
{
    int64_t result = select_load(select, addresses, nr);

    if (result == 0) {
        result = select_open(select);
        if (result == 0) {
            result = poll_items(select->items, select->nr_items, deadline_ns);
        }
        items_put_files(select->items, select->nr_items);
    }
    if (result >= 0) {
        result = select_close(select);
        if (select_store(select, addresses) != 0) {
            result = -EFAULT;
        }
    }
    return result;
}

/* All memory that a select needs, in one block: sets and items. */
static int64_t select_user(int nr_wanted, const uint64_t *addresses, uint64_t deadline_ns)
{
    unsigned nr = (unsigned)min_of((uint64_t)nr_wanted,
                                   align_up(task_rlimit(ABI_RLIMIT_NOFILE), 64));
    struct select select = {.nr_words = (unsigned)BITMAP_NR_WORDS(nr)};
    size_t set_bytes = select.nr_words * sizeof(uint64_t);
    char *block = kmalloc(NR_SETS * set_bytes + nr * sizeof(struct poll_item) + 1, ALLOC_KERNEL);
    int64_t result;

    if (block == NULL) {
        return -ENOMEM;
    }
    memset(block, 0, NR_SETS * set_bytes);
    for (unsigned i = 0; i < NR_SETS; i++) {
        select.sets[i] = (uint64_t *)(block + i * set_bytes);
    }
    select.items = (struct poll_item *)(block + NR_SETS * set_bytes);
    result = select_run(&select, addresses, nr, deadline_ns);
    kfree(block);
    return result;
}

int64_t sys_pselect6(const struct syscall_args *args)
{
    struct {
        uint64_t address, size_bytes;
    } mask = {0, 0};
    uint64_t deadline_ns;
    int64_t result;

    if (args->a[5] != 0 && copy_from_user(&mask, args->a[5], sizeof(mask)) != 0) {
        return -EFAULT;
    }
    result = load_deadline(args->a[4], &deadline_ns);
    if (result != 0) {
        return result;
    }
    if ((int)args->a[0] < 0) {
        return -EINVAL;
    }
    result = begin_mask(mask.address, mask.size_bytes);
    if (result != 0) {
        return result;
    }
    result = select_user((int)args->a[0], &args->a[1], deadline_ns);
    end_mask(mask.address, result);
    return store_time_left(args->a[4], deadline_ns, result);
}
