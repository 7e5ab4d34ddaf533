// SPDX-License-Identifier: MIT
/* Reading a flattened device tree.
 *
 * The blob is a header, a list of reserved ranges, a structure block and a strings block. The
 * structure block is a stream of 32-bit big-endian tokens: BEGIN_NODE name … END_NODE around
 * properties (PROP length name-offset bytes) and child nodes. A node is the offset of its
 * BEGIN_NODE, so nothing is built and nothing is allocated: each question walks the stream again.
 * That is quadratic in a tree of a few hundred tokens, at boot, once.
 *
 * Never trusted: every step forward goes through next_token(), which checks that the token with
 * all its bytes lies in the block; a bad token ends the walk. Strings count only if their NUL lies
 * in their block. A walk always moves forward, so none is endless; depth is a counter, so none
 * recurses.
 *
 * Source: Devicetree Specification v0.4, chapters 2.3 and 5. */
#include "drivers/fdt.h"

#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

#define FDT_MAGIC          0xd00dfeedu
#define FDT_OLDEST_VERSION 16u
#define HEADER_BYTES       40u
#define MAX_DEPTH          64

enum token {
    TOKEN_BEGIN_NODE = 1,
    TOKEN_END_NODE = 2,
    TOKEN_PROP = 3,
    TOKEN_NOP = 4,
    TOKEN_END = 9,
};

/* One token, and where the next begins. */
struct step {
    uint32_t token;
    uint32_t offset; /* of the token itself */
    uint32_t next;
    const char *name;  /* BEGIN_NODE, PROP */
    const void *value; /* PROP */
    uint32_t len_bytes;
};

uint32_t fdt_read_u32(const void *bytes)
{
    const uint8_t *b = bytes;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static uint64_t read_cells(const void *bytes, uint32_t nr_cells)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < nr_cells; i++) {
        value = value << 32 | fdt_read_u32((const uint8_t *)bytes + 4 * i);
    }
    return value;
}

static bool is_block(uint32_t offset, uint32_t size, uint32_t total)
{
    return offset <= total && size <= total - offset;
}

int fdt_open(struct fdt *fdt, const void *blob, size_t max_size_bytes)
{
    const uint8_t *header = blob;
    uint32_t total;

    if (max_size_bytes < HEADER_BYTES || (uint64_t)blob % 4 != 0 ||
        fdt_read_u32(header) != FDT_MAGIC) {
        return -EINVAL;
    }
    total = fdt_read_u32(header + 4);
    *fdt = (struct fdt){
        .blob = header,
        .size_bytes = total,
        .struct_offset = fdt_read_u32(header + 8),
        .strings_offset = fdt_read_u32(header + 12),
        .reserve_offset = fdt_read_u32(header + 16),
        .strings_size = fdt_read_u32(header + 32),
        .struct_size = fdt_read_u32(header + 36),
    };
    /* 17 is the first version that gives the structure block's size; newer ones must say that 16
     * can read them. */
    if (total > max_size_bytes || total > INT32_MAX ||
        fdt_read_u32(header + 20) < FDT_OLDEST_VERSION + 1 ||
        fdt_read_u32(header + 24) > FDT_OLDEST_VERSION + 1 || fdt->struct_offset % 4 != 0 ||
        fdt->reserve_offset % 4 != 0 || !is_block(fdt->struct_offset, fdt->struct_size, total) ||
        !is_block(fdt->strings_offset, fdt->strings_size, total) || fdt->reserve_offset > total) {
        return -EINVAL;
    }
    return fdt_root(fdt) < 0 ? -EINVAL : 0;
}

/* The string at an offset of a block, or NULL if it does not end there. */
static const char *string_in(const uint8_t *block, uint32_t block_size, uint32_t offset)
{
    if (offset >= block_size || memchr(block + offset, 0, block_size - offset) == NULL) {
        return NULL;
    }
    return (const char *)block + offset;
}

/* Read the token at an offset. Returns false at the end of the block, or where it is damaged. */
static bool next_token(const struct fdt *fdt, uint32_t offset, struct step *step)
{
    const uint8_t *block = fdt->blob + fdt->struct_offset;
    uint32_t size = fdt->struct_size;
    uint64_t next;

    if (offset % 4 != 0 || !is_block(offset, 4, size)) {
        return false;
    }
    *step = (struct step){.token = fdt_read_u32(block + offset), .offset = offset};
    next = (uint64_t)offset + 4;
    switch (step->token) {
    case TOKEN_BEGIN_NODE:
        step->name = string_in(block, size, (uint32_t)next);
        if (step->name == NULL) {
            return false;
        }
        next += strlen(step->name) + 1;
        break;
    case TOKEN_PROP:
        if (!is_block((uint32_t)next, 8, size)) {
            return false;
        }
        step->len_bytes = fdt_read_u32(block + next);
        step->name = string_in(fdt->blob + fdt->strings_offset, fdt->strings_size,
                               fdt_read_u32(block + next + 4));
        next += 8;
        if (step->name == NULL || !is_block((uint32_t)next, step->len_bytes, size)) {
            return false;
        }
        step->value = block + next;
        next += step->len_bytes;
        break;
    case TOKEN_END_NODE:
    case TOKEN_NOP: break;
    default: return false;
    }
    next = align_up(next, 4ul);
    if (next > size) {
        return false;
    }
    step->next = (uint32_t)next;
    return true;
}

/* Step over the node's own BEGIN_NODE; false if `node` is none. */
static bool enter(const struct fdt *fdt, fdt_node node, struct step *step)
{
    return node >= 0 && next_token(fdt, (uint32_t)node, step) && step->token == TOKEN_BEGIN_NODE;
}

fdt_node fdt_root(const struct fdt *fdt)
{
    struct step step = {0};

    do {
        if (!next_token(fdt, step.next, &step)) {
            return -1;
        }
    } while (step.token == TOKEN_NOP);
    return step.token == TOKEN_BEGIN_NODE ? (fdt_node)step.offset : -1;
}

fdt_node fdt_first_child(const struct fdt *fdt, fdt_node parent)
{
    struct step step;

    if (!enter(fdt, parent, &step)) {
        return -1;
    }
    while (next_token(fdt, step.next, &step) && step.token != TOKEN_END_NODE) {
        if (step.token == TOKEN_BEGIN_NODE) {
            return (fdt_node)step.offset;
        }
    }
    return -1;
}

/* The next BEGIN_NODE in tree order; *depth changes by how much deeper it lies. */
static fdt_node next_node(const struct fdt *fdt, fdt_node node, int *depth)
{
    struct step step;

    if (!enter(fdt, node, &step)) {
        return -1;
    }
    ++*depth;
    while (next_token(fdt, step.next, &step)) {
        if (step.token == TOKEN_BEGIN_NODE) {
            return *depth <= MAX_DEPTH ? (fdt_node)step.offset : -1;
        }
        if (step.token == TOKEN_END_NODE && --*depth < 0) {
            return -1;
        }
    }
    return -1;
}

fdt_node fdt_next_sibling(const struct fdt *fdt, fdt_node node)
{
    int depth = 0;

    do {
        node = next_node(fdt, node, &depth);
    } while (node >= 0 && depth > 0);
    return node;
}

fdt_node fdt_parent(const struct fdt *fdt, fdt_node node)
{
    fdt_node ancestors[MAX_DEPTH + 1];
    fdt_node at = fdt_root(fdt);
    int depth = 0;

    while (at >= 0 && at < node) {
        ancestors[depth] = at;
        at = next_node(fdt, at, &depth);
    }
    return at == node && depth > 0 ? ancestors[depth - 1] : -1;
}

const char *fdt_name(const struct fdt *fdt, fdt_node node)
{
    struct step step;

    return enter(fdt, node, &step) ? step.name : "";
}

/* Whether a node is called `name`, with or without its unit address ("memory" is
 * "memory@80000000"). */
static bool has_name(const struct fdt *fdt, fdt_node node, const char *name, size_t len)
{
    const char *full = fdt_name(fdt, node);

    return strncmp(full, name, len) == 0 && (full[len] == 0 || full[len] == '@');
}

fdt_node fdt_find_path(const struct fdt *fdt, const char *path)
{
    fdt_node node = fdt_root(fdt);

    while (node >= 0) {
        const char *end;

        while (*path == '/') {
            path++;
        }
        if (*path == 0) {
            return node;
        }
        end = strchr(path, '/');
        end = end != NULL ? end : path + strlen(path);
        node = fdt_first_child(fdt, node);
        while (node >= 0 && !has_name(fdt, node, path, (size_t)(end - path))) {
            node = fdt_next_sibling(fdt, node);
        }
        path = end;
    }
    return -1;
}

const void *fdt_property(const struct fdt *fdt, fdt_node node, const char *name,
                         uint32_t *len_bytes)
{
    struct step step;

    if (!enter(fdt, node, &step)) {
        return NULL;
    }
    while (next_token(fdt, step.next, &step) &&
           (step.token == TOKEN_PROP || step.token == TOKEN_NOP)) {
        if (step.token == TOKEN_PROP && strcmp(step.name, name) == 0) {
            *len_bytes = step.len_bytes;
            return step.value;
        }
    }
    return NULL;
}

const char *fdt_string(const struct fdt *fdt, fdt_node node, const char *name)
{
    uint32_t len_bytes;
    const char *value = fdt_property(fdt, node, name, &len_bytes);

    return value != NULL && memchr(value, 0, len_bytes) != NULL ? value : NULL;
}

bool fdt_is_compatible(const struct fdt *fdt, fdt_node node, const char *compatible)
{
    uint32_t len_bytes;
    const char *list = fdt_property(fdt, node, "compatible", &len_bytes);

    while (list != NULL && len_bytes > 0) {
        const char *end = memchr(list, 0, len_bytes);

        if (end == NULL) {
            return false;
        }
        if (strcmp(list, compatible) == 0) {
            return true;
        }
        len_bytes -= (uint32_t)(end + 1 - list);
        list = end + 1;
    }
    return false;
}

fdt_node fdt_find_compatible(const struct fdt *fdt, fdt_node after, const char *compatible)
{
    int depth = 0;
    fdt_node node;

    /* The depth below `after` is not known, so climbing out of it must not end the walk: start
     * from the root. */
    for (node = fdt_root(fdt); node >= 0; node = next_node(fdt, node, &depth)) {
        if (node > after && fdt_is_compatible(fdt, node, compatible)) {
            return node;
        }
    }
    return -1;
}

bool fdt_is_enabled(const struct fdt *fdt, fdt_node node)
{
    uint32_t len_bytes;
    const char *status;

    if (fdt_property(fdt, node, "status", &len_bytes) == NULL) {
        return true;
    }
    status = fdt_string(fdt, node, "status");
    return status != NULL && (strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0);
}

int fdt_u32(const struct fdt *fdt, fdt_node node, const char *name, uint32_t *value)
{
    uint32_t len_bytes;
    const void *bytes = fdt_property(fdt, node, name, &len_bytes);

    if (bytes == NULL) {
        return -ENOENT;
    }
    if (len_bytes != 4) {
        return -EINVAL;
    }
    *value = fdt_read_u32(bytes);
    return 0;
}

/* #address-cells or #size-cells of a node, or the default when it has none. */
static uint32_t cells_of(const struct fdt *fdt, fdt_node node, const char *name, uint32_t otherwise)
{
    uint32_t value;

    return fdt_u32(fdt, node, name, &value) == 0 ? value : otherwise;
}

int fdt_reg(const struct fdt *fdt, fdt_node node, unsigned index, uint64_t *address,
            uint64_t *size_bytes)
{
    fdt_node parent = fdt_parent(fdt, node);
    uint32_t address_cells = cells_of(fdt, parent, "#address-cells", 2);
    uint32_t size_cells = cells_of(fdt, parent, "#size-cells", 1);
    uint32_t len_bytes, entry_bytes;
    const uint8_t *bytes = fdt_property(fdt, node, "reg", &len_bytes);

    if (bytes == NULL) {
        return -ENOENT;
    }
    if (address_cells < 1 || address_cells > 2 || size_cells > 2) {
        return -EINVAL;
    }
    entry_bytes = 4 * (address_cells + size_cells);
    if (len_bytes % entry_bytes != 0) {
        return -EINVAL;
    }
    if (index >= len_bytes / entry_bytes) {
        return -ENOENT;
    }
    bytes += (size_t)index * entry_bytes;
    uint64_t start = read_cells(bytes, address_cells);
    uint64_t size = read_cells(bytes + 4 * address_cells, size_cells);

    if (start + size < start) {
        return -EINVAL;
    }
    *address = start;
    *size_bytes = size;
    return 0;
}

int fdt_interrupt(const struct fdt *fdt, fdt_node node, uint32_t *source)
{
    uint32_t len_bytes;
    const void *bytes = fdt_property(fdt, node, "interrupts", &len_bytes);

    if (bytes == NULL) {
        return -ENOENT;
    }
    if (len_bytes < 4) {
        return -EINVAL;
    }
    *source = fdt_read_u32(bytes);
    return 0;
}

bool fdt_reservation(const struct fdt *fdt, unsigned index, uint64_t *address, uint64_t *size_bytes)
{
    uint64_t offset = (uint64_t)fdt->reserve_offset + 16ull * index;
    uint64_t start, size;

    if (offset + 16 > fdt->size_bytes) {
        return false;
    }
    start = read_cells(fdt->blob + offset, 2);
    size = read_cells(fdt->blob + offset + 8, 2);
    if (start == 0 && size == 0) {
        return false;
    }
    *address = start;
    *size_bytes = start + size < start ? UINT64_MAX - start : size;
    return true;
}

static const struct fdt *the_machine;

const struct fdt *machine_fdt(void)
{
    return the_machine;
}

void machine_set_fdt(const struct fdt *fdt)
{
    the_machine = fdt;
}
