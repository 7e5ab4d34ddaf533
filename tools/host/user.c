// SPDX-License-Identifier: MIT
/* User memory on the host: a user address is an address of the program, apart from the ranges that a test declares
 * bad or missing. A copy ends at the first such byte, as the kernel's does at the first page that can't be had. */
#include "tools/host/host_internal.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "kernel/abi/errno.h"
#include "kernel/base/port.h"

enum { MAX_RANGES = 8 };

struct range {
    uint64_t start;
    uint64_t len_bytes; /* 0: unused */
    enum host_user_kind kind;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct range ranges[MAX_RANGES]; /* [lock] */

void host_user_declare(const void *start, size_t len_bytes, enum host_user_kind kind)
{
    pthread_mutex_lock(&lock);
    unsigned i = 0;
    while (i < MAX_RANGES && ranges[i].len_bytes != 0) {
        i++;
    }
    assert(i < MAX_RANGES);
    ranges[i] = (struct range){(uint64_t)(uintptr_t)start, len_bytes, kind};
    pthread_mutex_unlock(&lock);
}

void host_user_forget_all(void)
{
    pthread_mutex_lock(&lock);
    memset(ranges, 0, sizeof(ranges));
    pthread_mutex_unlock(&lock);
}

/* How many of the bytes can be reached, from the first on. */
static size_t reach(uint64_t address, size_t len_bytes)
{
    bool may_fault = host_thread.nofault_count == 0;

    if (address < PAGE_SIZE) {
        return 0;
    }
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < MAX_RANGES; i++) {
        struct range *range = &ranges[i];
        if (address >= range->start + range->len_bytes || range->start >= address + len_bytes) {
            continue;
        }
        if (range->kind == HOST_USER_MISSING && may_fault) {
            range->len_bytes = 0;
            continue;
        }
        len_bytes = range->start > address ? range->start - address : 0;
    }
    pthread_mutex_unlock(&lock);
    return len_bytes;
}

__attribute__((no_sanitize("thread"))) void host_copy_racy(void *dst, const void *src,
                                                           size_t len_bytes)
{
    /* Volatile: a loop that the compiler makes a memcpy() would be seen after all. */
    volatile uint8_t *to = dst;
    const volatile uint8_t *from = src;
    size_t i = 0;

    if ((((uintptr_t)dst | (uintptr_t)src) & 7) == 0) {
        for (; i + 8 <= len_bytes; i += 8) {
            *(volatile uint64_t *)(to + i) = *(const volatile uint64_t *)(from + i);
        }
    }
    for (; i < len_bytes; i++) {
        to[i] = from[i];
    }
}

size_t port_copy_from_user(void *dst, user_t src, size_t len_bytes)
{
    size_t reached_bytes = reach(src.addr, len_bytes);

    host_copy_racy(dst, (const void *)(uintptr_t)src.addr, reached_bytes);
    return len_bytes - reached_bytes;
}

size_t port_copy_to_user(user_t dst, const void *src, size_t len_bytes)
{
    size_t reached_bytes = reach(dst.addr, len_bytes);

    host_copy_racy((void *)(uintptr_t)dst.addr, src, reached_bytes);
    return len_bytes - reached_bytes;
}

size_t port_clear_user(user_t dst, size_t len_bytes)
{
    size_t reached_bytes = reach(dst.addr, len_bytes);

    memset((void *)(uintptr_t)dst.addr, 0, reached_bytes);
    return len_bytes - reached_bytes;
}

ssize_t port_string_from_user(char *dst, user_t src, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        if (port_copy_from_user(&dst[i], user_ptr(src.addr + i), 1) != 0) {
            return -EFAULT;
        }
        if (dst[i] == '\0') {
            return (ssize_t)i;
        }
    }
    return -ENAMETOOLONG;
}

void port_user_nofault_begin(void)
{
    host_thread.nofault_count++;
}

void port_user_nofault_end(void)
{
    host_thread.nofault_count--;
}
