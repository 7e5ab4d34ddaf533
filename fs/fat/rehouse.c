// SPDX-License-Identifier: MIT
/* Giving a file other clusters, with the same content.
 *
 * It is what rename.c does when it finds no order of writes in which two entries may share clusters: then they get each
 * their own. The copy is made from disk to disk, for which the disk must have all of the content, and nothing may be on its
 * way there. The file's lock keeps writers out, but not those who write through a mapping. So: write everything; take the
 * map_lock, without which no page gets a place on the disk; and look whether a page has become dirty in between. If one has,
 * begin again; only so often, since who stores into a mapping all the time can be quicker every time.
 *
 * The old clusters stay as they are, because the file's entry leads there until the caller has done something about it; then
 * he dooms them.
 *
 * Lock: inode->lock, map_lock. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "mm/frames.h"

#define MAX_ATTEMPTS 100u
#define COPY_ORDER   4u /* of the buffer: 64 KiB, or whatever there is */

struct copy {
    struct block_device *device;
    struct block_request *request;
    struct page *buffer;
    uint32_t buffer_bytes;
    uint32_t order;
};

static int begin_copy(struct copy *copy, struct block_device *device)
{
    copy->device = device;
    for (copy->order = COPY_ORDER;; copy->order--) {
        copy->buffer = frames_alloc(copy->order, ALLOC_WAIT | ALLOC_NOFS);
        if (copy->buffer != NULL || copy->order == 0) {
            break;
        }
    }
    if (copy->buffer == NULL) {
        return -ENOMEM;
    }
    copy->buffer_bytes = (uint32_t)PAGE_SIZE << copy->order;
    copy->request = block_request_alloc();
    return 0;
}

static void end_copy(struct copy *copy)
{
    block_request_free(copy->request);
    frames_free(copy->buffer, copy->order);
}

static int transfer(struct copy *copy, enum block_op op, uint64_t sector, uint32_t len_bytes)
{
    copy->request->op = op;
    copy->request->sector = sector;
    copy->request->nr_segments = 1;
    copy->request->segments[0] = (struct block_segment){.page = copy->buffer,
                                                        .len_bytes = len_bytes};
    return block_submit_wait(copy->device, copy->request);
}

static int copy_sectors(struct copy *copy, uint64_t from, uint64_t to, uint64_t nr)
{
    int error = 0;

    while (nr > 0 && error == 0) {
        uint64_t part = min_of(nr, (uint64_t)(copy->buffer_bytes / SECTOR_SIZE));

        error = transfer(copy, BLOCK_READ, from, (uint32_t)part * SECTOR_SIZE);
        if (error == 0) {
            error = transfer(copy, BLOCK_WRITE, to, (uint32_t)part * SECTOR_SIZE);
        }
        from += part;
        to += part;
        nr -= part;
    }
    return error;
}

/* Copy clusters index … of the file to a fresh run. */
static int fill_run(struct inode *inode, struct copy *copy, const struct fat_run *fresh)
{
    struct fat_fs *fs = fat_fs(inode->super);
    uint32_t shift = fs->layout.cluster_shift - SECTOR_SHIFT;
    struct fat_run old;
    int error = 0;

    for (uint32_t done = 0; done < fresh->nr && error == 0; done += old.nr) {
        error = fat_chain_find(inode, fresh->index + done, fresh->nr - done, &old);
        if (error == 0) {
            error = copy_sectors(copy, fat_cluster_sector(fs, old.cluster),
                                 fat_cluster_sector(fs, fresh->cluster + done),
                                 (uint64_t)old.nr << shift);
        }
    }
    return error;
}

/* A new chain of nr clusters with what the file's first nr have. On failure nothing is left of it. */
static int copy_chain(struct inode *inode, struct copy *copy, uint32_t nr, uint32_t *start)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_run run = {0};
    uint32_t first = 0;
    int error = 0;

    for (uint32_t done = 0; done < nr && error == 0; done += run.nr) {
        uint32_t last = run.nr != 0 ? run.cluster + run.nr - 1 : 0;

        run = (struct fat_run){.index = done};
        error = fat_alloc(fs, last, nr - done, &run.cluster, &run.nr);
        if (error == 0 && last != 0) {
            error = fat_link(fs, last, run.cluster);
        }
        first = first != 0 ? first : run.cluster;
        if (error == 0) {
            error = fill_run(inode, copy, &run);
        }
    }
    if (error != 0) {
        if (first != 0) {
            (void)!fat_free_chain(fs, first);
        }
        return error;
    }
    *start = first;
    return 0;
}

/* Whether a page has content that the disk may not have. map_lock is held. */
static bool has_unwritten(struct mapping *mapping)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    bool result = mapping->nr_dirty != 0 || radix_is_tagged(&mapping->pages, MAPPING_TAG_WRITEBACK);

    spin_unlock_irqrestore(&mapping->lock, irq);
    return result;
}

/* Let the file have the chain that begins there. */
static int take_chain(struct inode *inode, uint32_t start)
{
    struct fat_inode *fat = fat_inode(inode);

    fat_reach_forget(inode);
    fat->start = start;
    fat->is_cut = false;
    fat->chain = FAT_CHAIN_UNKNOWN;
    return fat_chain_load(inode);
}

/* Returns -EAGAIN when there was something to be written. */
static int rehouse_locked(struct inode *inode, struct copy *copy, struct fat_doomed_chain *old)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    uint32_t nr = fat_clusters_of(fs, inode_size(inode));
    uint32_t start = 0;
    int error = fat_chain_load(inode);

    if (error == 0 && has_unwritten(&inode->mapping)) {
        error = -EAGAIN;
    }
    if (error == 0) {
        error = copy_chain(inode, copy, nr, &start);
    }
    if (error == 0) {
        error = fat_settle(fs);
        if (error != 0) {
            (void)!fat_free_chain(fs, start);
        }
    }
    if (error != 0) {
        return error;
    }
    *old = (struct fat_doomed_chain){.start = fat->start, .nr = fat->nr_clusters};
    error = take_chain(inode, start);
    if (error != 0) {
        (void)!fat_free_chain(fs, start);
        (void)!take_chain(inode, old->start);
    }
    return error;
}

int fat_rehouse(struct inode *inode, struct fat_doomed_chain *old)
{
    struct fat_inode *fat = fat_inode(inode);
    struct copy copy;
    int error = begin_copy(&copy, inode->super->device);

    if (error != 0) {
        return error;
    }
    error = -EAGAIN;
    for (unsigned i = 0; i < MAX_ATTEMPTS && error == -EAGAIN; i++) {
        error = mapping_write_and_wait(&inode->mapping, 0, UINT64_MAX);
        if (error == 0) {
            mutex_lock(&fat->map_lock);
            error = rehouse_locked(inode, &copy, old);
            mutex_unlock(&fat->map_lock);
        }
    }
    end_copy(&copy);
    return error == -EAGAIN ? -EBUSY : error;
}
