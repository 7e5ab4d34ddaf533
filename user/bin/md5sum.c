// SPDX-License-Identifier: MIT
// md5sum: MD5 digests, printed or checked.
//
// MD5 pads the message to a multiple of 64 bytes (a 1 bit, zeros, the length in bits as 64-bit little
// endian) and folds each block into four 32-bit words by 64 steps. Step i adds a word of the block
// and floor(2^32 * |sin(i + 1)|), rotates, and takes its mixing function by the round i / 16.
// Source: RFC 1321.
#include "user/lib/tool.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {"md5sum", "[-c] [FILE]…",
                                 "Print MD5 digests, or check those that a file lists.", 0};

enum { BLOCK_LEN = 64, DIGEST_LEN = 16, HEX_LEN = 2 * DIGEST_LEN + 1 };

static uint32_t sines[BLOCK_LEN];

static void init_sines(void)
{
    for (int i = 0; i < BLOCK_LEN; i++)
        sines[i] = (uint32_t)(fabs(sin(i + 1)) * 4294967296.0);
}

static uint32_t rotate(uint32_t value, int count)
{
    return value << count | value >> (32 - count);
}

static uint32_t load_le32(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void fold_block(uint32_t state[4], const unsigned char block[BLOCK_LEN])
{
    static const unsigned char turns[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t words[16], a = state[0], b = state[1], c = state[2], d = state[3];

    for (int i = 0; i < 16; i++)
        words[i] = load_le32(block + 4 * i);
    for (int i = 0; i < BLOCK_LEN; i++) {
        uint32_t mix, next;
        int pick;

        if (i < 16) {
            mix = (b & c) | (~b & d);
            pick = i;
        } else if (i < 32) {
            mix = (d & b) | (~d & c);
            pick = 5 * i + 1;
        } else if (i < 48) {
            mix = b ^ c ^ d;
            pick = 3 * i + 5;
        } else {
            mix = c ^ (b | ~d);
            pick = 7 * i;
        }
        next = b + rotate(a + mix + sines[i] + words[pick % 16], turns[i / 16][i % 4]);
        a = d;
        d = c;
        c = b;
        b = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

static bool digest_file(FILE *file, char hex[HEX_LEN])
{
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    unsigned char block[BLOCK_LEN];
    uint64_t total = 0;
    size_t len;

    while ((len = fread(block, 1, BLOCK_LEN, file)) == BLOCK_LEN) {
        fold_block(state, block);
        total += len;
    }
    if (ferror(file))
        return false;
    total += len;
    block[len++] = 0x80;
    if (len > BLOCK_LEN - 8) {
        memset(block + len, 0, BLOCK_LEN - len);
        fold_block(state, block);
        len = 0;
    }
    memset(block + len, 0, BLOCK_LEN - 8 - len);
    for (int i = 0; i < 8; i++)
        block[BLOCK_LEN - 8 + i] = (unsigned char)(total * 8 >> (8 * i));
    fold_block(state, block);
    for (int i = 0; i < DIGEST_LEN; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned)(state[i / 4] >> (8 * (i % 4)) & 0xff));
    return true;
}

static bool digest_path(const char *path, char hex[HEX_LEN])
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    bool ok = file && digest_file(file, hex);

    if (!ok)
        warn_errno("%s", path);
    if (file && file != stdin)
        fclose(file);
    return ok;
}

static bool check_list(const char *path)
{
    FILE *list = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *line = NULL, hex[HEX_LEN];
    size_t cap = 0, nr_bad = 0, nr_read = 0;

    if (!list) {
        warn_errno("%s", path);
        return false;
    }
    while (getline(&line, &cap, list) > 0) {
        char *name = line + HEX_LEN + 1;
        bool good;

        line[strcspn(line, "\n")] = '\0';
        if (strspn(line, "0123456789abcdef") != HEX_LEN - 1 || line[HEX_LEN - 1] != ' ' ||
            !line[HEX_LEN] || !*name) {
            warn_text("%s: not a line of digests: %s", path, line);
            nr_bad++;
            continue;
        }
        good = digest_path(name, hex) && strncmp(hex, line, HEX_LEN - 1) == 0;
        printf("%s: %s\n", name, good ? "OK" : "FAILED");
        nr_read++;
        nr_bad += !good;
    }
    free(line);
    if (list != stdin)
        fclose(list);
    if (nr_bad)
        warn_text("%zu of %zu did not match", nr_bad, nr_read);
    else if (!nr_read)
        warn_text("%s: no digests found", path);
    return nr_bad == 0 && nr_read > 0;
}

int main(int argc, char **argv)
{
    static char stdin_name[] = "-";
    char hex[HEX_LEN];
    bool check = false;
    int option, status = 0;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "bct")) != -1)
        check |= option == 'c';
    init_sines();
    if (optind == argc)
        argv[--optind] = stdin_name;
    for (; optind < argc; optind++) {
        if (check) {
            if (!check_list(argv[optind]))
                status = 1;
        } else if (digest_path(argv[optind], hex)) {
            printf("%s  %s\n", hex, argv[optind]);
        } else {
            status = 1;
        }
    }
    return tool_end(status);
}
