// SPDX-License-Identifier: MIT
/* procfs: open files whose text a show function makes.
 *
 * A read at position 0 calls the show function, which writes the whole text into a growing
 * buffer; that is kept with the open file, and further reads give pieces of it, so that what a
 * program reads in several calls belongs together. Reading again from 0 makes the text anew. A
 * write is handed over in one piece.
 *
 * Locks. An open file's text is under its own mutex; the show function runs outside of it. */
#include "fs/procfs/procfs_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

#define PROC_WRITE_MAX PAGE_SIZE

struct proc_text {     /* file->private_data */
    struct mutex lock; /* LOCK_RANK_PIPE: inside the file's offset, outside address spaces */
    struct seq seq;    /* [lock] */
};

static int make_text(struct proc_inode *node, struct seq *seq)
{
    if (node->file != NULL) {
        return node->file->show != NULL ? node->file->show(seq, node->file) : -EINVAL;
    }
    return node->task_file->show != NULL ? node->task_file->show(seq, node->id, node->is_group)
                                         : -EINVAL;
}

static int proc_open(struct inode *inode, struct file *file)
{
    struct proc_inode *node = proc_inode_of(inode);
    struct proc_text *text;

    if (node->file == NULL && node->task_file->is_guarded) {
        int error = proc_task_ops()->may_look(node->id);

        if (error != 0) {
            return error;
        }
    }
    text = kzalloc(sizeof(*text), ALLOC_KERNEL);
    if (text == NULL) {
        return -ENOMEM;
    }
    mutex_init(&text->lock, LOCK_RANK_PIPE, "proc text");
    file->private_data = text;
    return 0;
}

static void proc_release(struct file *file)
{
    struct proc_text *text = file->private_data;

    seq_free(&text->seq);
    kfree(text);
}

/* Replace the open file's text by a fresh one. */
static int renew_text(struct file *file)
{
    struct proc_text *text = file->private_data;
    struct seq fresh = {.buffer = NULL};
    struct seq old;
    int error = make_text(proc_inode_of(file->inode), &fresh);

    if (error == 0 && fresh.failed) {
        error = -ENOMEM;
    }
    if (error != 0) {
        seq_free(&fresh);
        return error;
    }
    mutex_lock(&text->lock);
    old = text->seq;
    text->seq = fresh;
    mutex_unlock(&text->lock);
    seq_free(&old);
    return 0;
}

static ssize_t proc_read(struct file *file, struct iter *iter, uint64_t *position)
{
    struct proc_text *text = file->private_data;
    struct proc_inode *node = proc_inode_of(file->inode);
    size_t copied = 0;
    size_t len;

    if (node->file == NULL && node->task_file->read != NULL) {
        ssize_t done = node->task_file->read(file, node->id, iter, *position);

        *position += done > 0 ? (uint64_t)done : 0;
        return done;
    }
    if (*position == 0 || text->seq.buffer == NULL) {
        int error = renew_text(file);

        if (error != 0) {
            return error;
        }
    }
    mutex_lock(&text->lock);
    len = *position < text->seq.len_bytes ? text->seq.len_bytes - (size_t)*position : 0;
    len = min_of(len, (size_t)iter->remaining_bytes);
    if (len != 0) {
        copied = iter_copy_to(iter, text->seq.buffer + *position, len);
    }
    mutex_unlock(&text->lock);
    *position += copied;
    return copied == 0 && len != 0 ? -EFAULT : (ssize_t)copied;
}

static int take_text(struct proc_inode *node, char *text, size_t len)
{
    if (node->file != NULL) {
        return node->file->write != NULL ? node->file->write(node->file, text, len) : -EINVAL;
    }
    return node->task_file->write != NULL ? node->task_file->write(node->id, text, len) : -EINVAL;
}

static ssize_t proc_write(struct file *file, struct iter *iter, uint64_t *position)
{
    size_t len = (size_t)iter->remaining_bytes;
    char *text;
    int error;

    if (len >= PROC_WRITE_MAX) {
        return -EINVAL;
    }
    text = kmalloc(len + 1, ALLOC_KERNEL);
    if (text == NULL) {
        return -ENOMEM;
    }
    error = iter_copy_from(iter, text, len) == len ? 0 : -EFAULT;
    if (error == 0) {
        size_t text_len = len > 0 && text[len - 1] == '\n' ? len - 1 : len;

        text[text_len] = '\0';
        error = take_text(proc_inode_of(file->inode), text, text_len);
    }
    kfree(text);
    if (error == 0) {
        *position += len;
    }
    return error != 0 ? error : (ssize_t)len;
}

const struct file_ops proc_file_ops = {
    .open = proc_open,
    .release = proc_release,
    .read = proc_read,
    .write = proc_write,
};

int procfs_show_u32(struct seq *seq, const struct procfs_file *file)
{
    seq_printf(seq, "%u\n", __atomic_load_n((uint32_t *)file->data, __ATOMIC_RELAXED));
    return 0;
}

int procfs_write_u32(const struct procfs_file *file, char *text, size_t len_bytes)
{
    uint64_t value;
    int error = parse_u64(text, 0, NULL, &value);

    if (error != 0 || value > UINT32_MAX) {
        return -EINVAL;
    }
    __atomic_store_n((uint32_t *)file->data, (uint32_t)value, __ATOMIC_RELAXED);
    return 0;
}
