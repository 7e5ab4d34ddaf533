// SPDX-License-Identifier: MIT
/* printk(): format a line, store it in the log's ring, and bring the ring's news to the console.
 *
 * The console is slow and there is only one, yet nobody waits for it. Whoever finds it free takes it and writes
 * out every record that is complete, those of other harts too; whoever finds it taken leaves his record to the one
 * who has it. That one looks again after giving the console back, so that no record stays behind:
 *
 *      writer:   publish the record;   full fence;   is the console taken?
 *      holder:   give it back;         full fence;   is there a new record?
 *
 * One of the two must see the other's step. A panic takes the console from whoever has it, because that hart may
 * never run again.
 *
 * What goes in is printable: a control character in it, from a hostile file name say, becomes a '?', so that
 * text can't break the framing or drive a terminal. */
#include "kernel/base/printk.h"
#include "kernel/base/atomic.h"
#include "kernel/base/klog.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "kernel/base/test_point.h"

/* One call's text; longer is cut. Small, because it lies on kernel stacks. */
enum { LINE_BYTES = 512 };

/* DLE and a letter. */
#define FRAME_BEGIN "\020L"
#define FRAME_END   "\020E"

static _Atomic int console_level = LOG_DEBUG;
static _Atomic uint32_t console_is_framed;
static _Atomic uint32_t console_is_taken; /* [a] 1: somebody writes to the console */
static _Atomic uint64_t console_seq;      /* [console_is_taken] the next record to write */

void klog_set_console_level(int level)
{
    store_relaxed(&console_level, level);
}

int klog_console_level(void)
{
    return load_relaxed(&console_level);
}

void klog_set_framed(bool framed)
{
    store_relaxed(&console_is_framed, framed);
    if (framed) {
        /* What comes before the first frame counts as the firmware's: begin, however quiet the log is. */
        port_console_write(FRAME_BEGIN FRAME_END, sizeof(FRAME_BEGIN FRAME_END) - 1);
    }
}

bool klog_is_framed(void)
{
    return load_relaxed(&console_is_framed) != 0;
}

/* One record, in one piece, so that a program's output comes before or after it but not inside. */
static void write_record(const struct klog_entry *entry)
{
    char line[KLOG_TEXT_BYTES + 48];
    uint64_t time_us = entry->time_ns / 1000;
    bool is_framed = klog_is_framed();

    int len_bytes = ksnprintf(line, sizeof(line), "%s[%5llu.%06llu] %s\n%s",
                              is_framed ? FRAME_BEGIN : "", (unsigned long long)(time_us / 1000000),
                              (unsigned long long)(time_us % 1000000), entry->text,
                              is_framed ? FRAME_END : "");
    port_console_write(line, (size_t)len_bytes);
}

/* Write what is complete. Context: the console is taken (or wrested, in a panic). Returns where it stopped. */
static uint64_t drain_records(void)
{
    struct klog_entry entry;
    uint64_t seq = load_relaxed(&console_seq);

    for (seq = max_of(seq, klog_first_seq()); seq < klog_next_seq(); seq++) {
        enum klog_result result = klog_get(seq, &entry);
        if (result == KLOG_NOT_YET) {
            break;
        }
        /* First step past it: a fault inside the console must not bring the same record again. */
        store_relaxed(&console_seq, seq + 1);
        if (result == KLOG_FOUND && entry.level < klog_console_level()) {
            write_record(&entry);
        }
    }
    return seq;
}

/* Whether the record that stopped the last drain (or came since) is complete by now. */
static bool has_news(uint64_t seq)
{
    struct klog_entry entry;

    return seq < klog_next_seq() && klog_get(seq, &entry) != KLOG_NOT_YET;
}

static void update_console(void)
{
    uint64_t seq;

    do {
        fence_full();
        uint32_t is_taken = 0;
        if (!atomic_compare_exchange_strong_explicit(&console_is_taken, &is_taken, 1,
                                                     memory_order_acquire, memory_order_relaxed)) {
            return;
        }
        seq = drain_records();
        TEST_POINT(TEST_CONSOLE_DRAINED, NULL);
        store_release(&console_is_taken, 0);
        fence_full();
    } while (has_news(seq));
}

void klog_flush_for_panic(void)
{
    /* Left taken: records of other harts, which are being stopped, come out through this one. */
    store_relaxed(&console_is_taken, 1);
    drain_records();
    store_release(&console_is_taken, 0);
}

static void log_lines(int level, char *text)
{
    uint64_t time_ns = port_clock_ns();
    size_t left_bytes = strlen(text);

    for (size_t i = 0; i < left_bytes; i++) {
        if ((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\t') {
            text[i] = '?';
        }
    }
    do {
        size_t len_bytes = min_of(left_bytes, (size_t)KLOG_TEXT_BYTES);
        const char *newline = memchr(text, '\n', len_bytes);
        if (newline != NULL) {
            len_bytes = (size_t)(newline - text);
        }
        klog_write(level, time_ns, text, len_bytes);
        len_bytes += newline != NULL;
        text += len_bytes;
        left_bytes -= len_bytes;
    } while (left_bytes > 0);
}

void printk(enum log_level level, const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;

    va_start(args, format);
    kvsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_lines((int)level, text);
    /* Not preempted while it has the console: the news of others would wait for this task to run again. */
    port_preempt_disable();
    update_console();
    port_preempt_enable();
}
