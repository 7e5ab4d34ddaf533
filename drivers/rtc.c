// SPDX-License-Identifier: MIT
/* The Goldfish real-time clock: nanoseconds since 1970 in two registers. Reading the low half
 * latches the high half. The time of day is taken from it at boot only; port_realtime_ns() counts on from there. Source:
 * goldfish/docs/GOLDFISH-VIRTUAL-HARDWARE.TXT, "Goldfish RTC". */
#include "drivers/rtc.h"

#include "drivers/mmio.h"
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/timer.h"
#include "mm/vmalloc.h"

#define REG_TIME_LOW  0x00u
#define REG_TIME_HIGH 0x04u

static volatile uint8_t *registers; /* [I] after rtc_init(); NULL: there is no clock */

uint64_t rtc_read_ns(void)
{
    uint64_t low;

    if (registers == NULL) {
        return 0;
    }
    low = mmio_read32(registers + REG_TIME_LOW);
    return low | (uint64_t)mmio_read32(registers + REG_TIME_HIGH) << 32;
}

int rtc_init(const struct fdt *fdt)
{
    fdt_node node = fdt_find_compatible(fdt, -1, "google,goldfish-rtc");
    uint64_t start, size_bytes;

    if (node < 0) {
        return -ENODEV;
    }
    if (fdt_reg(fdt, node, 0, &start, &size_bytes) != 0 || size_bytes < REG_TIME_HIGH + 4) {
        return -EINVAL;
    }
    registers = vmalloc_map_device(phys(start), REG_TIME_HIGH + 4);
    if (registers == NULL) {
        return -ENOMEM;
    }
    timer_set_realtime(rtc_read_ns());
    return 0;
}
