// SPDX-License-Identifier: MIT
/* What a swap area says of itself: how long it is, and which pages are bad.
 *
 * Nothing is believed: the numbers index tables that are made from them, and what lies behind the end
 * of the disk must never be asked for. Everything that does not fit is one log line and -EINVAL. */
#include "fs/swap/swap_header.h"

#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

static int check_size(uint32_t last_page, uint64_t nr_pages_there, const char *name)
{
    if (last_page == 0) {
        pr_err("swap: %s: the header says that the area is empty", name);
        return -EINVAL;
    }
    if (last_page >= nr_pages_there) {
        pr_err("swap: %s: the header says %llu pages, but there are only %llu", name,
               (unsigned long long)last_page + 1, (unsigned long long)nr_pages_there);
        return -EINVAL;
    }
    return 0;
}

static int read_bad(const struct swap_header *header, const char *name, struct swap_layout *layout)
{
    layout->nr_bad = le32_get(header->nr_bad);
    if (layout->nr_bad > SWAP_MAX_BAD) {
        pr_err("swap: %s: the header lists %u bad pages and has room for %u", name, layout->nr_bad,
               SWAP_MAX_BAD);
        return -EINVAL;
    }
    for (unsigned i = 0; i < layout->nr_bad; i++) {
        layout->bad[i] = le32_get(header->bad[i]);
        if (layout->bad[i] == 0 || layout->bad[i] >= layout->nr_pages) {
            pr_err("swap: %s: bad page %u lies outside the area of %llu pages", name,
                   layout->bad[i], (unsigned long long)layout->nr_pages);
            return -EINVAL;
        }
    }
    return 0;
}

int swap_header_read(const struct swap_header *header, uint64_t nr_pages_there, const char *name,
                     struct swap_layout *layout)
{
    uint32_t last_page = le32_get(header->last_page);
    int error;

    if (memcmp(header->signature, SWAP_SIGNATURE, SWAP_SIGNATURE_LEN) != 0) {
        pr_err("swap: %s: no swap signature; mkswap makes one", name);
        return -EINVAL;
    }
    if (le32_get(header->version) != SWAP_VERSION) {
        pr_err("swap: %s: version %u of the header is not known, only %u is", name,
               le32_get(header->version), SWAP_VERSION);
        return -EINVAL;
    }
    error = check_size(last_page, nr_pages_there, name);
    if (error != 0) {
        return error;
    }
    layout->nr_pages = (uint64_t)last_page + 1;
    return read_bad(header, name, layout);
}
