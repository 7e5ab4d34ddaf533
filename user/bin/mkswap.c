// SPDX-License-Identifier: MIT
// mkswap: make a disk or file a swap area, by writing the header that swapon looks for.
#include "user/lib/tool.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, MIN_PAGES = 10, VERSION = 1 };

struct header {
    char boot[1024];
    uint32_t version, last_page, nr_bad; // little-endian
    uint8_t uuid[16];
    char label[16];
    uint32_t unused[117];
    char rest[PAGE - 1536 - 10];
    char signature[10];
};

_Static_assert(sizeof(struct header) == PAGE, "one page");

static const struct tool tool = {"mkswap", "[-L LABEL] DEVICE | FILE",
                                 "Make a disk or a file (without holes) a swap area.", 0};

// A random UUID, version 4.
static void make_uuid(uint8_t uuid[16])
{
    if (getrandom(uuid, 16, 0) != 16)
        memset(uuid, 0, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

// A file with holes can't be swapped to: say so now rather than at swapon.
static void check_file(const char *name, const struct stat *st)
{
    if (S_ISREG(st->st_mode) && st->st_blocks * 512 < st->st_size / PAGE * PAGE)
        die_text("%s: has holes; fill it, as with dd if=/dev/zero", name);
    if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
        die_text("%s: neither a disk nor a file", name);
}

int main(int argc, char **argv)
{
    static struct header header;
    const char *label = "";
    struct stat st;
    off_t size;
    int fd, option;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "L:")) != -1) {
        if (option == 'L')
            label = optarg;
    }
    if (optind + 1 != argc)
        tool_usage();
    if (strlen(label) >= sizeof(header.label))
        die_text("%s: a label has at most %zu characters", label, sizeof(header.label) - 1);
    fd = open(argv[optind], O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        die_errno("%s", argv[optind]);
    check_file(argv[optind], &st);
    size = lseek(fd, 0, SEEK_END);
    if (size < (off_t)MIN_PAGES * PAGE)
        die_text("%s: smaller than %d KiB", argv[optind], MIN_PAGES * PAGE / 1024);
    if (size / PAGE > UINT32_MAX)
        size = (off_t)UINT32_MAX * PAGE; // what the header can say
    header.version = htole32(VERSION);
    header.last_page = htole32((uint32_t)(size / PAGE - 1));
    make_uuid(header.uuid);
    memcpy(header.label, label, strlen(label));
    memcpy(header.signature, "SWAPSPACE2", sizeof(header.signature));
    if (lseek(fd, 0, SEEK_SET) != 0 || write_all(fd, &header, sizeof(header)) != 0 ||
        fsync(fd) != 0 || close(fd) != 0)
        die_errno("%s", argv[optind]);
    printf("%s: swap area of %lld KiB\n", argv[optind],
           (long long)(size / PAGE - 1) * (PAGE / 1024));
    return tool_end(0);
}
