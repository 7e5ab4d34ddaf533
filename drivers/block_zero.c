// SPDX-License-Identifier: MIT
/* Writing zeros where no page of a cache holds them: every segment of the requests is the same frame of zeros, so that a
 * megabyte takes one frame and a few requests. */
#include "drivers/block.h"
#include "kernel/abi/errno.h"
#include "kernel/base/port.h"
#include "mm/frames.h"

/* Fill the request with zeros for up to nr_sectors from its sector on. Returns how many it takes. */
static uint32_t fill_request(struct block_request *request, struct page *zeros, uint64_t nr_sectors,
                             uint32_t max_segments)
{
    uint32_t filled = 0;

    request->nr_segments = 0;
    while (request->nr_segments < max_segments && filled < nr_sectors) {
        uint32_t part = (uint32_t)min_of(nr_sectors - filled, (uint64_t)(PAGE_SIZE / SECTOR_SIZE));

        request->segments[request->nr_segments++] =
            (struct block_segment){.page = zeros, .len_bytes = part * SECTOR_SIZE};
        filled += part;
    }
    return filled;
}

int block_write_zeros(struct block_device *device, uint64_t sector, uint64_t nr_sectors)
{
    uint32_t max_segments = min_of(device->max_segments, (uint32_t)BLOCK_MAX_SEGMENTS);
    struct page *zeros = frames_alloc(0, ALLOC_WAIT | ALLOC_NOFS | ALLOC_ZERO);
    struct block_request *request;
    int error = 0;

    if (zeros == NULL) {
        return -ENOMEM;
    }
    request = block_request_alloc();
    while (nr_sectors != 0 && error == 0) {
        uint32_t part;

        request->op = BLOCK_WRITE;
        request->sector = sector; /* set anew: of a partition, submitting has moved it */
        part = fill_request(request, zeros, nr_sectors, max_segments);
        error = block_submit_wait(device, request);
        sector += part;
        nr_sectors -= part;
    }
    block_request_free(request);
    frames_free(zeros, 0);
    return error;
}
