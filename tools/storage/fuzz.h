// SPDX-License-Identifier: MIT
/* What the fuzzers of the file systems share. Theory in fuzz.c. */
#ifndef CAIRN_TOOLS_STORAGE_FUZZ_H
#define CAIRN_TOOLS_STORAGE_FUZZ_H

#include "tools/host/disk.h"

struct fuzz_base {       /* a sound image, to be damaged */
    const char *type;    /* as mount takes it */
    const char *command; /* makes it: a format with the file's name */
    uint32_t size_kib;
    bool is_crashed;        /* as a power cut leaves it: with a journal to replay */
    struct host_disk *disk; /* fuzz.c */
    uint8_t *pristine;
    uint64_t nr_objects;
};

struct fuzz_field { /* where a change goes, and how wide it is */
    uint64_t offset_bytes;
    unsigned len_bytes; /* 1, 2 or 4 */
    bool is_big_endian;
};

struct fuzz_kind { /* one kind of structure on the disk */
    const char *name;
    /** The field that two numbers choose. Any numbers are good: they are reduced to what there is. Returns
     *  false where this image has no such structure. The image is sound. */
    bool (*find)(const uint8_t *image, uint64_t size_bytes, uint32_t index, uint32_t field,
                 struct fuzz_field *found);
};

/* The driver's own, in fuzz_ext.c and fuzz_fat.c. */
extern struct fuzz_base fuzz_bases[];
extern const unsigned fuzz_nr_bases;
extern const struct fuzz_kind fuzz_kinds[];
extern const unsigned fuzz_nr_kinds;

#endif
