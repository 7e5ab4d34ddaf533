// SPDX-License-Identifier: MIT
/* /dev/kmsg: the kernel's log, record by record.
 *
 * Each open file has a place of its own in the log, at first before the oldest record. A read gives one record,
 *
 *      6,339,5140900,-;vda: disk of 256 MiB          level, number, microseconds; then the line
 *
 * with everything that is not a printable character as \xNN, so that a line of the text is a record. Where there is
 * none yet a read waits, or says -EAGAIN: 0 would mean that the log has ended, and it never does. If the place was
 * overwritten meanwhile, the read says so once (-EPIPE) and goes on with the oldest. A write is a line of the log, with
 * a level if it begins with one ("<3>…").
 *
 * Who waits cannot be woken by what he waits for: printk() may be called with any lock held, that of a wait queue
 * included. So there is a thread that looks for him. Whoever finds nothing rings for it; a tenth of a second later it
 * wakes all who wait, and sleeps until the next ring. Who still finds nothing rings again. With nobody
 * there it does not run.
 *
 * Locks: a file's place has a mutex. The log itself has none (klog.c).
 *
 * Source: Linux, Documentation/ABI/testing/dev-kmsg. */
#include "drivers/kmsg.h"

#include "kernel/abi/errno.h"
#include "kernel/abi/poll.h"
#include "kernel/base/klog.h"
#include "kernel/base/once.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/waitq.h"
#include "mm/kmalloc.h"

#define LOOK_NS 100000000ull

struct kmsg_session {
    struct mutex lock;
    _Atomic uint64_t seq; /* [lock to change, a] the record that is read next */
};

/* ---- Waiting --------------------------------------------------------------------------------- */

static struct waitq news = WAITQ_INIT(news); /* a record may have come */
static struct waitq ring = WAITQ_INIT(ring); /* somebody waits for one */
static _Atomic bool is_rung;
static struct once look_once = ONCE_INIT("kmsg", ONCE_RETRY);

static void look_main(void *arg)
{
    for (;;) {
        waitq_wait_event(&ring, load_relaxed(&is_rung));
        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        (void)!port_block(port_clock_ns() + LOOK_NS);
        port_block_cancel();
        /* Before the wake-up: who is woken and rings again is not forgotten. */
        store_relaxed(&is_rung, false);
        waitq_wake_all(&news);
    }
}

static int start_looking(void *arg)
{
    return port_spawn("kmsg", look_main, NULL) != NULL ? 0 : -ENOMEM;
}

/* Whether there is a record, or a gap to tell of; if not, somebody will look again. */
static bool has_news(struct kmsg_session *session)
{
    uint64_t seq = load_relaxed(&session->seq);
    struct klog_entry entry;

    if (seq < klog_next_seq() && klog_get(seq, &entry) != KLOG_NOT_YET) {
        return true;
    }
    store_relaxed(&is_rung, true);
    waitq_wake_all(&ring);
    return false;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static int kmsg_open(struct char_device *device, void **session)
{
    struct kmsg_session *new_session = kzalloc(sizeof(*new_session), ALLOC_KERNEL);

    if (new_session == NULL) {
        return -ENOMEM;
    }
    mutex_init(&new_session->lock, LOCK_RANK_PIPE, "kmsg");
    atomic_init(&new_session->seq, klog_first_seq());
    *session = new_session;
    return 0;
}

static void kmsg_release(struct char_device *device, void *session)
{
    kfree(session);
}

#define RECORD_BYTES (KLOG_TEXT_BYTES * 4 + 64)

/* Returns the length. */
static size_t format_record(uint64_t seq, const struct klog_entry *entry, char *record)
{
    size_t len = (size_t)ksnprintf(record, RECORD_BYTES, "%d,%llu,%llu,-;", entry->level,
                                   (unsigned long long)seq,
                                   (unsigned long long)(entry->time_ns / 1000));

    for (size_t i = 0; i < entry->len_bytes; i++) {
        uint8_t c = (uint8_t)entry->text[i];

        if (c < ' ' || c >= 127 || c == '\\') {
            len += (size_t)ksnprintf(record + len, RECORD_BYTES - len, "\\x%02x", c);
        } else {
            record[len++] = (char)c;
        }
    }
    record[len++] = '\n';
    return len;
}

/* The record at the session's place. Returns its length, -EAGAIN: there is none yet, or -errno. */
static ssize_t read_record(struct kmsg_session *session, struct iter *iter, char *record)
{
    uint64_t seq = load_relaxed(&session->seq);
    struct klog_entry entry;
    size_t len;

    if (seq >= klog_next_seq()) {
        return -EAGAIN;
    }
    switch (klog_get(seq, &entry)) {
    case KLOG_NOT_YET: return -EAGAIN;
    case KLOG_LOST: store_relaxed(&session->seq, max_of(seq + 1, klog_first_seq())); return -EPIPE;
    default: break;
    }
    len = format_record(seq, &entry, record);
    if (len > iter->remaining_bytes) {
        return -EINVAL;
    }
    if (iter_copy_to(iter, record, len) != len) {
        return -EFAULT;
    }
    store_relaxed(&session->seq, seq + 1);
    return (ssize_t)len;
}

static ssize_t kmsg_read(struct char_device *device, void *arg, struct iter *iter, unsigned flags)
{
    struct kmsg_session *session = arg;
    char *record = kmalloc(RECORD_BYTES, ALLOC_KERNEL);
    ssize_t result = record != NULL ? 0 : -ENOMEM;

    while (result == 0) {
        mutex_lock(&session->lock);
        result = read_record(session, iter, record);
        mutex_unlock(&session->lock);
        if (result == -EAGAIN && (flags & CHAR_NONBLOCK) == 0) {
            result = once_get(&look_once, start_looking, NULL);
            if (result == 0) {
                result = waitq_wait(&news, PORT_BLOCK_INTERRUPTIBLE, PORT_NO_DEADLINE,
                                    has_news(session));
            }
        }
    }
    kfree(record);
    return result;
}

static uint32_t kmsg_poll(struct char_device *device, void *session, struct poll_request *request)
{
    uint32_t events = POLLOUT | POLLWRNORM;

    poll_add(request, &news);
    if (once_get(&look_once, start_looking, NULL) != 0 || has_news(session)) {
        events |= POLLIN | POLLRDNORM; /* without the thread a read has something to say, too */
    }
    return events;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* A level at the beginning ("<11>", of which a facility is no concern of ours) is taken off. */
static enum log_level take_level(const char **line)
{
    const char *end;
    uint64_t number;

    if (**line != '<' || parse_u64(*line + 1, 10, &end, &number) != 0 || *end != '>') {
        return LOG_INFO;
    }
    *line = end + 1;
    return (enum log_level)(number % 8);
}

static ssize_t kmsg_write(struct char_device *device, void *session, struct iter *iter,
                          unsigned flags)
{
    char buffer[256];
    const char *line = buffer;
    size_t len = iter->remaining_bytes;
    size_t copied = iter_copy_from(iter, buffer, min_of(len, sizeof(buffer) - 1));
    enum log_level level;

    if (copied == 0 && len != 0) {
        return -EFAULT;
    }
    while (copied != 0 && buffer[copied - 1] == '\n') {
        copied--;
    }
    buffer[copied] = '\0';
    level = take_level(&line);
    printk(level, "%s", line);
    iter_advance(iter, iter->remaining_bytes);
    return (ssize_t)len;
}

const struct char_device_ops kmsg_ops = {
    .open = kmsg_open,
    .release = kmsg_release,
    .read = kmsg_read,
    .write = kmsg_write,
    .poll = kmsg_poll,
};
