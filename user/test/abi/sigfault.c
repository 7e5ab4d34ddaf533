// SPDX-License-Identifier: MIT
/* Faults of the program itself: which signal, which code, which address, and how to go on. */
#include "abi.h"

#include <setjmp.h>
#include <sys/resource.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile int seen_sig, seen_code;
static void *volatile seen_addr;

static void remember_and_jump(int sig, siginfo_t *si, void *uc)
{
    (void)uc;
    seen_sig = sig;
    seen_code = si->si_code;
    seen_addr = si->si_addr;
    siglongjmp(back, 1);
}

static void catch_fault(int sig, int flags)
{
    struct sigaction sa = {.sa_sigaction = remember_and_jump, .sa_flags = SA_SIGINFO | flags};
    OK(sigaction(sig, &sa, NULL));
}

/* Run the statement, which must fault with sig. */
#define FAULTS(sig, statement)                \
    do {                                      \
        catch_fault(sig, 0);                  \
        seen_sig = 0;                         \
        if (sigsetjmp(back, 1) == 0) {        \
            statement;                        \
            FAIL("no fault: %s", #statement); \
        }                                     \
        EXPECT_EQ(seen_sig, sig);             \
    } while (0)

static void touch(volatile char *p)
{
    *p = 1;
}

static char look(volatile char *p)
{
    return *p;
}

CASE(fault, unmapped_address_is_maperr)
{
    char *p = map_anon(page_size(), PROT_READ, MAP_PRIVATE);
    OK(munmap(p, page_size()));
    FAULTS(SIGSEGV, look(p + 123));
    EXPECT_EQ(seen_code, SEGV_MAPERR);
    EXPECT(seen_addr == p + 123);
    FAULTS(SIGSEGV, touch(p + 5));
    EXPECT_EQ(seen_code, SEGV_MAPERR);
    EXPECT(seen_addr == p + 5);
}

CASE(fault, null_page_is_never_mapped)
{
    FAULTS(SIGSEGV, look((char *)(uintptr_t)16));
    EXPECT_EQ(seen_code, SEGV_MAPERR);
    EXPECT(seen_addr == (void *)(uintptr_t)16);
    FAULTS(SIGSEGV, touch(NULL));
    EXPECT(seen_addr == NULL);
}

CASE(fault, forbidden_access_is_accerr)
{
    char *p = map_anon(page_size(), PROT_READ, MAP_PRIVATE);
    EXPECT_EQ(look(p), 0);
    FAULTS(SIGSEGV, touch(p + 77));
    EXPECT_EQ(seen_code, SEGV_ACCERR);
    EXPECT(seen_addr == p + 77);
    OK(mprotect(p, page_size(), PROT_NONE));
    FAULTS(SIGSEGV, look(p + 4));
    EXPECT_EQ(seen_code, SEGV_ACCERR);
    EXPECT(seen_addr == p + 4);
}

CASE(fault, kernel_addresses_are_segv)
{
    FAULTS(SIGSEGV, look((char *)(uintptr_t)-4096));
    FAULTS(SIGSEGV, touch((char *)(uintptr_t)-4096));
    FAULTS(SIGSEGV, look((char *)0xffffffc000000000));
    FAULTS(SIGSEGV, look((char *)0xffffffff80000000));
    FAULTS(SIGSEGV, look((char *)0x4000000000000000)); /* not an address at all */
}

CASE(fault, program_text_is_read_only)
{
    FAULTS(SIGSEGV, touch((char *)(uintptr_t)&touch));
    EXPECT_EQ(seen_code, SEGV_ACCERR);
}

static void call(void *p)
{
    ((void (*)(void))(uintptr_t)p)();
}

CASE(fault, data_is_not_executable)
{
    char *p = map_anon(page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memset(p, 0, page_size());
    FAULTS(SIGSEGV, call(p));
    EXPECT_EQ(seen_code, SEGV_ACCERR);
    EXPECT(seen_addr == p);
    OK(munmap(p, page_size()));
    FAULTS(SIGSEGV, call(p));
    EXPECT_EQ(seen_code, SEGV_MAPERR);
    EXPECT(seen_addr == p);
}

CASE(fault, generated_code_runs_once_executable)
{
#if defined(__riscv)
    static const uint32_t code[] = {0x02a00513, 0x00008067}; /* li a0, 42; ret */
#else
    static const uint8_t code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */
#endif
    char *p = map_anon(page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memcpy(p, code, sizeof(code));
    OK(mprotect(p, page_size(), PROT_READ | PROT_EXEC));
    __builtin___clear_cache(p, p + sizeof(code));
    EXPECT_EQ(((int (*)(void))(uintptr_t)p)(), 42);
}

__attribute__((noinline)) static void illegal(void)
{
#if defined(__riscv)
    __asm__ volatile(".word 0");
#else
    __asm__ volatile("ud2");
#endif
}

CASE(fault, illegal_instruction_is_sigill_at_its_address)
{
    FAULTS(SIGILL, illegal());
    EXPECT(seen_code == ILL_ILLOPC || seen_code == ILL_ILLOPN);
    EXPECT((uintptr_t)seen_addr >= (uintptr_t)illegal &&
           (uintptr_t)seen_addr < (uintptr_t)illegal + 64);
}

static void privileged(void)
{
#if defined(__riscv)
    __asm__ volatile("csrr t0, sstatus" : : : "t0");
#else
    __asm__ volatile("ud2");
#endif
}

CASE(fault, privileged_instruction_is_sigill)
{
    FAULTS(SIGILL, privileged());
}

__attribute__((noinline)) static void breakpoint(void)
{
#if defined(__riscv)
    __asm__ volatile("ebreak");
#else
    __asm__ volatile("int3");
#endif
}

CASE(fault, breakpoint_is_sigtrap)
{
    FAULTS(SIGTRAP, breakpoint());
#if defined(__riscv)
    EXPECT_EQ(seen_code, TRAP_BRKPT);
    EXPECT((uintptr_t)seen_addr >= (uintptr_t)breakpoint &&
           (uintptr_t)seen_addr < (uintptr_t)breakpoint + 64);
#endif
}

CASE(fault, division_by_zero)
{
    volatile long zero = 0, one = 1;
#if defined(__riscv)
    EXPECT_EQ(one / zero, -1); /* RISC-V does not trap */
    EXPECT_EQ(one % zero, 1);
#else
    volatile long result = 0;
    FAULTS(SIGFPE, result = one / zero);
    EXPECT_EQ(seen_code, FPE_INTDIV);
    EXPECT_EQ(result, 0);
#endif
}

CASE(fault, mapping_beyond_end_of_file_is_sigbus)
{
    size_t page = page_size();
    write_file("f", "hello", 5);
    int fd = (int)OK(open("f", O_RDWR));
    char *p = OK_MAP(mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    EXPECT_EQ(p[4], 'o');
    EXPECT_EQ(p[5], 0); /* the rest of the last page reads as zero */
    EXPECT_EQ(p[page - 1], 0);
    FAULTS(SIGBUS, look(p + page + 9));
    EXPECT_EQ(seen_code, BUS_ADRERR);
    EXPECT(seen_addr == p + page + 9);
    FAULTS(SIGBUS, touch(p + page));
    OK(ftruncate(fd, (off_t)page + 1));
    EXPECT_EQ(look(p + page + 9), 0); /* now it exists */
}

CASE(fault, truncation_takes_mapped_pages_away)
{
    size_t page = page_size();
    char *buf = calloc(1, 3 * page);
    memset(buf, 'a', 3 * page);
    write_file("f", buf, 3 * page);
    int fd = (int)OK(open("f", O_RDWR));
    char *p = OK_MAP(mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    EXPECT_EQ(p[2 * page], 'a');
    OK(ftruncate(fd, (off_t)page));
    EXPECT_EQ(p[page - 1], 'a');
    FAULTS(SIGBUS, look(p + page));
    FAULTS(SIGBUS, look(p + 2 * page));
    OK(ftruncate(fd, (off_t)(2 * page)));
    EXPECT_EQ(look(p + page), 0); /* grown back as zeros, not as old data */
}

static void *volatile guarded;

static void unprotect(int sig, siginfo_t *si, void *uc)
{
    (void)sig;
    (void)uc;
    guarded = si->si_addr;
    mprotect((void *)((uintptr_t)si->si_addr & -page_size()), page_size(), PROT_READ | PROT_WRITE);
}

CASE(fault, handler_may_mend_the_mapping_and_return)
{
    struct sigaction sa = {.sa_sigaction = unprotect, .sa_flags = SA_SIGINFO};
    char *p = map_anon(10 * page_size(), PROT_NONE, MAP_PRIVATE);
    OK(sigaction(SIGSEGV, &sa, NULL));
    for (size_t i = 0; i < 10; i++) {
        touch(p + i * page_size() + 7);
        EXPECT(guarded == p + i * page_size() + 7);
        EXPECT_EQ(p[i * page_size() + 7], 1);
    }
}

static void skip_illegal(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    (void)sig;
    (void)si;
#if defined(__riscv)
    EXPECT_EQ((uintptr_t)uc->uc_mcontext.__gregs[REG_PC], (uintptr_t)si->si_addr);
    uc->uc_mcontext.__gregs[REG_PC] += 4;
    uc->uc_mcontext.__gregs[REG_A0] = 99;
#else
    uc->uc_mcontext.gregs[REG_RIP] += 2;
    uc->uc_mcontext.gregs[REG_RAX] = 99;
#endif
}

CASE(fault, handler_may_change_registers_in_the_context)
{
    struct sigaction sa = {.sa_sigaction = skip_illegal, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGILL, &sa, NULL));
#if defined(__riscv)
    register long r __asm__("a0") = 1;
    __asm__ volatile(".word 0" : "+r"(r) : : "memory");
#else
    long r = 1;
    __asm__ volatile("ud2" : "+a"(r) : : "memory");
#endif
    EXPECT_EQ(r, 99);
}

CASE(fault, blocked_or_ignored_fault_kills)
{
    pid_t pid;
    sigset_t set;
    CHILD (pid) {
        catch_fault(SIGSEGV, 0);
        sigemptyset(&set);
        sigaddset(&set, SIGSEGV);
        OK(sigprocmask(SIG_BLOCK, &set, NULL));
        touch(BAD);
    }
    EXPECT_KILLED(pid, SIGSEGV);
    CHILD (pid) {
        signal(SIGSEGV, SIG_IGN);
        touch(BAD);
    }
    EXPECT_KILLED(pid, SIGSEGV);
}

static void fault_again(int sig)
{
    (void)sig;
    touch(BAD);
}

CASE(fault, fault_inside_its_handler_kills)
{
    pid_t pid;
    CHILD (pid) {
        on_signal(SIGSEGV, fault_again, 0);
        touch(BAD);
    }
    EXPECT_KILLED(pid, SIGSEGV);
}

__attribute__((noinline)) static int recurse(int n)
{
    volatile char pad[4096];
    pad[0] = (char)n;
    pad[4095] = (char)n;
    return n == -1 ? 0 : recurse(n + 1) + pad[0];
}

CASE(fault, stack_overflow_kills)
{
    struct rlimit rl;
    pid_t pid;
    OK(getrlimit(RLIMIT_STACK, &rl));
    rl.rlim_cur = 1 << 20;
    OK(setrlimit(RLIMIT_STACK, &rl));
    CHILD (pid) {
        recurse(0);
    }
    EXPECT_KILLED(pid, SIGSEGV);
    CHILD (pid) {
        on_signal(SIGSEGV, fault_again, 0); /* there is no stack left to run it on */
        recurse(0);
    }
    EXPECT_KILLED(pid, SIGSEGV);
}

CASE(fault, stack_overflow_is_caught_on_an_alternate_stack)
{
    stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};
    struct rlimit rl;
    OK(getrlimit(RLIMIT_STACK, &rl));
    rl.rlim_cur = 1 << 20;
    OK(setrlimit(RLIMIT_STACK, &rl));
    OK(sigaltstack(&ss, NULL));
    for (int i = 0; i < 3; i++) {
        catch_fault(SIGSEGV, SA_ONSTACK);
        if (sigsetjmp(back, 1) == 0) {
            recurse(0);
            FAIL("no overflow");
        }
        EXPECT_EQ(seen_sig, SIGSEGV);
    }
}

CASE(fault, sent_fault_signal_carries_the_senders_code)
{
    catch_fault(SIGSEGV, 0);
    if (sigsetjmp(back, 1) == 0)
        OK(kill(getpid(), SIGSEGV));
    EXPECT_EQ(seen_sig, SIGSEGV);
    EXPECT_EQ(seen_code, SI_USER);
}

CASE(fault, unaligned_access_works)
{
    char *buf = map_anon(2 * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE);
    for (size_t at = page_size() - 9; at < page_size() + 9; at++) {
        volatile uint64_t *p = (volatile uint64_t *)(void *)(buf + at);
        *p = 0x1122334455667788;
        EXPECT_EQ(*p, 0x1122334455667788);
        EXPECT_EQ(buf[at], (char)0x88);
        EXPECT_EQ(buf[at + 7], 0x11);
    }
}
