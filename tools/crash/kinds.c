// SPDX-License-Identifier: MIT
/* Small images, so that a state takes milliseconds, and few blocks, so that freed ones are soon used again. */
#include "tools/crash/kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/crash/image.h"

#define MIB ((size_t)1 << 20)
#define EXT_COMMANDS \
    .repair = {"e2fsck", "-fp"}, .check = {"e2fsck", "-fn"}, .insist = {"e2fsck", "-fy"}
#define FAT_COMMANDS .repair = {"fsck.fat", "-aw"}, .check = {"fsck.fat", "-n"}

extern char **environ;

static const struct fs_kind kinds[] = {
    {.name = "ext2",
     .mount_type = "ext2",
     .size_bytes = 2 * MIB,
     .make = {"mke2fs", "-q", "-F", "-t", "ext2", "-b", "1024", "-N", "64"},
     EXT_COMMANDS,
     .has_links = true,
     .keeps_garbage = true},
    {.name = "ext3",
     .mount_type = "ext3",
     .size_bytes = 4 * MIB,
     .make = {"mke2fs", "-q", "-F", "-t", "ext3", "-b", "1024", "-N", "64", "-J", "size=1"},
     EXT_COMMANDS,
     .has_links = true,
     .is_in_order = true},
    {.name = "fat12",
     .mount_type = "vfat",
     .size_bytes = 1 * MIB,
     .make = {"mkfs.fat", "-F", "12", "-s", "1", "-r", "64", "-i", "12345678"},
     FAT_COMMANDS,
     .has_twins = true},
    {.name = "fat16",
     .mount_type = "vfat",
     .size_bytes = 4 * MIB,
     .make = {"mkfs.fat", "-F", "16", "-s", "1", "-r", "64", "-i", "12345678"},
     FAT_COMMANDS,
     .has_twins = true},
    {.name = "fat32",
     .mount_type = "vfat",
     .size_bytes = 2 * MIB,
     .make = {"mkfs.fat", "-F", "32", "-s", "1", "-i", "12345678"},
     FAT_COMMANDS,
     .has_twins = true},
};
#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

const struct fs_kind *kind_get(unsigned index)
{
    return index < NR_KINDS ? &kinds[index] : NULL;
}

const struct fs_kind *kind_find(const char *name)
{
    unsigned i = 0;

    while (i < NR_KINDS && strcmp(kinds[i].name, name) != 0) {
        i++;
    }
    return kind_get(i);
}

static void log_path(const struct image *image, char *path, size_t size)
{
    snprintf(path, size, "%s.log", image->path);
}

static int spawn(const char *const *command, const struct image *image, const char *last)
{
    posix_spawn_file_actions_t actions;
    char path[IMAGE_PATH];
    char *words[16];
    unsigned nr = 0;
    int status, error;
    pid_t child;

    while (command[nr] != NULL) {
        words[nr] = (char *)(uintptr_t)command[nr];
        nr++;
    }
    words[nr++] = (char *)(uintptr_t)last;
    words[nr] = NULL;
    log_path(image, path, sizeof(path));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    error = posix_spawnp(&child, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        fprintf(stderr, "crash: %s: %s (tools/setup installs it)\n", words[0], strerror(error));
        exit(2);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int kind_run(const char *const *command, const struct image *image)
{
    return spawn(command, image, image->path);
}

int kind_run_beside(const char *const *command, const struct image *image)
{
    return spawn(command, image, NULL);
}

void kind_forget_words(const struct image *image)
{
    char path[IMAGE_PATH];

    log_path(image, path, sizeof(path));
    unlink(path);
}

void kind_show_words(const struct image *image)
{
    char path[IMAGE_PATH], line[300];
    FILE *file;

    log_path(image, path, sizeof(path));
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        printf("    | %s", line);
    }
    if (file != NULL) {
        fclose(file);
    }
}
