// SPDX-License-Identifier: MIT
// Mounting by recognition, and the way down.
//
// Going down loses nothing if each step only makes the next one possible: processes end and with
// them their open files; sync writes what is dirty; unmounting marks the file systems clean; the
// root, which cannot be unmounted, becomes read-only, which does the same for it.
#include "user/lib/mounts.h"

#include "user/lib/tool.h"

#include <errno.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int mount_any(const char *device, const char *dir, unsigned long flags, const char *options,
              char type[FS_TYPE_LEN])
{
    FILE *list = fopen("/proc/filesystems", "re");
    char *line = NULL;
    size_t cap = 0;
    int error = list ? ENODEV : errno;

    while (list && error && getline(&line, &cap, list) > 0) {
        char name[FS_TYPE_LEN];

        if (strncmp(line, "nodev", 5) == 0 || sscanf(line, "%31s", name) != 1)
            continue;
        if (mount(device, dir, name, flags | MS_SILENT, options) == 0) {
            memcpy(type, name, FS_TYPE_LEN);
            error = 0;
        } else if (errno != EINVAL || error == ENODEV) {
            // EINVAL is "not my format": anything else, as EUCLEAN, tells more.
            error = errno;
        }
    }
    free(line);
    if (list)
        fclose(list);
    errno = error;
    return error ? -1 : 0;
}

void mounts_unescape(char *text)
{
    char *to = text;

    while (*text) {
        if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
            text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
            *to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
            text += 4;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
}

void unmount_everything(void)
{
    FILE *table = setmntent("/proc/self/mounts", "re");
    struct mntent *entry;
    char **dirs = NULL;
    size_t nr = 0;

    while (table && (entry = getmntent(table))) {
        dirs = xrealloc(dirs, (nr + 1) * sizeof(*dirs));
        dirs[nr++] = xstrdup(entry->mnt_dir);
    }
    if (table)
        endmntent(table);
    while (nr-- > 0) {
        if (strcmp(dirs[nr], "/") != 0)
            umount(dirs[nr]);
        free(dirs[nr]);
    }
    free(dirs);
    mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
}

static void short_sleep(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};

    while (nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
}

void end_all_processes(void)
{
    enum { STEP_MS = 20, NR_STEPS = 25 };

    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    // Interactive shells ignore SIGTERM, and would tell of every job that it ends; they obey a hangup.
    if (kill(-1, SIGHUP) != 0)
        return; // nobody there
    kill(-1, SIGTERM);
    kill(-1, SIGCONT);
    for (int i = 0; i < NR_STEPS && kill(-1, 0) == 0; i++) {
        short_sleep(STEP_MS);
        while (waitpid(-1, NULL, WNOHANG) > 0) { // an unreaped child would count as alive
        }
    }
    kill(-1, SIGKILL);
}

void power_down(enum power_action action)
{
    if (action == POWER_RESTART)
        reboot(RB_AUTOBOOT);
    else if (action == POWER_OFF)
        reboot(RB_POWER_OFF);
    else
        reboot(RB_HALT_SYSTEM);
}
