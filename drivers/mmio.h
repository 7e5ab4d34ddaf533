// SPDX-License-Identifier: MIT
/* Device registers: one access each, in program order with every other device access and with
 * memory.
 *
 * The fence after a read keeps later reads of memory behind it: what the device has said is there.
 * The fence before a write keeps earlier writes to memory before it: what the device is told of is
 * there. QEMU needs neither; machines do. */
#ifndef CAIRN_DRIVERS_MMIO_H
#define CAIRN_DRIVERS_MMIO_H

#include "kernel/base/types.h"

static inline uint32_t mmio_read32(const volatile void *address)
{
    uint32_t value = *(const volatile uint32_t *)address;

    __asm__ volatile("fence i,ir" : : : "memory");
    return value;
}

static inline void mmio_write32(volatile void *address, uint32_t value)
{
    __asm__ volatile("fence w,o" : : : "memory");
    *(volatile uint32_t *)address = value;
}

static inline uint8_t mmio_read8(const volatile void *address)
{
    uint8_t value = *(const volatile uint8_t *)address;

    __asm__ volatile("fence i,ir" : : : "memory");
    return value;
}

static inline void mmio_write8(volatile void *address, uint8_t value)
{
    __asm__ volatile("fence w,o" : : : "memory");
    *(volatile uint8_t *)address = value;
}

#endif
