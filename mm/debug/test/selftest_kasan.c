// SPDX-License-Identifier: MIT
/* Wrong accesses, planted, in a kernel built with KASAN=1: each is reported with what it hit. */
#include "kernel/base/selftest.h"

#ifdef CAIRN_KASAN

#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "mm/debug/mistakes.h"
#include "mm/debug/test/planted.h"
#include "mm/frames.h"
#include "mm/kmalloc.h"
#include "mm/slab.h"

/* The compiler must not see where these lead, and must keep each access where it stands. */
#define HIDE(pointer) __asm__ volatile("" : "+r"(pointer))
#define PLANT         __attribute__((noinline))

struct item {
    char bytes[52];
};

SLAB_CACHE(item_cache, struct item, NULL);

static char five[5];
static volatile unsigned sink;

/* A plant makes its mistake on each run, by the same instruction. */
PLANT static void read_behind(void)
{
    volatile char *block = kmalloc(13, ALLOC_KERNEL);

    HIDE(block);
    block[12] = 1;
    sink = (unsigned)block[13];
    kfree((void *)block);
}

PLANT static void write_behind(void)
{
    volatile char *block = kmalloc(64, ALLOC_KERNEL);

    HIDE(block);
    block[64] = 1; /* in the gap: nobody's */
    kfree((void *)block);
}

PLANT static void write_before(void)
{
    volatile char *item = slab_alloc(&item_cache, ALLOC_KERNEL);

    HIDE(item);
    item[-1] = 1;
    slab_free(&item_cache, (void *)item);
}

PLANT static void copy_too_much(void)
{
    char *block = kmalloc(24, ALLOC_KERNEL);
    char *large = kmalloc(9000, ALLOC_KERNEL | ALLOC_ZERO);

    HIDE(block);
    memcpy(block, large, 25);
    kfree(block);
    kfree(large);
}

PLANT static void read_behind_large(void)
{
    volatile char *block = kmalloc(9000, ALLOC_KERNEL);

    HIDE(block);
    sink = (unsigned)block[9000];
    kfree((void *)block);
}

PLANT static void use_after_free(void)
{
    volatile char *item = slab_alloc(&item_cache, ALLOC_KERNEL);

    port_preempt_disable(); /* or it might be another's when we come back */
    slab_free(&item_cache, (void *)item);
    HIDE(item);
    sink = (unsigned)item[7];
    port_preempt_enable();
}

PLANT static void use_free_frame(void)
{
    struct page *page = frames_alloc(0, ALLOC_KERNEL);
    volatile uint64_t *words = page_address(page);

    port_preempt_disable(); /* as above */
    frames_free(page, 0);
    HIDE(words);
    words[3] = 1;
    port_preempt_enable();
}

PLANT static void write_behind_stack(void)
{
    char buffer[20];
    volatile char *at = buffer;

    HIDE(at);
    at[20] = 1;
}

PLANT static void read_behind_global(void)
{
    volatile char *at = five;

    HIDE(at);
    sink = (unsigned)at[5];
}

PLANT static void use_out_of_scope(void)
{
    volatile char *at;

    {
        char inner[16];

        at = inner;
        HIDE(at);
        at[0] = 1;
    }
    sink = (unsigned)at[0];
}

SELFTEST(kasan_names_each_planted_mistake)
{
    static const struct {
        void (*run)(void);
        const char *text[3];
    } cases[] = {
        {read_behind,
         {"kasan: out of bounds: read of 1 bytes at", "  allocated ", "13 bytes into object"}},
        {write_behind,
         {"kasan: out of bounds: write of 1 bytes at", "by write_behind+",
          "0 bytes behind object"}},
        {write_before,
         {"kasan: out of bounds: write of 1 bytes at", "  1 bytes before object", "  allocated "}},
        {copy_too_much,
         {"kasan: out of bounds: write of 25 bytes at", "by copy_too_much+",
          "of kmalloc-24 (24 bytes), in use"}},
        {read_behind_large,
         {"kasan: out of bounds: read of 1 bytes", "by read_behind_large+",
          "9000 bytes into a block of 3 frames of kmalloc"}},
        {use_after_free,
         {"kasan: use after free: read of 1 bytes", "7 bytes into object", "  freed "}},
        {use_free_frame,
         {"kasan: use of a free frame: write of 8 bytes", "by use_free_frame+",
          "last freed by use_free_frame+"}},
        {write_behind_stack,
         {"kasan: out of bounds on the stack: write of 1 bytes", "by write_behind_stack+", ""}},
        {read_behind_global,
         {"kasan: out of bounds of a global: read of 1 bytes", "by read_behind_global+",
          "0 bytes behind five of mm/debug/test/selftest_kasan.c (5 bytes)"}},
        {use_out_of_scope,
         {"kasan: use of a variable out of its scope: read", "by use_out_of_scope+", ""}},
    };

    for (size_t i = 0; i < array_size(cases); i++) {
        unsigned before = mistake_count();
        planted_listen();
        cases[i].run();
        for (size_t j = 0; j < array_size(cases[i].text); j++) {
            if (!planted_said(cases[i].text[j])) {
                selftest_fail(__FILE__, __LINE__, "case %zu: no \"%s\"", i, cases[i].text[j]);
            }
        }
        CHECK(mistake_count() == before + 1);
        cases[i].run(); /* one report a place */
        CHECK(mistake_count() == before + 1);
    }
}

SELFTEST(kasan_lets_a_caller_of_ksize_use_the_whole_block)
{
    unsigned before = mistake_count();
    char *block = kmalloc(13, ALLOC_KERNEL);

    CHECK(block != NULL && ksize(block) == 16);
    memset(block, 1, 16);
    block = krealloc(block, 15, ALLOC_KERNEL);
    memset(block, 1, 15);
    block = krealloc(block, 70, ALLOC_KERNEL);
    CHECK(block != NULL && block[14] == 1);
    memset(block, 1, 70);
    kfree(block);
    CHECK(mistake_count() == before);
}

SELFTEST(kasan_refuses_a_double_free_at_the_call)
{
    void *item = slab_alloc(&item_cache, ALLOC_KERNEL);
    void *again = item;

    planted_listen();
    slab_free(&item_cache, item);
    HIDE(again);
    slab_free(&item_cache, again);
    CHECK(planted_said("slab: item_cache: bad free of"));
    CHECK(planted_said("already free"));
}

#endif
