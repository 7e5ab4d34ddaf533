// SPDX-License-Identifier: MIT
/* Where mappings are placed: against a model that walks all areas, and at a cost that does not grow with their number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mm/space.h"
#include "mm/space_internal.h"
#include "mm/test/machine.h"

#define MIB       (1ul << 20)
#define NR_AREAS  4096u
#define NR_STEPS  20000u
#define TOP_PAGES 3000ul /* a small user half, so that it fills up */

static struct host_random source;

struct model {
    unsigned nr;
    uint64_t end[NR_AREAS], first_taken[NR_AREAS]; /* of those below, and of `above` as the last */
};

static void note_area(const struct area *area, void *arg)
{
    struct model *model = arg;
    uint64_t gap = (area->flags & AREA_GROWS_DOWN) != 0 ? STACK_GAP_BYTES : 0;

    if (model->nr != 0 && model->end[model->nr - 1] >= area->space->mmap_top) {
        return;
    }
    assert_true(model->nr < NR_AREAS);
    model->end[model->nr] = area->end;
    model->first_taken[model->nr++] = area->start > gap ? area->start - gap : 0;
}

/* What area_find_room() should say. */
static uint64_t model_room(struct space *space, uint64_t len_bytes)
{
    static struct model model;
    uint64_t ceiling = space->mmap_top;
    unsigned i;

    model.nr = 0;
    space_for_each_area(space, note_area, &model);
    i = model.nr;
    if (i != 0 && model.end[i - 1] >= space->mmap_top) {
        ceiling = min_of(ceiling, model.first_taken[--i]);
    }
    for (; i != 0; i--) {
        if (ceiling >= model.end[i - 1] && ceiling - model.end[i - 1] >= len_bytes) {
            return ceiling - len_bytes;
        }
        ceiling = model.first_taken[i - 1];
    }
    return ceiling >= len_bytes + LOWEST_BYTES ? ceiling - len_bytes : 0;
}

static uint64_t random_pages(unsigned most)
{
    return (1 + host_random_below(&source, most)) * PAGE_SIZE;
}

static void map_somewhere(struct space *space, bool is_fixed)
{
    /* Neighbours of different rights are not joined. */
    struct space_map_request request = {
        .len_bytes = random_pages(host_random_below(&source, 8) == 0 ? 400 : 8),
        .flags = host_random_below(&source, 2) == 0 ? AREA_READ : AREA_READ | AREA_WRITE,
        .is_fixed = is_fixed,
        .address = is_fixed ? random_pages(TOP_PAGES + 400) + LOWEST_BYTES : 0,
    };
    uint64_t expected = is_fixed ? request.address : model_room(space, request.len_bytes);
    uint64_t address = 0;

    request.flags |= host_random_below(&source, 16) == 0 ? AREA_GROWS_DOWN : 0;
    assert_int_equal(space_map(space, &request, &address) == 0 ? address : 0, expected);
}

static void places_are_those_of_the_model(void **state)
{
    struct space *space = space_create();

    (void)state;
    space->mmap_top = TOP_PAGES * PAGE_SIZE;
    for (unsigned step = 0; step < NR_STEPS; step++) {
        uint64_t at = random_pages(TOP_PAGES + 400) + LOWEST_BYTES;

        switch (host_random_below(&source, 5)) {
        case 0: assert_int_equal(space_unmap(space, at, random_pages(40)), 0); break;
        case 1: map_somewhere(space, true); break;
        case 2: (void)!space_protect(space, at, random_pages(4), AREA_READ); break;
        default: map_somewhere(space, false); break;
        }
        space_check(space);
    }
    space_put(space);
}

/* ---- What it costs ----------------------------------------------------------------------------- */

#define NR_MANY 40000u
#define CHUNK   1000u

static uint64_t time_chunk(struct space *space)
{
    uint64_t begin = port_clock_ns();

    for (unsigned i = 0; i < CHUNK; i++) {
        struct space_map_request request = {
            .len_bytes = PAGE_SIZE,
            .flags = i % 2 == 0 ? AREA_READ : AREA_READ | AREA_WRITE,
        };
        uint64_t address;

        assert_int_equal(space_map(space, &request, &address), 0);
    }
    return port_clock_ns() - begin;
}

/* The best of ten, so that a busy machine does not decide. */
static uint64_t time_chunks(struct space *space)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < 10; i++) {
        best = min_of(best, time_chunk(space));
    }
    return best;
}

/* Walking from area to area, the last are eight times as dear as the first. */
static void the_last_of_many_areas_is_placed_as_cheaply_as_the_first(void **state)
{
    struct space *space = space_create();
    uint64_t first = time_chunks(space);
    uint64_t last;

    (void)state;
    while (load_relaxed(&space->nr_mapped_pages) < NR_MANY - 10 * CHUNK) {
        (void)time_chunk(space);
    }
    last = time_chunks(space);
    assert_true(last < 4 * first);
    space_put(space);
}

static int setup_group(void **state)
{
    (void)state;
    host_random_init(&source);
    machine_start(64 * MIB);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_those_of_the_model),
        cmocka_unit_test(the_last_of_many_areas_is_placed_as_cheaply_as_the_first),
    };

    return cmocka_run_group_tests(tests, setup_group, NULL);
}
