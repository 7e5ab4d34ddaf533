// SPDX-License-Identifier: MIT
/* One operation whose allocations are made to fail, one after the other. */
#ifndef CAIRN_TEST_FAILNTH_H
#define CAIRN_TEST_FAILNTH_H

#include <stdbool.h>
#include <stddef.h>

/* An operation gives 0, an error number, or how its child ended. */
enum {
    CHILD_INJECTED = 1001, /* the child had its failure and survived it */
    CHILD_KILLED = 1002,   /* SIGKILL ended it: execve beyond its point of no return */
};

struct operation {
    const char *name;
    void (*prepare)(void); /* before each run, nothing fails; may be NULL */
    int (*run)(void);      /* what fails */
    void (*undo)(void);    /* after each run, whether it worked or not; may be NULL */
    int errors[3];         /* what it may fail with, beside ENOMEM */
    bool is_child_armed; /* run() arms a child with current_nth, and gives 0 when the child did not
                            * come so far */
};

extern const struct operation operations[];
extern const size_t nr_operations;

/* The device and the type of the operations "mount" and "umount"; NULL: a tmpfs. */
extern const char *mount_device, *mount_type;

/* For an operation that arms a child: the number to arm it with. */
extern int current_nth;

/* Arm the calling process itself. Returns its descriptor of /proc/self/fail-nth. */
int failnth_arm_self(int nth);

#endif
