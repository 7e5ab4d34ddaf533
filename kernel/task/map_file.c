// SPDX-License-Identifier: MIT
/* Open files behind mapped areas: mm keeps them for /proc/PID/maps without knowing what they
 * are. */
#include "kernel/task/map_file.h"

#include "fs/vfs/file.h"
#include "mm/space.h"

static void get(void *file)
{
    file_get(file);
}

static void put(void *file)
{
    file_put(file);
}

static const struct area_file_ops ops = {.get = get, .put = put};

void map_file_init(void)
{
    space_set_file_ops(&ops);
}
