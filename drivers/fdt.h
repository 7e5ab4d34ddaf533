// SPDX-License-Identifier: MIT
/* The flattened device tree: what the firmware says the machine is. Never trusted: every offset is
 * checked against the blob's size. Source: Devicetree Specification v0.4, chapter 5. */
#ifndef CAIRN_DRIVERS_FDT_H
#define CAIRN_DRIVERS_FDT_H

#include "kernel/base/types.h"

struct fdt {
    const uint8_t *blob;
    uint32_t size_bytes;
    uint32_t struct_offset, struct_size;
    uint32_t strings_offset, strings_size;
    uint32_t reserve_offset;
};

/* A node is the offset of its FDT_BEGIN_NODE token in the structure block; negative: none. */
typedef int32_t fdt_node;

/** Check a blob's header. Returns 0 or -EINVAL. */
int must_check fdt_open(struct fdt *fdt, const void *blob, size_t max_size_bytes);

fdt_node fdt_root(const struct fdt *fdt);
fdt_node fdt_first_child(const struct fdt *fdt, fdt_node parent);
fdt_node fdt_next_sibling(const struct fdt *fdt, fdt_node node);
fdt_node fdt_find_path(const struct fdt *fdt, const char *path);
/** The next node, in tree order after `after` (-1: from the start), whose compatible list contains
 *  the name. */
fdt_node fdt_find_compatible(const struct fdt *fdt, fdt_node after, const char *compatible);
fdt_node fdt_parent(const struct fdt *fdt, fdt_node node);
const char *fdt_name(const struct fdt *fdt, fdt_node node);
/** A property's bytes, or NULL. */
const void *fdt_property(const struct fdt *fdt, fdt_node node, const char *name,
                         uint32_t *len_bytes);
const char *fdt_string(const struct fdt *fdt, fdt_node node, const char *name);
bool fdt_is_compatible(const struct fdt *fdt, fdt_node node, const char *compatible);
/** Whether the node's status property allows its use. */
bool fdt_is_enabled(const struct fdt *fdt, fdt_node node);
int must_check fdt_u32(const struct fdt *fdt, fdt_node node, const char *name, uint32_t *value);
/** Entry `index` of reg, using the parent's #address-cells and #size-cells. Returns 0, -ENOENT,
 *  -EINVAL. */
int must_check fdt_reg(const struct fdt *fdt, fdt_node node, unsigned index, uint64_t *address,
                       uint64_t *size_bytes);
/** A big-endian word of a property; bytes must hold four. */
uint32_t fdt_read_u32(const void *bytes);
/** The first interrupt number of the node. */
int must_check fdt_interrupt(const struct fdt *fdt, fdt_node node, uint32_t *source);
/** Entry `index` of the memory reservation block. Returns false beyond the last. */
bool fdt_reservation(const struct fdt *fdt, unsigned index, uint64_t *address,
                     uint64_t *size_bytes);

/** The machine's tree, opened at boot by main.c. */
const struct fdt *machine_fdt(void);
void machine_set_fdt(const struct fdt *fdt);

/** A kernel argument ("root" of `root=/dev/vda`), from bootargs; quotes are removed. Returns
 *  whether it is there; an argument without '=' gives "". */
bool bootarg_get(const char *name, char *value, size_t size_bytes);
const char *bootargs(void);

#endif
