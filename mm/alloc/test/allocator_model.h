// SPDX-License-Identifier: MIT
/* Random operations on an allocator, against a shadow that cannot be wrong: a list of the live
 * blocks and of what was written into them. Two blocks that overlap, a byte that is lost in moving,
 * memory that is not zeroed or not aligned: all of it shows in the content. After each step the
 * allocator walks its own structure. */
#ifndef CAIRN_MM_ALLOC_TEST_ALLOCATOR_MODEL_H
#define CAIRN_MM_ALLOC_TEST_ALLOCATOR_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/abi/errno.h"
#include "mm/alloc/allocator.h"
#include "mm/test/machine.h"

#define MODEL_BLOCKS 64u

struct model_block {
    unsigned char *memory;
    struct layout layout;
    unsigned char fill;
    uint64_t born; /* the step that placed its last byte */
};

struct model {
    struct allocator allocator;
    struct host_random *source;
    size_t max_bytes;       /* sizes are 0 .. max_bytes */
    unsigned max_align_log; /* alignments are 1 .. 2^max_align_log */
    uint64_t step;
    uint64_t nr_refused;
    uint64_t live_bytes;
    unsigned nr_blocks;
    struct model_block blocks[MODEL_BLOCKS];
};

static inline void model_expect_content(const struct model_block *block, size_t len_bytes)
{
    for (size_t i = 0; i < len_bytes; i++) {
        if (block->memory[i] != (unsigned char)(block->fill + i)) {
            fail_msg("byte %zu of %zu of a block is wrong", i, block->layout.size_bytes);
        }
    }
}

static inline void model_write_content(struct model *model, struct model_block *block)
{
    block->fill = (unsigned char)host_random_next(model->source);
    for (size_t i = 0; i < block->layout.size_bytes; i++) {
        block->memory[i] = (unsigned char)(block->fill + i);
    }
}

static inline size_t model_random_size(struct model *model)
{
    size_t limit = 1 + host_random_below(model->source, model->max_bytes + 1);

    return host_random_below(model->source, limit);
}

static inline void model_allocate(struct model *model)
{
    bool is_zeroed = host_random_below(model->source, 3) == 0;
    size_t align_bytes = 1ul << host_random_below(model->source, model->max_align_log + 1u);
    struct model_block block = {.born = model->step};

    assert_int_equal(layout_make(model_random_size(model), align_bytes, &block.layout), 0);
    block.memory = is_zeroed
                       ? allocator_allocate_zeroed(model->allocator, block.layout, ALLOC_QUIET)
                       : allocator_allocate(model->allocator, block.layout, ALLOC_QUIET);
    if (block.memory == NULL) {
        assert_true(block.layout.size_bytes != 0);
        model->nr_refused++;
        return;
    }
    assert_int_equal((uint64_t)block.memory % align_bytes, 0);
    for (size_t i = 0; is_zeroed && i < block.layout.size_bytes; i++) {
        assert_int_equal(block.memory[i], 0);
    }
    model_write_content(model, &block);
    model->live_bytes += block.layout.size_bytes;
    model->blocks[model->nr_blocks++] = block;
}

static inline void model_forget(struct model *model, unsigned index)
{
    model->live_bytes -= model->blocks[index].layout.size_bytes;
    model->blocks[index] = model->blocks[--model->nr_blocks];
}

static inline void model_deallocate(struct model *model, unsigned index)
{
    struct model_block *block = &model->blocks[index];

    model_expect_content(block, block->layout.size_bytes);
    allocator_deallocate(model->allocator, block->memory, block->layout);
    model_forget(model, index);
}

/* The block has a new size; its first kept_bytes are still to be as they were. */
static inline void model_resized(struct model *model, struct model_block *block,
                                 size_t new_size_bytes)
{
    size_t kept_bytes = min_of(block->layout.size_bytes, new_size_bytes);

    model_expect_content(block, kept_bytes);
    model->live_bytes += new_size_bytes - block->layout.size_bytes;
    if (new_size_bytes > block->layout.size_bytes) {
        block->born = model->step;
    }
    block->layout.size_bytes = new_size_bytes;
    model_write_content(model, block);
}

static inline void model_change_size(struct model *model, struct model_block *block)
{
    size_t old_bytes = block->layout.size_bytes;
    size_t new_bytes = model_random_size(model);
    bool is_zeroed = host_random_below(model->source, 2) == 0;

    if (host_random_below(model->source, 3) == 0) {
        if (allocator_resize_in_place(model->allocator, block->memory, block->layout, new_bytes)) {
            model_resized(model, block, new_bytes);
        } else {
            assert_true(new_bytes > old_bytes || new_bytes == 0);
        }
    } else if (new_bytes < old_bytes) {
        unsigned char *same = allocator_shrink(model->allocator, block->memory, block->layout,
                                               new_bytes);
        assert_true(new_bytes == 0 || same == block->memory);
        block->memory = same;
        if (new_bytes == 0) { /* deallocated: nothing of it may be looked at */
            model->live_bytes -= old_bytes;
            block->layout.size_bytes = 0;
        } else {
            model_resized(model, block, new_bytes);
        }
    } else {
        unsigned char *fresh = allocator_grow(model->allocator, block->memory, block->layout,
                                              new_bytes,
                                              is_zeroed ? ALLOC_ZERO | ALLOC_QUIET : ALLOC_QUIET);
        if (fresh == NULL) {
            model_expect_content(block, old_bytes);
            model->nr_refused++;
            return;
        }
        assert_int_equal((uint64_t)fresh % block->layout.align_bytes, 0);
        block->memory = fresh;
        for (size_t i = old_bytes; is_zeroed && i < new_bytes; i++) {
            assert_int_equal(fresh[i], 0);
        }
        model_resized(model, block, new_bytes);
        block->born = model->step;
    }
}

static inline void model_step(struct model *model)
{
    uint64_t choice = host_random_below(model->source, 8);

    model->step++;
    if (model->nr_blocks == 0 || (choice < 3 && model->nr_blocks < MODEL_BLOCKS)) {
        model_allocate(model);
    } else {
        unsigned index = (unsigned)host_random_below(model->source, model->nr_blocks);
        if (choice < 6) {
            model_deallocate(model, index);
        } else {
            model_change_size(model, &model->blocks[index]);
        }
    }
    allocator_check(model->allocator);
}

static inline void model_free_all(struct model *model)
{
    while (model->nr_blocks > 0) {
        model_deallocate(model, model->nr_blocks - 1);
        allocator_check(model->allocator);
    }
    assert_int_equal(model->live_bytes, 0);
}

#define MODEL_STEPS 130000u /* eight structures: a million in all */

static inline void model_run(struct model *model, unsigned nr_steps)
{
    for (unsigned i = 0; i < nr_steps; i++) {
        model_step(model);
    }
    model_free_all(model);
}

/* Deallocating must be refused with a line that names the allocator. */
static inline void expect_foreign(struct allocator allocator, void *memory, struct layout layout)
{
    machine_listen();
    allocator_deallocate(allocator, memory, layout);
    assert_true(machine_said("not a live block of its own"));
    allocator_check(allocator);
}

#endif
