// SPDX-License-Identifier: MIT
/* The 16550 UART.
 *
 * Two parties write: terminals, whose bytes go through a ring and are sent as the transmitter asks
 * for them by interrupt; and the log, which must be on the wire when port_console_write() returns,
 * because the next instruction may be a crash. The log's writer first sends what is in the ring,
 * then its own text, all under the lock and by polling: so output appears in the order in which it
 * was written, a log record is never parted, and nothing is lost.
 *
 * Sending from the ring starts at once if the transmitter is empty, up to a limit that bounds the
 * time with interrupts off; the rest is sent by interrupts, 16 bytes (the FIFO) at a time. The
 * transmit interrupt is enabled exactly while the ring holds bytes.
 *
 * Line speed and format stay as the firmware has set them.
 *
 * Locks: `lock` for registers and ring; interrupts off under it, and nobody is woken and nothing
 * is logged under it (the log comes here itself). In a panic the log goes on without the lock
 * after a while: its holder may be stopped.
 * Source: National Semiconductor PC16550D data sheet. */
#include "drivers/uart.h"

#include "drivers/irq.h"
#include "drivers/mmio.h"
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/console.h"
#include "kernel/arch/riscv64/panic.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "kernel/sync/spinlock.h"
#include "mm/vmalloc.h"

enum uart_register {
    REG_DATA = 0, /* read: received; write: to send */
    REG_INTERRUPT_ENABLE = 1,
    REG_FIFO_CONTROL = 2, /* write */
    REG_MODEM_CONTROL = 4,
    REG_LINE_STATUS = 5,
    NR_REGISTERS = 8,
};

#define IER_RECEIVED          0x01u
#define IER_TRANSMITTER_EMPTY 0x02u
#define FCR_ENABLE_AND_CLEAR  0x07u
#define MCR_READY             0x0bu /* DTR, RTS, OUT2 (on PCs: connects the interrupt) */
#define LSR_RECEIVED          0x01u
#define LSR_TRANSMITTER_EMPTY 0x20u
#define LSR_IDLE              0x40u

#define RING_BYTES       4096u /* a power of two */
#define FIFO_BYTES       16u
#define SEND_NOW_BYTES   256u
#define PANIC_LOCK_TRIES 1000000u

static struct uart {
    volatile uint8_t *registers;                                        /* [I] */
    unsigned reg_shift;                                                 /* [I] */
    bool is_wide;                                                       /* [I] 32-bit accesses */
    uint32_t source;                                                    /* [I] */
    bool has_interrupts;                                                /* [I] after uart_start */
    void (*receive)(void *arg, const uint8_t *bytes, size_t len_bytes); /* [I] after uart_start */
    void *receive_arg;
    struct spinlock lock;
    uint8_t ring[RING_BYTES]; /* [lock] */
    uint32_t head, tail;      /* [lock] free-running; head - tail bytes wait */
    uint8_t enabled;          /* [lock] what REG_INTERRUPT_ENABLE holds */
    struct waitq room_waitq;
} uart = {
    /* In a place of its own late in the lock order: the log may be written under any lock. */
    .lock = SPINLOCK_INIT(LOCK_RANK_CONSOLE, "uart"),
    .room_waitq = WAITQ_INIT(uart.room_waitq),
};

static uint8_t get(unsigned reg)
{
    volatile uint8_t *address = uart.registers + ((size_t)reg << uart.reg_shift);

    return uart.is_wide ? (uint8_t)mmio_read32(address) : mmio_read8(address);
}

static void set(unsigned reg, uint8_t value)
{
    volatile uint8_t *address = uart.registers + ((size_t)reg << uart.reg_shift);

    if (uart.is_wide) {
        mmio_write32(address, value);
    } else {
        mmio_write8(address, value);
    }
}

static void enable_interrupts(uint8_t which)
{
    if (uart.enabled != which) {
        uart.enabled = which;
        set(REG_INTERRUPT_ENABLE, which);
    }
}

/* Send from the ring while the transmitter takes it, at most max bytes (a FIFO's worth at a time).
 */
static void send_from_ring(unsigned max_bytes)
{
    for (unsigned sent = 0; sent < max_bytes && uart.head != uart.tail; sent += FIFO_BYTES) {
        if ((get(REG_LINE_STATUS) & LSR_TRANSMITTER_EMPTY) == 0) {
            break;
        }
        for (unsigned i = 0; i < FIFO_BYTES && uart.head != uart.tail; i++) {
            set(REG_DATA, uart.ring[uart.tail++ % RING_BYTES]);
        }
    }
    if (uart.has_interrupts) {
        enable_interrupts(uart.head != uart.tail ? IER_RECEIVED | IER_TRANSMITTER_EMPTY
                                                 : IER_RECEIVED);
    }
}

static void send_byte_now(uint8_t byte)
{
    while ((get(REG_LINE_STATUS) & LSR_TRANSMITTER_EMPTY) == 0) {
        port_relax();
    }
    set(REG_DATA, byte);
}

static void drain_ring_now(void)
{
    while (uart.head != uart.tail) {
        send_byte_now(uart.ring[uart.tail++ % RING_BYTES]);
    }
}

/* The lock, or in a panic the right to go on without it. Returns whether it is held. */
static bool lock_for_log(uint64_t *irq_state)
{
    *irq_state = port_irq_save();
    if (!panic_is_on()) {
        spin_lock(&uart.lock);
        return true;
    }
    for (unsigned i = 0; i < PANIC_LOCK_TRIES; i++) {
        if (spin_trylock(&uart.lock)) {
            return true;
        }
        port_relax();
    }
    return false;
}

static void uart_log(const char *text, size_t len_bytes)
{
    uint64_t irq_state;
    bool is_locked = lock_for_log(&irq_state);

    drain_ring_now();
    for (size_t i = 0; i < len_bytes; i++) {
        if (text[i] == '\n') {
            send_byte_now('\r');
        }
        send_byte_now((uint8_t)text[i]);
    }
    if (is_locked) {
        spin_unlock(&uart.lock);
    }
    port_irq_restore(irq_state);
}

size_t uart_write(const uint8_t *bytes, size_t len_bytes)
{
    uint64_t irq_state = spin_lock_irqsave(&uart.lock);
    size_t nr = min_of(len_bytes, (size_t)(RING_BYTES - (uart.head - uart.tail)));

    for (size_t i = 0; i < nr; i++) {
        uart.ring[uart.head++ % RING_BYTES] = bytes[i];
    }
    if (uart.has_interrupts) {
        send_from_ring(SEND_NOW_BYTES);
    } else {
        drain_ring_now();
    }
    spin_unlock_irqrestore(&uart.lock, irq_state);
    return nr;
}

size_t uart_room(void)
{
    return RING_BYTES - (__atomic_load_n(&uart.head, __ATOMIC_RELAXED) -
                         __atomic_load_n(&uart.tail, __ATOMIC_RELAXED));
}

static void uart_drain(void)
{
    uint64_t irq_state;
    bool is_locked = lock_for_log(&irq_state);

    drain_ring_now();
    while (uart.registers != NULL && (get(REG_LINE_STATUS) & LSR_IDLE) == 0) {
        port_relax();
    }
    if (is_locked) {
        spin_unlock(&uart.lock);
    }
    port_irq_restore(irq_state);
}

/* Up to size received bytes. */
static size_t receive_some(uint8_t *bytes, size_t size)
{
    size_t nr = 0;

    while (nr < size && (get(REG_LINE_STATUS) & LSR_RECEIVED) != 0) {
        bytes[nr++] = get(REG_DATA);
    }
    return nr;
}

static void handle_interrupt(void *arg)
{
    uint8_t bytes[64];
    size_t nr;
    bool had_little_room, has_room;

    (void)arg;
    do {
        spin_lock(&uart.lock);
        nr = receive_some(bytes, sizeof(bytes));
        had_little_room = uart.head - uart.tail > RING_BYTES / 2;
        send_from_ring(FIFO_BYTES);
        has_room = uart.head - uart.tail <= RING_BYTES / 2;
        spin_unlock(&uart.lock);
        if (had_little_room && has_room) {
            waitq_wake_all(&uart.room_waitq);
        }
        if (nr > 0) {
            uart.receive(uart.receive_arg, bytes, nr);
        }
    } while (nr == sizeof(bytes));
}

struct waitq *uart_room_waitq(void)
{
    return &uart.room_waitq;
}

static fdt_node find_node(const struct fdt *fdt)
{
    const char *path = fdt_string(fdt, fdt_find_path(fdt, "/chosen"), "stdout-path");
    fdt_node node = -1;
    char name[96];

    if (path != NULL && path[0] == '/') {
        strlcpy(name, path, sizeof(name));
        if (strchr(name, ':') != NULL) { /* options of the line follow */
            *strchr(name, ':') = 0;
        }
        node = fdt_find_path(fdt, name);
    }
    if (node < 0 ||
        !(fdt_is_compatible(fdt, node, "ns16550a") || fdt_is_compatible(fdt, node, "ns16550"))) {
        node = fdt_find_compatible(fdt, -1, "ns16550a");
    }
    return node;
}

int uart_init(const struct fdt *fdt)
{
    fdt_node node = find_node(fdt);
    uint64_t start, size_bytes;
    uint32_t reg_shift, io_width;

    if (node < 0) {
        return -ENODEV;
    }
    if (fdt_u32(fdt, node, "reg-shift", &reg_shift) != 0) {
        reg_shift = 0;
    }
    if (fdt_u32(fdt, node, "reg-io-width", &io_width) != 0) {
        io_width = 1;
    }
    if (fdt_reg(fdt, node, 0, &start, &size_bytes) != 0 ||
        fdt_interrupt(fdt, node, &uart.source) != 0 || reg_shift > 4 ||
        size_bytes < (uint64_t)NR_REGISTERS << reg_shift) {
        return -EINVAL;
    }
    uart.registers = vmalloc_map_device(phys(start), (size_t)NR_REGISTERS << reg_shift);
    if (uart.registers == NULL) {
        return -ENOMEM;
    }
    uart.reg_shift = reg_shift;
    uart.is_wide = io_width == 4;
    set(REG_INTERRUPT_ENABLE, 0);
    console_set_output(uart_log, uart_drain);
    return 0;
}

int uart_start(void (*receive)(void *arg, const uint8_t *bytes, size_t len_bytes), void *arg)
{
    uint64_t irq_state;
    int error;

    uart.receive = receive;
    uart.receive_arg = arg;
    error = irq_register(uart.source, "uart", handle_interrupt, NULL);
    if (error != 0) {
        return error;
    }
    irq_state = spin_lock_irqsave(&uart.lock);
    set(REG_FIFO_CONTROL, FCR_ENABLE_AND_CLEAR & ~0x02u); /* what was typed meanwhile stays */
    set(REG_MODEM_CONTROL, MCR_READY);
    uart.has_interrupts = true;
    enable_interrupts(IER_RECEIVED);
    spin_unlock_irqrestore(&uart.lock, irq_state);
    return 0;
}
