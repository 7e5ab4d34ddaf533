// SPDX-License-Identifier: MIT
/* The initramfs: a newc cpio archive, unpacked into the root at boot.
 *
 * Each entry is a header of 110 characters ("070701", or "070702" with a checksum that is not looked
 * at; then thirteen numbers of eight hexadecimal digits), the name with its NUL, padding to 4 bytes,
 * the content, padding. An archive ends with an entry named TRAILER!!!; another may follow, with zeros
 * in between, as boot loaders join them. Names that share an inode number (and have more than one
 * link) are one file: its content stands with one of them, usually the last. A directory's time is
 * that of the last entry made in it.
 *
 * The archive comes from outside and is not trusted: every length is checked against what is
 * left before it is used, names that lead upwards are refused, and absolute ones begin at the root
 * that it is unpacked into. Everything is made through the calls of the VFS, so that the rules hold.
 *
 * Source: cpio(5), "New ASCII format". */
#include "fs/initramfs/initramfs.h"
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/base/hash.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

#define CPIO_HEADER_SIZE 110u
#define CPIO_NR_FIELDS   13u
#define LINK_BUCKETS     64u

/* The numbers of a header, in order. */
enum cpio_field {
    CPIO_INO,
    CPIO_MODE,
    CPIO_UID,
    CPIO_GID,
    CPIO_NLINK,
    CPIO_MTIME,
    CPIO_FILESIZE,
    CPIO_DEVMAJOR,
    CPIO_DEVMINOR,
    CPIO_RDEVMAJOR,
    CPIO_RDEVMINOR,
    CPIO_NAMESIZE,
    CPIO_CHECK,
};

struct cpio_entry {
    uint32_t field[CPIO_NR_FIELDS];
    const char *name; /* terminated, inside the archive */
    const uint8_t *content;
};

struct cpio_link { /* a file with several names: its first */
    struct list node;
    uint32_t ino, devmajor, devminor;
    const char *name;
};

struct unpacker {
    const struct walk_context *context; /* no umask: modes are the archive's */
    const uint8_t *start, *at, *end;
    struct list links[LINK_BUCKETS];
    unsigned nr_entries;
};

static int refuse(const struct unpacker *unpacker, const char *reason)
{
    pr_err("initramfs: offset %llu: %s", (unsigned long long)(unpacker->at - unpacker->start),
           reason);
    return -EINVAL;
}

/* ---- Reading the archive --------------------------------------------------------------------- */

static int parse_hex8(const uint8_t *text, uint32_t *value)
{
    uint32_t result = 0;

    for (unsigned i = 0; i < 8; i++) {
        int c = char_to_lower(text[i]);

        if (char_is_digit(c)) {
            result = result << 4 | (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            result = result << 4 | (uint32_t)(c - 'a' + 10);
        } else {
            return -EINVAL;
        }
    }
    *value = result;
    return 0;
}

/* Skip the zeros between archives. Returns whether there is more. */
static bool skip_padding(struct unpacker *unpacker)
{
    while (unpacker->at < unpacker->end && *unpacker->at == 0) {
        unpacker->at++;
    }
    return unpacker->at < unpacker->end;
}

/* From here to the next multiple of 4 of the archive; never beyond the end. */
static const uint8_t *padded(const struct unpacker *unpacker, const uint8_t *at)
{
    size_t offset = align_up((size_t)(at - unpacker->start), 4);

    return offset <= (size_t)(unpacker->end - unpacker->start) ? unpacker->start + offset
                                                               : unpacker->end;
}

/* Take the next entry and move behind it. */
static int next_entry(struct unpacker *unpacker, struct cpio_entry *entry)
{
    const uint8_t *at = unpacker->at;
    size_t left = (size_t)(unpacker->end - at);
    uint32_t name_size;

    if (left < CPIO_HEADER_SIZE) {
        return refuse(unpacker, "the archive ends inside a header");
    }
    if (memcmp(at, "070701", 6) != 0 && memcmp(at, "070702", 6) != 0) {
        return refuse(unpacker, "no cpio header (newc is the only format)");
    }
    for (unsigned i = 0; i < CPIO_NR_FIELDS; i++) {
        if (parse_hex8(at + 6 + 8 * i, &entry->field[i]) != 0) {
            return refuse(unpacker, "a header with a bad number");
        }
    }
    name_size = entry->field[CPIO_NAMESIZE];
    if (name_size == 0 || name_size > PATH_MAX || name_size > left - CPIO_HEADER_SIZE) {
        return refuse(unpacker, "a bad name length");
    }
    entry->name = (const char *)at + CPIO_HEADER_SIZE;
    if (entry->name[name_size - 1] != '\0') {
        return refuse(unpacker, "a name without an end");
    }
    entry->content = padded(unpacker, at + CPIO_HEADER_SIZE + name_size);
    if (entry->field[CPIO_FILESIZE] > (size_t)(unpacker->end - entry->content)) {
        return refuse(unpacker, "the archive ends inside a file");
    }
    unpacker->at = padded(unpacker, entry->content + entry->field[CPIO_FILESIZE]);
    return 0;
}

/* A name relative to the root, without leading "./" or "/"; NULL if it leads upwards. "" is the
 * root itself. */
static const char *clean_name(const char *name)
{
    const char *part;

    while (*name == '/' || (name[0] == '.' && (name[1] == '/' || name[1] == '\0'))) {
        name++;
    }
    for (part = name; *part != '\0';) {
        const char *end = strchr(part, '/');
        size_t len = end != NULL ? (size_t)(end - part) : strlen(part);

        if (len == 2 && part[0] == '.' && part[1] == '.') {
            return NULL;
        }
        part += end != NULL ? len + 1 : len;
    }
    return name;
}

/* ---- Hard links ------------------------------------------------------------------------------ */

static struct list *link_bucket(struct unpacker *unpacker, const struct cpio_entry *entry)
{
    return &unpacker->links[hash_u64(entry->field[CPIO_INO]) % LINK_BUCKETS];
}

static struct cpio_link *find_link(struct unpacker *unpacker, const struct cpio_entry *entry)
{
    struct cpio_link *link;

    list_for_each (link, link_bucket(unpacker, entry), node) {
        if (link->ino == entry->field[CPIO_INO] && link->devmajor == entry->field[CPIO_DEVMAJOR] &&
            link->devminor == entry->field[CPIO_DEVMINOR]) {
            return link;
        }
    }
    return NULL;
}

static int remember_link(struct unpacker *unpacker, const struct cpio_entry *entry,
                         const char *name)
{
    struct cpio_link *link = kmalloc(sizeof(*link), ALLOC_KERNEL);

    if (link == NULL) {
        return -ENOMEM;
    }
    link->ino = entry->field[CPIO_INO];
    link->devmajor = entry->field[CPIO_DEVMAJOR];
    link->devminor = entry->field[CPIO_DEVMINOR];
    link->name = name;
    list_push_back(link_bucket(unpacker, entry), &link->node);
    return 0;
}

static void forget_links(struct unpacker *unpacker)
{
    for (unsigned i = 0; i < LINK_BUCKETS; i++) {
        while (!list_is_empty(&unpacker->links[i])) {
            struct cpio_link *link = list_first(&unpacker->links[i], struct cpio_link, node);

            list_remove(&link->node);
            kfree(link);
        }
    }
}

/* If this file had a name before, make this one more. Returns 1 when it did. */
static int try_link(struct unpacker *unpacker, const struct cpio_entry *entry, const char *name)
{
    struct cpio_link *link;
    struct path path;
    int error;

    if (entry->field[CPIO_NLINK] < 2) {
        return 0;
    }
    link = find_link(unpacker, entry);
    if (link == NULL) {
        return remember_link(unpacker, entry, name);
    }
    error = path_walk(unpacker->context, link->name, 0, &path);
    if (error != 0) {
        return error;
    }
    error = vfs_link(&path, unpacker->context, name);
    path_put(&path);
    return error != 0 ? error : 1;
}

/* ---- Making things --------------------------------------------------------------------------- */

static int write_content(struct file *file, const struct cpio_entry *entry)
{
    uint64_t position = 0;
    struct iter iter;

    iter_init_kernel(&iter, (void *)(uintptr_t)entry->content, entry->field[CPIO_FILESIZE]);
    while (iter.remaining_bytes != 0) {
        ssize_t written = vfs_write(file, &iter, &position);

        if (written <= 0) {
            return written < 0 ? (int)written : -EIO;
        }
    }
    return 0;
}

static int unpack_file(struct unpacker *unpacker, const struct cpio_entry *entry, const char *name)
{
    bool has_content = entry->field[CPIO_FILESIZE] != 0;
    int linked = try_link(unpacker, entry, name);
    struct file *file;
    int error;

    if (linked < 0) {
        return linked;
    }
    if (linked == 1 && !has_content) {
        return 0;
    }
    /* What an earlier archive left under this name gives way; a fresh hard link is opened to be
     * filled. */
    if (linked == 0) {
        error = vfs_unlink(unpacker->context, name);
        if (error != 0 && error != -ENOENT) {
            return error;
        }
    }
    error = vfs_open(unpacker->context, name, O_CREAT | O_WRONLY | O_NOFOLLOW,
                     entry->field[CPIO_MODE] & 07777, &file);
    if (error != 0) {
        return error;
    }
    error = write_content(file, entry);
    file_put(file);
    return error;
}

static int unpack_symlink(struct unpacker *unpacker, const struct cpio_entry *entry,
                          const char *name)
{
    uint32_t len = entry->field[CPIO_FILESIZE];
    char *target;
    int error;

    if (len == 0 || len >= PATH_MAX) {
        return refuse(unpacker, "a symlink with a bad length");
    }
    target = kstrndup((const char *)entry->content, len, ALLOC_KERNEL);
    if (target == NULL) {
        return -ENOMEM;
    }
    error = vfs_unlink(unpacker->context, name);
    error = error == 0 || error == -ENOENT ? vfs_symlink(unpacker->context, target, name) : error;
    kfree(target);
    return error;
}

static int unpack_dir(struct unpacker *unpacker, const struct cpio_entry *entry, const char *name)
{
    int error = *name == '\0' ? 0
                              : vfs_mkdir(unpacker->context, name, entry->field[CPIO_MODE] & 07777);

    return error == -EEXIST ? 0 : error;
}

static int unpack_node(struct unpacker *unpacker, const struct cpio_entry *entry, const char *name)
{
    uint32_t major = entry->field[CPIO_RDEVMAJOR];
    uint32_t minor = entry->field[CPIO_RDEVMINOR];
    int error = vfs_unlink(unpacker->context, name);

    if (error != 0 && error != -ENOENT) {
        return error;
    }
    if (major > 0xfff || minor > 0xfffff) {
        return refuse(unpacker, "a device with a bad number");
    }
    return vfs_mknod(unpacker->context, name, entry->field[CPIO_MODE] & (S_IFMT | 07777),
                     (minor & 0xff) | major << 8 | (minor & 0xfff00) << 12);
}

/* Owner and time, and what mkdir leaves of the mode. */
static int set_attributes(struct unpacker *unpacker, const struct cpio_entry *entry,
                          const char *name)
{
    bool is_link = (entry->field[CPIO_MODE] & S_IFMT) == S_IFLNK;
    struct attr_change change = {
        .valid = ATTR_UID | ATTR_GID | ATTR_MTIME | ATTR_ATIME | (is_link ? 0 : ATTR_MODE),
        .mode = entry->field[CPIO_MODE] & 07777,
        .uid = entry->field[CPIO_UID],
        .gid = entry->field[CPIO_GID],
        .atime.sec = entry->field[CPIO_MTIME],
        .mtime.sec = entry->field[CPIO_MTIME],
    };
    struct path path;
    int error = path_walk(unpacker->context, name, WALK_EMPTY_OK, &path);

    if (error == 0) {
        error = vfs_setattr(&path, &change, unpacker->context->cred);
        path_put(&path);
    }
    return error;
}

static int unpack_entry(struct unpacker *unpacker, const struct cpio_entry *entry)
{
    const char *name = clean_name(entry->name);
    int error;

    if (name == NULL) {
        return refuse(unpacker, "a name that leads upwards");
    }
    switch (entry->field[CPIO_MODE] & S_IFMT) {
    case S_IFREG: error = unpack_file(unpacker, entry, name); break;
    case S_IFDIR: error = unpack_dir(unpacker, entry, name); break;
    case S_IFLNK: error = unpack_symlink(unpacker, entry, name); break;
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK: error = unpack_node(unpacker, entry, name); break;
    default: return refuse(unpacker, "an entry of no known type");
    }
    if (error == 0) {
        error = set_attributes(unpacker, entry, name);
    }
    if (error != 0 && error != -EINVAL) {
        pr_err("initramfs: %s: error %d", name, error);
    }
    unpacker->nr_entries++;
    return error;
}

int initramfs_unpack(const struct walk_context *context, const void *archive, size_t len_bytes)
{
    struct walk_context own = *context;
    struct unpacker unpacker = {.context = &own,
                                .start = archive,
                                .at = archive,
                                .end = (const uint8_t *)archive + len_bytes};
    int error = 0;

    own.umask = 0;
    for (unsigned i = 0; i < LINK_BUCKETS; i++) {
        list_init(&unpacker.links[i]);
    }
    while (error == 0 && skip_padding(&unpacker)) {
        struct cpio_entry entry = {.name = NULL};

        error = next_entry(&unpacker, &entry);
        if (error == 0 && strcmp(entry.name, "TRAILER!!!") == 0) {
            forget_links(&unpacker); /* inode numbers count within one archive */
            continue;
        }
        if (error == 0) {
            error = unpack_entry(&unpacker, &entry);
        }
    }
    forget_links(&unpacker);
    if (error == 0 && unpacker.nr_entries == 0) {
        return refuse(&unpacker, "an empty archive");
    }
    return error;
}
