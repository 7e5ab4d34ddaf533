// SPDX-License-Identifier: MIT
/* Steps that several families of cases share. */
#include "conf.h"

#include <dirent.h>

struct place conf_place = {.type = "", .dir = "."};

void remount(unsigned long flags)
{
    if (!conf_place.device)
        SKIP("no device to mount again (--device)");
    NEED_ROOT();
    OK(mount(conf_place.device, conf_place.dir, conf_place.type, MS_REMOUNT | flags,
             conf_place.options));
}

void bind_place(const char *name)
{
    if (!conf_place.device)
        SKIP("no device to mount again (--device)");
    NEED_ROOT();
    OK(mkdir(name, 0755));
    OK(mount(conf_place.dir, name, NULL, MS_BIND, NULL));
}

void tick(void)
{
    sleep_ms(strcmp(conf_place.type, "vfat") == 0 ? 2050 : 30);
}

struct stat stat_of(const char *path)
{
    struct stat st;
    OK(lstat(path, &st));
    return st;
}

ino_t inode_of(const char *path)
{
    return stat_of(path).st_ino;
}

nlink_t links_of(const char *path)
{
    return stat_of(path).st_nlink;
}

void make_patterned(const char *path, size_t len, unsigned seed)
{
    char *data = malloc(len + 1);
    fill_pattern(data, len, seed);
    write_file(path, data, len);
    free(data);
}

bool has_pattern(int fd, off_t at, size_t len, unsigned seed)
{
    char *data = malloc(len + 1);
    bool is_right = pread(fd, data, len, at) == (ssize_t)len && check_pattern(data, len, seed);
    free(data);
    return is_right;
}

bool has_zeros(int fd, off_t at, size_t len)
{
    char *data = malloc(len + 1);
    bool is_right = pread(fd, data, len, at) == (ssize_t)len;
    for (size_t i = 0; is_right && i < len; i++)
        is_right = data[i] == 0;
    free(data);
    return is_right;
}

const char *name_of_length(size_t len, char fill)
{
    static char names[2][PATH_MAX];
    static int turn;
    char *name = names[turn++ & 1];
    memset(name, fill, len);
    name[len] = '\0';
    return name;
}

long exchange(const char *a, const char *b)
{
    return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

int count_entries(const char *path)
{
    int nr = 0;
    DIR *dir = opendir(path);
    EXPECT(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir));)
        nr += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return nr;
}

void make_open_directory(const char *path)
{
    OK(mkdir(path, 0777));
    OK(chmod(path, 0777));
}
