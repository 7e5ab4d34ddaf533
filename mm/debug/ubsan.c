// SPDX-License-Identifier: MIT
/* What `make UBSAN=1` calls: undefined behaviour, named with file and line.
 *
 * With -fsanitize=undefined the compiler checks the operations that the language leaves undefined
 * (a shift that is too far, an index past the end, an addition that overflows), and where a check
 * fails it calls one of the functions below, with a constant record of the place and the values as
 * words. The kernel reports and goes on; a place reports once, for the compiler gives its line a bit
 * that we set. In other builds nobody calls these, and the linker's image has none of them: the file
 * is compiled into UBSAN builds alone (tools/make/kernel.mk).
 *
 * The names and records are the compiler's: GCC and clang agree on them.
 * Source: the calls that GCC emits; the records by LLVM's compiler-rt, lib/ubsan/ubsan_handlers.h. */
#include "kernel/base/printk.h"
#include "kernel/base/types.h"
#include "mm/debug/mistakes.h"

struct place {
    const char *file;
    uint32_t line;
    uint32_t column; /* REPORTED: it has been reported */
};

#define REPORTED 0x80000000u

struct type {
    uint16_t kind; /* 0: an integer */
    uint16_t info; /* integers: bit 0: signed; above it: log2 of the bits */
    char name[];
};

/* The beginning that most records share. */
struct typed_place {
    struct place place;
    const struct type *type;
};

struct shift {
    struct place place;
    const struct type *left, *right;
};

struct bounds {
    struct place place;
    const struct type *array, *index;
};

struct mismatch {
    struct place place;
    const struct type *type;
    uint8_t log2_align;
    uint8_t access;
};

/* Returns whether the place is to be reported; then end() ends the report. */
static bool begin(struct place *place, const char *what)
{
    uint32_t column = __atomic_fetch_or(&place->column, REPORTED, __ATOMIC_RELAXED);

    if ((column & REPORTED) != 0) {
        return false;
    }
    mistake_begin();
    pr_err("ubsan: %s:%u:%u: %s", place->file, place->line, column, what);
    return true;
}

static void end(void)
{
    mistake_end();
}

/* A value comes in a word, or, when it is wider, by its address. */
static long long value_of(const struct type *type, uint64_t word)
{
    unsigned bits = type->kind == 0 ? 1u << (type->info >> 1) : 64;

    if (bits > 64) {
        word = *(const uint64_t *)word;
    } else if (bits < 64) {
        word &= (1ull << bits) - 1;
        if ((type->info & 1) != 0 && (word >> (bits - 1) & 1) != 0) {
            word |= ~((1ull << bits) - 1);
        }
    }
    return (long long)word;
}

static void report_pair(struct typed_place *where, const char *what, uint64_t left, uint64_t right)
{
    if (begin(&where->place, what)) {
        pr_err("  of %lld and %lld, type %s", value_of(where->type, left),
               value_of(where->type, right), where->type->name);
        end();
    }
}

/* The compiler's names; nobody includes a header for them. */
void __ubsan_handle_add_overflow(struct typed_place *where, uint64_t left, uint64_t right);
void __ubsan_handle_sub_overflow(struct typed_place *where, uint64_t left, uint64_t right);
void __ubsan_handle_mul_overflow(struct typed_place *where, uint64_t left, uint64_t right);
void __ubsan_handle_divrem_overflow(struct typed_place *where, uint64_t left, uint64_t right);
void __ubsan_handle_negate_overflow(struct typed_place *where, uint64_t value);
void __ubsan_handle_shift_out_of_bounds(struct shift *where, uint64_t left, uint64_t right);
void __ubsan_handle_out_of_bounds(struct bounds *where, uint64_t index);
void __ubsan_handle_type_mismatch_v1(struct mismatch *where, uint64_t pointer);
void __ubsan_handle_pointer_overflow(struct place *where, uint64_t base, uint64_t result);
void __ubsan_handle_load_invalid_value(struct typed_place *where, uint64_t value);
void __ubsan_handle_builtin_unreachable(struct place *where);
void __ubsan_handle_vla_bound_not_positive(struct typed_place *where, uint64_t bound);
void __ubsan_handle_nonnull_arg(struct place *where);
void __ubsan_handle_invalid_builtin(struct place *where);

void __ubsan_handle_add_overflow(struct typed_place *where, uint64_t left, uint64_t right)
{
    report_pair(where, "an addition overflows", left, right);
}

void __ubsan_handle_sub_overflow(struct typed_place *where, uint64_t left, uint64_t right)
{
    report_pair(where, "a subtraction overflows", left, right);
}

void __ubsan_handle_mul_overflow(struct typed_place *where, uint64_t left, uint64_t right)
{
    report_pair(where, "a multiplication overflows", left, right);
}

void __ubsan_handle_divrem_overflow(struct typed_place *where, uint64_t left, uint64_t right)
{
    report_pair(where, "a division by zero, or of the lowest number by -1", left, right);
}

void __ubsan_handle_negate_overflow(struct typed_place *where, uint64_t value)
{
    report_pair(where, "a negation overflows", value, 0);
}

void __ubsan_handle_shift_out_of_bounds(struct shift *where, uint64_t left, uint64_t right)
{
    if (begin(&where->place, "a shift is too far, or of a negative number")) {
        pr_err("  %lld (%s) by %lld", value_of(where->left, left), where->left->name,
               value_of(where->right, right));
        end();
    }
}

void __ubsan_handle_out_of_bounds(struct bounds *where, uint64_t index)
{
    if (begin(&where->place, "an index is out of bounds")) {
        pr_err("  %lld of %s", value_of(where->index, index), where->array->name);
        end();
    }
}

void __ubsan_handle_type_mismatch_v1(struct mismatch *where, uint64_t pointer)
{
    const char *what = pointer == 0 ? "an access through NULL" : "a misaligned access";

    if (begin(&where->place, what)) {
        pr_err("  to 0x%llx, type %s, alignment %llu", (unsigned long long)pointer,
               where->type->name, 1ull << where->log2_align);
        end();
    }
}

void __ubsan_handle_pointer_overflow(struct place *where, uint64_t base, uint64_t result)
{
    if (begin(where, "a pointer is moved out of its object's reach")) {
        pr_err("  from 0x%llx to 0x%llx", (unsigned long long)base, (unsigned long long)result);
        end();
    }
}

void __ubsan_handle_load_invalid_value(struct typed_place *where, uint64_t value)
{
    if (begin(&where->place, "a value that its type does not have")) {
        pr_err("  %lld, type %s", value_of(where->type, value), where->type->name);
        end();
    }
}

void __ubsan_handle_builtin_unreachable(struct place *where)
{
    if (begin(where, "a place is reached that was declared unreachable")) {
        end();
    }
}

void __ubsan_handle_vla_bound_not_positive(struct typed_place *where, uint64_t bound)
{
    report_pair(where, "an array of no positive size", bound, 0);
}

void __ubsan_handle_nonnull_arg(struct place *where)
{
    if (begin(where, "NULL for an argument that must not be")) {
        end();
    }
}

void __ubsan_handle_invalid_builtin(struct place *where)
{
    if (begin(where, "a count of the leading or trailing zeros of zero")) {
        end();
    }
}
