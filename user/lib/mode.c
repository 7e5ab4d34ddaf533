// SPDX-License-Identifier: MIT
// File modes in and out. Symbolic modes follow POSIX chmod: clauses separated by commas, each of
// them who ("ugoa"), then actions ("+-=") with permissions ("rwxXst") or a copy ("u", "g", "o").
#include "user/lib/mode.h"

#include <string.h>
#include <sys/stat.h>

static mode_t who_bits(const char **at)
{
    mode_t who = 0;

    for (;; (*at)++) {
        if (**at == 'u')
            who |= S_IRWXU | S_ISUID;
        else if (**at == 'g')
            who |= S_IRWXG | S_ISGID;
        else if (**at == 'o')
            who |= S_IRWXO | S_ISVTX;
        else if (**at == 'a')
            who |= 07777;
        else
            return who;
    }
}

// The permissions that an action names, spread over user, group and other.
static mode_t permission_bits(const char **at, mode_t mode)
{
    mode_t bits = 0;
    bool any_execute = S_ISDIR(mode) || (mode & 0111);

    for (;; (*at)++) {
        switch (**at) {
        case 'r': bits |= 0444; break;
        case 'w': bits |= 0222; break;
        case 'x': bits |= 0111; break;
        case 'X': bits |= any_execute ? 0111 : 0; break;
        case 's': bits |= S_ISUID | S_ISGID; break;
        case 't': bits |= S_ISVTX; break;
        case 'u': bits |= ((mode >> 6) & 7) * 0111; break;
        case 'g': bits |= ((mode >> 3) & 7) * 0111; break;
        case 'o': bits |= (mode & 7) * 0111; break;
        default: return bits;
        }
    }
}

static bool parse_symbolic(const char *at, mode_t mode, mode_t mask, mode_t *out)
{
    do {
        mode_t who = who_bits(&at);
        mode_t allowed = who ? who : (mode_t)(07777 & ~mask);

        if (!*at || !strchr("+-=", *at))
            return false;
        while (*at && strchr("+-=", *at)) {
            char action = *at++;
            mode_t bits = permission_bits(&at, mode) & allowed;

            if (action == '+')
                mode |= bits;
            else if (action == '-')
                mode &= ~bits;
            else
                mode = (mode & ~((who ? who : 07777) & 07777)) | bits;
        }
    } while (*at == ',' && *++at);
    if (*at)
        return false;
    *out = mode & 07777;
    return true;
}

bool parse_mode(const char *text, mode_t old, mode_t mask, mode_t *out)
{
    mode_t mode = 0;

    if (*text < '0' || *text > '7')
        return parse_symbolic(text, old, mask, out);
    for (; *text >= '0' && *text <= '7'; text++) {
        mode = mode * 8 + (mode_t)(*text - '0');
        if (mode > 07777)
            return false;
    }
    if (*text)
        return false;
    *out = mode;
    return true;
}

static char type_letter(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR: return 'd';
    case S_IFLNK: return 'l';
    case S_IFCHR: return 'c';
    case S_IFBLK: return 'b';
    case S_IFIFO: return 'p';
    case S_IFSOCK: return 's';
    case S_IFREG: return '-';
    default: return '?';
    }
}

const char *mode_text(mode_t mode, char buf[MODE_TEXT_LEN])
{
    static const char letters[] = "rwxrwxrwx";

    buf[0] = type_letter(mode);
    for (int i = 0; i < 9; i++)
        buf[1 + i] = (mode & (0400u >> i)) ? letters[i] : '-';
    if (mode & S_ISUID)
        buf[3] = mode & S_IXUSR ? 's' : 'S';
    if (mode & S_ISGID)
        buf[6] = mode & S_IXGRP ? 's' : 'S';
    if (mode & S_ISVTX)
        buf[9] = mode & S_IXOTH ? 't' : 'T';
    buf[10] = '\0';
    return buf;
}

const char *file_type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR: return "directory";
    case S_IFLNK: return "symbolic link";
    case S_IFCHR: return "character special file";
    case S_IFBLK: return "block special file";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    case S_IFREG: return "regular file";
    default: return "unknown file type";
    }
}
