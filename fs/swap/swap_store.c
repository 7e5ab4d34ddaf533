// SPDX-License-Identifier: MIT
/* Swap space on a block device, or in a file whose blocks lie on one.
 *
 * For mm a swap area is a row of slots (mm/swap.h). Here each run of slots is given the sectors where
 * it lies: for a device that is one run; for a file its block map is asked once, at swapon, and
 * written down as *extents*. From then on the file system is not asked again: swapping happens when
 * memory is out, and maybe on behalf of a file system that holds its own locks. So the map must not
 * change:
 *
 *     the file cannot be written to or cut     inode_deny_writes(), as for a running program
 *     it keeps its names                       inode_pin_names(): swapoff needs one
 *     it has no holes                          refused with -EINVAL
 *     its blocks are where the map says        it is synced first
 *
 * A page whose blocks are not side by side on the disk (file systems with blocks smaller than a page)
 * becomes a bad slot; it is not worth a second request.
 *
 * The device is claimed (block_claim), so that it is not mounted, or formatted into a second area,
 * while it swaps. What the page cache holds of it or of the file is dropped: it would be stale.
 *
 * Memory: transfers become block requests, which come from a reserve that always serves. A device
 * that takes few segments gets several.
 *
 * Locks: none; a store changes only while it is made. */
#include "fs/swap/swap_store.h"

#include "drivers/block.h"
#include "fs/swap/swap_header.h"
#include "fs/vfs/file.h"
#include "fs/vfs/special.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "mm/frames.h"
#include "mm/kmalloc.h"
#include "mm/swap.h"
#include "mm/vmalloc.h"

#define SECTORS_PER_PAGE (PAGE_SIZE / SECTOR_SIZE)

struct extent { /* slots that lie side by side on the disk */
    uint64_t index, nr;
    uint64_t sector;
};

struct store {
    struct swap_store base;
    struct block_device *device;
    struct file *file;      /* with a reference */
    struct extent *extents; /* by index */
    uint64_t nr_extents, capacity;
    uint64_t nr_pages; /* that there is room for */
    bool has_claim, has_denied_writes, has_pinned_names;
};

/* ---- Transfers ------------------------------------------------------------------------------- */

static void end_part(struct swap_io *io)
{
    if (atomic_fetch_sub_explicit(&io->nr_parts, 1, memory_order_acq_rel) == 1) {
        swap_io_done(io, atomic_load_explicit(&io->error, memory_order_relaxed));
    }
}

static void request_done(struct block_request *request)
{
    struct swap_io *io = request->owner;

    if (request->error != 0) {
        atomic_store_explicit(&io->error, request->error, memory_order_relaxed);
    }
    block_request_free(request);
    end_part(io);
}

/* The extent that holds a slot: by halves. Every slot that is given out lies in one. */
static const struct extent *find_extent(const struct store *store, uint64_t index)
{
    uint64_t low = 0, high = store->nr_extents;

    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;

        if (store->extents[middle].index <= index) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &store->extents[low];
}

static void submit_run(const struct store *store, struct swap_io *io, unsigned first, unsigned nr,
                       uint64_t sector)
{
    struct block_request *request = block_request_alloc();

    request->op = io->is_write ? BLOCK_WRITE : BLOCK_READ;
    request->sector = sector;
    request->owner = io;
    request->done = request_done;
    request->nr_segments = nr;
    for (unsigned i = 0; i < nr; i++) {
        request->segments[i] = (struct block_segment){.page = io->pages[first + i],
                                                      .len_bytes = PAGE_SIZE};
    }
    atomic_fetch_add_explicit(&io->nr_parts, 1, memory_order_relaxed);
    block_submit(store->device, request);
}

static void start_io(struct swap_store *base, struct swap_io *io)
{
    const struct store *store = container_of(base, struct store, base);
    uint64_t nr_max = min_of(store->device->max_segments, (uint32_t)BLOCK_MAX_SEGMENTS);
    uint64_t nr;

    atomic_store_explicit(&io->nr_parts, 1, memory_order_relaxed);
    for (unsigned i = 0; i < io->nr; i += (unsigned)nr) {
        uint64_t index = io->index + i;
        const struct extent *extent = find_extent(store, index);
        uint64_t offset = index - extent->index;

        nr = min_of(extent->nr - offset, nr_max);
        nr = min_of(nr, (uint64_t)io->nr - i);
        submit_run(store, io, i, (unsigned)nr, extent->sector + offset * SECTORS_PER_PAGE);
    }
    end_part(io);
}

/* ---- Making and ending ----------------------------------------------------------------------- */

static void store_free(struct store *store)
{
    if (store->has_pinned_names) {
        inode_unpin_names(store->file->inode);
    }
    if (store->has_denied_writes) {
        inode_allow_writes(store->file->inode);
    }
    if (store->has_claim) {
        block_unclaim(store->device);
    }
    file_put(store->file);
    vfree(store->extents);
    kfree(store);
}

static void release_store(struct swap_store *base)
{
    store_free(container_of(base, struct store, base));
}

static const struct swap_store_ops store_ops = {.start = start_io, .release = release_store};

static int add_extent(struct store *store, uint64_t index, uint64_t nr, uint64_t sector)
{
    struct extent *last = store->nr_extents != 0 ? &store->extents[store->nr_extents - 1] : NULL;

    if (last != NULL && last->index + last->nr == index &&
        last->sector + last->nr * SECTORS_PER_PAGE == sector) {
        last->nr += nr;
        return 0;
    }
    if (store->nr_extents == store->capacity) {
        uint64_t capacity = store->capacity != 0 ? 2 * store->capacity : 64;
        struct extent *more = vmalloc(capacity * sizeof(*more), ALLOC_KERNEL);

        if (more == NULL) {
            return -ENOMEM;
        }
        for (uint64_t i = 0; i < store->nr_extents; i++) {
            more[i] = store->extents[i];
        }
        vfree(store->extents);
        store->extents = more;
        store->capacity = capacity;
    }
    store->extents[store->nr_extents++] = (struct extent){index, nr, sector};
    return 0;
}

/* The sector where page `index` of a file begins. Returns 0, 1 when its blocks are not side by side,
 * -EINVAL for a hole, or what the file system said. */
static int map_page(struct inode *inode, uint64_t index, uint64_t *sector)
{
    struct mapping *mapping = &inode->mapping;
    uint64_t nr_blocks = PAGE_SIZE >> mapping->block_shift;
    uint64_t block = index * PAGE_SIZE >> mapping->block_shift;
    uint64_t first = 0;

    for (uint64_t i = 0; i < max_of(nr_blocks, 1ull); i++) {
        struct block_extent extent;
        int error = mapping->ops->map_blocks(inode, block + i, 1, false, &extent);

        if (error != 0) {
            return error;
        }
        if (extent.is_hole) {
            return -EINVAL;
        }
        if (i == 0) {
            first = extent.disk_block;
        } else if (extent.disk_block != first + i) {
            return 1;
        }
    }
    *sector = (first << mapping->block_shift) / SECTOR_SIZE;
    if (nr_blocks == 0) { /* blocks larger than a page */
        *sector += (index * PAGE_SIZE & ((1ull << mapping->block_shift) - 1)) / SECTOR_SIZE;
    }
    return 0;
}

static int map_file(struct store *store, const char *name)
{
    struct inode *inode = store->file->inode;

    for (uint64_t index = 0; index < store->nr_pages; index++) {
        uint64_t sector = 0;
        int error = map_page(inode, index, &sector);

        if (error == 0) {
            error = add_extent(store, index, 1, sector);
        } else if (error == 1 && index != 0) {
            error = 0; /* no extent: swap_on() makes it a bad slot */
        }
        if (error != 0) {
            pr_err("swap: %s: page %llu of the file has no place on the disk for swapping (%s)",
                   name, (unsigned long long)index,
                   error == -EINVAL ? "a hole" : "its blocks are scattered");
            return error == 1 ? -EINVAL : error;
        }
    }
    return 0;
}

static int use_file(struct store *store, const char *name)
{
    struct inode *inode = store->file->inode;
    int error;

    if (inode->mapping.device == NULL || inode->mapping.ops == NULL ||
        inode->mapping.ops->map_blocks == NULL) {
        pr_err("swap: %s: its file system has no blocks on a disk", name);
        return -EINVAL;
    }
    if ((super_flags(inode->super) & SUPER_RDONLY) != 0) {
        pr_err("swap: %s: its file system is read-only", name);
        return -EROFS;
    }
    error = inode_deny_writes(inode);
    if (error != 0) {
        pr_err("swap: %s: the file is open for writing", name);
        return error;
    }
    store->has_denied_writes = true;
    error = inode_pin_names(inode);
    if (error != 0) {
        pr_err("swap: %s: the file has no name any more", name);
        return error;
    }
    store->has_pinned_names = true;
    store->device = inode->mapping.device;
    store->nr_pages = inode_size(inode) / PAGE_SIZE;
    error = vfs_fsync(store->file, 0, UINT64_MAX, false);
    if (error == 0) {
        error = map_file(store, name);
    }
    return error;
}

static int use_device(struct store *store, const char *name)
{
    int error;

    store->device = file_block_device(store->file);
    if (store->device->is_read_only) {
        pr_err("swap: %s: the disk is read-only", name);
        return -EROFS;
    }
    if (block_claim(store->device) != 0) {
        pr_err("swap: %s: the disk is mounted, or swap space already", name);
        return -EBUSY;
    }
    store->has_claim = true;
    store->nr_pages = store->device->nr_sectors / SECTORS_PER_PAGE;
    error = vfs_fsync(store->file, 0, UINT64_MAX, false);
    return error != 0 ? error : add_extent(store, 0, store->nr_pages, 0);
}

/* Slots of the layout that lie in no extent are bad, too. */
static int add_scattered(const struct store *store, const char *name, struct swap_layout *layout)
{
    uint64_t next = 0;

    for (uint64_t i = 0; i <= store->nr_extents; i++) {
        bool is_end = i == store->nr_extents;
        uint64_t start = is_end ? layout->nr_pages : store->extents[i].index;

        for (; next < start && next < layout->nr_pages; next++) {
            if (layout->nr_bad == SWAP_MAX_BAD) {
                pr_err("swap: %s: the file is too scattered on the disk", name);
                return -EINVAL;
            }
            layout->bad[layout->nr_bad++] = (uint32_t)next;
        }
        next = is_end ? next : store->extents[i].index + store->extents[i].nr;
    }
    return 0;
}

static int read_layout(struct store *store, const char *name, struct swap_layout *layout)
{
    struct page *page;
    int error;

    if (store->nr_pages == 0) {
        pr_err("swap: %s: smaller than a page", name);
        return -EINVAL;
    }
    page = frames_alloc(0, ALLOC_KERNEL);
    if (page == NULL) {
        return -ENOMEM;
    }
    error = block_read_sync(store->device, store->extents[0].sector * SECTOR_SIZE,
                            page_address(page), PAGE_SIZE);
    if (error != 0) {
        pr_err("swap: %s: the header cannot be read (error %d)", name, error);
    } else {
        error = swap_header_read(page_address(page), store->nr_pages, name, layout);
    }
    frames_free(page, 0);
    return error != 0 ? error : add_scattered(store, name, layout);
}

static struct store *store_new(struct file *file)
{
    struct store *store = kmalloc(sizeof(*store), ALLOC_KERNEL | ALLOC_ZERO);

    if (store != NULL) {
        store->base.ops = &store_ops;
        store->file = file;
        file_get(file);
    }
    return store;
}

/* Whether a store lies on the same disk as a file, or is the same file. */
static bool lies_in(struct swap_store *base, const void *arg)
{
    const struct store *store = container_of(base, struct store, base);
    const struct file *file = arg;
    struct block_device *device = file_block_device(file);

    return base->ops == &store_ops && (device != NULL ? file_block_device(store->file) == device
                                                      : store->file->inode == file->inode);
}

static int add_area(struct store *store, const char *name, int priority)
{
    struct swap_layout *layout = kmalloc(sizeof(*layout), ALLOC_KERNEL);
    bool is_file = store->has_denied_writes;
    int error = layout != NULL ? read_layout(store, name, layout) : -ENOMEM;

    if (error == 0) {
        uint64_t kib = (layout->nr_pages - 1 - layout->nr_bad) * (PAGE_SIZE / 1024);
        struct swap_setup setup = {
            .store = &store->base,
            .name = name,
            .is_file = is_file,
            .nr_pages = layout->nr_pages,
            .bad = layout->bad,
            .nr_bad = layout->nr_bad,
            .priority = priority,
        };

        error = swap_area_add(&setup);
        if (error == 0) {
            pr_info("swap: %s: %llu KiB in %llu extents", name, (unsigned long long)kib,
                    (unsigned long long)store->nr_extents);
        }
    }
    kfree(layout);
    return error;
}

int swap_on(struct file *file, const char *name, int priority)
{
    uint32_t type = file->inode->mode & S_IFMT;
    struct store *store;
    int error;

    if (type == S_IFDIR || (file_block_device(file) == NULL && type != S_IFREG)) {
        pr_err("swap: %s: neither a disk nor a file", name);
        return type == S_IFDIR ? -EISDIR : -EINVAL;
    }
    if (swap_area_has(lies_in, file)) {
        pr_err("swap: %s: is swap space already", name);
        return -EBUSY;
    }
    store = store_new(file);
    if (store == NULL) {
        return -ENOMEM;
    }
    error = file_block_device(file) != NULL ? use_device(store, name) : use_file(store, name);
    if (error == 0) {
        error = add_area(store, name, priority);
    }
    if (error != 0) {
        store_free(store);
    }
    return error;
}

int swap_off(struct file *file, bool (*is_interrupted)(void))
{
    return swap_area_remove(lies_in, file, is_interrupted);
}
