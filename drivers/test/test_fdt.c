// SPDX-License-Identifier: MIT
/* The device tree reader: what it finds in a good blob, and that no blob, however damaged, makes
 * it read outside or run for ever. The blob is built by hand, token by token; ASan watches the
 * bounds of an exact copy on the heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "drivers/fdt.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

#define HEADER 40u

static struct builder {
    uint8_t structure[4096], strings[1024], reserved[128];
    uint32_t nr_structure, nr_strings, nr_reserved;
} b;

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static void token(uint32_t value)
{
    put_u32(b.structure + b.nr_structure, value);
    b.nr_structure += 4;
}

static void bytes(const void *data, size_t len)
{
    memcpy(b.structure + b.nr_structure, data, len);
    b.nr_structure += (uint32_t)align_up(len, 4ul);
}

static void begin(const char *name)
{
    token(1);
    bytes(name, strlen(name) + 1);
}

static void end(void)
{
    token(2);
}

static void prop(const char *name, const void *data, size_t len)
{
    token(3);
    token((uint32_t)len);
    token(b.nr_strings);
    bytes(data, len);
    memcpy(b.strings + b.nr_strings, name, strlen(name) + 1);
    b.nr_strings += (uint32_t)strlen(name) + 1;
}

static void prop_string(const char *name, const char *value)
{
    prop(name, value, strlen(value) + 1);
}

static void prop_cells(const char *name, const uint32_t *cells, unsigned nr)
{
    uint8_t data[64];

    for (unsigned i = 0; i < nr; i++) {
        put_u32(data + 4 * i, cells[i]);
    }
    prop(name, data, (size_t)4 * nr);
}

#define cells(name, ...) \
    prop_cells(name, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void reservation(uint64_t start, uint64_t size)
{
    uint8_t *at = b.reserved + b.nr_reserved;

    put_u32(at, (uint32_t)(start >> 32));
    put_u32(at + 4, (uint32_t)start);
    put_u32(at + 8, (uint32_t)(size >> 32));
    put_u32(at + 12, (uint32_t)size);
    b.nr_reserved += 16;
}

static void build_machine(void)
{
    memset(&b, 0, sizeof(b));
    reservation(0x80000000, 0x40000);
    reservation(0, 0);
    token(4); /* a NOP before the root is allowed */
    begin("");
    cells("#address-cells", 2);
    cells("#size-cells", 2);
    prop_string("model", "test machine");
    begin("chosen");
    prop_string("bootargs",
                "root=/dev/vda quiet init=\"/bin/a b\" root=/dev/vdb \"name=x y\" -- init=/no");
    end();
    begin("memory@80000000");
    prop_string("device_type", "memory");
    cells("reg", 0, 0x80000000, 0, 0x8000000, 1, 0, 0, 0x1000);
    end();
    begin("cpus");
    cells("#address-cells", 1);
    cells("#size-cells", 0);
    begin("cpu@0");
    cells("reg", 0);
    begin("interrupt-controller");
    prop_string("compatible", "riscv,cpu-intc");
    end();
    end();
    token(4);
    begin("cpu@7");
    cells("reg", 7);
    prop_string("status", "disabled");
    end();
    end();
    begin("soc");
    cells("#address-cells", 2);
    cells("#size-cells", 2);
    begin("uart@10000000");
    prop("compatible", "ns16550a\0ns16550", 17);
    cells("reg", 0, 0x10000000, 0, 0x100);
    cells("interrupts", 10);
    prop_string("status", "okay");
    end();
    begin("bad");
    cells("reg", 0xffffffff, 0xffffffff, 0, 2);
    prop("unterminated", "abc", 3);
    end();
    begin("uart@20000000");
    prop_string("compatible", "ns16550a");
    end();
    end();
    end();
    token(9);
}

/* An exact copy on the heap, so that ASan sees a byte too far. */
static uint8_t *make_blob(size_t *size)
{
    uint32_t reserve_at = HEADER, struct_at = HEADER + b.nr_reserved;
    uint32_t strings_at = struct_at + b.nr_structure;
    uint32_t total = strings_at + b.nr_strings;
    uint32_t header[] = {0xd00dfeed, total, struct_at, strings_at,   reserve_at,
                         17,         16,    0,         b.nr_strings, b.nr_structure};
    uint8_t *blob = malloc(total);

    for (unsigned i = 0; i < 10; i++) {
        put_u32(blob + 4 * i, header[i]);
    }
    memcpy(blob + reserve_at, b.reserved, b.nr_reserved);
    memcpy(blob + struct_at, b.structure, b.nr_structure);
    memcpy(blob + strings_at, b.strings, b.nr_strings);
    *size = total;
    return blob;
}

static uint8_t *blob;
static size_t blob_size;
static struct fdt fdt;

static int set_up(void **state)
{
    (void)state;
    build_machine();
    blob = make_blob(&blob_size);
    return fdt_open(&fdt, blob, blob_size);
}

static int tear_down(void **state)
{
    (void)state;
    machine_set_fdt(NULL);
    free(blob);
    return 0;
}

static void finds_nodes_by_path_name_and_order(void **state)
{
    fdt_node soc = fdt_find_path(&fdt, "/soc");
    fdt_node uart = fdt_find_path(&fdt, "/soc/uart@10000000");

    (void)state;
    assert_true(soc > 0 && uart > soc);
    assert_string_equal(fdt_name(&fdt, uart), "uart@10000000");
    assert_int_equal(fdt_find_path(&fdt, "/soc/uart"), uart);
    assert_int_equal(fdt_find_path(&fdt, "/memory"), fdt_find_path(&fdt, "/memory@80000000"));
    assert_int_equal(fdt_find_path(&fdt, "/"), fdt_root(&fdt));
    assert_true(fdt_find_path(&fdt, "/so") < 0);
    assert_true(fdt_find_path(&fdt, "/soc/uart/more") < 0);
    assert_int_equal(fdt_parent(&fdt, uart), soc);
    assert_int_equal(fdt_parent(&fdt, soc), fdt_root(&fdt));
    assert_true(fdt_parent(&fdt, fdt_root(&fdt)) < 0);
    assert_string_equal(fdt_name(&fdt, fdt_first_child(&fdt, fdt_root(&fdt))), "chosen");
    assert_string_equal(fdt_name(&fdt, fdt_next_sibling(&fdt, fdt_find_path(&fdt, "/cpus/cpu@0"))),
                        "cpu@7");
    assert_true(fdt_next_sibling(&fdt, fdt_find_path(&fdt, "/cpus/cpu@7")) < 0);
    assert_true(fdt_next_sibling(&fdt, soc) < 0);
    assert_true(fdt_first_child(&fdt, uart) < 0);
}

static void finds_every_compatible_node_once(void **state)
{
    fdt_node first = fdt_find_compatible(&fdt, -1, "ns16550a");
    fdt_node second = fdt_find_compatible(&fdt, first, "ns16550a");

    (void)state;
    assert_int_equal(first, fdt_find_path(&fdt, "/soc/uart@10000000"));
    assert_int_equal(second, fdt_find_path(&fdt, "/soc/uart@20000000"));
    assert_true(fdt_find_compatible(&fdt, second, "ns16550a") < 0);
    assert_int_equal(fdt_find_compatible(&fdt, -1, "ns16550"), first);
    assert_true(fdt_find_compatible(&fdt, -1, "ns1655") < 0);
}

static void reads_properties_with_their_cells(void **state)
{
    uint64_t address, size;
    uint32_t value;

    (void)state;
    fdt_node memory = fdt_find_path(&fdt, "/memory");
    assert_int_equal(fdt_reg(&fdt, memory, 0, &address, &size), 0);
    assert_true(address == 0x80000000 && size == 0x8000000);
    assert_int_equal(fdt_reg(&fdt, memory, 1, &address, &size), 0);
    assert_true(address == 0x100000000 && size == 0x1000);
    assert_int_equal(fdt_reg(&fdt, memory, 2, &address, &size), -ENOENT);
    assert_int_equal(fdt_reg(&fdt, fdt_find_path(&fdt, "/cpus/cpu@7"), 0, &address, &size), 0);
    assert_true(address == 7 && size == 0);
    assert_int_equal(fdt_reg(&fdt, fdt_find_path(&fdt, "/soc"), 0, &address, &size), -ENOENT);
    assert_int_equal(fdt_reg(&fdt, fdt_find_path(&fdt, "/soc/bad"), 0, &address, &size), -EINVAL);
    assert_int_equal(fdt_interrupt(&fdt, fdt_find_path(&fdt, "/soc/uart"), &value), 0);
    assert_int_equal(value, 10);
    assert_int_equal(fdt_u32(&fdt, fdt_find_path(&fdt, "/cpus"), "#size-cells", &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(fdt_u32(&fdt, fdt_find_path(&fdt, "/cpus"), "none", &value), -ENOENT);
    assert_int_equal(fdt_u32(&fdt, memory, "reg", &value), -EINVAL);
    assert_null(fdt_string(&fdt, fdt_find_path(&fdt, "/soc/bad"), "unterminated"));
    assert_true(fdt_is_enabled(&fdt, fdt_find_path(&fdt, "/soc/uart")));
    assert_true(fdt_is_enabled(&fdt, memory));
    assert_false(fdt_is_enabled(&fdt, fdt_find_path(&fdt, "/cpus/cpu@7")));
    assert_true(fdt_reservation(&fdt, 0, &address, &size) && address == 0x80000000 &&
                size == 0x40000);
    assert_false(fdt_reservation(&fdt, 1, &address, &size));
}

static void bootargs_give_the_last_word_without_quotes(void **state)
{
    char value[32], small[5];

    (void)state;
    machine_set_fdt(&fdt);
    assert_true(bootarg_get("root", value, sizeof(value)));
    assert_string_equal(value, "/dev/vdb");
    assert_true(bootarg_get("quiet", value, sizeof(value)));
    assert_string_equal(value, "");
    assert_true(bootarg_get("init", value, sizeof(value)));
    assert_string_equal(value, "/bin/a b");
    assert_true(bootarg_get("name", value, sizeof(value)));
    assert_string_equal(value, "x y");
    assert_false(bootarg_get("roo", value, sizeof(value)));
    assert_false(bootarg_get("rootfstype", value, sizeof(value)));
    assert_true(bootarg_get("root", small, sizeof(small)));
    assert_string_equal(small, "/dev");
    machine_set_fdt(NULL);
    assert_false(bootarg_get("root", value, sizeof(value)));
}

static void refuses_bad_headers(void **state)
{
    struct fdt other;

    (void)state;
    assert_int_equal(fdt_open(&other, blob, blob_size - 1), -EINVAL);
    assert_int_equal(fdt_open(&other, blob, HEADER - 1), -EINVAL);
    for (unsigned field = 0; field < 10; field++) {
        static const uint32_t values[] = {0, 3, 0x7fffffff, 0x80000000, 0xffffffff};

        if (field == 7) { /* the boot hart, which nobody reads */
            continue;
        }
        for (unsigned i = 0; i < array_size(values); i++) {
            uint8_t saved[4];

            memcpy(saved, blob + 4 * field, 4);
            put_u32(blob + 4 * field, values[i]);
            (void)!fdt_open(&other, blob, blob_size); /* either answer, but within bounds */
            memcpy(blob + 4 * field, saved, 4);
        }
    }
    put_u32(blob, 0);
    assert_int_equal(fdt_open(&other, blob, blob_size), -EINVAL);
}

/* Ask everything of a tree. Bounded by the number of nodes, which the blob's size bounds. */
static void visit_all(const struct fdt *tree)
{
    unsigned nr_seen = 0;
    uint64_t address, size;
    uint32_t value;
    char text[16];

    for (unsigned i = 0; i < 10 && fdt_reservation(tree, i, &address, &size); i++) {
    }
    for (fdt_node node = fdt_find_compatible(tree, -1, "ns16550a"); node >= 0;
         node = fdt_find_compatible(tree, node, "ns16550a")) {
        assert_true(++nr_seen < 5000);
        (void)fdt_parent(tree, node);
    }
    for (fdt_node node = fdt_first_child(tree, fdt_root(tree)); node >= 0;
         node = fdt_next_sibling(tree, node)) {
        assert_true(++nr_seen < 5000);
        (void)fdt_is_enabled(tree, node);
        (void)!fdt_reg(tree, node, 1, &address, &size);
        (void)!fdt_interrupt(tree, node, &value);
        for (fdt_node child = fdt_first_child(tree, node); child >= 0;
             child = fdt_next_sibling(tree, child)) {
            assert_true(++nr_seen < 50000);
            (void)!fdt_reg(tree, child, 0, &address, &size);
            (void)fdt_string(tree, child, "unterminated");
        }
    }
    machine_set_fdt(tree);
    (void)bootarg_get("root", text, sizeof(text));
    (void)bootarg_get("x", text, 0);
    machine_set_fdt(NULL);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void survives_random_damage(void **state)
{
    const char *from_environment = getenv("SEED");
    uint64_t seed = from_environment != NULL && *from_environment != 0
                        ? strtoull(from_environment, NULL, 0)
                        : 20240611;
    unsigned nr_opened = 0;

    (void)state;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    for (int round = 0; round < 20000; round++) {
        uint8_t *copy = malloc(blob_size);
        unsigned nr_changes = 1 + (unsigned)(next_random(&seed) % 8);
        struct fdt other;

        memcpy(copy, blob, blob_size);
        for (unsigned i = 0; i < nr_changes; i++) {
            static const uint32_t tokens[] = {0, 1, 2, 3, 4, 9, 0xffffffff, 0x7ffffffc};
            size_t at = next_random(&seed) % (blob_size - 4);

            if (next_random(&seed) % 2 == 0) {
                copy[at] = (uint8_t)next_random(&seed);
            } else {
                put_u32(copy + align_down(at, 4ul),
                        tokens[next_random(&seed) % array_size(tokens)]);
            }
        }
        if (fdt_open(&other, copy, blob_size) == 0) {
            nr_opened++;
            visit_all(&other);
        }
        free(copy);
    }
    assert_true(nr_opened > 1000); /* or the damage never got behind the header */
}

static void depth_is_bounded(void **state)
{
    size_t size;
    uint8_t *deep;
    struct fdt other;

    (void)state;
    memset(&b, 0, sizeof(b));
    reservation(0, 0);
    for (int i = 0; i < 400; i++) {
        begin("a");
    }
    prop_string("compatible", "deepest");
    for (int i = 0; i < 400; i++) {
        end();
    }
    token(9);
    deep = make_blob(&size);
    assert_int_equal(fdt_open(&other, deep, size), 0);
    assert_true(fdt_find_compatible(&other, -1, "deepest") < 0);
    visit_all(&other);
    free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_nodes_by_path_name_and_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finds_every_compatible_node_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_properties_with_their_cells, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bootargs_give_the_last_word_without_quotes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses_bad_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_random_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(depth_is_bounded, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
