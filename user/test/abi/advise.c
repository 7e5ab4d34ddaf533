// SPDX-License-Identifier: MIT
/* madvise: what is marked, what is dropped, what is refused; and the corners of mmap, mprotect, mremap and mlock
 * that few programs go to. */
#include "abi.h"

#include <setjmp.h>

enum { RW = PROT_READ | PROT_WRITE };

/* Older than the C library's headers know. */
enum {
    ADVICE_WIPEONFORK = 18,
    ADVICE_KEEPONFORK,
    ADVICE_COLD,
    ADVICE_PAGEOUT,
    ADVICE_POPULATE_READ,
    ADVICE_POPULATE_WRITE
};

static sigjmp_buf back;

static void jump_back(int sig)
{
    siglongjmp(back, sig);
}

/* The signal that storing (or loading) there brings, or 0. */
static int signal_of(volatile char *p, bool is_store)
{
    static char stack[64 << 10];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    int sig;
    OK(sigaltstack(&alternate, NULL));
    on_signal(SIGSEGV, jump_back, SA_ONSTACK);
    on_signal(SIGBUS, jump_back, SA_ONSTACK);
    sig = sigsetjmp(back, 1);
    if (sig == 0) {
        if (is_store)
            *p = 1;
        else
            (void)*p;
    }
    return sig;
}

static char *map_file(size_t len, int prot, int flags)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT | O_TRUNC, 0644));
    OK(ftruncate(fd, (off_t)len));
    char *p = OK_MAP(mmap(NULL, len, prot, flags, fd, 0));
    close(fd);
    return p;
}

/* ---- fork ------------------------------------------------------------------------------------ */

CASE(memory, madvise_dontfork_leaves_pages_out_of_the_child)
{
    size_t page = page_size();
    char *p = map_anon(3 * page, RW, MAP_PRIVATE);
    pid_t pid;
    memset(p, 'p', 3 * page);
    OK(madvise(p + page, page, MADV_DONTFORK));
    CHILD (pid) {
        EXPECT(p[0] == 'p' && p[2 * page] == 'p');
        EXPECT_EQ(signal_of(p + page, false), SIGSEGV);
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(p[page], 'p');
    OK(madvise(p, 3 * page, MADV_DOFORK));
    CHILD (pid)
        EXPECT_EQ(p[page], 'p');
    EXPECT_EXIT(pid, 0);
}

CASE(memory, madvise_wipeonfork_gives_the_child_zeros)
{
    size_t page = page_size();
    char *p = map_anon(3 * page, RW, MAP_PRIVATE);
    pid_t pid, grandchild;
    memset(p, 'p', 3 * page);
    OK(madvise(p + page, page, ADVICE_WIPEONFORK));
    CHILD (pid) {
        EXPECT(p[page - 1] == 'p' && p[page] == 0 && p[2 * page - 1] == 0 && p[2 * page] == 'p');
        p[page] = 'c';
        CHILD (grandchild) /* the mark is inherited */
            EXPECT_EQ(p[page], 0);
        EXPECT_EXIT(grandchild, 0);
        EXPECT_EQ(p[page], 'c');
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(p[page], 'p');
    OK(madvise(p + page, page, ADVICE_KEEPONFORK));
    CHILD (pid)
        EXPECT_EQ(p[page], 'p');
    EXPECT_EXIT(pid, 0);
    EXPECT_ERR(madvise(map_anon(page, RW, MAP_SHARED), page, ADVICE_WIPEONFORK), EINVAL);
    EXPECT_ERR(madvise(map_file(page, RW, MAP_PRIVATE), page, ADVICE_WIPEONFORK), EINVAL);
}

/* ---- Dropping -------------------------------------------------------------------------------- */

CASE(memory, madvise_free_is_for_anonymous_memory)
{
    size_t page = page_size();
    char *p = map_file(2 * page, RW, MAP_PRIVATE);
    p[0] = 'p';
    EXPECT_ERR(madvise(p, 2 * page, MADV_FREE), EINVAL);
    EXPECT_EQ(p[0], 'p'); /* a private copy is not lost */
    EXPECT_ERR(madvise(map_anon(page, RW, MAP_SHARED), page, MADV_FREE), EINVAL);
    OK(madvise(map_anon(page, RW, MAP_PRIVATE), page, MADV_FREE));
}

CASE(memory, madvise_remove_makes_a_hole_for_all_who_map)
{
    size_t page = page_size();
    char *p = map_file(4 * page, RW, MAP_SHARED);
    char *other =
        OK_MAP(mmap(NULL, 4 * page, PROT_READ, MAP_SHARED, (int)OK(open("f", O_RDWR)), 0));
    memset(p, 'p', 4 * page);
    OK(madvise(p + page, 2 * page, MADV_REMOVE));
    EXPECT(p[page - 1] == 'p' && p[page] == 0 && p[3 * page - 1] == 0 && p[3 * page] == 'p');
    EXPECT(other[page] == 0 && other[3 * page] == 'p');
    EXPECT_EQ(size_of("f"), 4 * (off_t)page);
    OK(madvise(other, page, MADV_REMOVE)); /* it could be made writable */
    EXPECT_EQ(p[0], 0);

    char *shared = map_anon(2 * page, RW, MAP_SHARED);
    memset(shared, 's', 2 * page);
    OK(madvise(shared, page, MADV_REMOVE));
    EXPECT(shared[0] == 0 && shared[page] == 's');
    OK(mlock(shared + page, page));
    EXPECT_ERR(madvise(shared + page, page, MADV_REMOVE), EINVAL);
    EXPECT_ERR(madvise(map_anon(page, RW, MAP_PRIVATE), page, MADV_REMOVE), EINVAL);
    EXPECT_ERR(madvise(map_file(page, RW, MAP_PRIVATE), page, MADV_REMOVE), EACCES);
    int ro = (int)OK(open("f", O_RDONLY));
    EXPECT_ERR(madvise(OK_MAP(mmap(NULL, page, PROT_READ, MAP_SHARED, ro, 0)), page, MADV_REMOVE),
               EACCES);
}

CASE(memory, madvise_refusals)
{
    size_t page = page_size();
    char *p = map_anon(4 * page, RW, MAP_PRIVATE);
    OK(mlock(p, page));
    EXPECT_ERR(madvise(p, page, ADVICE_COLD), EINVAL);
    EXPECT_ERR(madvise(p, page, ADVICE_PAGEOUT), EINVAL);
    OK(madvise(p + page, page, ADVICE_COLD));
    OK(madvise(p + page, page, ADVICE_PAGEOUT));
    EXPECT_ERR(madvise(p, page, 77), EINVAL);
    OK(madvise(p, 0, MADV_REMOVE));
    EXPECT_ERR(madvise(map_anon(page, PROT_NONE, MAP_PRIVATE), page, ADVICE_POPULATE_READ), EINVAL);
    EXPECT_ERR(madvise(map_anon(page, PROT_READ, MAP_PRIVATE), page, ADVICE_POPULATE_WRITE),
               EINVAL);
    char *f = map_file(page, RW, MAP_SHARED);
    OK(truncate("f", 0));
    EXPECT_ERR(madvise(f, page, ADVICE_POPULATE_READ), EFAULT);
    OK(munmap(p + 2 * page, page));
    EXPECT_ERR(madvise(p, 4 * page, ADVICE_POPULATE_WRITE), ENOMEM);
    EXPECT_ERR(madvise(p, 4 * page, MADV_DONTFORK), ENOMEM);
    EXPECT_ERR(madvise(p, 4 * page, MADV_NORMAL), ENOMEM);
}

/* ---- Stacks ---------------------------------------------------------------------------------- */

/* What a stack could run into unseen is kept 256 pages away; what cannot be accessed is a guard itself. */
CASE(memory, a_stack_keeps_its_distance)
{
    size_t page = page_size();
    char *base = map_anon(1024 * page, PROT_NONE, MAP_PRIVATE);
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    OK(munmap(base, 1024 * page));
    char *stack = OK_MAP(mmap(base + 900 * page, page, RW, flags | MAP_GROWSDOWN, -1, 0));
    char *low = OK_MAP(mmap(base + 500 * page, page, RW, flags, -1, 0));
    EXPECT_EQ(signal_of(stack - 100 * page, true), 0);
    EXPECT_EQ(signal_of(low + 257 * page, true), 0);
    EXPECT_EQ(signal_of(low + 256 * page, true), SIGSEGV);
    EXPECT_EQ(signal_of(low + 2 * page, true), SIGSEGV);
    OK(mprotect(low, page, PROT_NONE));
    EXPECT_EQ(signal_of(low + page, true), 0);
    EXPECT_EQ(signal_of(low, true), SIGSEGV);
}

CASE(memory, mprotect_of_a_growing_stack_reaches_its_begin)
{
    size_t page = page_size();
    char *base = map_anon(1024 * page, PROT_NONE, MAP_PRIVATE);
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    OK(munmap(base, 1024 * page));
    char *stack = OK_MAP(mmap(base + 900 * page, page, RW, flags | MAP_GROWSDOWN, -1, 0));
    EXPECT_EQ(signal_of(stack - 10 * page, true), 0);
    OK(mprotect(stack, page, PROT_READ | PROT_GROWSDOWN));
    EXPECT_EQ(signal_of(stack - 10 * page, true), SIGSEGV);
    EXPECT_EQ(signal_of(stack - 10 * page, false), 0);
    char *p = map_anon(page, RW, MAP_PRIVATE);
    EXPECT_ERR(mprotect(p, page, RW | PROT_GROWSDOWN), EINVAL);
    EXPECT_ERR(mprotect(p, page, RW | PROT_GROWSUP), EINVAL);
    EXPECT_ERR(mprotect(p, page, RW | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
}

/* ---- mmap, mremap, mlock ---------------------------------------------------------------------- */

CASE(memory, mmap_refusals_of_rare_flags)
{
    const long far_away = 0x7ffffffffffff000;
    size_t page = page_size();
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    int path = (int)OK(open("f", O_PATH));
    EXPECT_ERR(mmap(NULL, page, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    EXPECT_ERR(mmap(NULL, page, RW, MAP_SHARED_VALIDATE | 0x200000, fd, 0), EOPNOTSUPP);
    EXPECT_ERR(mmap(NULL, page, RW, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0), EOPNOTSUPP);
    OK(mmap(NULL, page, RW, MAP_SHARED_VALIDATE, fd, 0));
    OK(mmap(NULL, page, RW, MAP_SHARED | 0x200000, fd, 0));
    EXPECT_ERR(mmap(NULL, page, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0), EINVAL);
    EXPECT_ERR(mmap(NULL, page, RW, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0), EINVAL);
    EXPECT_ERR(mmap(NULL, page, RW, MAP_PRIVATE, fd, far_away), EOVERFLOW);
    EXPECT_ERR(mmap(NULL, page, PROT_READ, MAP_PRIVATE, path, 0), EBADF);
    OK(mmap(NULL, page, RW | 8 | 0x100, MAP_PRIVATE | MAP_ANONYMOUS, -1,
            0)); /* unknown rights are none */
    EXPECT_ERR(mprotect(map_anon(page, RW, MAP_PRIVATE), page, 0x100), EINVAL);
}

CASE(memory, mremap_of_nothing_shows_shared_memory_twice)
{
    size_t page = page_size();
    char *p = map_anon(3 * page, RW, MAP_SHARED);
    strcpy(p + page, "once");
    char *q = OK_MAP(mremap(p + page, 0, 2 * page, MREMAP_MAYMOVE));
    EXPECT(q != p + page);
    EXPECT_STR(q, "once");
    q[page] = 'q';
    EXPECT_EQ(p[2 * page], 'q');
    char *wanted = map_anon(page, RW, MAP_PRIVATE);
    EXPECT(OK_MAP(mremap(p + page, 0, page, MREMAP_MAYMOVE | MREMAP_FIXED, wanted)) == wanted);
    EXPECT_STR(wanted, "once");
    OK(munmap(p, 3 * page));
    EXPECT_STR(q, "once");
    EXPECT_ERR(mremap(q, 0, page, 0), ENOMEM);
    EXPECT_ERR(mremap(map_anon(page, RW, MAP_PRIVATE), 0, page, MREMAP_MAYMOVE), EINVAL);
}

CASE(memory, mremap_shrinks_across_areas)
{
    size_t page = page_size();
    char *p = map_anon(4 * page, RW, MAP_PRIVATE);
    memset(p, 'p', 4 * page);
    OK(mprotect(p + page, page, PROT_READ));
    EXPECT(OK_MAP(mremap(p, 4 * page, 2 * page, 0)) == p);
    EXPECT_EQ(p[page], 'p');
    EXPECT_EQ(signal_of(p + 2 * page, false), SIGSEGV);
    EXPECT_ERR(mremap(p, 2 * page, 3 * page, MREMAP_MAYMOVE), EFAULT);
}

CASE(memory, mlock_of_memory_that_can_only_be_executed)
{
    OK(mlock(map_anon(page_size(), PROT_EXEC, MAP_PRIVATE), page_size()));
}

/* As many as a process may have, each at the price of the first: minutes, if each walked past all others. */
CASE(memory, thousands_of_areas_are_placed_and_found)
{
    enum { NR = 30000 };
    static char *at[NR];
    size_t page = page_size();
    for (int i = 0; i < NR; i++) {
        at[i] = map_anon(page, i % 2 ? RW : PROT_READ, MAP_PRIVATE);
        OK(madvise(at[i], page, MADV_WILLNEED));
    }
    for (int i = 0; i < NR; i += 3)
        OK(munmap(at[i], page));
    for (int i = 0; i < NR / 3; i++)
        map_anon(page, PROT_NONE, MAP_PRIVATE);
}
