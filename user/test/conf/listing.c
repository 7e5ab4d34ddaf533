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

/* ---- Entries that stay, among others that come, go and change their names ---------------------- */

enum { NR_STAYING = 300, NR_PASSING = 120, LISTING_BUFFER = 1500 };

/* Names of many lengths, so that entries meet the ends of blocks and sectors in all ways. */
static void long_numbered(char name[260], char kind, unsigned i)
{
    snprintf(
        name, 260, "%c%u-%.*s", kind, i, (int)(i * 37 % 90),
        "-some-more-letters-so-that-the-entry-is-longer-than-others-and-takes-more-than-one-slot-here");
}

static void make_staying(void)
{
    char name[260];
    for (unsigned i = 0; i < NR_STAYING; i++) {
        long_numbered(name, 's', i);
        make_file(name, 0644);
        long_numbered(name, 'p', i % NR_PASSING);
        if (i % 2 == 0)
            close(open(name, O_CREAT | O_WRONLY, 0644));
    }
}

/* One change of one of nr passing entries, whatever is there of it. */
static void pass(unsigned *random, unsigned first, unsigned nr)
{
    char name[260], to[260];
    *random = *random * 1103515245 + 12345;
    long_numbered(name, 'p', first + (*random >> 16) % nr);
    long_numbered(to, 'p', first + (*random >> 8) % nr);
    int fd = *random >> 30 == 0   ? (int)unlink(name)
             : *random >> 30 == 1 ? (int)rename(name, to)
                                  : open(name, O_CREAT | O_WRONLY, 0644);
    if (fd < 0)
        EXPECT(errno == ENOENT);
    else if (*random >> 31 != 0)
        OK(close(fd));
}

struct linux_dirent {
    uint64_t ino;
    int64_t next;
    uint16_t len;
    uint8_t type;
    char name[];
};

/* List the directory in small pieces, with some changes after each; every staying name comes once. */
static void expect_staying(unsigned *random, unsigned nr_between)
{
    static char buffer[LISTING_BUFFER];
    static int seen[NR_STAYING];
    int fd = (int)OK(open(".", O_RDONLY | O_DIRECTORY));
    long len;
    memset(seen, 0, sizeof(seen));
    while ((len = OK(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)))) > 0) {
        for (long at = 0; at < len;) {
            struct linux_dirent *entry = (struct linux_dirent *)(buffer + at);
            if (entry->name[0] == 's')
                seen[atoi(entry->name + 1)]++;
            at += entry->len;
        }
        for (unsigned i = 0; i < nr_between; i++)
            pass(random, 0, NR_PASSING);
    }
    for (int i = 0; i < NR_STAYING; i++)
        EXPECT_EQ(seen[i], 1);
    OK(close(fd));
}

CASE(listing, what_stays_comes_once_among_what_passes)
{
    unsigned random = 1;
    make_staying();
    for (int i = 0; i < 10; i++)
        expect_staying(&random, 3);
}

CASE(listing, what_stays_comes_once_while_others_change_the_rest)
{
    enum { NR_CHANGERS = 3, NR_LISTERS = 2, PART = NR_PASSING / NR_CHANGERS };
    pid_t changers[NR_CHANGERS], listers[NR_LISTERS];
    make_staying();
    for (unsigned i = 0; i < NR_CHANGERS; i++)
        CHILD (changers[i])
            for (unsigned random = i;;)
                pass(&random, i * PART, PART);
    for (unsigned i = 0; i < NR_LISTERS; i++)
        CHILD (listers[i])
            for (int scans = 0; scans < 4; scans++)
                expect_staying(NULL, 0);
    for (int i = 0; i < NR_LISTERS; i++)
        EXPECT_EXIT(listers[i], 0);
    for (int i = 0; i < NR_CHANGERS; i++) {
        OK(kill(changers[i], SIGKILL));
        EXPECT_KILLED(changers[i], SIGKILL);
    }
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
