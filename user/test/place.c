// SPDX-License-Identifier: MIT
/* Mounting what is to be tested. */
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

bool place_mount(struct place *place, const char *program)
{
    static char dir[] = "/tmp/place.XXXXXX";

    if (!place->device)
        return true;
    if (!mkdtemp(dir) || mount(place->device, dir, place->type, 0, place->options) != 0) {
        fprintf(stderr, "%s: %s on %s as %s: %s\n", program, place->device, dir, place->type,
                strerror(errno));
        return false;
    }
    place->dir = dir;
    chmod(dir, 0755);
    return true;
}

bool place_unmount(struct place *place, const char *program)
{
    if (!place->device)
        return true;
    if (umount(place->dir) != 0) {
        fprintf(stderr, "%s: %s: %s\n", program, place->dir, strerror(errno));
        return false;
    }
    rmdir(place->dir);
    return true;
}
