// SPDX-License-Identifier: MIT
/* The machine as the device tree tells it.
 *
 * The tree is firmware's, and firmware errs: ranges that overflow are refused by fdt_reg(), lists
 * that are too long are cut with a line in the log, and what the kernel cannot do without is an
 * error in words, which main.c prints before it ends the machine.
 *
 * Reserved memory has three sources: the blob's reservation block, the children of
 * /reserved-memory (those that say no-map are not even mapped: touching the firmware's memory is
 * an access fault), and what we know ourselves: image, tree and initrd.
 *
 * Source: Devicetree Specification v0.4, 3.4 to 3.8; Linux' binding of riscv cpus (riscv,isa). */
#include "kernel/boot.h"

#include "kernel/arch/riscv64/hart.h"
#include "kernel/arch/riscv64/kernel_map.h"
#include "kernel/arch/riscv64/timer.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/base/random.h"
#include "kernel/base/string.h"

#define MAX_TREE_BYTES (2ul << 20)

static struct fdt tree_of_machine;

const char *boot_open_tree(struct boot_machine *machine, phys_t tree)
{
    const char *model;

    if (tree.addr == 0 || tree.addr >= DIRECT_MAP_SIZE - MAX_TREE_BYTES ||
        fdt_open(&tree_of_machine, phys_to_virt(tree), MAX_TREE_BYTES) != 0) {
        return "the firmware gives no device tree (register a1 at entry)";
    }
    machine_set_fdt(&tree_of_machine);
    model = fdt_string(machine_fdt(), fdt_root(machine_fdt()), "model");
    machine->model = model != NULL ? model : "unnamed machine";
    return NULL;
}

static void add_range(struct frame_range *ranges, unsigned *nr, unsigned max, uint64_t start,
                      uint64_t len_bytes, const char *what)
{
    if (len_bytes == 0) {
        return;
    }
    if (*nr == max) {
        pr_warn("boot: too many ranges of %s: 0x%llx is left out", what, (unsigned long long)start);
        return;
    }
    ranges[(*nr)++] = (struct frame_range){phys(start), len_bytes};
}

static void reserve(struct boot_machine *machine, uint64_t start, uint64_t len_bytes)
{
    add_range(machine->reserved, &machine->nr_reserved, BOOT_MAX_RANGES, start, len_bytes,
              "reserved memory");
}

static void find_ram(struct boot_machine *machine)
{
    const struct fdt *fdt = machine_fdt();
    fdt_node node = fdt_first_child(fdt, fdt_root(fdt));

    for (; node >= 0; node = fdt_next_sibling(fdt, node)) {
        const char *type = fdt_string(fdt, node, "device_type");
        uint64_t start, len_bytes;

        if (type == NULL || strcmp(type, "memory") != 0 || !fdt_is_enabled(fdt, node)) {
            continue;
        }
        for (unsigned i = 0; fdt_reg(fdt, node, i, &start, &len_bytes) == 0; i++) {
            if (start >= DIRECT_MAP_SIZE) {
                pr_warn("boot: memory at 0x%llx lies too high to be used",
                        (unsigned long long)start);
                continue;
            }
            add_range(machine->ram, &machine->nr_ram, FRAMES_MAX_REGIONS, start, len_bytes,
                      "memory");
            machine->ram_bytes += len_bytes;
        }
    }
}

static void find_reserved(struct boot_machine *machine)
{
    const struct fdt *fdt = machine_fdt();
    fdt_node node = fdt_first_child(fdt, fdt_find_path(fdt, "/reserved-memory"));
    uint64_t start, len_bytes;

    for (unsigned i = 0; fdt_reservation(fdt, i, &start, &len_bytes); i++) {
        reserve(machine, start, len_bytes);
    }
    for (; node >= 0; node = fdt_next_sibling(fdt, node)) {
        uint32_t no_map_len;
        bool no_map = fdt_property(fdt, node, "no-map", &no_map_len) != NULL;

        for (unsigned i = 0; fdt_reg(fdt, node, i, &start, &len_bytes) == 0; i++) {
            reserve(machine, start, len_bytes);
            if (no_map) {
                add_range(machine->forbidden, &machine->nr_forbidden, BOOT_MAX_RANGES, start,
                          len_bytes, "forbidden memory");
            }
        }
    }
}

/* A property of one or two cells, as QEMU and boot loaders write addresses into /chosen. */
static bool read_address(const struct fdt *fdt, fdt_node node, const char *name, uint64_t *address)
{
    uint32_t len_bytes;
    const uint8_t *bytes = fdt_property(fdt, node, name, &len_bytes);

    if (bytes == NULL || (len_bytes != 4 && len_bytes != 8)) {
        return false;
    }
    *address = fdt_read_u32(bytes);
    if (len_bytes == 8) {
        *address = *address << 32 | fdt_read_u32(bytes + 4);
    }
    return true;
}

static bool is_in_ram(const struct boot_machine *machine, uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < machine->nr_ram; i++) {
        uint64_t ram_start = machine->ram[i].start.addr;

        if (start >= ram_start && end <= ram_start + machine->ram[i].len_bytes) {
            return true;
        }
    }
    return false;
}

static void find_initrd(struct boot_machine *machine)
{
    const struct fdt *fdt = machine_fdt();
    fdt_node chosen = fdt_find_path(fdt, "/chosen");
    uint64_t start, end;

    if (!read_address(fdt, chosen, "linux,initrd-start", &start) ||
        !read_address(fdt, chosen, "linux,initrd-end", &end)) {
        return;
    }
    if (start >= end || !is_in_ram(machine, start, end)) {
        pr_warn("boot: the initrd [0x%llx, 0x%llx) does not lie in memory: ignored",
                (unsigned long long)start, (unsigned long long)end);
        return;
    }
    machine->initrd = (struct frame_range){phys(start), end - start};
    reserve(machine, start, end - start);
}

const char *boot_find_memory(struct boot_machine *machine)
{
    struct frame_range image = kernel_image_range();
    phys_t tree = virt_to_phys(machine_fdt()->blob);

    find_ram(machine);
    if (machine->nr_ram == 0) {
        return "the device tree has no memory node";
    }
    reserve(machine, image.start.addr, image.len_bytes);
    reserve(machine, tree.addr, machine_fdt()->size_bytes);
    find_initrd(machine);
    find_reserved(machine);
    return NULL;
}

/* Whether a hart has an extension: in riscv,isa-extensions, a list, or else in riscv,isa, a string
 * like "rv64imafdc_zicsr_sstc", where multi-letter names stand between underscores. */
static bool hart_has_extension(const struct fdt *fdt, fdt_node cpu, const char *name)
{
    size_t len = strlen(name);
    uint32_t list_bytes;
    const char *list = fdt_property(fdt, cpu, "riscv,isa-extensions", &list_bytes);
    const char *isa = fdt_string(fdt, cpu, "riscv,isa");

    for (uint32_t at = 0; list != NULL && at + len < list_bytes; at++) {
        if ((at == 0 || list[at - 1] == 0) && memcmp(list + at, name, len + 1) == 0) {
            return true;
        }
    }
    while (isa != NULL && (isa = strchr(isa, '_')) != NULL) {
        isa++;
        if (strncmp(isa, name, len) == 0 && (isa[len] == 0 || isa[len] == '_')) {
            return true;
        }
    }
    return false;
}

static bool is_usable_hart(const struct fdt *fdt, fdt_node cpu)
{
    const char *type = fdt_string(fdt, cpu, "device_type");
    const char *mmu = fdt_string(fdt, cpu, "mmu-type");

    /* A hart without supervisor mode and paging (mmu-type "riscv,none") is a helper of the
     * firmware's. */
    return type != NULL && strcmp(type, "cpu") == 0 && fdt_is_enabled(fdt, cpu) && mmu != NULL &&
           strcmp(mmu, "riscv,none") != 0;
}

const char *boot_find_harts(struct boot_machine *machine)
{
    const struct fdt *fdt = machine_fdt();
    fdt_node cpus = fdt_find_path(fdt, "/cpus");
    fdt_node cpu = fdt_first_child(fdt, cpus);
    uint32_t rate = 0;
    unsigned nr = 0;

    if (fdt_u32(fdt, cpus, "timebase-frequency", &rate) != 0 || rate == 0) {
        return "the device tree does not tell the clock's rate (/cpus/timebase-frequency)";
    }
    machine->ticks_per_second = rate;
    machine->has_sstc = true;
    for (; cpu >= 0; cpu = fdt_next_sibling(fdt, cpu)) {
        uint64_t id, size_bytes;

        if (!is_usable_hart(fdt, cpu) || fdt_reg(fdt, cpu, 0, &id, &size_bytes) != 0) {
            continue;
        }
        nr++;
        machine->has_sstc &= hart_has_extension(fdt, cpu, "sstc");
        if (!hart_add(id)) {
            machine->nr_harts_left++;
        }
    }
    return nr > 0 ? NULL : "the device tree names no hart with paging";
}

void boot_seed_random(const struct boot_machine *machine)
{
    const struct fdt *fdt = machine_fdt();
    fdt_node chosen = fdt_find_path(fdt, "/chosen");
    uint64_t moments[3] = {boot_time_start, port_cycles(), port_realtime_ns()};
    uint32_t len_bytes;
    const void *seed = fdt_property(fdt, chosen, "rng-seed", &len_bytes);

    if (seed != NULL) {
        random_mix(seed, len_bytes);
    }
    seed = fdt_property(fdt, chosen, "kaslr-seed", &len_bytes);
    if (seed != NULL) {
        random_mix(seed, len_bytes);
    }
    random_mix(moments, sizeof(moments));
    random_mix(&machine->ram_bytes, sizeof(machine->ram_bytes));
}
