// SPDX-License-Identifier: MIT
/* Anonymous memory: mmap, munmap, mprotect, mremap, madvise, brk, the stack, and limits. */
#include "abi.h"

#include <setjmp.h>
#include <sys/resource.h>
#include <sys/uio.h>

enum { RW = PROT_READ | PROT_WRITE };

/* Whether the kernel itself can read the byte: a test of mapping without a fault. */
static bool readable(const void *p)
{
    int fd[2];
    OK(pipe(fd));
    bool ok = write(fd[1], p, 1) == 1;
    close(fd[0]);
    close(fd[1]);
    return ok;
}

static bool writable(void *p)
{
    int fd = (int)OK(open("/dev/zero", O_RDONLY));
    char old = readable(p) ? *(char *)p : 0;
    bool ok = read(fd, p, 1) == 1;
    if (ok)
        *(char *)p = old;
    close(fd);
    return ok;
}

CASE(memory, anonymous_is_zero_and_keeps_what_is_written)
{
    size_t len = 1 << 20;
    unsigned char *p = map_anon(len, RW, MAP_PRIVATE);
    for (size_t i = 0; i < len; i += 512)
        EXPECT_EQ(p[i], 0);
    fill_pattern(p, len, 3);
    EXPECT(check_pattern(p, len, 3));
    OK(munmap(p, len));
    EXPECT(!readable(p));
}

CASE(memory, mmap_refusals)
{
    size_t page = page_size();
    int ro = (int)OK(open("f", O_RDONLY | O_CREAT, 0644));
    int wo = (int)OK(open("f", O_WRONLY));
    OK(mkdir("d", 0755));
    int dir = (int)OK(open("d", O_RDONLY));
    int fd[2];
    OK(pipe(fd));
    EXPECT_ERR(mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    EXPECT_ERR(mmap(NULL, page, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    EXPECT_ERR(mmap(NULL, page, RW, MAP_PRIVATE, -1, 0), EBADF);
    EXPECT_ERR(mmap(NULL, page, PROT_READ, MAP_PRIVATE, ro, 17), EINVAL);
    EXPECT_ERR(mmap(NULL, page, RW, MAP_SHARED, ro, 0), EACCES);
    EXPECT_ERR(mmap(NULL, page, PROT_WRITE, MAP_SHARED, wo, 0), EACCES);
    EXPECT_ERR(mmap(NULL, page, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
    EXPECT_ERR(mmap(NULL, page, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
    EXPECT_ERR(mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd[0], 0), ENODEV);
    EXPECT_ERR(mmap((void *)17, page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
    EXPECT_ERR(mmap(NULL, (size_t)1 << 62, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    EXPECT_ERR(mmap(NULL, (size_t)-1, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    EXPECT_ERR(mmap((void *)((uintptr_t)-page & -page), page, RW,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
               ENOMEM);
    (void)OK_MAP(mmap(NULL, page, RW, MAP_PRIVATE, ro, 0)); /* private: the file is not written */
}

CASE(memory, hint_is_taken_when_free_and_never_overwrites)
{
    size_t page = page_size();
    char *p = map_anon(4 * page, RW, MAP_PRIVATE);
    OK(munmap(p, 4 * page));
    char *q = OK_MAP(mmap(p, page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT(q == p);
    *q = 'q';
    char *r = OK_MAP(mmap(p, page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT(r != p);
    EXPECT_EQ(*q, 'q');
}

CASE(memory, map_fixed_replaces)
{
    size_t page = page_size();
    char *p = map_anon(3 * page, RW, MAP_PRIVATE);
    memset(p, 'a', 3 * page);
    char *q = OK_MAP(mmap(p + page, page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    EXPECT(q == p + page);
    EXPECT_EQ(p[0], 'a');
    EXPECT_EQ(p[page], 0);
    EXPECT_EQ(p[2 * page], 'a');
}

CASE(memory, map_fixed_noreplace_refuses_overlap)
{
    size_t page = page_size();
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    char *p = map_anon(3 * page, RW, MAP_PRIVATE);
    p[page] = 'x';
    EXPECT_ERR(mmap(p + page, page, RW, flags, -1, 0), EEXIST);
    EXPECT_ERR(mmap(p - page, 2 * page, RW, flags, -1, 0), EEXIST);
    EXPECT_EQ(p[page], 'x');
    OK(munmap(p, 3 * page));
    EXPECT(OK_MAP(mmap(p, page, RW, flags, -1, 0)) == p);
}

CASE(memory, munmap_splits_and_spans)
{
    size_t page = page_size();
    char *p = map_anon(8 * page, RW, MAP_PRIVATE);
    memset(p, 'm', 8 * page);
    OK(munmap(p + 2 * page, page));
    OK(munmap(p + 5 * page, page));
    static const bool mapped[] = {1, 1, 0, 1, 1, 0, 1, 1};
    for (size_t i = 0; i < 8; i++) {
        EXPECT_EQ(readable(p + i * page), mapped[i]);
        if (mapped[i])
            EXPECT_EQ(p[i * page + 99], 'm');
    }
    OK(munmap(p, 8 * page)); /* holes are no error */
    OK(munmap(p, 8 * page));
    EXPECT(!readable(p) && !readable(p + 7 * page));
    EXPECT_ERR(munmap(p + 1, page), EINVAL);
    EXPECT_ERR(munmap(p, 0), EINVAL);
}

CASE(memory, munmap_rounds_the_length_up)
{
    size_t page = page_size();
    char *p = map_anon(3 * page, RW, MAP_PRIVATE);
    OK(munmap(p, page + 1));
    EXPECT(!readable(p) && !readable(p + page) && readable(p + 2 * page));
}

static sigjmp_buf back;

static void jump_back(int sig)
{
    siglongjmp(back, sig);
}

static bool write_faults(volatile char *p)
{
    on_signal(SIGSEGV, jump_back, 0);
    if (sigsetjmp(back, 1) != 0)
        return true;
    *p = *p + 1;
    return false;
}

CASE(memory, mprotect_splits_and_rejoins)
{
    size_t page = page_size();
    char *p = map_anon(5 * page, RW, MAP_PRIVATE);
    memset(p, 1, 5 * page);
    OK(mprotect(p + page, 3 * page, PROT_READ));
    OK(mprotect(p + 2 * page, page, PROT_NONE));
    EXPECT(!write_faults(p) && !write_faults(p + 4 * page));
    EXPECT(write_faults(p + page) && write_faults(p + 3 * page) && write_faults(p + 2 * page));
    EXPECT(readable(p + page) && !readable(p + 2 * page) && !writable(p + page));
    OK(mprotect(p, 5 * page, RW));
    for (size_t i = 0; i < 5; i++) {
        EXPECT(!write_faults(p + i * page));
        EXPECT_EQ(p[i * page + 1], 1); /* the content is untouched */
    }
}

CASE(memory, mprotect_refusals)
{
    size_t page = page_size();
    char *p = map_anon(3 * page, RW, MAP_PRIVATE);
    EXPECT_ERR(mprotect(p + 1, page, PROT_READ), EINVAL);
    OK(mprotect(p, 0, PROT_READ));
    OK(munmap(p + page, page));
    EXPECT_ERR(mprotect(p, 3 * page, PROT_READ), ENOMEM);
    EXPECT_ERR(mprotect(p + page, page, PROT_READ), ENOMEM);
    make_file("f", 0644);
    int ro = (int)OK(open("f", O_RDONLY));
    char *q = OK_MAP(mmap(NULL, page, PROT_READ, MAP_SHARED, ro, 0));
    EXPECT_ERR(mprotect(q, page, RW), EACCES);
}

CASE(memory, mremap_grows_shrinks_and_moves)
{
    size_t page = page_size();
    char *p = map_anon(2 * page, RW, MAP_PRIVATE);
    fill_pattern(p, 2 * page, 1);
    /* something directly behind, so that it cannot grow in place */
    char *wall = mmap(p + 2 * page, page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
                      0);
    if (wall != MAP_FAILED)
        *wall = 'w';
    EXPECT_ERR(mremap(p, 2 * page, 64 * page, 0), ENOMEM);
    char *q = OK_MAP(mremap(p, 2 * page, 64 * page, MREMAP_MAYMOVE));
    EXPECT(q != p);
    EXPECT(!readable(p));
    EXPECT(check_pattern(q, 2 * page, 1));
    EXPECT_EQ(q[2 * page], 0);
    EXPECT_EQ(q[64 * page - 1], 0);
    EXPECT(OK_MAP(mremap(q, 64 * page, page, 0)) == q);
    EXPECT(readable(q) && !readable(q + page));
    EXPECT(OK_MAP(mremap(q, page, 3 * page, 0)) == q); /* the room behind is free again */
    EXPECT_EQ(q[page], 0);
    EXPECT(check_pattern(q, page, 1));
}

CASE(memory, mremap_fixed_replaces_the_target)
{
    size_t page = page_size();
    char *p = map_anon(2 * page, RW, MAP_PRIVATE), *t = map_anon(4 * page, RW, MAP_PRIVATE);
    memset(p, 'p', 2 * page);
    memset(t, 't', 4 * page);
    EXPECT(OK_MAP(mremap(p, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, t + page)) ==
           t + page);
    EXPECT(t[0] == 't' && t[page] == 'p' && t[2 * page] == 'p' && t[3 * page] == 't');
    EXPECT(!readable(p));
}

CASE(memory, mremap_refusals)
{
    size_t page = page_size();
    char *p = map_anon(2 * page, RW, MAP_PRIVATE);
    EXPECT_ERR(mremap(p + 1, page, 2 * page, MREMAP_MAYMOVE), EINVAL);
    EXPECT_ERR(mremap(p, page, 0, 0), EINVAL);
    EXPECT_ERR(mremap(p, page, page, 0x40), EINVAL);
    EXPECT_ERR(mremap(p, 2 * page, 2 * page, MREMAP_FIXED, p), EINVAL);
    EXPECT_ERR(mremap(p, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, p + page), EINVAL);
    OK(munmap(p, 2 * page));
    EXPECT_ERR(mremap(p, page, 2 * page, MREMAP_MAYMOVE), EFAULT);
}

CASE(memory, madvise_dontneed_gives_zeros_back)
{
    size_t page = page_size();
    char *p = map_anon(4 * page, RW, MAP_PRIVATE);
    memset(p, 'd', 4 * page);
    OK(madvise(p + page, 2 * page, MADV_DONTNEED));
    EXPECT(p[0] == 'd' && p[page] == 0 && p[3 * page - 1] == 0 && p[3 * page] == 'd');
    OK(madvise(p, page, MADV_NORMAL));
    OK(madvise(p, page, MADV_WILLNEED));
    EXPECT_ERR(madvise(p, page, 12345), EINVAL);
    EXPECT_ERR(madvise(p + 1, page, MADV_DONTNEED), EINVAL);
    OK(munmap(p, page));
    EXPECT_ERR(madvise(p, page, MADV_DONTNEED), ENOMEM);
}

CASE(memory, brk_grows_and_shrinks_in_bytes)
{
    char *start = sbrk(0);
    OK(brk(start + 100000));
    EXPECT((char *)sbrk(0) == start + 100000);
    fill_pattern(start, 100000, 4);
    EXPECT(check_pattern(start, 100000, 4));
    OK(brk(start + 10));
    EXPECT((char *)sbrk(0) == start + 10);
    char *next_page = (char *)(((uintptr_t)start + 10 + page_size() - 1) & -page_size());
    EXPECT(!readable(next_page));
    OK(brk(start + 100000));
    EXPECT_EQ(*next_page, 0); /* comes back as zeros */
    /* raw: an impossible request returns the break unchanged */
    EXPECT_EQ(syscall(SYS_brk, 8), (uintptr_t)start + 100000);
    EXPECT_EQ(syscall(SYS_brk, -1L), (uintptr_t)start + 100000);
}

CASE(memory, large_sparse_mapping)
{
    size_t len = (size_t)8 << 30;
    char *p = mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT(p != MAP_FAILED);
    for (size_t i = 0; i < len; i += len / 64)
        p[i] = (char)(i / (len / 64));
    for (size_t i = 0; i < len; i += len / 64)
        EXPECT_EQ(p[i], (char)(i / (len / 64)));
    EXPECT_EQ(p[len - 1], 0);
    OK(munmap(p, len));
}

CASE(memory, many_mappings)
{
    enum { N = 1000 };
    size_t page = page_size();
    char *p = map_anon(2 * N * page, RW, MAP_PRIVATE);
    for (size_t i = 0; i < N; i++) {
        p[2 * i * page] = (char)i;
        OK(mprotect(p + (2 * i + 1) * page, page, PROT_NONE));
    }
    for (size_t i = 0; i < N; i++) {
        EXPECT_EQ(p[2 * i * page], (char)i);
        if (i % 100 == 0)
            EXPECT(!readable(p + (2 * i + 1) * page));
    }
    OK(munmap(p, 2 * N * page));
}

static int use_stack(int kib)
{
    volatile char block[1024];
    memset((char *)block, kib, sizeof(block));
    int below = kib > 1 ? use_stack(kib - 1) : 0;
    return below + (block[0] == (char)kib && block[1023] == (char)kib);
}

CASE(memory, stack_grows_by_megabytes)
{
    EXPECT_EQ(use_stack(5000), 5000);
    EXPECT_EQ(use_stack(5000), 5000);
}

CASE(memory, stack_grows_for_the_kernel_too)
{
    /* the call itself is the first to touch the new pages */
    char *far = (char *)__builtin_frame_address(0) - (512 << 10);
    int fd = (int)OK(open("/dev/zero", O_RDONLY));
    EXPECT_EQ(syscall(SYS_read, fd, (uintptr_t)far, 4096), 4096);
}

CASE(memory, rlimit_as_is_enomem)
{
    struct rlimit rl = {256 << 20, RLIM_INFINITY};
    pid_t pid;
    CHILD (pid) {
        OK(setrlimit(RLIMIT_AS, &rl));
        EXPECT_ERR(mmap(NULL, 300 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
        char *p = map_anon(1 << 20, RW, MAP_PRIVATE);
        EXPECT_ERR(mremap(p, 1 << 20, 300 << 20, MREMAP_MAYMOVE), ENOMEM);
        EXPECT_ERR(brk((char *)sbrk(0) + (300 << 20)), ENOMEM);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(memory, rlimit_data_limits_the_heap)
{
    struct rlimit rl = {16 << 20, RLIM_INFINITY};
    pid_t pid;
    CHILD (pid) {
        OK(setrlimit(RLIMIT_DATA, &rl));
        EXPECT_ERR(brk((char *)sbrk(0) + (32 << 20)), ENOMEM);
        OK(brk((char *)sbrk(0) + (1 << 20)));
    }
    EXPECT_EXIT(pid, 0);
}

CASE(memory, zero_page_reads_do_not_stick)
{
    size_t len = 64 * page_size();
    char *p = map_anon(len, RW, MAP_PRIVATE);
    int sum = 0;
    for (size_t i = 0; i < len; i += page_size())
        sum += p[i]; /* maps whatever the kernel uses for untouched pages */
    EXPECT_EQ(sum, 0);
    for (size_t i = 0; i < len; i += page_size())
        p[i] = 1;
    for (size_t i = 0; i < len; i += page_size())
        EXPECT(p[i] == 1 && p[i + 1] == 0);
    char *q = map_anon(page_size(), RW, MAP_PRIVATE);
    EXPECT_EQ(q[0], 0);
}

CASE(memory, dev_zero_mapping_is_anonymous)
{
    int fd = (int)OK(open("/dev/zero", O_RDWR));
    char *p = OK_MAP(mmap(NULL, page_size(), RW, MAP_PRIVATE, fd, 0));
    EXPECT_EQ(p[7], 0);
    p[7] = 7;
    char *q = OK_MAP(mmap(NULL, page_size(), RW, MAP_PRIVATE, fd, 0));
    EXPECT_EQ(q[7], 0);
}

CASE(memory, kernel_writes_respect_protection)
{
    size_t page = page_size();
    char *p = map_anon(2 * page, RW, MAP_PRIVATE);
    int fd = (int)OK(open("/dev/zero", O_RDONLY));
    memset(p, 5, 2 * page);
    OK(mprotect(p, page, PROT_READ));
    EXPECT_ERR(read(fd, p, 10), EFAULT);
    EXPECT_EQ(p[0], 5);
    EXPECT_EQ(read(fd, p + page, 10), 10);
    EXPECT_EQ(p[page], 0);
}
