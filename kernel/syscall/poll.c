// SPDX-License-Identifier: MIT
/* ppoll and pselect6.
 *
 * Both become an array of poll_items. A signal mask given with the call holds for its length; when a signal ended it, the mask
 * stays for the handler's frame to restore. The time that is left is written back, as Linux does; and where that fails the
 * call is not restarted. */
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

#define FAST_ITEMS 8u
#define SIGSET_BYTES 8u

/* ---- Time and signals --------------------------------------------------------------------------------------------------- */

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
    *deadline_ns = timeout_ns == 0 ? 0 : timeout_ns < PORT_NO_DEADLINE - 1 - now_ns ? now_ns + timeout_ns : PORT_NO_DEADLINE;
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

/* ---- Items ---------------------------------------------------------------------------------------------------------------- */

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
            file_put(items[i].file);
        }
    }
}

/* ---- ppoll ------------------------------------------------------------------------------------------------------------------ */

static void load_item(struct poll_item *item, const struct abi_pollfd *pollfd)
{
    *item = (struct poll_item){.events = (uint16_t)pollfd->events};
    if (pollfd->fd >= 0 && fd_get(pollfd->fd, &item->file) != 0) {
        item->file = NULL;
        item->ready = POLLNVAL;
    }
}

static int load_pollfds(uint64_t address, unsigned nr, struct poll_item *items)
{
    for (unsigned i = 0; i < nr; i++) {
        struct abi_pollfd pollfd;

        if (copy_from_user(&pollfd, address + i * sizeof(pollfd), sizeof(pollfd)) != 0) {
            items_put_files(items, i);
            return -EFAULT;
        }
        load_item(&items[i], &pollfd);
    }
    return 0;
}

static int store_revents(uint64_t address, unsigned nr, const struct poll_item *items)
{
    for (unsigned i = 0; i < nr; i++) {
        int16_t revents = (int16_t)items[i].ready;

        if (copy_to_user(address + i * sizeof(struct abi_pollfd) + offsetof(struct abi_pollfd, revents), &revents,
                         sizeof(revents)) != 0) {
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

/* ---- pselect6 ----------------------------------------------------------------------------------------------------------------- */

enum { SET_READ, SET_WRITE, SET_EXCEPT, NR_SETS };

/* What makes a descriptor part of a set, and what is asked of poll for it. */
static const uint32_t set_events[NR_SETS] = {
    [SET_READ] = POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
    [SET_WRITE] = POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR,
    [SET_EXCEPT] = POLLPRI,
};

struct select {
    unsigned nr;             /* descriptors to look at */
    unsigned nr_words;       /* of each set */
    uint64_t *sets[NR_SETS]; /* in, then out */
    unsigned nr_items;
    struct poll_item *items;
    int *fds; /* of the items */
};

static uint32_t wanted_events(const struct select *select, unsigned fd)
{
    uint32_t events = 0;

    for (unsigned i = 0; i < NR_SETS; i++) {
        events |= bitmap_test(select->sets[i], fd) ? set_events[i] : 0;
    }
    return events;
}

static int select_open(struct select *select)
{
    for (unsigned fd = 0; fd < select->nr; fd++) {
        uint32_t events = wanted_events(select, fd);
        struct poll_item *item = &select->items[select->nr_items];

        if (events == 0) {
            continue;
        }
        *item = (struct poll_item){.events = events};
        if (fd_get((int)fd, &item->file) != 0) {
            return -EBADF;
        }
        select->fds[select->nr_items++] = (int)fd;
    }
    return 0;
}

/* Turn what is ready into sets. Returns the number of bits. */
static int64_t select_close(struct select *select)
{
    int64_t nr_bits = 0;

    for (unsigned i = 0; i < NR_SETS; i++) {
        uint64_t *set = select->sets[i];

        for (unsigned k = 0; k < select->nr_items; k++) {
            size_t fd = (size_t)select->fds[k];

            if (!bitmap_test(set, fd)) {
                continue;
            }
            if ((select->items[k].ready & set_events[i]) != 0) {
                nr_bits++;
            } else {
                bitmap_clear(set, fd);
            }
        }
    }
    return nr_bits;
}

static int select_load(struct select *select, const uint64_t *addresses)
{
    for (unsigned i = 0; i < NR_SETS; i++) {
        if (addresses[i] != 0 &&
            copy_from_user(select->sets[i], addresses[i], select->nr_words * sizeof(uint64_t)) != 0) {
            return -EFAULT;
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

static int64_t select_run(struct select *select, const uint64_t *addresses, uint64_t deadline_ns)
{
    int64_t result = select_load(select, addresses);

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

/* All memory that a select needs, in one block. */
static int64_t select_user(int nr, const uint64_t *addresses, uint64_t deadline_ns)
{
    uint64_t limit = align_up(task_rlimit(ABI_RLIMIT_NOFILE), 64);
    struct select select = {.nr = (unsigned)min_of((uint64_t)nr, limit)};
    size_t set_bytes;
    char *block;
    int64_t result;

    select.nr_words = (unsigned)BITMAP_NR_WORDS(select.nr);
    set_bytes = select.nr_words * sizeof(uint64_t);
    block = kzalloc(NR_SETS * set_bytes + select.nr * (sizeof(struct poll_item) + sizeof(int)) + 1, ALLOC_KERNEL);
    if (block == NULL) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < NR_SETS; i++) {
        select.sets[i] = (uint64_t *)(block + i * set_bytes);
    }
    select.items = (struct poll_item *)(block + NR_SETS * set_bytes);
    select.fds = (int *)(select.items + select.nr);
    result = select_run(&select, addresses, deadline_ns);
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
