// SPDX-License-Identifier: MIT
/* /proc/PID/maps (and the lines of smaps), cmdline and environ: what lies where in a process's memory, and what it was
 * started with. */
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/proc_internal.h"
#include "kernel/task/trampoline.h"
#include "mm/kmalloc.h"
#include "mm/space.h"

/* ---- maps ------------------------------------------------------------------------------------ */

struct map_line { /* one area, copied while the space is locked, printed afterwards */
    uint64_t start, end, offset;
    uint32_t flags;
    struct file *file; /* with a reference, or NULL */
};

struct map_list {
    struct map_line *lines;
    unsigned nr, capacity;
    uint64_t from; /* areas below it are done */
};

#define LINES_AT_ONCE 64
#define NAME_COLUMN   73 /* where Linux begins the name on a 64-bit machine */

/* The space is locked for reading here, and naming a file takes locks that come before it: so
 * areas are gathered first. */
static void gather(const struct area *area, void *arg)
{
    struct map_list *list = arg;
    struct map_line *line;

    if (area->start < list->from || list->nr == list->capacity) {
        return;
    }
    line = &list->lines[list->nr++];
    *line = (struct map_line){
        .start = area->start,
        .end = area->end,
        .offset = area->object_index << PAGE_SHIFT,
        .flags = area->flags,
        .file = area->file,
    };
    if (line->file != NULL) {
        file_get(line->file);
    }
}

static const char *special_name(const struct space *space, const struct map_line *line)
{
    if (line->start == TRAMPOLINE_ADDRESS) {
        return "[vdso]";
    }
    if ((line->flags & AREA_HEAP) != 0) {
        return "[heap]";
    }
    return (line->flags & AREA_GROWS_DOWN) != 0 && line->end == space->stack_top ? "[stack]" : NULL;
}

void proc_pad_to_name(struct seq *seq, size_t line_start)
{
    while (!seq->failed && seq->len_bytes - line_start < NAME_COLUMN) {
        seq_puts(seq, " ");
    }
}

static void show_line(struct seq *seq, const struct space *space, const struct map_line *line,
                      const struct path *root, char *name)
{
    uint64_t dev = line->file != NULL ? line->file->inode->super->dev_number : 0;
    const char *special = special_name(space, line);
    size_t before = seq->len_bytes;

    seq_printf(
        seq, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ", (unsigned long long)line->start,
        (unsigned long long)line->end, (line->flags & AREA_READ) != 0 ? 'r' : '-',
        (line->flags & AREA_WRITE) != 0 ? 'w' : '-', (line->flags & AREA_EXEC) != 0 ? 'x' : '-',
        (line->flags & AREA_SHARED) != 0 ? 's' : 'p',
        (unsigned long long)(line->file != NULL ? line->offset : 0), (unsigned)(dev >> 8 & 0xfff),
        (unsigned)(dev & 0xff),
        (unsigned long long)(line->file != NULL ? line->file->inode->number : 0));
    if (special == NULL && (line->file == NULL || line->file->path.dentry == NULL ||
                            path_name(&line->file->path, root, name, PATH_MAX) < 0)) {
        seq_puts(seq, "\n");
        return;
    }
    proc_pad_to_name(seq, before);
    seq_printf(seq, "%s\n", special != NULL ? special : name);
}

static void show_space(struct seq *seq, struct space *space, struct map_list *list, char *name,
                       bool with_usage)
{
    struct path root;
    unsigned i;

    task_get_root(&root);
    do {
        list->nr = 0;
        space_for_each_area(space, gather, list);
        for (i = 0; i < list->nr; i++) {
            show_line(seq, space, &list->lines[i], &root, name);
            if (with_usage) {
                proc_show_area_usage(seq, space, list->lines[i].start, list->lines[i].end,
                                     list->lines[i].flags);
            }
            list->from = list->lines[i].end;
            if (list->lines[i].file != NULL) {
                file_put(list->lines[i].file);
            }
        }
    } while (list->nr == list->capacity);
    path_put(&root);
}

int proc_get_space(pid_t id, struct space **space)
{
    struct proc_target target;
    int error = proc_find(id, &target);

    if (error != 0) {
        return error;
    }
    *space = target.task != NULL ? task_get_space(target.task) : NULL;
    proc_put(&target);
    return 0;
}

static int show_areas(struct seq *seq, pid_t id, bool with_usage)
{
    struct map_list list = {.capacity = LINES_AT_ONCE};
    struct space *space;
    char *name;
    int error = proc_get_space(id, &space);

    if (error != 0 || space == NULL) {
        return error;
    }
    name = kmalloc(PATH_MAX, ALLOC_KERNEL);
    list.lines = kmalloc(LINES_AT_ONCE * sizeof(struct map_line), ALLOC_KERNEL);
    if (name == NULL || list.lines == NULL) {
        error = -ENOMEM;
    } else {
        show_space(seq, space, &list, name, with_usage);
    }
    kfree(list.lines);
    kfree(name);
    space_put(space);
    return error;
}

int proc_show_maps(struct seq *seq, pid_t id, bool is_group)
{
    (void)is_group;
    return show_areas(seq, id, false);
}

int proc_show_smaps(struct seq *seq, pid_t id, bool is_group)
{
    (void)is_group;
    return show_areas(seq, id, true);
}

/* ---- cmdline and environ --------------------------------------------------------------------- */

static int show_range(struct seq *seq, struct space *space, uint64_t start, uint64_t end)
{
    char *chunk = kmalloc(PAGE_SIZE, ALLOC_KERNEL);

    if (chunk == NULL) {
        return -ENOMEM;
    }
    while (start < end) {
        size_t got = space_read(space, start, chunk, min_of(end - start, PAGE_SIZE));

        if (got == 0) {
            break;
        }
        seq_write(seq, chunk, got);
        start += got;
    }
    kfree(chunk);
    return 0;
}

int proc_show_cmdline(struct seq *seq, pid_t id, bool is_group)
{
    struct space *space;
    int error = proc_get_space(id, &space);

    (void)is_group;
    if (error != 0 || space == NULL) {
        return error;
    }
    error = show_range(seq, space, space->arg_start, space->arg_end);
    space_put(space);
    return error;
}

int proc_show_environ(struct seq *seq, pid_t id, bool is_group)
{
    struct space *space;
    int error = proc_get_space(id, &space);

    (void)is_group;
    if (error != 0 || space == NULL) {
        return error;
    }
    error = show_range(seq, space, space->env_start, space->env_end);
    space_put(space);
    return error;
}
