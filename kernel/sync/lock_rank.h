// SPDX-License-Identifier: MIT
/* The lock order of the whole kernel, in one list.
 *
 * A lock may be taken only while every lock already held by the same task (for sleeping locks) or hart (for
 * spinlocks) has a lower rank. Debug builds check it at every acquire and panic with both names; equal ranks
 * are allowed only where the *_nested form says that the caller orders them itself (parent before child,
 * lower address before higher). Sleeping locks come first: a spinlock is never held while one is awaited.
 *
 * An interrupt handler stands above all that its hart holds, so the locks that it takes rank behind every lock
 * that is held with interrupts on. */
#ifndef CAIRN_SYNC_LOCK_RANK_H
#define CAIRN_SYNC_LOCK_RANK_H

enum lock_rank {
    LOCK_RANK_NONE = 0, /* not checked */

    /* Sleeping locks, outermost first */
    LOCK_RANK_EXEC,       /* a thread group's execve and ptrace-like exclusion */
    LOCK_RANK_TTY_OPEN,   /* open and close of a terminal */
    LOCK_RANK_MOUNT,      /* the mount tree */
    LOCK_RANK_RENAME,     /* directory moves across parents, one per file system */
    LOCK_RANK_SYNC,       /* one writer of all of a file system's dirty inodes */
    LOCK_RANK_FILE_POS,   /* a file description's offset */
    LOCK_RANK_INODE,      /* an inode's content and attributes; parents before children */
    LOCK_RANK_PIPE,       /* a stream's buffers: pipes, the log; user memory is copied under it */
    LOCK_RANK_SPACE,      /* an address space's areas */
    LOCK_RANK_MAP_OBJECT, /* who maps an object: areas of an inode's pages */
    LOCK_RANK_ANON,       /* who maps anonymous pages: areas of a family */
    LOCK_RANK_FS_MAP,     /* an inode's block map */
    LOCK_RANK_FS_FREE,    /* freeing what had to wait until the disk no longer leads to it */
    LOCK_RANK_FS_ALLOC,   /* a file system's block and inode allocator, its super block */
    LOCK_RANK_PAGE,       /* page locks, which are not checked; their order: fs/cache/page_lock.c */
    LOCK_RANK_WRITEBACK,  /* writeback's lists of work: no lock has it */
    LOCK_RANK_TTY,        /* a terminal's sleeping locks: one reader, one writer */
    LOCK_RANK_RECLAIM,    /* one reap of slabs, compaction or leak search at a time */
    LOCK_RANK_SLEEPING_LAST,

    /* Spinlocks, outermost first */
    LOCK_RANK_TASK_LIST,   /* the task tree, process groups, sessions */
    LOCK_RANK_FD_TABLE,    /* a table of open files */
    LOCK_RANK_FS_CONTEXT,  /* root, cwd, umask */
    LOCK_RANK_FUTEX,       /* a futex bucket */
    LOCK_RANK_DENTRY,      /* directory-entry cache buckets and tree */
    LOCK_RANK_INODE_HASH,  /* inode tables */
    LOCK_RANK_INODE_STATE, /* an inode's dirty state and time stamps */
    LOCK_RANK_FILE,        /* an open file's flags and owner */
    LOCK_RANK_PAGE_TABLE,  /* the page tables of one address space */
    LOCK_RANK_LEAF,        /* small tables and lists inside which nothing but memory is asked for */

    /* Spinlocks that interrupt handlers take, too, or that are taken inside such a one: held with
     * interrupts off (also checked), and so behind all that are held with interrupts on. */
    LOCK_RANK_IRQ_SAFE,
    LOCK_RANK_SIGNAL,     /* a thread group's signals, then its actions: timers send signals */
    LOCK_RANK_MAPPING,    /* the tree of an inode's cached pages: writes complete in interrupts */
    LOCK_RANK_SWAP,       /* the slots of a swap area: writes complete in interrupts */
    LOCK_RANK_LRU,        /* page lists for reclaim */
    LOCK_RANK_TTY_BUFFER, /* a terminal's input and output buffers */
    LOCK_RANK_BLOCK,      /* a block device's request lists */
    LOCK_RANK_DRIVER,     /* a device's registers and rings */
    LOCK_RANK_IRQ,        /* the interrupt table */
    LOCK_RANK_WAITQ,      /* every wait queue */
    LOCK_RANK_REGISTRY,   /* caches, shrinkers, devices */
    LOCK_RANK_SLAB,       /* a cache's slab lists */
    LOCK_RANK_VMALLOC,    /* the kernel's own address window */
    LOCK_RANK_BUDDY,      /* free frames */
    LOCK_RANK_TASK,       /* one task's state (around its wake-up) */
    LOCK_RANK_RUNQ,       /* a hart's run queue; two of them in hart order */
    LOCK_RANK_TIMER,      /* a hart's timer tree; its functions run without it */
    LOCK_RANK_ASID,       /* address-space numbers */
    LOCK_RANK_CONSOLE,    /* log output */
    LOCK_RANK_LAST,
};

#endif
