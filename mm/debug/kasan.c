// SPDX-License-Identifier: MIT
/* KASAN: each access of the kernel is looked up in a shadow of memory.
 *
 * Redzones show a stray write when somebody looks later, the guard pool shows any stray access but
 * only to a sampled object. If the compiler is asked to (-fsanitize=kernel-address), it calls a
 * function before each load and store, and then every access to every object can be judged. The
 * price is some eight times the instructions, so this is a build of its own: make KASAN=1.
 *
 * The judgement must be quick, so it is a look at one byte. Each eight bytes of the kernel's half of
 * the address space have a byte of shadow at a fixed distance (kasan_shadow.c maps it):
 *
 *     memory   | a b c d e f g h | a b c . . . . . | . . . . . . . . |     .: must not be used
 *     shadow   |        0        |        3        |       -9        |
 *                 all of them       the first three      none, and why
 *
 * Who writes the shadow?
 *   - The compiler poisons gaps around the variables of each stack frame, on entry, and clears them on
 *     return. A function that never returns leaves its poison behind, so the rest of the stack is
 *     cleared before such a call (__asan_handle_no_return), and a dead task's whole stack
 *     (kernel/task/stack.c).
 *   - Constructors, one for each object file, hand us the globals, which the compiler has laid out with
 *     gaps behind them.
 *   - The allocators, by the calls of mm/sanitize.h: free frames, free objects, the gap behind each
 *     object, and what kmalloc() gave beyond what it was asked for.
 *
 * So an object has a gap of at least 16 bytes before the next, stacks are twice as large, and an
 * eighth of memory is shadow. An object that was freed and given out again is in order to a late user
 * of its earlier life: there is no quarantine.
 *
 * memcpy() and the like come by assembly, or by loops that read whole words, so they are not
 * instrumented; the linker leads their callers here first (--wrap), where both ends are checked.
 *
 * This file is compiled without instrumentation, and so is whatever it calls on the way to a verdict.
 *
 * Locks: none. A byte of shadow changes with its memory, which has one owner at that moment.
 *
 * Source: K. Serebryany, D. Bruening, A. Potapenko and D. Vyukov, "AddressSanitizer: A Fast Address
 * Sanity Checker", USENIX ATC 2012; the names and the records of globals are the compiler's. */
#include "mm/debug/kasan.h"

#include "kernel/base/port.h"
#include "mm/debug/kasan_internal.h"
#include "mm/frames_visit.h"
#include "mm/sanitize.h"
#include "port/kasan.h"

#define GRANULE    8u
#define MAX_TABLES 512u /* object files with globals */

static bool is_on; /* [I] after kasan_start() */

/* ---- The shadow ------------------------------------------------------------------------------- */

static void set_shadow(int8_t *at, int8_t value, size_t nr)
{
    for (; nr != 0 && (uint64_t)at % 8 != 0; nr--) {
        *(volatile int8_t *)at++ = value;
    }
    for (; nr >= 8; nr -= 8, at += 8) {
        *(volatile uint64_t *)at = (uint8_t)value * 0x0101010101010101ull;
    }
    for (; nr != 0; nr--) {
        *(volatile int8_t *)at++ = value;
    }
}

/* A first granule that is used in part keeps that part. A last one is forbidden if its end is, too:
 * forbidden before allowed can't be told. */
static void forbid(uint64_t start, size_t len_bytes, enum kasan_shadow why)
{
    uint64_t end = start + len_bytes;

    if (start % GRANULE != 0) {
        int8_t *first = kasan_shadow_of(start);
        int8_t kept = (int8_t)(start % GRANULE);

        if (*first == 0 || *first > kept) {
            *first = kept;
        }
        start = align_up(start, GRANULE);
    }
    if (start < end) {
        int8_t *last = kasan_shadow_of(end);

        set_shadow(kasan_shadow_of(start), (int8_t)why, (end - start) / GRANULE);
        if (*last > 0 && *last <= (int8_t)(end % GRANULE)) {
            *last = (int8_t)why;
        }
    }
}

static void allow(uint64_t start, size_t len_bytes)
{
    uint64_t first = align_down(start, GRANULE);
    uint64_t end = start + len_bytes;

    set_shadow(kasan_shadow_of(first), KASAN_USABLE, (align_down(end, GRANULE) - first) / GRANULE);
    if (end % GRANULE != 0) {
        int8_t *last = kasan_shadow_of(end);

        if (*last < 0 || (*last > 0 && *last < (int8_t)(end % GRANULE))) {
            *last = (int8_t)(end % GRANULE);
        }
    }
}

uint64_t kasan_find_bad(uint64_t start, size_t len_bytes)
{
    uint64_t end = start + len_bytes;

    if (start < DIRECT_MAP_BASE || end < start) {
        return start; /* the user's half, or nobody's: the kernel has nothing there */
    }
    for (uint64_t at = start; at < end; at = align_down(at, GRANULE) + GRANULE) {
        int8_t shadow = *(volatile int8_t *)kasan_shadow_of(at);
        uint64_t last = min_of(end - 1, at | (GRANULE - 1));

        if (shadow < 0 || (shadow > 0 && (int8_t)(last % GRANULE) >= shadow)) {
            uint64_t first_bad = align_down(at, GRANULE) + (shadow < 0 ? 0 : (uint64_t)shadow);
            return max_of(at, first_bad);
        }
    }
    return 0;
}

/* Inlined into what is called, for the place that called. */
static inline __attribute__((always_inline)) void check(uint64_t start, size_t len_bytes,
                                                        bool is_write)
{
    uint64_t bad;

    if (likely(is_on && len_bytes != 0)) {
        bad = kasan_find_bad(start, len_bytes);
        if (unlikely(bad != 0)) {
            kasan_report(bad, start, len_bytes, is_write, __builtin_return_address(0));
        }
    }
}

/* ---- What the compiler calls ------------------------------------------------------------------ */

#define ACCESS(size)                                     \
    void __asan_load##size##_noabort(uint64_t address);  \
    void __asan_load##size##_noabort(uint64_t address)   \
    {                                                    \
        check(address, size, false);                     \
    }                                                    \
    void __asan_store##size##_noabort(uint64_t address); \
    void __asan_store##size##_noabort(uint64_t address)  \
    {                                                    \
        check(address, size, true);                      \
    }

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __asan_loadN_noabort(uint64_t address, size_t len_bytes);
void __asan_storeN_noabort(uint64_t address, size_t len_bytes);
void __asan_handle_no_return(void);
void __asan_register_globals(const struct kasan_global *globals, size_t nr);
void __asan_unregister_globals(const struct kasan_global *globals, size_t nr);
void __asan_poison_stack_memory(uint64_t start, size_t len_bytes);
void __asan_unpoison_stack_memory(uint64_t start, size_t len_bytes);

void __asan_loadN_noabort(uint64_t address, size_t len_bytes)
{
    check(address, len_bytes, false);
}

void __asan_storeN_noabort(uint64_t address, size_t len_bytes)
{
    check(address, len_bytes, true);
}

void __asan_handle_no_return(void)
{
    uint64_t here = (uint64_t)__builtin_frame_address(0);

    allow(here, align_up(here, KERNEL_STACK_SIZE) - here);
}

void __asan_poison_stack_memory(uint64_t start, size_t len_bytes)
{
    forbid(start, len_bytes, KASAN_STACK_SCOPE);
}

void __asan_unpoison_stack_memory(uint64_t start, size_t len_bytes)
{
    allow(start, len_bytes);
}

/* ---- Globals ---------------------------------------------------------------------------------- */

static struct {
    const struct kasan_global *globals;
    size_t nr;
} tables[MAX_TABLES];      /* [I] after kasan_start() */
static unsigned nr_tables; /* [I] after kasan_start() */

void __asan_register_globals(const struct kasan_global *globals, size_t nr)
{
    for (size_t i = 0; i < nr; i++) {
        forbid(globals[i].start + globals[i].size_bytes,
               globals[i].size_with_gap_bytes - globals[i].size_bytes, KASAN_GLOBAL);
    }
    if (nr_tables < MAX_TABLES) {
        tables[nr_tables].globals = globals;
        tables[nr_tables++].nr = nr;
    }
}

void __asan_unregister_globals(const struct kasan_global *globals, size_t nr)
{
    (void)globals; /* the kernel does not end */
    (void)nr;
}

const struct kasan_global *kasan_find_global(uint64_t address)
{
    for (unsigned i = 0; i < nr_tables; i++) {
        for (size_t j = 0; j < tables[i].nr; j++) {
            const struct kasan_global *global = &tables[i].globals[j];
            if (address - global->start < global->size_with_gap_bytes) {
                return global;
            }
        }
    }
    return NULL;
}

/* ---- What the allocators call: mm/sanitize.h --------------------------------------------------- */

void __asan_poison_memory_region(void const volatile *start, size_t len_bytes)
{
    if (is_on) {
        forbid((uint64_t)start, len_bytes, KASAN_FORBIDDEN);
    }
}

void __asan_unpoison_memory_region(void const volatile *start, size_t len_bytes)
{
    if (is_on) {
        allow((uint64_t)start, len_bytes);
    }
}

void sanitize_give(void *object, size_t len_bytes)
{
    __asan_unpoison_memory_region(object, len_bytes);
    kasan_note(object, false);
}

void sanitize_take(void *object, size_t len_bytes)
{
    kasan_note(object, true);
    __asan_poison_memory_region(object, len_bytes);
}

/* ---- What the linker leads here ---------------------------------------------------------------- */

void *__real_memcpy(void *dst, const void *src, size_t len_bytes);
void *__real_memmove(void *dst, const void *src, size_t len_bytes);
void *__real_memset(void *dst, int byte, size_t len_bytes);
int __real_memcmp(const void *a, const void *b, size_t len_bytes);
size_t __real_user_copy(void *dst, const void *src, size_t len_bytes);
void *__wrap_memcpy(void *dst, const void *src, size_t len_bytes);
void *__wrap_memmove(void *dst, const void *src, size_t len_bytes);
void *__wrap_memset(void *dst, int byte, size_t len_bytes);
int __wrap_memcmp(const void *a, const void *b, size_t len_bytes);
size_t __wrap_user_copy(void *dst, const void *src, size_t len_bytes);

void *__wrap_memcpy(void *dst, const void *src, size_t len_bytes)
{
    check((uint64_t)src, len_bytes, false);
    check((uint64_t)dst, len_bytes, true);
    return __real_memcpy(dst, src, len_bytes);
}

void *__wrap_memmove(void *dst, const void *src, size_t len_bytes)
{
    check((uint64_t)src, len_bytes, false);
    check((uint64_t)dst, len_bytes, true);
    return __real_memmove(dst, src, len_bytes);
}

void *__wrap_memset(void *dst, int byte, size_t len_bytes)
{
    check((uint64_t)dst, len_bytes, true);
    return __real_memset(dst, byte, len_bytes);
}

int __wrap_memcmp(const void *a, const void *b, size_t len_bytes)
{
    check((uint64_t)a, len_bytes, false);
    check((uint64_t)b, len_bytes, false);
    return __real_memcmp(a, b, len_bytes);
}

/* One of the two is the user's. */
size_t __wrap_user_copy(void *dst, const void *src, size_t len_bytes)
{
    if ((uint64_t)dst >= DIRECT_MAP_BASE) {
        check((uint64_t)dst, len_bytes, true);
    } else {
        check((uint64_t)src, len_bytes, false);
    }
    return __real_user_copy(dst, src, len_bytes);
}

/* ---- The start --------------------------------------------------------------------------------- */

extern void (*const kasan_constructors_start[])(void), (*const kasan_constructors_end[])(void);

/* Frames that have been free since before the shadow was. */
static void forbid_free(struct page *page, uint64_t nr_frames)
{
    forbid((uint64_t)page_address(page), nr_frames * PAGE_SIZE, KASAN_FORBIDDEN);
}

void kasan_start(void)
{
    kasan_seal();
    for (unsigned i = 0; &kasan_constructors_start[i] < kasan_constructors_end; i++) {
        kasan_constructors_start[i]();
    }
    frames_visit_free(forbid_free);
    is_on = true;
}
