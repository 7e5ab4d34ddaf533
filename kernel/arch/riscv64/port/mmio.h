// SPDX-License-Identifier: MIT
/* Device registers. Each access is ordered against memory: what was written to memory before a register write is seen by the
 * device, and what is read from memory after a register read is what the device wrote. */
#ifndef CAIRN_PORT_MMIO_H
#define CAIRN_PORT_MMIO_H

#include "kernel/base/types.h"

static inline uint32_t mmio_read32(const volatile void *address)
{
    uint32_t value = *(const volatile uint32_t *)address;

    /* Later memory reads must not be satisfied before the device was asked. */
    __asm__ volatile("fence i,ir" : : : "memory");
    return value;
}

static inline void mmio_write32(volatile void *address, uint32_t value)
{
    /* Memory that the device will read (descriptors) must be written before it is told. */
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
