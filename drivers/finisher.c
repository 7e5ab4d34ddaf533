// SPDX-License-Identifier: MIT
/* The SiFive test finisher of QEMU's `virt`: a word written to it ends the emulator. The low half says how (pass, fail, reset), the high
 * half of a failure is the exit status. Source: QEMU, hw/misc/sifive_test.h (the register's values). */
#include "drivers/finisher.h"

#include "drivers/mmio.h"
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/machine.h"
#include "mm/vmalloc.h"

#define FINISH_FAIL 0x3333u
#define FINISH_PASS 0x5555u
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

int finisher_init(const struct fdt *fdt)
{
    fdt_node node = fdt_find_compatible(fdt, -1, "sifive,test0");
    uint64_t start, size_bytes;

    if (node < 0) {
        return -ENODEV;
    }
    if (fdt_reg(fdt, node, 0, &start, &size_bytes) != 0 || size_bytes < 4) {
        return -EINVAL;
    }
    reg = vmalloc_map_device(phys(start), 4);
    if (reg == NULL) {
        return -ENOMEM;
    }
    machine_set_finisher(finish);
    return 0;
}
