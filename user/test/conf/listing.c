// SPDX-License-Identifier: MIT
/* readdir: each entry once, types and positions right, while others come and go. */
#include "conf.h"

#include <dirent.h>

static void numbered(char name[32], const char *prefix, int i)
{
    snprintf(name, 32, "%s%d", prefix, i);
}

static void make_many(const char *prefix, int nr)
{
    char name[32];
    for (int i = 0; i < nr; i++) {
        numbered(name, prefix, i);
        make_file(name, 0644);
    }
}

/* Count each of the nr names prefix0… that a listing of `dir` from now on gives. */
static void count_names(DIR *dir, const char *prefix, int nr, int *seen)
{
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strncmp(entry->d_name, prefix, strlen(prefix))) {
            int i = atoi(entry->d_name + strlen(prefix));
            EXPECT(i >= 0 && i < nr);
            seen[i]++;
        }
    }
}

CASE(listing, begins_with_dots_once)
{
    int dots = 0;
    OK(mkdir("d", 0755));
    make_file("d/f", 0644);
    DIR *dir = opendir("d");
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, "."))
            dots += 1, EXPECT_EQ(entry->d_ino, inode_of("d"));
        if (!strcmp(entry->d_name, ".."))
            dots += 10, EXPECT_EQ(entry->d_ino, inode_of("."));
    }
    EXPECT_EQ(dots, 11);
}

CASE(listing, inode_numbers_and_types_agree_with_stat)
{
    make_file("f", 0644);
    OK(mkdir("d", 0755));
    DIR *dir = opendir(".");
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st = stat_of(entry->d_name);
        if (strcmp(entry->d_name, ".."))
            EXPECT_EQ(entry->d_ino, st.st_ino);
        EXPECT(entry->d_type == DT_UNKNOWN || entry->d_type == IFTODT(st.st_mode));
    }
}

CASE(listing, two_thousand_names_each_once)
{
    enum { NR = 2000 };
    static int seen[NR];
    make_many("n", NR);
    DIR *dir = opendir(".");
    count_names(dir, "n", NR, seen);
    for (int i = 0; i < NR; i++)
        EXPECT_EQ(seen[i], 1);
}

CASE(listing, removal_hides_no_other)
{
    enum { NR = 400 };
    static int seen[NR];
    char name[32];
    make_many("n", NR);
    DIR *dir = opendir(".");
    for (int i = 0; i < 100; i++) {
        struct dirent *entry = readdir(dir);
        EXPECT(entry != NULL);
        if (entry->d_name[0] == 'n')
            seen[atoi(entry->d_name + 1)]++;
    }
    for (int i = 0; i < NR; i += 2) {
        numbered(name, "n", i);
        OK(unlink(name));
    }
    count_names(dir, "n", NR, seen);
    for (int i = 1; i < NR; i += 2)
        EXPECT_EQ(seen[i], 1);
}

CASE(listing, creation_repeats_no_other)
{
    enum { NR = 400 };
    static int seen[NR];
    make_many("n", NR);
    DIR *dir = opendir(".");
    for (int i = 0; i < 50; i++) {
        struct dirent *entry = readdir(dir);
        if (entry->d_name[0] == 'n')
            seen[atoi(entry->d_name + 1)]++;
    }
    make_many("x", 300);
    count_names(dir, "n", NR, seen);
    for (int i = 0; i < NR; i++)
        EXPECT_EQ(seen[i], 1);
}

CASE(listing, remove_all_while_reading)
{
    char name[300];
    OK(mkdir("d", 0755));
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "d/entry-%d", i);
        make_file(name, 0644);
    }
    DIR *dir = opendir("d");
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "d/%s", entry->d_name);
        OK(unlink(name));
    }
    OK(rmdir("d"));
}

CASE(listing, positions_lead_back)
{
    long places[300];
    char names[300][32];
    int nr = 0;
    make_many("n", 250);
    DIR *dir = opendir(".");
    for (;;) {
        places[nr] = telldir(dir);
        struct dirent *entry = readdir(dir);
        if (!entry)
            break;
        snprintf(names[nr++], 32, "%.31s", entry->d_name);
    }
    EXPECT_EQ(nr, 252);
    for (int i = nr - 1; i >= 0; i -= 7) {
        seekdir(dir, places[i]);
        struct dirent *entry = readdir(dir);
        EXPECT(entry != NULL);
        EXPECT_STR(entry->d_name, names[i]);
    }
}

CASE(listing, rewinding_sees_the_new)
{
    make_file("a", 0644);
    DIR *dir = opendir(".");
    while (readdir(dir))
        ;
    make_file("b", 0644);
    rewinddir(dir);
    int nr = 0;
    while (readdir(dir))
        nr++;
    EXPECT_EQ(nr, 4);
}

CASE(listing, two_listings_do_not_disturb_each_other)
{
    make_many("n", 100);
    DIR *a = opendir("."), *b = opendir(".");
    int nr = 0;
    for (; readdir(a); nr++)
        EXPECT(readdir(b) != NULL);
    EXPECT(readdir(b) == NULL);
    EXPECT_EQ(nr, 102);
}

CASE(listing, small_buffers_are_einval)
{
    char buf[8];
    int fd = (int)OK(open(".", O_RDONLY));
    EXPECT_ERR(syscall(SYS_getdents64, fd, buf, sizeof(buf)), EINVAL);
    make_file("f", 0644);
    int file = (int)OK(open("f", O_RDONLY));
    EXPECT_ERR(syscall(SYS_getdents64, file, buf, sizeof(buf)), ENOTDIR);
}

CASE(listing, renaming_onto_and_away_shows_one_name)
{
    make_many("n", 50);
    OK(rename("n3", "m"));
    OK(rename("n4", "n5"));
    EXPECT_EQ(count_entries("."), 49);
}

CASE(listing, emptied_directory_is_as_new)
{
    char name[32];
    OK(mkdir("d", 0755));
    OK(chdir("d"));
    for (int round = 0; round < 3; round++) {
        make_many("n", 300);
        for (int i = 299; i >= 0; i--) {
            numbered(name, "n", i);
            OK(unlink(name));
        }
        EXPECT_EQ(count_entries("."), 0);
    }
    OK(chdir(".."));
    OK(rmdir("d"));
}
