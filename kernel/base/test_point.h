// SPDX-License-Identifier: MIT
/* Places where a host test may stop the code under test, to make a race happen that otherwise takes luck: between
 * two steps that the comment beside the place names. Compiled only with CAIRN_TEST_HOOKS, which host builds
 * define; the kernel has nothing there. */
#ifndef CAIRN_BASE_TEST_POINT_H
#define CAIRN_BASE_TEST_POINT_H

#ifdef CAIRN_TEST_HOOKS

#include <stdatomic.h>
#include <stddef.h>

enum test_point {
    TEST_RING_LOOKED,        /* ring: the cells are ready, the position not yet reserved */
    TEST_RING_PUSH_RESERVED, /* ring: a position reserved, its value not published */
    TEST_RING_POP_RESERVED,  /* ring: a position reserved, its cell not released */
    TEST_ONCE_CLAIMED,       /* once: the owner is recorded, the state not looked at */
    TEST_ONCE_STATE_SET,     /* once: the state is final, the owner still recorded */
    TEST_ONCE_OWNER_GONE,    /* once: no owner any more, the waiters not yet looked at */
    TEST_ONCE_ABOUT_TO_WAIT, /* once: an owner seen, the waiter not yet pushed */
    TEST_ONCE_PUSHED,        /* once: the waiter is pushed, the owner not yet looked at */
    TEST_ONCE_WAKING,        /* once: a waiter has been woken, and not yet let go */
    TEST_CONSOLE_DRAINED,    /* printk: everything written, the console not given back */
    TEST_MUTEX_WAIT_ENDED,   /* mutex: a wait ended, the waiter still on the queue */
    TEST_FAULT_COPIED,       /* fault: a copy is made, it is not entered yet */
    TEST_LIMIT_READ,         /* cache: a file's limit is read, its size is not */
    TEST_WRITE_PREPARED,     /* file write: the page is ready, the source not copied yet */
    TEST_AREA_CUT,           /* area: the lower part is shortened, the upper one not entered yet */
    TEST_REMAP_CLEARED,      /* mremap: the target is cleared, nothing is moved there yet */
    TEST_FAULT_FOUND,        /* fault: the object's page is found, it is not entered yet */
    TEST_MIGRATE_PROTECTED,  /* migrate: nobody may write to the page, it is not copied yet */
};

/** Called at each place when it is not NULL, with the ring, cell, … concerned. */
extern void (*_Atomic test_point_hook)(enum test_point point, void *object);

static inline void test_point_reached(enum test_point point, void *object)
{
    void (*hook)(enum test_point, void *) = atomic_load_explicit(&test_point_hook,
                                                                 memory_order_relaxed);

    if (hook != NULL) {
        hook(point, object);
    }
}

#define TEST_POINT(point, object) test_point_reached((point), (object))

#else
#define TEST_POINT(point, object) ((void)0)
#endif

#endif
