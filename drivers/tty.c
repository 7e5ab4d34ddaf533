// SPDX-License-Identifier: MIT
/* Terminals.
 *
 *     UART interrupt ──> ring ──> thread: line discipline ──> input buffer ──> read(2)
 *                                          │ echo
 *     UART <── output processing <─────────┴────────────────────────────────── write(2)
 *
 * The interrupt handler only puts bytes into the lock-free ring and wakes the terminal's thread;
 * everything that takes locks (editing, echo, signals to process groups) happens there, in a task.
 * So no lock of the terminal needs interrupts off, and the handler's work is bounded.
 *
 * Job control is decided above: tty_job_hooks says whether a caller may read, write or change
 * settings. */
#include "kernel/abi/errno.h"
#include "kernel/abi/poll.h"
#include "kernel/abi/signal.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "drivers/tty_internal.h"
#include "mm/kmalloc.h"

const struct tty_job_hooks *tty_job;

void tty_set_job_hooks(const struct tty_job_hooks *hooks)
{
    tty_job = hooks;
}

static const struct abi_termios initial_termios = {
    .iflag = ABI_ICRNL | ABI_IXON | ABI_IUTF8,
    .oflag = ABI_OPOST | ABI_ONLCR,
    .cflag = ABI_B38400 | ABI_CS8 | ABI_CREAD | ABI_HUPCL,
    .lflag = ABI_ISIG | ABI_ICANON | ABI_ECHO | ABI_ECHOE | ABI_ECHOK | ABI_ECHOCTL | ABI_ECHOKE |
             ABI_IEXTEN,
    .cc = {[ABI_VINTR] = 3,
           [ABI_VQUIT] = 28,
           [ABI_VERASE] = 127,
           [ABI_VKILL] = 21,
           [ABI_VEOF] = 4,
           [ABI_VMIN] = 1,
           [ABI_VSTART] = 17,
           [ABI_VSTOP] = 19,
           [ABI_VSUSP] = 26,
           [ABI_VREPRINT] = 18,
           [ABI_VWERASE] = 23,
           [ABI_VLNEXT] = 22},
};

static int check_job(struct tty *tty, enum tty_access access)
{
    return tty_job != NULL ? tty_job->check(tty, access) : 0;
}

static bool is_hung_up(const struct tty *tty)
{
    return atomic_load_explicit(&tty->is_hung_up, memory_order_acquire);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* When a read that has `nr` bytes so far must stop waiting. */
static uint64_t read_deadline(const struct abi_termios *termios, size_t nr)
{
    uint64_t tenths = termios->cc[ABI_VTIME];

    if ((termios->lflag & ABI_ICANON) != 0 || tenths == 0 ||
        (termios->cc[ABI_VMIN] != 0 && nr == 0)) {
        return PORT_NO_DEADLINE;
    }
    return port_clock_ns() + tenths * 100000000ull;
}

/* A raw read needs no (more) waiting. */
static bool is_raw_enough(const struct abi_termios *termios, size_t nr, size_t size)
{
    size_t wanted = min_of((size_t)termios->cc[ABI_VMIN], size);

    if ((termios->lflag & ABI_ICANON) != 0) {
        return false;
    }
    return termios->cc[ABI_VMIN] == 0 ? nr != 0 || termios->cc[ABI_VTIME] == 0 : nr >= wanted;
}

/* Collect bytes for a read, at most size; *is_line_end: a line is complete. Returns them, or
 * -errno. */
static ssize_t collect(struct tty *tty, uint8_t *bytes, size_t size, bool is_nonblock,
                       bool *is_line_end)
{
    size_t nr = 0;

    for (;;) {
        struct abi_termios termios;
        uint32_t before, seen;
        bool has_progress;
        int error;

        mutex_lock(&tty->lock);
        termios = tty->termios;
        before = tty->read_index;
        nr += tty_take_input(tty, bytes + nr, size - nr, is_line_end);
        has_progress = tty->read_index != before;
        seen = atomic_load_explicit(&tty->changes, memory_order_relaxed);
        mutex_unlock(&tty->lock);
        if (*is_line_end || nr == size || (has_progress && (termios.lflag & ABI_ICANON) != 0) ||
            is_raw_enough(&termios, nr, size) || is_hung_up(tty)) {
            return (ssize_t)nr;
        }
        if (is_nonblock) {
            return nr != 0 ? (ssize_t)nr : -EAGAIN;
        }
        error = waitq_wait(&tty->input_waitq, PORT_BLOCK_INTERRUPTIBLE, read_deadline(&termios, nr),
                           atomic_load_explicit(&tty->changes, memory_order_acquire) != seen ||
                               is_hung_up(tty));
        if (error == -ETIMEDOUT) {
            return (ssize_t)nr;
        }
        if (error != 0) {
            return nr != 0 ? (ssize_t)nr : error;
        }
    }
}

static ssize_t tty_read(struct char_device *device, void *session, struct iter *iter,
                        unsigned flags)
{
    struct tty *tty = device->driver;
    bool is_nonblock = (flags & CHAR_NONBLOCK) != 0;
    bool is_line_end = false;
    uint8_t bytes[512];
    size_t total = 0;
    ssize_t nr;
    int error = check_job(tty, TTY_READ);

    if (error != 0) {
        return error;
    }
    do { /* by pieces; what follows the first is not waited for */
        size_t size = min_of(sizeof(bytes), iter->remaining_bytes);

        nr = size != 0 ? collect(tty, bytes, size, is_nonblock || total != 0, &is_line_end) : 0;
        if (nr <= 0) {
            return total != 0 ? (ssize_t)total : nr;
        }
        if (iter_copy_to(iter, bytes, (size_t)nr) != (size_t)nr) {
            return total != 0 ? (ssize_t)total : -EFAULT;
        }
        total += (size_t)nr;
    } while (nr == sizeof(bytes) && !is_line_end);
    return (ssize_t)total;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static bool stops_background_output(struct tty *tty)
{
    bool result;

    mutex_lock(&tty->lock);
    result = (tty->termios.lflag & ABI_TOSTOP) != 0;
    mutex_unlock(&tty->lock);
    return result;
}

static ssize_t tty_write(struct char_device *device, void *session, struct iter *iter,
                         unsigned flags)
{
    struct tty *tty = device->driver;
    size_t total = 0;

    int error = stops_background_output(tty) ? check_job(tty, TTY_WRITE) : 0;

    if (error != 0) {
        return error;
    }
    while (iter->remaining_bytes != 0) {
        uint8_t bytes[256];
        size_t len = iter_copy_from(iter, bytes, min_of(sizeof(bytes), iter->remaining_bytes));
        size_t done;

        if (len == 0) {
            return total != 0 ? (ssize_t)total : -EFAULT;
        }
        done = tty_output(tty, bytes, len, (flags & CHAR_NONBLOCK) != 0);
        total += done;
        if (done < len) {
            iter_revert(iter, len - done);
            return total != 0                     ? (ssize_t)total
                   : is_hung_up(tty)              ? -EIO
                   : (flags & CHAR_NONBLOCK) != 0 ? -EAGAIN
                                                  : -ERESTARTSYS;
        }
    }
    return (ssize_t)total;
}

static uint32_t tty_poll(struct char_device *device, void *session, struct poll_request *request)
{
    struct tty *tty = device->driver;
    uint32_t events = 0;

    poll_add(request, &tty->input_waitq);
    poll_add(request, tty->line->room_waitq);
    poll_add(request, &tty->output_waitq);
    if (is_hung_up(tty)) {
        return POLLIN | POLLRDNORM | POLLHUP | POLLOUT | POLLWRNORM;
    }
    mutex_lock(&tty->lock);
    events |= tty_has_input(tty) ? POLLIN | POLLRDNORM : 0;
    mutex_unlock(&tty->lock);
    if (tty->line->room(tty->line) >= 64 &&
        !atomic_load_explicit(&tty->is_stopped, memory_order_acquire)) {
        events |= POLLOUT | POLLWRNORM;
    }
    return events;
}

/* ---- Settings -------------------------------------------------------------------------------- */

static void set_termios(struct tty *tty, const struct abi_termios *termios, bool flushes)
{
    mutex_lock(&tty->lock);
    if (flushes) {
        tty_flush_input(tty);
    }
    if ((termios->lflag & ABI_ICANON) == 0 || (tty->termios.lflag & ABI_ICANON) == 0) {
        tty->line_index = tty->write_index; /* what was typed so far becomes readable as it is */
    }
    tty->termios = *termios;
    if ((termios->iflag & ABI_IXON) == 0) {
        atomic_store_explicit(&tty->is_stopped, false, memory_order_release);
    }
    atomic_fetch_add_explicit(&tty->changes, 1, memory_order_release);
    mutex_unlock(&tty->lock);
    waitq_wake_all(&tty->input_waitq); /* readers look again, with the new rules */
    waitq_wake_all(&tty->output_waitq);
}

static int ioctl_set_termios(struct tty *tty, user_t argument, size_t size, bool flushes)
{
    struct abi_termios2 termios;
    int error = check_job(tty, TTY_CHANGE);

    if (error != 0) {
        return error;
    }
    if (port_copy_from_user(&termios, argument, size) != 0) {
        return -EFAULT;
    }
    set_termios(tty, &termios.base, flushes);
    return 0;
}

static int ioctl_get_termios(struct tty *tty, user_t argument, size_t size)
{
    struct abi_termios2 termios = {.ispeed = 38400, .ospeed = 38400};

    mutex_lock(&tty->lock);
    termios.base = tty->termios;
    mutex_unlock(&tty->lock);
    return port_copy_to_user(argument, &termios, size) != 0 ? -EFAULT : 0;
}

static int ioctl_set_winsize(struct tty *tty, user_t argument)
{
    struct abi_winsize winsize;
    pid_t group = tty_get_group(tty);
    bool is_changed;

    if (port_copy_from_user(&winsize, argument, sizeof(winsize)) != 0) {
        return -EFAULT;
    }
    mutex_lock(&tty->lock);
    is_changed = memcmp(&winsize, &tty->winsize, sizeof(winsize)) != 0;
    tty->winsize = winsize;
    mutex_unlock(&tty->lock);
    if (is_changed && group > 0 && tty_job != NULL) {
        tty_job->signal_group(group, ABI_SIGWINCH);
    }
    return 0;
}

static int ioctl_get_winsize(struct tty *tty, user_t argument)
{
    struct abi_winsize winsize;

    mutex_lock(&tty->lock);
    winsize = tty->winsize;
    mutex_unlock(&tty->lock);
    return port_copy_to_user(argument, &winsize, sizeof(winsize)) != 0 ? -EFAULT : 0;
}

static int ioctl_flush(struct tty *tty, uint64_t which)
{
    if (which > 2) {
        return -EINVAL;
    }
    if (which !=
        1) { /* TCIFLUSH, TCIOFLUSH; output is not held back here, so TCOFLUSH has nothing to do */
        mutex_lock(&tty->lock);
        tty_flush_input(tty);
        mutex_unlock(&tty->lock);
    }
    return 0;
}

static int ioctl_flow(struct tty *tty, uint64_t action)
{
    if (action > 3) {
        return -EINVAL;
    }
    if (action < 2) { /* TCOOFF, TCOON */
        atomic_store_explicit(&tty->is_stopped, action == 0, memory_order_release);
        waitq_wake_all(&tty->output_waitq);
    }
    return 0;
}

static int put_int(uint64_t argument, int32_t value)
{
    return port_copy_to_user(user_ptr(argument), &value, sizeof(value)) != 0 ? -EFAULT : 0;
}

static int32_t readable_bytes(struct tty *tty)
{
    int32_t nr;

    mutex_lock(&tty->lock);
    nr = (int32_t)(tty->line_index - tty->read_index);
    mutex_unlock(&tty->lock);
    return nr;
}

static int tty_ioctl(struct char_device *device, void *session, uint32_t command, uint64_t argument)
{
    struct tty *tty = device->driver;
    user_t user = user_ptr(argument);

    switch (command) {
    case ABI_TCGETS: return ioctl_get_termios(tty, user, sizeof(struct abi_termios));
    case ABI_TCSETS:
    case ABI_TCSETSW:
    case ABI_TCSETSF:
        return ioctl_set_termios(tty, user, sizeof(struct abi_termios), command == ABI_TCSETSF);
    case ABI_TCGETS2: return ioctl_get_termios(tty, user, sizeof(struct abi_termios2));
    case ABI_TCSETS2:
    case ABI_TCSETSW2:
    case ABI_TCSETSF2:
        return ioctl_set_termios(tty, user, sizeof(struct abi_termios2), command == ABI_TCSETSF2);
    case ABI_TIOCGWINSZ: return ioctl_get_winsize(tty, user);
    case ABI_TIOCSWINSZ: return ioctl_set_winsize(tty, user);
    case ABI_TCFLSH: return ioctl_flush(tty, argument);
    case ABI_TCXONC: return ioctl_flow(tty, argument);
    case ABI_TIOCINQ: return put_int(argument, readable_bytes(tty));
    case ABI_TIOCOUTQ:
    case ABI_TIOCGETD: return put_int(argument, 0);
    case ABI_TIOCSETD:
    case ABI_TIOCEXCL:
    case ABI_TIOCNXCL:
    case ABI_TCSBRK: return 0;
    default: return -ENOTTY;
    }
}

static int tty_open(struct char_device *device, void **session)
{
    struct tty *tty = device->driver;

    atomic_store_explicit(&tty->is_hung_up, false, memory_order_release);
    *session = NULL;
    return 0;
}

static const struct char_device_ops tty_ops = {
    .open = tty_open,
    .read = tty_read,
    .write = tty_write,
    .ioctl = tty_ioctl,
    .poll = tty_poll,
};

/* ---- From below ------------------------------------------------------------------------------ */

void tty_receive(struct tty *tty, const uint8_t *bytes, size_t len_bytes)
{
    for (size_t i = 0; i < len_bytes; i++) {
        if (!ring_push(&tty->received, bytes[i])) {
            break; /* faster than anybody can type, and nobody reads: the rest is lost, as on a real line */
        }
    }
    waitq_wake_all(&tty->received_waitq);
}

static void tty_thread(void *arg)
{
    struct tty *tty = arg;

    for (;;) {
        uint8_t bytes[64];
        uint64_t value;
        size_t nr = 0;

        waitq_wait_event(&tty->received_waitq, ring_count(&tty->received) != 0);
        while (nr < sizeof(bytes) && ring_pop(&tty->received, &value)) {
            bytes[nr++] = (uint8_t)value;
        }
        tty_process_input(tty, bytes, nr);
    }
}

/* ---- Registration and job control ------------------------------------------------------------ */

int tty_register(const char *name, uint32_t dev_number, struct tty_line *line, struct tty **out)
{
    struct tty *tty = kzalloc(sizeof(*tty), ALLOC_KERNEL);
    int error;

    if (tty == NULL) {
        return -ENOMEM;
    }
    tty->device = (struct char_device){.name = name,
                                       .dev_number = dev_number,
                                       .mode = 0620,
                                       .ops = &tty_ops,
                                       .driver = tty,
                                       .is_tty = true};
    tty->line = line;
    tty->termios = initial_termios;
    waitq_init(&tty->received_waitq);
    waitq_init(&tty->input_waitq);
    waitq_init(&tty->output_waitq);
    mutex_init(&tty->lock, LOCK_RANK_TTY, "tty");
    error = ring_init(&tty->received, tty->received_cells, TTY_RECEIVE_CELLS);
    if (error == 0) {
        error = char_register(&tty->device);
    }
    if (error == 0 && port_spawn(name, tty_thread, tty) == NULL) {
        return -ENOMEM; /* registered already: it stays, without input */
    }
    if (error != 0) {
        kfree(tty);
        return error;
    }
    *out = tty;
    return 0;
}

int tty_register_alias(struct tty *tty, const char *name, uint32_t dev_number)
{
    struct char_device *alias = kmalloc(sizeof(*alias), ALLOC_KERNEL);
    int error;

    if (alias == NULL) {
        return -ENOMEM;
    }
    *alias = tty->device;
    alias->name = name;
    alias->dev_number = dev_number;
    alias->mode = 0600;
    error = char_register(alias);
    if (error != 0) {
        kfree(alias);
    }
    return error;
}

pid_t tty_get_group(struct tty *tty)
{
    return atomic_load_explicit(&tty->group, memory_order_relaxed);
}

void tty_set_group(struct tty *tty, pid_t group)
{
    atomic_store_explicit(&tty->group, group, memory_order_relaxed);
}

pid_t tty_get_session(struct tty *tty)
{
    return atomic_load_explicit(&tty->session, memory_order_relaxed);
}

void tty_set_session(struct tty *tty, pid_t session)
{
    atomic_store_explicit(&tty->session, session, memory_order_relaxed);
}

uint32_t tty_dev_number(const struct tty *tty)
{
    return tty->device.dev_number;
}

void tty_hangup(struct tty *tty)
{
    pid_t group = tty_get_group(tty);

    atomic_store_explicit(&tty->is_hung_up, true, memory_order_release);
    waitq_wake_all(&tty->input_waitq);
    waitq_wake_all(&tty->output_waitq);
    waitq_wake_all(tty->line->room_waitq);
    if (group > 0 && tty_job != NULL) {
        tty_job->signal_group(group, ABI_SIGHUP);
        tty_job->signal_group(group, ABI_SIGCONT);
    }
}
