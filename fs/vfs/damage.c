// SPDX-License-Identifier: MIT
/* Damage: what is done when a file system finds that its disk contradicts itself.
 *
 * The call that met it fails with EUCLEAN, and one line of the log says which object and what is wrong with
 * it:
 *
 *     ext: vda: inode 12: block 7: pointer 4294967295 outside the file system
 *
 * A program that tries again and again must not fill the log. So each object is complained about once a mount
 * (the object is what stands before the first ": "; a table of hashes remembers those of late), and all together
 * at most ten times in five seconds. What is met while that is full is not taken for told: it is told when it is met again.
 *
 * Then, the policy. With errors=remount-ro, the default, a writable file system is read-only from then on: a map
 * that is wrong must not be used to write. errors=continue leaves it writable, errors=panic ends the machine. Both are
 * for whoever mounts to say. What the disk itself says of it (ext2 has a field) is not asked: a panic at
 * the word of a disk would be a way to end any machine that it is plugged into, and "continue" is what mke2fs
 * writes unasked.
 *
 * Lock: super->inode_lock over the table and the window. */
#include "fs/vfs/inode.h"
#include "fs/vfs/options.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

#define WINDOW_NS        5000000000ull
#define LINES_PER_WINDOW 10u

static const char *const words[] = {
    [SUPER_ERRORS_READ_ONLY] = "errors=remount-ro",
    [SUPER_ERRORS_CONTINUE] = "errors=continue",
    [SUPER_ERRORS_PANIC] = "errors=panic",
};

const char *super_policy(const struct super *super)
{
    return words[__atomic_load_n(&super->errors, __ATOMIC_RELAXED)];
}

int super_set_policy(struct super *super, const char *options)
{
    char option[MOUNT_OPTION_MAX];

    while (mount_option_next_errors(&options, option)) {
        size_t i = 0;

        while (i < array_size(words) && strcmp(option, words[i]) != 0) {
            i++;
        }
        if (i == array_size(words) || super->device == NULL) {
            pr_err("%s: %s: mount option \"%s\" is not understood", super->type->name,
                   super_name(super), option);
            return -EINVAL;
        }
        __atomic_store_n(&super->errors, (enum super_errors)i, __ATOMIC_RELAXED);
    }
    return 0;
}

/* FNV-1a over what stands before the first ": ", or the whole text. Never 0. */
static uint32_t hash_object(const char *text)
{
    uint32_t hash = 2166136261u;

    for (; *text != '\0' && !(text[0] == ':' && text[1] == ' '); text++) {
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    }
    return hash != 0 ? hash : 1;
}

static bool was_told(const struct super *super, uint32_t object)
{
    for (size_t i = 0; i < array_size(super->damaged_objects); i++) {
        if (super->damaged_objects[i] == object) {
            return true;
        }
    }
    return false;
}

/* Close a file system that damage was found in, as its policy says; *old: the flags before. Returns whether this line
 * may be logged now. */
static bool note_damage(struct super *super, uint32_t object, enum super_errors policy,
                        uint32_t *old)
{
    uint64_t now_ns = port_clock_ns();
    bool result;

    spin_lock(&super->inode_lock);
    *old = super_flags(super);
    if (policy != SUPER_ERRORS_CONTINUE) {
        *old = __atomic_fetch_or(&super->flags, SUPER_RDONLY, __ATOMIC_SEQ_CST);
    }
    if (super->nr_damaged == 0 || now_ns - super->damage_window_ns > WINDOW_NS) {
        super->damage_window_ns = now_ns;
        super->nr_damage_lines = 0;
    }
    result = super->nr_damage_lines < LINES_PER_WINDOW && !was_told(super, object);
    if (result) {
        super->damaged_objects[super->nr_damaged % array_size(super->damaged_objects)] = object;
        super->nr_damaged++;
        super->nr_damage_lines++;
    }
    spin_unlock(&super->inode_lock);
    return result;
}

bool super_is_damaged(const struct super *super)
{
    return __atomic_load_n(&super->nr_damaged, __ATOMIC_RELAXED) != 0;
}

int super_damaged(struct super *super, const char *format, ...)
{
    enum super_errors policy = __atomic_load_n(&super->errors, __ATOMIC_RELAXED);
    uint32_t old = 0;
    char text[200];
    va_list args;

    va_start(args, format);
    kvsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (note_damage(super, hash_object(text), policy, &old)) {
        pr_err("%s: %s: %s", super_driver_name(super), super_name(super), text);
    }
    if (policy == SUPER_ERRORS_PANIC && (old & SUPER_RDONLY) == 0) {
        panic("%s: %s: damaged, and mounted with errors=panic", super_driver_name(super),
              super_name(super));
    }
    if (policy == SUPER_ERRORS_READ_ONLY && (old & SUPER_RDONLY) == 0) {
        pr_err("%s: %s: damaged: the file system is read-only from now on",
               super_driver_name(super), super_name(super));
    }
    return -EUCLEAN;
}
