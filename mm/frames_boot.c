// SPDX-License-Identifier: MIT
/* From the firmware's account of memory to frame regions.
 *
 * Nothing that firmware says is believed as it stands. Ranges of RAM are rounded inwards to whole
 * frames, cut off where the direct map ends, sorted and merged; those of which nothing is left
 * vanish. Reserved ranges are rounded outwards and merged in the same way. Each range of RAM
 * becomes a region with its own buddy. Its page array (64 bytes a frame) is carved out of the first
 * gap of the region's own memory that is large enough; then every gap between reserved ranges is
 * added to the buddy, exactly:
 *
 *     RAM        |-----------------------------------------------------------|
 *     reserved   |#firmware#| |##image##|                 |#initrd#|    |#fdt#|
 *     page array                         |@@|
 *     the buddy's           ^^             ^^^^^^^^^^^^^^^          ^^^^
 *
 * Runs once, on one hart, before anything can be allocated: the sets of spans are arrays of
 * fixed size. When they overflow they err on the safe side: RAM is dropped (the smallest span),
 * reservations are widened (over the smallest gap). */
#include "mm/frames.h"

#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/frames_internal.h"
#include "mm/hot_list.h"
#include "mm/hot_run.h"
#include "mm/sanitize.h"

#define MAX_SPANS 64

struct span { /* of frame numbers */
    uint64_t start;
    uint64_t end; /* exclusive */
};

/* Sorted, disjoint, not adjacent. One place more than the limit, so that an insertion comes
 * before the shrinking. */
struct span_set {
    struct span spans[MAX_SPANS + 1];
    unsigned nr;
    unsigned limit;
};

static struct span_set memory; /* only used at boot, by one hart */
static struct span_set taken;

static void remove_span(struct span_set *set, unsigned index)
{
    set->nr--;
    memmove(&set->spans[index], &set->spans[index + 1], (set->nr - index) * sizeof(set->spans[0]));
}

static void insert_span(struct span_set *set, struct span span)
{
    unsigned at = 0;

    while (at < set->nr && set->spans[at].end < span.start) {
        at++;
    }
    while (at < set->nr && set->spans[at].start <= span.end) { /* overlaps or touches: swallow */
        span.start = min_of(span.start, set->spans[at].start);
        span.end = max_of(span.end, set->spans[at].end);
        remove_span(set, at);
    }
    memmove(&set->spans[at + 1], &set->spans[at], (set->nr - at) * sizeof(set->spans[0]));
    set->spans[at] = span;
    set->nr++;
}

static void add_memory(struct span span)
{
    unsigned smallest = 0;

    insert_span(&memory, span);
    if (memory.nr <= memory.limit) {
        return;
    }
    for (unsigned i = 1; i < memory.nr; i++) {
        if (memory.spans[i].end - memory.spans[i].start <
            memory.spans[smallest].end - memory.spans[smallest].start) {
            smallest = i;
        }
    }
    pr_warn("frames: too many ranges of memory, %#llx is not used",
            (unsigned long long)memory.spans[smallest].start << PAGE_SHIFT);
    remove_span(&memory, smallest);
}

static void add_taken(struct span span)
{
    unsigned closest = 0;

    insert_span(&taken, span);
    if (taken.nr <= taken.limit) {
        return;
    }
    for (unsigned i = 1; i + 1 < taken.nr; i++) {
        if (taken.spans[i + 1].start - taken.spans[i].end <
            taken.spans[closest + 1].start - taken.spans[closest].end) {
            closest = i;
        }
    }
    taken.spans[closest].end = taken.spans[closest + 1].end;
    remove_span(&taken, closest + 1);
}

/* The frames that a range covers wholly (inwards) or at all (outwards). Returns false when there
 * are none. */
static bool span_of_range(struct frame_range range, bool outwards, struct span *span)
{
    uint64_t start = min_of(range.start.addr, (uint64_t)DIRECT_MAP_SIZE);
    uint64_t end = start + min_of(range.len_bytes, DIRECT_MAP_SIZE - start);

    if (range.len_bytes == 0 || start == end) {
        return false;
    }
    span->start = (outwards ? start : align_up(start, PAGE_SIZE)) >> PAGE_SHIFT;
    span->end = (outwards ? align_up(end, PAGE_SIZE) : end) >> PAGE_SHIFT;
    return span->start < span->end;
}

/* The next gap between reserved spans in [from, limit). Returns false at the end. */
static bool next_gap(uint64_t from, uint64_t limit, struct span *gap)
{
    for (unsigned i = 0; i < taken.nr && from < limit; i++) {
        const struct span *span = &taken.spans[i];
        if (span->end <= from) {
            continue;
        }
        if (span->start > from) {
            *gap = (struct span){from, min_of(span->start, limit)};
            return true;
        }
        from = span->end;
    }
    *gap = (struct span){from, limit};
    return from < limit;
}

/* Room for the records of a region within it. */
static void *carve_records(struct span region)
{
    uint64_t size_bytes = buddy_meta_bytes(region.start, region.end - region.start);
    uint64_t nr_frames = align_up(size_bytes, PAGE_SIZE) >> PAGE_SHIFT;
    struct span gap = {0, region.start};

    while (next_gap(gap.end, region.end, &gap)) {
        if (gap.end - gap.start >= nr_frames) {
            void *records = phys_to_virt(phys(gap.start << PAGE_SHIFT));
            add_taken((struct span){gap.start, gap.start + nr_frames});
            memset(records, 0, size_bytes);
            return records;
        }
    }
    return NULL;
}

static void add_free(struct buddy *region, struct span span)
{
    sanitize_forbid(phys_to_virt(phys(span.start << PAGE_SHIFT)), (span.end - span.start)
                                                                      << PAGE_SHIFT);
    buddy_add_range(region, span.start, span.end - span.start);
}

static void add_region(struct span span)
{
    unsigned number = nr_frame_regions;
    struct buddy *region = &frame_regions[number];
    struct span gap = {0, span.start};
    void *records;

    sanitize_allow(phys_to_virt(phys(span.start << PAGE_SHIFT)), (span.end - span.start)
                                                                     << PAGE_SHIFT);
    records = carve_records(span);
    if (records == NULL) {
        pr_warn("frames: no room for the page array of %#llx..%#llx: not used",
                (unsigned long long)span.start << PAGE_SHIFT,
                (unsigned long long)span.end << PAGE_SHIFT);
        return;
    }
    buddy_init(region, span.start, span.end - span.start, records);
    page_origins[number] = (uint64_t)region->pages - span.start * sizeof(struct page);
    for (uint64_t i = 0; i < region->nr_frames; i++) {
        region->pages[i].region = (uint8_t)number;
    }
    nr_frame_regions++;
    while (next_gap(gap.end, span.end, &gap)) {
        add_free(region, gap);
    }
}

int frames_init(const struct frame_range *ram, unsigned nr_ram, const struct frame_range *reserved,
                unsigned nr_reserved)
{
    struct span span;
    uint64_t nr_managed = 0;

    memory = (struct span_set){.limit = FRAMES_MAX_REGIONS};
    taken = (struct span_set){.limit = MAX_SPANS};
    memset(frame_regions, 0, sizeof(frame_regions));
    nr_frame_regions = 0;
    hot_forget_all();
    for (unsigned i = 0; i < nr_ram; i++) {
        if (span_of_range(ram[i], false, &span)) {
            add_memory(span);
        }
    }
    for (unsigned i = 0; i < nr_reserved; i++) {
        if (span_of_range(reserved[i], true, &span)) {
            add_taken(span);
        }
    }
    for (unsigned i = 0; i < memory.nr; i++) {
        add_region(memory.spans[i]);
    }
    for (unsigned i = 0; i < nr_frame_regions; i++) {
        nr_managed += load_relaxed(&frame_regions[i].nr_managed);
    }
    frames_set_watermarks();
    hot_run_start(nr_managed);
    return nr_managed != 0 ? 0 : -ENOMEM;
}

void frames_release_reserved(struct frame_range range)
{
    struct span span;

    if (!span_of_range(range, false, &span)) {
        return;
    }
    while (span.start < span.end) {
        struct page *page = page_of_frame(span.start);
        uint64_t nr = 0;
        if (page != NULL) { /* a run of reserved frames in one region */
            const struct buddy *region = &frame_regions[page->region];
            uint64_t limit = min_of(span.end, region->first_frame + region->nr_frames) - span.start;
            while (nr < limit && page[nr].kind == PAGE_RESERVED) {
                nr++;
            }
            if (nr != 0) {
                add_free(&frame_regions[page->region], (struct span){span.start, span.start + nr});
            }
        }
        span.start += max_of(nr, 1ull);
    }
    frames_set_watermarks();
}
