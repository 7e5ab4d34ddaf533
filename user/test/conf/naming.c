// SPDX-License-Identifier: MIT
/* Names: any bytes, up to 255 of them. */
#include "conf.h"

#include <dirent.h>

static void check_name(const char *name)
{
    bool is_listed = false;
    make_file(name, 0644);
    DIR *dir = opendir(".");
    for (struct dirent *entry; (entry = readdir(dir));)
        is_listed = is_listed || !strcmp(entry->d_name, name);
    closedir(dir);
    if (!is_listed)
        FAIL("\"%s\" is not listed as it was made", name);
    OK(rename(name, "plain"));
    OK(rename("plain", name));
    OK(unlink(name));
    EXPECT_EQ(count_entries("."), 0);
}

CASE(naming, of_255_bytes)
{
    check_name(name_of_length(255, 'q'));
    check_name(name_of_length(254, 'r'));
}

CASE(naming, of_every_length)
{
    for (size_t len = 1; len <= 255; len += 11)
        check_name(name_of_length(len, 'a'));
}

CASE(naming, utf8)
{
    check_name("Grüße aus Köln");
    check_name("файл");
    check_name("日本語のファイル名");
    check_name("🦉 owl");
    check_name("e\xcc\x81 combining");
}

CASE(naming, of_85_letters_of_three_bytes)
{
    char name[256];
    for (int i = 0; i < 85; i++)
        memcpy(name + 3 * i, "本", 3);
    name[255] = '\0';
    check_name(name);
}

CASE(naming, bytes_that_are_no_utf8)
{
    check_name("\xff\xfe\x80");
}

CASE(naming, punctuation)
{
    static const char *const names[] = {
        "a b",         " leading", "semi;colon",          "[brackets]",
        "plus+comma,", "equal=",   "~tilde$%&'()-@^_`{}", "..x",
        "...x",        "x.y.z"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        check_name(names[i]);
}

CASE(naming, characters_of_shells)
{
    static const char *const names[] = {"star*", "what?", "a:b",         "<a>",
                                        "a|b",   "q\"q",  "back\\slash", "tab\there"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        check_name(names[i]);
}

CASE(naming, ending_in_dots_or_blanks)
{
    check_name("end.");
    check_name("end ");
}

CASE(naming, case_makes_a_difference)
{
    write_file("Name", "1", 1);
    EXPECT(!exists("name"));
    write_file("NAME", "2", 1);
    EXPECT_EQ(count_entries("."), 2);
    expect_file("Name", "1");
}

CASE(naming, case_can_be_changed)
{
    write_file("name", "1", 1);
    OK(rename("name", "NAME"));
    EXPECT_EQ(count_entries("."), 1);
    DIR *dir = opendir(".");
    bool is_listed = false;
    for (struct dirent *entry; (entry = readdir(dir));)
        is_listed = is_listed || !strcmp(entry->d_name, "NAME");
    EXPECT(is_listed);
}

CASE(naming, short_forms_of_dos_are_ordinary)
{
    check_name("COMMAND.COM");
    check_name("lower.txt");
    check_name("MiXed.TxT");
    check_name("longname~1.txt");
}

CASE(naming, devices_of_dos_are_ordinary)
{
    check_name("con");
    check_name("nul.txt");
}
