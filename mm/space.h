// SPDX-License-Identifier: MIT
/* Address spaces: what a process sees as its memory. Areas in a balanced tree say what ought to
 * be where; the page tables are only a cache of that, filled by page faults. Theory in space.c. */
#ifndef CAIRN_MM_SPACE_H
#define CAIRN_MM_SPACE_H

#include "kernel/base/rbtree.h"
#include "kernel/base/refcount.h"
#include "kernel/sync/rwlock.h"
#include "kernel/sync/spinlock.h"
#include "mm/map_object.h"
#include "port/pagetable.h" /* struct pagetable and its operations */

enum area_flags { /* protection bits have the values of PROT_* */
                  AREA_READ = 1u << 0,
                  AREA_WRITE = 1u << 1,
                  AREA_EXEC = 1u << 2,
                  AREA_SHARED = 1u << 3,     /* writes are seen by every mapper of the object */
                  AREA_GROWS_DOWN = 1u << 4, /* a stack */
                  AREA_MAY_WRITE =
                      1u
                      << 5, /* mprotect may add AREA_WRITE (a shared map of a read-only file may not) */
                  AREA_HEAP = 1u << 6,      /* the brk area */
                  AREA_DONT_FORK = 1u << 7, /* a child does not get it */
                  AREA_POPULATE = 1u << 8,  /* only for space_map: fault everything in at once */
                  AREA_LOCKED = 1u << 9,    /* its pages stay in memory (mlock.c) */
                  AREA_HUGE = 1u << 10,     /* large pages wherever they fit */
                  AREA_NO_HUGE = 1u << 11,  /* none */
                  AREA_ACCOUNT = 1u << 12, /* its pages are promised (commit.c); set by mm itself */
                  AREA_NO_RESERVE = 1u << 13,    /* … and never shall be: MAP_NORESERVE */
                  AREA_LOCK_ON_FAULT = 1u << 14, /* with AREA_LOCKED: once they are there */
                  AREA_NEVER_EXEC =
                      1u << 15, /* mprotect may not add AREA_EXEC: a noexec mount's file */
                  AREA_WIPE_ON_FORK = 1u << 16, /* a child gets it empty; private and anonymous */
                  AREA_LOCK_FLAGS = AREA_LOCKED | AREA_LOCK_ON_FAULT,
};

/* What a subtree of areas covers, and the largest gap between two of them: area_room.c. */
struct area_span {
    uint64_t start, end;
    uint64_t max_gap_bytes;
};

struct area {
    struct rb_node node;                /* [space->lock] */
    struct area_span span;              /* [space->lock] of the subtree at node */
    struct space *space;                /* [I] */
    uint64_t start, end;                /* [space->lock] page-aligned, end exclusive */
    uint32_t flags;                     /* [space->lock] enum area_flags */
    struct map_object *object;          /* [I] NULL: anonymous */
    uint64_t object_index;              /* [space->lock] page of the object that start maps */
    struct list object_node;            /* [object->lock] */
    struct anon_family *_Atomic family; /* [space->lock; set once also by readers] anon.c; NULL: no
                                         *     anonymous page yet */
    uint64_t anon_index;                /* [space->lock] what start is to the family */
    struct list anon_node;              /* [family->lock] */
    void *
        file; /* [I] the open file behind it for /proc/PID/maps, kept alive through file_ops; or NULL */
};

/* The holder of an area's open file, filled in by kernel/task: mm neither knows nor looks into
 * files. */
struct area_file_ops {
    void (*get)(void *file);
    void (*put)(void *file);
};
void space_set_file_ops(const struct area_file_ops *ops);

struct space {
    struct rwlock lock;        /* LOCK_RANK_SPACE; write: areas change; read: faults */
    struct rb_tree areas;      /* [lock] by start */
    uint64_t nr_areas;         /* [lock] in the tree */
    struct area *_Atomic hint; /* [lock; readers may set it] where the last fault was, or NULL */
    struct list dead_areas; /* [lock] removed areas whose references are dropped once the lock is */
    struct refcount refs;   /* tasks that share it, and short-lived users */
    struct spinlock table_lock;  /* LOCK_RANK_PAGE_TABLE */
    struct pagetable table;      /* [table_lock] */
    uint64_t brk_start, brk_end; /* [lock] */
    uint32_t future_lock;        /* [lock] AREA_LOCK_FLAGS of areas to come: mlockall(MCL_FUTURE) */
    uint64_t mmap_top;           /* [I] where mappings are placed, downwards */
    uint64_t stack_top;          /* [I] */
    uint64_t start_stack;        /* [I] the first stack pointer after execve */
    uint64_t arg_start, arg_end, env_start, env_end; /* [I] after execve, for /proc/PID/cmdline */
    uint64_t limit_address_space_bytes, limit_stack_bytes, limit_data_bytes,
        limit_locked_bytes;                  /* [a] from the RLIMIT_* of the owner */
    _Atomic uint64_t nr_mapped_pages;        /* [lock to change, a] of all areas: virtual size */
    _Atomic uint64_t nr_peak_mapped_pages;   /* [lock to change, a] the most that there were */
    _Atomic uint64_t nr_peak_resident_pages; /* [a] before pages were last taken: see
                                              *     space_nr_peak_resident() */
    _Atomic uint64_t nr_data_pages;          /* [lock to change, a] of them: private and writable */
    _Atomic uint64_t nr_locked_pages;        /* [lock to change, a] of them: locked into memory */
    _Atomic uint64_t nr_anon_pages;          /* [a] resident */
    _Atomic uint64_t nr_object_pages;        /* [a] resident */
    _Atomic uint64_t nr_swap_pages;          /* [a] entries that name a swap slot */
    struct list swap_node;                   /* [swap_in.c] spaces that may have such entries */
};

/** So many areas a process may have: /proc/sys/vm/max_map_count. */
extern _Atomic uint64_t space_max_areas; /* [a] */

/** A new, empty space; NULL when memory is short. Context: may sleep, as all of the following. */
struct space *must_check space_create(void);
void space_get(struct space *space);
void space_put(struct space *space); /* the last put unmaps everything and frees it */

/** A copy for fork: anonymous and private pages shared copy-on-write. Returns 0 or -ENOMEM. */
int must_check space_fork(struct space *parent, struct space **child);

/** Remove all areas (execve, exit). */
void space_clear(struct space *space);

struct space_map_request {
    uint64_t address;          /* a hint, or exact with is_fixed */
    uint64_t len_bytes;        /* rounded up to pages */
    uint32_t flags;            /* enum area_flags */
    bool is_fixed;             /* replace what is there */
    bool is_fixed_noreplace;   /* -EEXIST when something is there */
    struct map_object *object; /* or NULL for anonymous memory; a reference is taken */
    uint64_t object_index;     /* in pages */
    void *file;                /* or NULL; a reference is taken */
};

/** Returns 0 and the address, or -EINVAL, -ENOMEM, -EEXIST. */
int must_check space_map(struct space *space, const struct space_map_request *request,
                         uint64_t *address);
int must_check space_unmap(struct space *space, uint64_t address, uint64_t len_bytes);
/** mprotect. @flags: AREA_READ, WRITE, EXEC; with AREA_GROWS_DOWN the range begins where the stack there does.
 *  Returns 0, -EINVAL (no stack), -ENOMEM (a gap, a limit, no memory) or -EACCES. */
int must_check space_protect(struct space *space, uint64_t address, uint64_t len_bytes,
                             uint32_t flags);
int must_check space_remap(struct space *space, uint64_t old_address, uint64_t old_len,
                           uint64_t new_len, bool may_move, bool is_fixed, uint64_t new_fixed,
                           uint64_t *address);
/* Advice: advise.c. Ranges are of whole pages and inside the user half. */

enum discard_how {
    DISCARD_EVEN_LOCKED = 1u << 0,    /* else locked pages are -EINVAL */
    DISCARD_ANONYMOUS_ONLY = 1u << 1, /* areas of objects are -EINVAL */
};

/** Drop the pages (madvise DONTNEED): private memory reads as zero, or as the file, afterwards.
 *  @how: enum discard_how
 *  Returns 0, -EINVAL (then nothing is dropped), or -ENOMEM when part of it is not mapped (the rest is dropped). */
int must_check space_discard(struct space *space, uint64_t start, uint64_t len_bytes, uint32_t how);
/** Take marks from areas and put others on them: AREA_HUGE, NO_HUGE, DONT_FORK, WIPE_ON_FORK.
 *  Returns 0; -ENOMEM when part of it is not mapped (the rest is marked) or memory is short; -EINVAL, and nothing is
 *  marked, when AREA_WIPE_ON_FORK is to be put on what is not private and anonymous. */
int must_check space_advise(struct space *space, uint64_t start, uint64_t len_bytes,
                            uint32_t cleared, uint32_t set);
/** Returns 0, or -ENOMEM when part of it is not mapped. */
int must_check space_check_mapped(struct space *space, uint64_t start, uint64_t len_bytes);
/** For advice that pages are not needed soon: as space_check_mapped(), or -EINVAL when some are locked. */
int must_check space_check_idle_advice(struct space *space, uint64_t start, uint64_t len_bytes);
/** For MADV_REMOVE, which makes holes in files: 0; -EINVAL when part of it is locked or of no file, -EACCES when it
 *  is private or can never be written; -ENOMEM when part of it is not mapped and the rest may be removed. */
int must_check space_check_removable(struct space *space, uint64_t start, uint64_t len_bytes);

/** Set the end of the heap; returns the end in force, the old one when it could not be moved. */
uint64_t space_set_brk(struct space *space, uint64_t new_end);
/** msync, what it refuses (a page that can be written is always dirty already, so there is nothing to hand over).
 *  Returns 0, -ENOMEM when part of it is not mapped, or -EBUSY when it is locked and shall be invalidated. */
int must_check space_sync(struct space *space, uint64_t address, uint64_t len_bytes,
                          bool is_invalidating);

/** The next shared mapping of a file in [*start, end), which moves *start behind it. Returns the area's open file with a
 *  reference for the caller, and the bytes of it that the range shows; NULL: there is no more.
 *  Context: may sleep; takes the space's lock. */
void *space_next_shared_file(struct space *space, uint64_t *start, uint64_t end,
                             uint64_t *first_byte, uint64_t *last_byte);

/* Pages that stay in memory: mlock.c. Ranges are of whole pages. */

/** Whether RLIMIT_MEMLOCK is not 0, or the caller is privileged. */
bool space_may_lock_at_all(const struct space *space);
/** mlock2: lock what is mapped there, and bring it in unless is_on_fault. Returns 0, -ENOMEM when the
 *  limit says no, part of it is not mapped (then what lies before is locked), or it cannot be
 *  brought in; -EAGAIN when memory is short. */
int must_check space_lock(struct space *space, uint64_t start, uint64_t end, bool is_on_fault);
/** munlock. Returns 0, or -ENOMEM when part of it is not mapped. */
int must_check space_unlock(struct space *space, uint64_t start, uint64_t end);
/** mlockall: everything that is mapped, or will be. Returns 0, or -ENOMEM when the limit says no. */
int must_check space_lock_all(struct space *space, bool is_current, bool is_future,
                              bool is_on_fault);
void space_unlock_all(struct space *space);
/** Whether part of it is locked. Caller: space->lock. */
bool space_is_any_locked(struct space *space, uint64_t start, uint64_t end);

enum fault_access { FAULT_READ, FAULT_WRITE, FAULT_EXEC };

/** Handle a page fault at a user address. Context: may sleep.
 *  Returns 0 (try again), -EFAULT (nothing is mapped: SEGV_MAPERR), -EACCES (SEGV_ACCERR), -EIO
 *  or -ENODATA (SIGBUS: beyond the object's end, or unreadable), -ENOMEM. */
int must_check space_fault(struct space *space, uint64_t address, enum fault_access access);

/** Fault in a range for the caller's access; for iter_fault_in and MAP_POPULATE. Returns 0, the
 *  fault's error, or -EINTR: a fatal signal has come meanwhile. */
int must_check space_fault_range(struct space *space, uint64_t address, uint64_t len_bytes,
                                 enum fault_access access);

/** Copy to or from another process's space (/proc/PID/cmdline). Returns bytes moved. */
size_t must_check space_read(struct space *space, uint64_t address, void *buffer, size_t len_bytes);
size_t must_check space_write(struct space *space, uint64_t address, const void *buffer,
                              size_t len_bytes);

/** mincore: which of nr pages from a page-aligned address on are in memory, 1 or 0 for each. The
 *  range is inside the user half. Returns 0, or -ENOMEM when part of it is not mapped. */
int must_check space_find_resident(struct space *space, uint64_t address, unsigned nr,
                                   uint8_t *is_resident);

/** A key that is equal for two mappings of the same memory: for futexes. Private memory: (space,
 *  address); shared: (object, offset). Takes no reference. Returns 0 or -EFAULT. */
struct space_key {
    const void *object;
    uint64_t offset;
};
int must_check space_get_key(struct space *space, uint64_t address, bool is_private,
                             struct space_key *key);

/** Pages resident now, and the most that ever were. Context: any. */
uint64_t space_nr_resident(struct space *space);
uint64_t space_nr_peak_resident(struct space *space);

/** Call visit for every area in address order, under the lock for reading. */
void space_for_each_area(struct space *space, void (*visit)(const struct area *area, void *arg),
                         void *arg);

/** Walk everything and panic on damage. For tests and debug builds. */
void space_check(struct space *space);

#endif
