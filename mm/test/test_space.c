// SPDX-License-Identifier: MIT
/* Address spaces against a shadow model: a window of pages of two spaces (a process and its fork), each page with its rights
 * and a byte of content, changed at random through the calls that a program has. After each step the tree is checked; at
 * each access what is read must be what was written, and what is refused must be what the model refuses. At the end
 * every frame must be back. A fake object plays the shared file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/abi/errno.h"
#include "mm/fault_inject.h"
#include "mm/frames.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/space_internal.h"
#include "mm/test/machine.h"

#define MIB          (1ul << 20)
#define WINDOW_START 0x10000000ul
#define WINDOW_PAGES 48u
#define RIGHTS       (AREA_READ | AREA_WRITE)

static struct host_random source;

/* ---- A shared object of a few pages ------------------------------------------------------------ */

#define OBJECT_PAGES 16u

struct fake_object {
    struct map_object object;
    struct page *pages[OBJECT_PAGES];
    unsigned nr_made_writable;
    int refs;
};

static struct fake_object fake;

static int fake_get_page(struct map_object *object, uint64_t index, unsigned nr_around,
                         struct page **page)
{
    (void)object;
    (void)nr_around;
    if (index >= OBJECT_PAGES) {
        return -EFAULT;
    }
    page_get(fake.pages[index]);
    *page = fake.pages[index];
    return 0;
}

static void fake_find_pages(struct map_object *object, uint64_t index, unsigned nr,
                            struct page **pages)
{
    for (unsigned i = 0; i < nr; i++) {
        if (fake_get_page(object, index + i, 1, &pages[i]) != 0) {
            pages[i] = NULL;
        }
    }
}

static int fake_make_writable(struct map_object *object, struct page *page)
{
    (void)object;
    page_set(page, PAGE_LOCKED);
    fake.nr_made_writable++;
    return 0;
}

static void fake_unlock_page(struct page *page)
{
    page_clear(page, PAGE_LOCKED);
}

static void fake_get(struct map_object *object)
{
    (void)object;
    fake.refs++;
}

static void fake_put(struct map_object *object)
{
    (void)object;
    fake.refs--;
}

static const struct map_object_ops fake_ops = {
    .get_page = fake_get_page,
    .find_pages = fake_find_pages,
    .make_writable = fake_make_writable,
    .unlock_page = fake_unlock_page,
    .get = fake_get,
    .put = fake_put,
};

static void fake_start(void)
{
    memset(&fake, 0, sizeof(fake));
    map_object_init(&fake.object, &fake_ops);
    for (unsigned i = 0; i < OBJECT_PAGES; i++) {
        fake.pages[i] = frames_alloc(0, ALLOC_KERNEL | ALLOC_ZERO);
        assert_non_null(fake.pages[i]);
        fake.pages[i]->kind = PAGE_CACHE;
        fake.pages[i]->cache.index = i;
        *(uint8_t *)page_address(fake.pages[i]) = (uint8_t)(100 + i);
    }
}

static void fake_stop(void)
{
    assert_int_equal(fake.refs, 0);
    for (unsigned i = 0; i < OBJECT_PAGES; i++) {
        assert_int_equal(page_refs(fake.pages[i]), 1);
        assert_int_equal(atomic_load(&fake.pages[i]->maps), 0);
        fake.pages[i]->kind = PAGE_USED;
        atomic_store(&fake.pages[i]->flags, 0);
        page_put(fake.pages[i]);
    }
}

/* ---- The model --------------------------------------------------------------------------------- */

struct shadow_page {
    bool is_mapped;
    uint32_t rights;
    bool is_shared; /* shows fake.pages[index] */
    bool is_private_file;
    unsigned index;
    bool has_own; /* private content of its own */
    uint8_t value;
};

struct model {
    struct space *space;
    struct shadow_page pages[WINDOW_PAGES];
};

static uint64_t address_of(unsigned page)
{
    return WINDOW_START + page * PAGE_SIZE;
}

static uint8_t expected_value(const struct shadow_page *page)
{
    if (page->is_shared || (page->is_private_file && !page->has_own)) {
        return *(uint8_t *)page_address(fake.pages[page->index]);
    }
    return page->value;
}

static void step_map(struct model *model, unsigned first, unsigned nr)
{
    unsigned kind = (unsigned)host_random_below(&source, 3);
    unsigned index = (unsigned)host_random_below(&source, OBJECT_PAGES);
    uint32_t rights = host_random_below(&source, 4) == 0 ? AREA_READ : RIGHTS;
    struct space_map_request request = {
        .address = address_of(first),
        .is_fixed = true,
        .flags = rights | AREA_MAY_WRITE,
    };
    uint64_t address = 0;

    if (kind != 0) {
        nr = min_of(nr, OBJECT_PAGES - index);
        request.object = &fake.object;
        request.object_index = index;
        request.flags |= kind == 1 ? AREA_SHARED : 0;
    }
    request.len_bytes = nr * PAGE_SIZE;
    assert_int_equal(space_map(model->space, &request, &address), 0);
    assert_int_equal(address, address_of(first));
    for (unsigned i = 0; i < nr; i++) {
        model->pages[first + i] = (struct shadow_page){
            .is_mapped = true,
            .rights = rights,
            .is_shared = kind == 1,
            .is_private_file = kind == 2,
            .index = index + i,
        };
    }
}

static void step_unmap(struct model *model, unsigned first, unsigned nr)
{
    assert_int_equal(space_unmap(model->space, address_of(first), nr * PAGE_SIZE), 0);
    memset(&model->pages[first], 0, nr * sizeof(model->pages[0]));
}

static void step_protect(struct model *model, unsigned first, unsigned nr)
{
    uint32_t rights = host_random_below(&source, 3) == 0   ? 0
                      : host_random_below(&source, 2) == 0 ? AREA_READ
                                                           : RIGHTS;
    int expected = 0;

    for (unsigned i = first; i < first + nr; i++) {
        expected = model->pages[i].is_mapped ? expected : -ENOMEM;
    }
    assert_int_equal(space_protect(model->space, address_of(first), nr * PAGE_SIZE, rights),
                     expected);
    for (unsigned i = first; expected == 0 && i < first + nr; i++) {
        model->pages[i].rights = rights;
    }
}

static void step_write(struct model *model, unsigned which)
{
    struct shadow_page *page = &model->pages[which];
    uint8_t value = (uint8_t)host_random_next(&source);
    size_t expected = page->is_mapped && (page->rights & AREA_WRITE) != 0 ? 1 : 0;

    assert_int_equal(space_write(model->space, address_of(which), &value, 1), expected);
    if (expected == 0) {
        return;
    }
    if (!page->is_shared) {
        page->has_own = true;
        page->value = value;
    }
}

static void step_read(struct model *model, unsigned which)
{
    const struct shadow_page *page = &model->pages[which];
    size_t expected = page->is_mapped && page->rights != 0 ? 1 : 0;
    uint8_t value = 0;

    assert_int_equal(space_read(model->space, address_of(which), &value, 1), expected);
    if (expected == 1) {
        assert_int_equal(value, expected_value(page));
    }
}

static void step_discard(struct model *model, unsigned first, unsigned nr)
{
    int expected = 0;

    for (unsigned i = first; i < first + nr; i++) {
        expected = model->pages[i].is_mapped ? expected : -ENOMEM;
    }
    assert_int_equal(space_discard(model->space, address_of(first), nr * PAGE_SIZE, 0), expected);
    for (unsigned i = first; i < first + nr; i++) {
        model->pages[i].has_own = false;
        model->pages[i].value = 0;
    }
}

static void step_truncate(struct model models[2])
{
    unsigned first = (unsigned)host_random_below(&source, OBJECT_PAGES);

    map_object_unmap(&fake.object, first, UINT64_MAX, true);
    for (unsigned m = 0; m < 2; m++) {
        for (unsigned i = 0; i < WINDOW_PAGES; i++) {
            struct shadow_page *page = &models[m].pages[i];

            if (page->is_private_file && page->index >= first) {
                page->has_own = false;
            }
        }
    }
}

static void step_fork(struct model models[2], unsigned parent)
{
    space_put(models[1 - parent].space);
    models[1 - parent] = models[parent];
    assert_int_equal(space_fork(models[parent].space, &models[1 - parent].space), 0);
}

static void one_step(struct model models[2])
{
    unsigned which = (unsigned)host_random_below(&source, 2);
    struct model *model = &models[which];
    unsigned first = (unsigned)host_random_below(&source, WINDOW_PAGES);
    unsigned nr = 1 + (unsigned)host_random_below(&source, min_of(WINDOW_PAGES - first, 8u));

    switch (host_random_below(&source, 40)) {
    case 0 ... 3: step_map(model, first, nr); break;
    case 4 ... 5: step_unmap(model, first, nr); break;
    case 6 ... 8: step_protect(model, first, nr); break;
    case 9: step_discard(model, first, nr); break;
    case 10: step_fork(models, which); break;
    case 11: step_truncate(models); break;
    case 12: (void)map_object_clean(&fake.object, host_random_below(&source, OBJECT_PAGES)); break;
    case 13 ... 25: step_write(model, first); break;
    default: step_read(model, first); break;
    }
}

static uint64_t free_frames(void)
{
    (void)slab_reap();
    frames_drain_hot();
    return frames_nr_free();
}

/* Run the model for nr steps from a fresh pair of spaces. */
static void run_model(unsigned nr_steps)
{
    static struct model models[2];

    memset(models, 0, sizeof(models));
    models[0].space = space_create();
    models[1].space = space_create();
    assert_non_null(models[0].space);
    assert_non_null(models[1].space);
    for (unsigned i = 0; i < nr_steps; i++) {
        one_step(models);
        space_check(models[0].space);
        space_check(models[1].space);
    }
    for (unsigned i = 0; i < WINDOW_PAGES; i++) {
        step_read(&models[0], i);
        step_read(&models[1], i);
    }
    space_put(models[0].space);
    space_put(models[1].space);
}

static void random_calls_match_the_model_and_leak_nothing(void **state)
{
    uint64_t before;

    (void)state;
    fake_start();
    run_model(200); /* caches and the page of zeros come into being */
    before = free_frames();
    run_model(200000);
    assert_int_equal(free_frames(), before);
    fake_stop();
}

static void a_write_after_fork_is_seen_by_neither_other_side(void **state)
{
    struct space *parent = space_create();
    struct space *child;
    struct space_map_request request = {.len_bytes = PAGE_SIZE, .flags = RIGHTS};
    uint64_t address;
    uint8_t byte = 1;

    (void)state;
    assert_int_equal(space_map(parent, &request, &address), 0);
    assert_int_equal(space_write(parent, address, &byte, 1), 1);
    assert_int_equal(space_fork(parent, &child), 0);
    byte = 2;
    assert_int_equal(space_write(child, address, &byte, 1), 1);
    byte = 3;
    assert_int_equal(space_write(parent, address + 1, &byte, 1), 1);
    assert_int_equal(space_read(parent, address, &byte, 1), 1);
    assert_int_equal(byte, 1);
    assert_int_equal(space_read(child, address, &byte, 1), 1);
    assert_int_equal(byte, 2);
    assert_int_equal(space_read(child, address + 1, &byte, 1), 1);
    assert_int_equal(byte, 0);
    space_put(parent);
    space_put(child);
}

static void a_moved_mapping_keeps_its_content(void **state)
{
    struct space *space = space_create();
    struct space_map_request request = {.len_bytes = 4 * PAGE_SIZE, .flags = RIGHTS};
    uint64_t address, moved;
    char text[] = "cairn";

    (void)state;
    assert_int_equal(space_map(space, &request, &address), 0);
    assert_int_equal(space_write(space, address + 3 * PAGE_SIZE, text, sizeof(text)), sizeof(text));
    assert_int_equal(
        space_remap(space, address, 4 * PAGE_SIZE, 600 * PAGE_SIZE, true, false, 0, &moved), 0);
    space_check(space);
    memset(text, 0, sizeof(text));
    assert_int_equal(space_read(space, moved + 3 * PAGE_SIZE, text, sizeof(text)), sizeof(text));
    assert_string_equal(text, "cairn");
    assert_int_equal(space_remap(space, moved, 600 * PAGE_SIZE, PAGE_SIZE, false, false, 0, &moved),
                     0);
    assert_int_equal(space_read(space, moved + PAGE_SIZE, text, 1), 0);
    space_put(space);
}

static void the_stack_grows_to_its_limit_and_no_further(void **state)
{
    struct space *space = space_create();
    struct space_map_request request = {.address = 0x20000000,
                                        .is_fixed = true,
                                        .len_bytes = PAGE_SIZE,
                                        .flags = RIGHTS | AREA_GROWS_DOWN};
    uint64_t address;
    uint8_t byte = 7;

    (void)state;
    space->limit_stack_bytes = 16 * PAGE_SIZE;
    assert_int_equal(space_map(space, &request, &address), 0);
    assert_int_equal(space_write(space, address - 10 * PAGE_SIZE, &byte, 1), 1);
    assert_int_equal(space_write(space, address - 15 * PAGE_SIZE, &byte, 1), 1);
    assert_int_equal(space_fault(space, address - 16 * PAGE_SIZE, FAULT_WRITE), -EFAULT);
    space_put(space);
}

static uint64_t map_at(struct space *space, uint64_t at, uint64_t nr_pages, uint32_t flags)
{
    struct space_map_request request = {
        .address = at, .is_fixed = true, .len_bytes = nr_pages * PAGE_SIZE, .flags = flags};
    uint64_t address;

    assert_int_equal(space_map(space, &request, &address), 0);
    return address;
}

static void a_stack_keeps_its_distance_from_what_is_below(void **state)
{
    struct space *space = space_create();
    uint64_t stack = map_at(space, 0x20000000, 1, RIGHTS | AREA_GROWS_DOWN);
    uint64_t low_end = map_at(space, 0x20000000 - 500 * PAGE_SIZE, 1, RIGHTS) + PAGE_SIZE;

    (void)state;
    assert_int_equal(space_fault(space, stack - PAGE_SIZE, FAULT_WRITE), 0);
    assert_int_equal(space_fault(space, low_end + STACK_GAP_BYTES - PAGE_SIZE, FAULT_WRITE),
                     -EFAULT);
    assert_int_equal(space_fault(space, low_end + STACK_GAP_BYTES, FAULT_WRITE), 0);
    assert_int_equal(space_protect(space, low_end - PAGE_SIZE, PAGE_SIZE, 0), 0);
    assert_int_equal(space_fault(space, low_end, FAULT_WRITE), 0); /* above a guard of its own */
    space_check(space);
    space_put(space);
}

/* Bringing in asks for the access that the area allows, and must see that it was granted. */
static void memory_that_can_only_be_executed_can_be_locked(void **state)
{
    struct space *space = space_create();
    uint64_t address = map_at(space, WINDOW_START, 2, AREA_EXEC);

    (void)state;
    assert_int_equal(space_lock(space, address, address + 2 * PAGE_SIZE, false), 0);
    space_put(space);
}

static void a_child_gets_what_advice_leaves_it(void **state)
{
    struct space *space = space_create();
    struct space *child;
    uint64_t at = map_at(space, WINDOW_START, 3, RIGHTS);
    uint8_t byte = 7;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(space_write(space, at + i * PAGE_SIZE, &byte, 1), 1);
    }
    assert_int_equal(space_advise(space, at, PAGE_SIZE, 0, AREA_DONT_FORK), 0);
    assert_int_equal(space_advise(space, at + PAGE_SIZE, PAGE_SIZE, 0, AREA_WIPE_ON_FORK), 0);
    assert_int_equal(space_fork(space, &child), 0);
    space_check(child);
    assert_int_equal(space_read(child, at, &byte, 1), 0);
    assert_int_equal(space_read(child, at + PAGE_SIZE, &byte, 1), 1);
    assert_int_equal(byte, 0);
    assert_int_equal(space_read(child, at + 2 * PAGE_SIZE, &byte, 1), 1);
    assert_int_equal(byte, 7);
    space_put(child);
    space_put(space);
}

/* ---- Files to be synced ------------------------------------------------------------------------ */

static int nr_file_refs;

static void count_get(void *file)
{
    (void)file;
    nr_file_refs++;
}

static void count_put(void *file)
{
    (void)file;
    nr_file_refs--;
}

/* The ranges of a file that msync would write for [start, end), as pages: first and number. */
static unsigned find_files(struct space *space, uint64_t start, uint64_t end, uint64_t pages[4][2])
{
    uint64_t first, last;
    unsigned nr = 0;

    while (nr < 4 && space_next_shared_file(space, &start, end, &first, &last) != NULL) {
        count_put(NULL);
        pages[nr][0] = first >> PAGE_SHIFT;
        pages[nr++][1] = (last + 1 - first) >> PAGE_SHIFT;
    }
    return nr;
}

static void a_part_of_a_shared_file_is_found_once(void **state)
{
    static const struct area_file_ops ops = {count_get, count_put};
    struct space *space = space_create();
    struct space_map_request request = {.address = WINDOW_START,
                                        .is_fixed = true,
                                        .len_bytes = 8 * PAGE_SIZE,
                                        .flags = RIGHTS | AREA_SHARED | AREA_MAY_WRITE,
                                        .object = &fake.object,
                                        .object_index = 2,
                                        .file = &fake};
    uint64_t at, pages[4][2];

    (void)state;
    fake_start();
    space_set_file_ops(&ops);
    assert_int_equal(space_map(space, &request, &at), 0);
    assert_int_equal(find_files(space, at, at + 3 * PAGE_SIZE, pages), 1);
    assert_true(pages[0][0] == 2 && pages[0][1] == 3);
    assert_int_equal(find_files(space, at + PAGE_SIZE, at + 2 * PAGE_SIZE, pages), 1);
    assert_true(pages[0][0] == 3 && pages[0][1] == 1);
    assert_int_equal(space_protect(space, at + 4 * PAGE_SIZE, PAGE_SIZE, AREA_READ), 0);
    assert_int_equal(find_files(space, at + 3 * PAGE_SIZE, at + 7 * PAGE_SIZE, pages), 3);
    assert_true(pages[0][1] == 1 && pages[1][0] == 6 && pages[2][0] == 7 && pages[2][1] == 2);
    space_put(space);
    assert_int_equal(nr_file_refs, 0);
    space_set_file_ops(NULL);
    fake_stop();
}

static void who_was_killed_brings_in_no_more(void **state)
{
    struct space *space = space_create();
    struct space_map_request request = {.flags = RIGHTS, .len_bytes = 1024 * PAGE_SIZE};
    uint64_t address;

    (void)state;
    assert_int_equal(space_map(space, &request, &address), 0);
    host_signal(port_self(), true);
    assert_int_equal(space_fault_range(space, address, request.len_bytes, FAULT_WRITE), -EINTR);
    assert_true(load_relaxed(&space->nr_anon_pages) < 128);
    assert_int_equal(space_fault_range(space, address, PAGE_SIZE, FAULT_WRITE),
                     0); /* on his way out */
    host_signal_clear(port_self());
    assert_int_equal(space_fault_range(space, address, request.len_bytes, FAULT_WRITE), 0);
    assert_int_equal(load_relaxed(&space->nr_anon_pages), 1024);
    space_put(space);
}

static void impossible_requests_are_refused(void **state)
{
    struct space *space = space_create();
    struct space_map_request request = {.flags = RIGHTS};
    uint64_t address;

    (void)state;
    assert_int_equal(space_map(space, &request, &address), -EINVAL);
    request.len_bytes = UINT64_MAX;
    assert_int_equal(space_map(space, &request, &address), -ENOMEM);
    request.len_bytes = PAGE_SIZE;
    request.address = USER_END;
    request.is_fixed = true;
    assert_int_equal(space_map(space, &request, &address), -ENOMEM);
    request.address = WINDOW_START + 1;
    assert_int_equal(space_map(space, &request, &address), -EINVAL);
    request.address = WINDOW_START;
    assert_int_equal(space_map(space, &request, &address), 0);
    request.is_fixed = false;
    request.is_fixed_noreplace = true;
    assert_int_equal(space_map(space, &request, &address), -EEXIST);
    space->limit_address_space_bytes = 4 * PAGE_SIZE;
    request.is_fixed_noreplace = false;
    request.len_bytes = 4 * PAGE_SIZE;
    assert_int_equal(space_map(space, &request, &address), -ENOMEM);
    assert_int_equal(space_unmap(space, WINDOW_START + 1, PAGE_SIZE), -EINVAL);
    assert_int_equal(space_unmap(space, WINDOW_START, 0), -EINVAL);
    assert_int_equal(space_unmap(space, USER_END - PAGE_SIZE, 2 * PAGE_SIZE), -EINVAL);
    assert_int_equal(space_fault(space, UINT64_MAX, FAULT_READ), -EFAULT);
    space_put(space);
}

static int setup_group(void **state)
{
    (void)state;
    host_random_init(&source);
    machine_start(64 * MIB);
    machine_warm_families();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_calls_match_the_model_and_leak_nothing),
        cmocka_unit_test(a_write_after_fork_is_seen_by_neither_other_side),
        cmocka_unit_test(a_moved_mapping_keeps_its_content),
        cmocka_unit_test(the_stack_grows_to_its_limit_and_no_further),
        cmocka_unit_test(a_stack_keeps_its_distance_from_what_is_below),
        cmocka_unit_test(memory_that_can_only_be_executed_can_be_locked),
        cmocka_unit_test(a_child_gets_what_advice_leaves_it),
        cmocka_unit_test(a_part_of_a_shared_file_is_found_once),
        cmocka_unit_test(who_was_killed_brings_in_no_more),
        cmocka_unit_test(impossible_requests_are_refused),
    };

    return cmocka_run_group_tests(tests, setup_group, NULL);
}
