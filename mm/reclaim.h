// SPDX-License-Identifier: MIT
/* Getting memory back: who holds memory that can be given up registers a shrinker; the allocator
 * calls them, outside every lock, when free frames fall below a watermark; when all of them
 * fail, the out-of-memory killer. */
#ifndef CAIRN_MM_RECLAIM_H
#define CAIRN_MM_RECLAIM_H

#include "kernel/base/list.h"
#include "kernel/base/types.h"
#include "mm/alloc_flags.h"

/* Who is asked first: what costs least to get back. */
enum reclaim_order {
    RECLAIM_SLABS,      /* free objects, kept stacks: nothing is lost */
    RECLAIM_NAMES,      /* names and inodes that nobody uses */
    RECLAIM_SWAP_SHARE, /* pages of processes, a part of what is wanted: swappiness */
    RECLAIM_PAGES,      /* pages of files: the clean ones, then the dirty ones through writeback */
    RECLAIM_SWAP,       /* pages of processes */
};

struct shrinker {
    const char *name;
    /** Give up about nr frames' worth, the least recently used first. Returns the frames freed.
     *  With ALLOC_NOFS in flags it must not take file-system locks. Waits have a limit.
     *  Context: may sleep. */
    uint64_t (*shrink)(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags);
    int order;                 /* enum reclaim_order: lower is asked first */
    _Atomic uint64_t nr_given; /* [a] frames that it has given up since it was registered */
    struct list node;          /* [registry lock] */
    uint32_t nr_running;       /* [registry lock] calls of shrink under way */
    bool is_leaving;           /* [registry lock] being unregistered: not called any more */
};

/** Context: any. */
void shrinker_register(struct shrinker *shrinker);

/** Returns when no call of it is under way. Context: may sleep; not from a shrinker. */
void shrinker_unregister(struct shrinker *shrinker);

/** Free at least nr frames if possible, on behalf of an allocation. Returns the frames freed.
 *  Context: may sleep. */
uint64_t reclaim_frames(uint64_t nr_frames, enum alloc_flags flags);

/** Whether the running task is the background task. Context: any. */
bool reclaim_is_background(void);

enum reclaim_verdict {
    RECLAIM_GIVE_UP,     /* the caller gets its NULL */
    RECLAIM_TRY_AGAIN,   /* something was freed, or will be soon */
    RECLAIM_TRY_RESERVE, /* the waiting task is to end: once more, below the watermark */
};

/** What a frame allocation that failed may do: reclaims, waits for a victim of the out-of-memory
 *  killer, or gives up, as flags and context allow. Called by those who take frames.
 *  @attempt: 0 for the first failure, then 1, 2, …
 *  @caller: who wants the memory, for the report */
enum reclaim_verdict must_check reclaim_for_allocation(unsigned order, enum alloc_flags flags,
                                                       unsigned attempt, const void *caller);

/** Free frames fell below the low watermark: wake the background task. Context: any. */
void reclaim_wake(void);

/** Start the background task that keeps free frames above the low watermark. Called once the
 *  scheduler runs. */
int must_check reclaim_start(void);

/* ---- When nothing can be reclaimed ----------------------------------------------------------- */

struct shortage { /* an allocation that reclaim could not help */
    unsigned order;
    enum alloc_flags flags;
    const void *caller;
};

enum oom_verdict {
    OOM_NOBODY,    /* no process may be killed */
    OOM_WAIT,      /* one was killed, or is on its way out: its memory will come back */
    OOM_SELF_ENDS, /* the asking task is itself to end */
};

/** kernel/task registers the function that picks a process, logs why, and kills it. */
void reclaim_set_oom_handler(enum oom_verdict (*handler)(const struct shortage *shortage));

/** Log the memory's side of the matter: free frames and watermarks, and what each shrinker has
 *  given. For the out-of-memory report. Context: may sleep. */
void reclaim_log_state(void);

#endif
