// SPDX-License-Identifier: MIT
/* User copies against a user half of two pages, the second of which is missing: every alignment,
 * and byte-exact ends.
 *
 * The test's table is active only while preemption is off (port_user_nofault_begin), so the
 * scheduler does not notice, and a missing page stays missing. */
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/asid.h"
#include "kernel/arch/riscv64/user_atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/selftest.h"
#include "kernel/base/string.h"
#include "mm/frames.h"

#define USER_PAGE      0x10000ul
#define USER_HOLE      (USER_PAGE + PAGE_SIZE)
#define USER_READ_ONLY 0x40000000ul

static struct pagetable table;
static struct page *page, *read_only;
static uint8_t buffer[PAGE_SIZE + 64];

static bool map_page(uint64_t address, struct page *frame, uint32_t flags)
{
    struct pte_slot slot;

    if (pagetable_prepare(&table, address, ALLOC_KERNEL, &slot) != 0) {
        return false;
    }
    pte_slot_set(slot, page_to_phys(frame),
                 flags | PTE_FLAG_USER | PTE_FLAG_READ | PTE_FLAG_ACCESSED);
    return true;
}

static void activate(struct pagetable *which)
{
    uint64_t irq_state = port_irq_save();

    pagetable_activate(which);
    port_irq_restore(irq_state);
}

static bool begin(void)
{
    page = frames_alloc(0, ALLOC_KERNEL | ALLOC_ZERO);
    read_only = frames_alloc(0, ALLOC_KERNEL | ALLOC_ZERO);
    if (page == NULL || read_only == NULL || pagetable_init(&table) != 0 ||
        !map_page(USER_PAGE, page, PTE_FLAG_WRITE | PTE_FLAG_DIRTY) ||
        !map_page(USER_READ_ONLY, read_only, 0)) {
        CHECK(!"no memory for the test");
        return false;
    }
    port_user_nofault_begin();
    activate(&table);
    return true;
}

static void end(void)
{
    activate(NULL);
    port_user_nofault_end();
    pagetable_clear(&table, USER_PAGE);
    pagetable_clear(&table, USER_READ_ONLY);
    pagetable_destroy(&table);
    frames_free(page, 0);
    frames_free(read_only, 0);
}

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 7 + (i >> 8) + 1);
}

static void fill(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = pattern(i);
    }
}

static bool is_all(const uint8_t *bytes, size_t from, size_t to, uint8_t value)
{
    for (size_t i = from; i < to; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

SELFTEST(user_copy_moves_every_alignment_and_nothing_beside)
{
    uint8_t *there;

    if (!begin()) {
        return;
    }
    there = page_address(page);
    for (size_t user_offset = 0; user_offset < 9; user_offset++) {
        for (size_t kernel_offset = 0; kernel_offset < 9; kernel_offset++) {
            for (size_t len = 0; len < 200; len += len < 40 ? 1 : 53) {
                memset(there, 0xee, 256);
                fill(buffer, sizeof(buffer));
                CHECK(port_copy_to_user(user_ptr(USER_PAGE + 8 + user_offset),
                                        buffer + kernel_offset, len) == 0);
                CHECK(memcmp(there + 8 + user_offset, buffer + kernel_offset, len) == 0);
                CHECK(is_all(there, 0, 8 + user_offset, 0xee) &&
                      is_all(there, 8 + user_offset + len, 256, 0xee));

                fill(there, 256);
                memset(buffer, 0xee, 256);
                CHECK(port_copy_from_user(buffer + 8 + kernel_offset,
                                          user_ptr(USER_PAGE + user_offset), len) == 0);
                CHECK(memcmp(buffer + 8 + kernel_offset, there + user_offset, len) == 0);
                CHECK(is_all(buffer, 0, 8 + kernel_offset, 0xee) &&
                      is_all(buffer, 8 + kernel_offset + len, 256, 0xee));

                memset(there, 0xee, 256);
                CHECK(port_clear_user(user_ptr(USER_PAGE + user_offset), len) == 0);
                CHECK(is_all(there, 0, user_offset, 0xee) &&
                      is_all(there, user_offset, user_offset + len, 0) &&
                      is_all(there, user_offset + len, 256, 0xee));
            }
        }
    }
    end();
}

SELFTEST(user_copy_stops_at_the_exact_byte_of_a_missing_page)
{
    uint8_t *there;

    if (!begin()) {
        return;
    }
    there = page_address(page);
    for (size_t reachable = 0; reachable < 150; reachable++) {
        for (size_t kernel_offset = 0; kernel_offset < 8; kernel_offset += 3) {
            uint64_t address = USER_HOLE - reachable;
            size_t len = 200;

            fill(there, PAGE_SIZE);
            memset(buffer, 0xee, 512);
            CHECK(port_copy_from_user(buffer + kernel_offset, user_ptr(address), len) ==
                  len - reachable);
            CHECK(memcmp(buffer + kernel_offset, there + PAGE_SIZE - reachable, reachable) == 0);

            memset(there, 0xee, PAGE_SIZE);
            fill(buffer, 512);
            CHECK(port_copy_to_user(user_ptr(address), buffer + kernel_offset, len) ==
                  len - reachable);
            CHECK(memcmp(there + PAGE_SIZE - reachable, buffer + kernel_offset, reachable) == 0);

            memset(there, 0xee, PAGE_SIZE);
            CHECK(port_clear_user(user_ptr(address), len) == len - reachable);
            CHECK(is_all(there, PAGE_SIZE - reachable, PAGE_SIZE, 0));
            CHECK(there[PAGE_SIZE - reachable - 1] == 0xee);
        }
    }
    end();
}

SELFTEST(user_copy_refuses_read_only_kernel_and_wrapping_ranges)
{
    if (!begin()) {
        return;
    }
    CHECK(port_copy_to_user(user_ptr(USER_READ_ONLY), buffer, 100) == 100);
    CHECK(port_copy_from_user(buffer, user_ptr(USER_READ_ONLY), 100) == 0);
    CHECK(port_copy_from_user(buffer, user_ptr((uint64_t)buffer), 8) == 8);
    CHECK(port_copy_to_user(user_ptr((uint64_t)buffer), buffer, 8) == 8);
    CHECK(port_copy_from_user(buffer, user_ptr(UINT64_MAX - 3), 8) == 8);
    CHECK(port_copy_from_user(buffer, user_ptr(USER_END - 4), 8) == 8);
    CHECK(port_copy_from_user(buffer, user_ptr(0), 8) == 8);
    CHECK(port_copy_from_user(buffer, user_ptr(USER_END), 0) == 0);
    end();
}

SELFTEST(user_strings_end_at_nul_at_size_or_in_efault)
{
    char *there, text[32];

    if (!begin()) {
        return;
    }
    there = page_address(page);
    memset(there, 'x', PAGE_SIZE);
    memcpy(there, "hello", 6);
    CHECK(port_string_from_user(text, user_ptr(USER_PAGE), sizeof(text)) == 5 &&
          strcmp(text, "hello") == 0);
    CHECK(port_string_from_user(text, user_ptr(USER_PAGE), 6) == 5);
    CHECK(port_string_from_user(text, user_ptr(USER_PAGE), 5) == -ENAMETOOLONG);
    CHECK(port_string_from_user(text, user_ptr(USER_PAGE), 0) == -ENAMETOOLONG);
    CHECK(port_string_from_user(text, user_ptr(USER_PAGE + 6), sizeof(text)) == -ENAMETOOLONG);
    CHECK(port_string_from_user(text, user_ptr(USER_HOLE - 3), sizeof(text)) == -EFAULT);
    CHECK(port_string_from_user(text, user_ptr(USER_END), sizeof(text)) == -EFAULT);
    there[PAGE_SIZE - 1] = 0;
    CHECK(port_string_from_user(text, user_ptr(USER_HOLE - 3), sizeof(text)) == 2);
    end();
}

SELFTEST(user_words_are_exchanged_atomically_or_refused)
{
    uint32_t *there, old = 0;

    if (!begin()) {
        return;
    }
    there = page_address(page);
    there[1] = 0x80000001;
    CHECK(user_atomic_load(user_ptr(USER_PAGE + 4), &old) == 0 && old == 0x80000001);
    CHECK(user_atomic_cmpxchg(user_ptr(USER_PAGE + 4), 5, 6, &old) == 0 && old == 0x80000001);
    CHECK(there[1] == 0x80000001);
    CHECK(user_atomic_cmpxchg(user_ptr(USER_PAGE + 4), 0x80000001, 6, &old) == 0 && there[1] == 6);
    CHECK(user_atomic_load(user_ptr(USER_HOLE), &old) == -EFAULT);
    CHECK(user_atomic_load(user_ptr(USER_PAGE + 2), &old) == -EFAULT);
    CHECK(user_atomic_cmpxchg(user_ptr(USER_READ_ONLY), 0, 6, &old) == -EFAULT);
    end();
}
