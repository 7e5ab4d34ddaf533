// SPDX-License-Identifier: MIT
/* The SiFive test finisher of QEMU's `virt`: a word written to it ends the emulator. The low half
 * says how (pass, fail, reset), the high half of a failure is the exit status. Source: QEMU,
 * hw/misc/sifive_test.h (the register's values). */
#include "drivers/finisher.h"

#include "drivers/mmio.h"
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/machine.h"
#include "mm/vmalloc.h"
#include "port/memory.h"

#define FINISH_FAIL  0x3333u
#define FINISH_PASS  0x5555u
#define FINISH_RESET 0x7777u

static volatile uint8_t *reg;

static void finish(int exit_status, bool reboot)
{
    uint32_t word = FINISH_PASS;

    if (reboot) {
        word = FINISH_RESET;
    } else if (exit_status != 0) {
        word = FINISH_FAIL | (uint32_t)exit_status << 16;
    }
    mmio_write32(reg, word);
}

static int find(const struct fdt *fdt, phys_t *start)
{
    fdt_node node = fdt_find_compatible(fdt, -1, "sifive,test0");
    uint64_t address, size_bytes;

    if (node < 0) {
        return -ENODEV;
    }
    if (fdt_reg(fdt, node, 0, &address, &size_bytes) != 0 || size_bytes < 4 || address % 4 != 0 ||
        address >= DIRECT_MAP_SIZE) {
        return -EINVAL;
    }
    *start = phys(address);
    return 0;
}

void finisher_init_early(const struct fdt *fdt)
{
    phys_t start;

    if (find(fdt, &start) == 0) {
        reg = phys_to_virt(start);
        machine_set_finisher(finish);
    }
}

int finisher_init(const struct fdt *fdt)
{
    phys_t start;
    int error = find(fdt, &start);

    machine_set_finisher(NULL);
    if (error != 0) {
        return error;
    }
    reg = vmalloc_map_device(start, 4);
    if (reg == NULL) {
        return -ENOMEM;
    }
    machine_set_finisher(finish);
    return 0;
}
