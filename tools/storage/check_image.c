// SPDX-License-Identifier: MIT
/* check_image TYPE FILE: mount an image of unknown intentions in the host build, walk it, read it,
 * write it, unmount it. Called by tools/storage/hostile, once for each image, so that what one does
 * to the program is no other's trouble.
 *
 * Standard output: one line, fields with a tab between them:
 *
 *     what came of it <tab> names in the root directory, or - <tab> first line of the log, or -
 *
 * Exit status: 0 as it should be; 1 something is not, and standard error says what. A sanitizer or a
 * panic ends the program in its own way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/host/host.h"
#include "tools/storage/exercise.h"

static char heard[4096];

static void hear(const char *text, size_t len_bytes)
{
    size_t used = strlen(heard);

    if (len_bytes >= sizeof(heard) - used) {
        len_bytes = sizeof(heard) - used - 1;
    }
    memcpy(heard + used, text, len_bytes);
    heard[used + len_bytes] = '\0';
}

/* The first line of the log that is a complaint about the disk. */
static const char *first_line(void)
{
    char *line = heard;

    while (*line != '\0') {
        char *end = strchr(line, '\n');

        if (end != NULL) {
            *end = '\0';
        }
        if (strstr(line, "was not unmounted") == NULL && strstr(line, " transactions, ") == NULL) {
            char *text = strchr(line, ']');

            return text != NULL ? text + 2 : line;
        }
        if (end == NULL) {
            break;
        }
        line = end + 1;
    }
    return "-";
}

static int complain(const char *what)
{
    fprintf(stderr, "%s\n%s", what, heard);
    return 1;
}

static int judge(const struct exercise_result *result)
{
    const char *line = first_line();

    if (result->mount_error != 0) {
        printf("refused, error %d\t-\t%s\n", -result->mount_error, line);
        return strcmp(line, "-") == 0 ? complain("refused without a word") : 0;
    }
    if (result->nr_errors != 0) {
        printf("mounted, %u names, %u times error %d\t-\t%s\n", result->nr_names, result->nr_errors,
               -result->first_error, line);
        return strcmp(line, "-") == 0 ? complain("damage without a word") : 0;
    }
    printf("mounted, %u names\t%u\t%s\n", result->nr_names, result->nr_root_names, line);
    return result->has_silent_directory ? complain("a directory is silently empty") : 0;
}

int main(int argc, char **argv)
{
    struct exercise_result reading, writing;
    struct host_disk *disk;
    uint64_t nr_objects;

    if (argc != 3 || strcmp(argv[1], "--help") == 0) {
        fprintf(argc == 2 ? stdout : stderr, "usage: check_image TYPE FILE\n");
        return argc == 2 ? 0 : 2;
    }
    exercise_begin();
    disk = host_disk_load(argv[2]);
    host_set_console(hear);
    exercise_image(disk, argv[1], false, &reading);
    host_disk_forget_cache(disk);
    nr_objects = exercise_nr_objects();
    exercise_image(disk, argv[1], true, &writing);
    host_disk_forget_cache(disk);
    host_wait_spawned();
    if (exercise_nr_objects() > nr_objects) {
        return complain("objects have leaked");
    }
    return judge(writing.mount_error != 0 && reading.mount_error == 0 ? &writing : &reading);
}
