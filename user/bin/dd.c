// SPDX-License-Identifier: MIT
// dd: copy in blocks of a chosen size.
//
// Each read asks for one block and each write gives away what was read, so the block size is what
// the devices see. iflag=fullblock collects short reads from pipes. The records that were whole and
// those that were partial are counted, and printed at the end on standard error.
#include "user/lib/number.h"
#include "user/lib/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct tool tool = {"dd",
                                 "[if=FILE] [of=FILE] [bs=N] [count=N] [skip=N] [seek=N] "
                                 "[conv=notrunc,fsync,sync,noerror] [iflag=fullblock] "
                                 "[status=none]",
                                 "Copy a file block by block.", 0};

static struct {
    const char *in, *out;
    uint64_t block_len, count, skip, seek;
    bool limited, no_trunc, fsync, pad, no_error, full_blocks, quiet;
} job = {.block_len = 512};

static struct {
    unsigned long long in_whole, in_part, out_whole, out_part, bytes;
} done;

static void take_flags(char *text, const char *kind)
{
    for (char *flag = strtok(text, ","); flag; flag = strtok(NULL, ",")) {
        if (strcmp(flag, "notrunc") == 0)
            job.no_trunc = true;
        else if (strcmp(flag, "fsync") == 0 || strcmp(flag, "fdatasync") == 0)
            job.fsync = true;
        else if (strcmp(flag, "sync") == 0)
            job.pad = true;
        else if (strcmp(flag, "noerror") == 0)
            job.no_error = true;
        else if (strcmp(flag, "fullblock") == 0)
            job.full_blocks = true;
        else
            die_text("%s=%s: unknown", kind, flag);
    }
}

static void take_operand(char *operand)
{
    char *value = strchr(operand, '=');

    if (!value)
        tool_usage();
    *value++ = '\0';
    if (strcmp(operand, "if") == 0) {
        job.in = value;
    } else if (strcmp(operand, "of") == 0) {
        job.out = value;
    } else if (strcmp(operand, "bs") == 0) {
        job.block_len = need_size(value, "block size");
        if (job.block_len == 0 || job.block_len > (1u << 30))
            die_text("bs=%s: out of range", value);
    } else if (strcmp(operand, "count") == 0) {
        job.count = need_size(value, "count");
        job.limited = true;
    } else if (strcmp(operand, "skip") == 0) {
        job.skip = need_size(value, "skip");
    } else if (strcmp(operand, "seek") == 0) {
        job.seek = need_size(value, "seek");
    } else if (strcmp(operand, "conv") == 0 || strcmp(operand, "iflag") == 0) {
        take_flags(value, operand);
    } else if (strcmp(operand, "status") == 0) {
        job.quiet = strcmp(value, "none") == 0;
    } else {
        die_text("%s: unknown operand", operand);
    }
}

static uint64_t offset_of(uint64_t blocks, const char *what)
{
    uint64_t bytes;

    if (__builtin_mul_overflow(blocks, job.block_len, &bytes) || bytes > INT64_MAX)
        die_text("%s: too far", what);
    return bytes;
}

static ssize_t read_block(int fd, char *block)
{
    size_t have = 0;

    do {
        ssize_t len = read(fd, block + have, job.block_len - have);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && have == 0)
            return -1;
        if (len <= 0)
            break;
        have += (size_t)len;
    } while (job.full_blocks && have < job.block_len);
    return (ssize_t)have;
}

static void open_files(int *in, int *out, char *block)
{
    uint64_t seek = offset_of(job.seek, "seek");
    struct stat st;

    *in = job.in ? open(job.in, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (*in < 0)
        die_errno("%s", job.in);
    *out = job.out ? open(job.out, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : STDOUT_FILENO;
    if (*out < 0)
        die_errno("%s", job.out);
    if (job.out && !job.no_trunc && fstat(*out, &st) == 0 && S_ISREG(st.st_mode) &&
        ftruncate(*out, (off_t)seek) != 0)
        die_errno("%s", job.out);
    if (seek && lseek(*out, (off_t)seek, SEEK_CUR) < 0)
        die_errno("seek");
    if (job.skip && lseek(*in, (off_t)offset_of(job.skip, "skip"), SEEK_CUR) < 0) {
        // A pipe cannot be wound: read what is to be skipped.
        for (uint64_t i = 0; i < job.skip; i++)
            if (read_block(*in, block) <= 0)
                break;
    }
}

// Returns false where a read error ended the copy.
static bool copy_blocks(int in, int out, char *block)
{
    for (uint64_t nr = 0; !job.limited || nr < job.count; nr++) {
        ssize_t len = read_block(in, block);

        if (len < 0) {
            warn_errno("%s", job.in ? job.in : "standard input");
            if (!job.no_error || lseek(in, (off_t)job.block_len, SEEK_CUR) < 0)
                return false;
            len = 0;
        } else if (len == 0) {
            break;
        }
        if ((uint64_t)len == job.block_len)
            done.in_whole++;
        else
            done.in_part++;
        if (job.pad && (uint64_t)len < job.block_len) {
            memset(block + len, 0, job.block_len - (size_t)len);
            len = (ssize_t)job.block_len;
        }
        if (write_all(out, block, (size_t)len) != 0) {
            warn_errno("%s", job.out ? job.out : "standard output");
            return false;
        }
        if ((uint64_t)len == job.block_len)
            done.out_whole++;
        else
            done.out_part++;
        done.bytes += (unsigned long long)len;
    }
    return true;
}

static void put_counts(const struct timespec *start)
{
    struct timespec now;
    double seconds;
    char text[HUMAN_LEN], rate[HUMAN_LEN];

    clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
    fprintf(stderr, "%llu+%llu records in\n%llu+%llu records out\n", done.in_whole, done.in_part,
            done.out_whole, done.out_part);
    fprintf(stderr, "%llu bytes (%s) copied, %.3f s, %s/s\n", done.bytes,
            human_size(done.bytes, text), seconds,
            human_size(seconds > 0 ? (uint64_t)((double)done.bytes / seconds) : 0, rate));
}

int main(int argc, char **argv)
{
    struct timespec start;
    int in, out;
    char *block;
    bool ok;

    tool_begin(&tool, argc, argv);
    for (int i = 1; i < argc; i++)
        take_operand(argv[i]);
    clock_gettime(CLOCK_MONOTONIC, &start);
    block = xmalloc(job.block_len);
    open_files(&in, &out, block);
    ok = copy_blocks(in, out, block);
    free(block);
    if (job.fsync && fsync(out) != 0) {
        warn_errno("%s", job.out ? job.out : "standard output");
        ok = false;
    }
    if (close(out) != 0) {
        warn_errno("%s", job.out ? job.out : "standard output");
        ok = false;
    }
    if (!job.quiet)
        put_counts(&start);
    return ok ? 0 : 1;
}
