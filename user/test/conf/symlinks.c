// SPDX-License-Identifier: MIT
/* Symbolic links: text of any length, chains, loops, trailing slashes. */
#include "conf.h"

CASE(symlinks, text_of_every_length_comes_back)
{
    char text[PATH_MAX], back[PATH_MAX + 1];
    static const size_t lengths[] = {1, 59, 60, 61, 255, 256, 1000, 1023};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        memset(text, 't', lengths[i]);
        text[lengths[i]] = '\0';
        OK(symlink(text, "l"));
        EXPECT_EQ(stat_of("l").st_size, lengths[i]);
        EXPECT_EQ(readlink("l", back, sizeof(back)), lengths[i]);
        EXPECT(memcmp(text, back, lengths[i]) == 0);
        OK(unlink("l"));
    }
}

CASE(symlinks, readlink_cuts_to_the_buffer)
{
    char c[3];
    OK(symlink("abcdef", "l"));
    EXPECT_EQ(readlink("l", c, 3), 3);
    EXPECT(memcmp(c, "abc", 3) == 0);
    EXPECT_ERR(readlink("l", c, 0), EINVAL);
}

CASE(symlinks, readlink_of_another_kind_is_einval)
{
    char c[3];
    make_file("f", 0644);
    EXPECT_ERR(readlink("f", c, 3), EINVAL);
    EXPECT_ERR(readlink(".", c, 3), EINVAL);
    EXPECT_ERR(readlink("missing", c, 3), ENOENT);
}

CASE(symlinks, empty_text_is_enoent)
{
    EXPECT_ERR(symlink("", "l"), ENOENT);
}

CASE(symlinks, text_of_4096_bytes_is_enametoolong)
{
    EXPECT_ERR(symlink(name_of_length(PATH_MAX, 'x'), "l"), ENAMETOOLONG);
}

CASE(symlinks, forty_and_no_more)
{
    char from[16], to[16];
    make_file("l0", 0644);
    for (int i = 1; i <= 41; i++) {
        snprintf(from, sizeof(from), "l%d", i - 1);
        snprintf(to, sizeof(to), "l%d", i);
        OK(symlink(from, to));
    }
    OK(access("l40", F_OK));
    EXPECT_ERR(access("l41", F_OK), ELOOP);
}

CASE(symlinks, trailing_slash_follows)
{
    OK(mkdir("d", 0755));
    OK(symlink("d", "l"));
    struct stat st;
    OK(lstat("l/", &st));
    EXPECT(S_ISDIR(st.st_mode));
    EXPECT_ERR(unlink("l/"), ENOTDIR);
    EXPECT_ERR(rmdir("l/"), ENOTDIR);
    EXPECT_ERR(rmdir("l"), ENOTDIR);
    EXPECT_ERR(rename("l/", "m"), ENOTDIR);
}

CASE(symlinks, dangling_target_is_made_by_creat_only)
{
    OK(symlink("target", "l"));
    EXPECT_ERR(open("l", O_RDONLY), ENOENT);
    EXPECT_ERR(mkdir("l", 0755), EEXIST);
    OK(close((int)OK(open("l", O_CREAT | O_WRONLY, 0644))));
    EXPECT(exists("target"));
}

CASE(symlinks, dangling_through_a_missing_directory)
{
    OK(symlink("missing/target", "l"));
    EXPECT_ERR(open("l", O_CREAT | O_WRONLY, 0644), ENOENT);
}

CASE(symlinks, mode_is_all_and_chmod_goes_through)
{
    make_file("f", 0644);
    OK(symlink("f", "l"));
    EXPECT_EQ(stat_of("l").st_mode, S_IFLNK | 0777);
    OK(chmod("l", 0600));
    EXPECT_EQ(mode_of("f"), S_IFREG | 0600);
    EXPECT_EQ(stat_of("l").st_mode, S_IFLNK | 0777);
}

CASE(symlinks, dotdot_goes_up_from_the_target)
{
    OK(mkdir("a", 0755));
    OK(mkdir("a/b", 0755));
    make_file("a/f", 0644);
    OK(symlink("a/b", "l"));
    OK(access("l/../f", F_OK));
    EXPECT_ERR(access("l/../l", F_OK), ENOENT);
}

CASE(symlinks, hundred_of_them_are_removed)
{
    char name[16];
    OK(mkdir("d", 0755));
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "d/%d", i);
        OK(symlink(i % 2 ? "short" : name_of_length(200, 'y'), name));
    }
    EXPECT_EQ(count_entries("d"), 100);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "d/%d", i);
        OK(unlink(name));
    }
    OK(rmdir("d"));
}

CASE(symlinks, protected_in_sticky_directories_only_by_setting)
{
    /* fs.protected_symlinks is off by default in the kernel, and off in Cairn */
    make_open_directory("s");
    make_file("s/f", 0644);
    OK(symlink("f", "s/l"));
    OK(access("s/l", R_OK));
}
