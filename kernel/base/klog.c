// SPDX-License-Identifier: MIT
/* The kernel log: a ring of the last records, without a lock.
 *
 * printk() may be called anywhere: in an interrupt handler that interrupted printk() itself, or in a panic while
 * another hart has stopped for ever in the middle of one. A lock could then be waited for without end, so there is
 * none. A writer takes the next sequence number with one atomic addition, and with it slot number
 * (seq mod KLOG_NR_RECORDS). The slot's version says what it holds:
 *
 *      2*seq + 1    record seq is being written        2*seq + 2    record seq is complete
 *
 * A writer moves the version from an even, older value to its odd one; if the slot is still odd, a writer has been
 * stopped there while the whole ring went round, and the new record is dropped rather than waited for. A reader
 * copies the words and then looks at the version again: if it has moved, the copy is thrown away (a sequence lock
 * for each record). The words are relaxed atomics, so that the overlapping accesses are defined.
 *
 * A reader that meets an unpublished record stops there, because records come in order; if the ring has gone half
 * round since, that record is given up.
 *
 * Source: the per-record version is Vyukov's bounded queue (see ring.c) turned into one that overwrites;
 * the reader is Lameter's and Hemminger's sequence lock. */
#include "kernel/base/klog.h"
#include "kernel/base/atomic.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

struct klog_slot {
    _Atomic uint64_t version; /* [a] see above; 0: never used */
    _Atomic uint64_t time_ns; /* [version], as the rest */
    _Atomic uint64_t level_and_len;
    _Atomic uint64_t text[KLOG_TEXT_WORDS];
};

static struct klog_slot klog_slots[KLOG_NR_RECORDS];
static _Atomic uint64_t klog_next; /* [a] the next sequence number */

static inline void set_word(_Atomic uint64_t *word, uint64_t value)
{
    store_relaxed(word, value);
}

static inline uint64_t get_word(const _Atomic uint64_t *word)
{
    return load_relaxed(word);
}

/* The words that a text of this length takes. */
static inline size_t div_words(size_t len_bytes)
{
    return (len_bytes + 7) / 8;
}

void klog_write(int level, uint64_t time_ns, const char *text, size_t len_bytes)
{
    uint64_t seq = atomic_fetch_add_explicit(&klog_next, 1, memory_order_relaxed);
    struct klog_slot *slot = &klog_slots[seq % KLOG_NR_RECORDS];
    uint64_t version = get_word(&slot->version);
    uint64_t words[KLOG_TEXT_WORDS] = {0};

    len_bytes = min_of(len_bytes, (size_t)KLOG_TEXT_BYTES);
    memcpy(words, text, len_bytes);
    if (version % 2 != 0 || version > 2 * seq ||
        !atomic_compare_exchange_strong_explicit(&slot->version, &version, 2 * seq + 1,
                                                 memory_order_relaxed, memory_order_relaxed)) {
        return;
    }
    /* The odd version is visible before any word changes: a reader that sees a new word then also sees,
     * when it looks again, that the version has moved. */
    fence_full();
    set_word(&slot->time_ns, time_ns);
    set_word(&slot->level_and_len, (uint64_t)level << 32 | len_bytes);
    for (size_t i = 0; i < div_words(len_bytes); i++) {
        set_word(&slot->text[i], words[i]);
    }
    /* Release: who sees the even version sees the words. */
    store_release(&slot->version, 2 * seq + 2);
}

enum klog_result klog_get(uint64_t seq, struct klog_entry *entry)
{
    struct klog_slot *slot = &klog_slots[seq % KLOG_NR_RECORDS];
    uint64_t next = klog_next_seq();
    uint64_t version = load_acquire(&slot->version);
    uint64_t words[KLOG_TEXT_WORDS];

    if (version != 2 * seq + 2) {
        bool given_up = next > seq && next - seq > KLOG_NR_RECORDS / 2;
        return version > 2 * seq + 2 || given_up ? KLOG_LOST : KLOG_NOT_YET;
    }
    uint64_t time_ns = get_word(&slot->time_ns);
    uint64_t level_and_len = get_word(&slot->level_and_len);
    size_t len_bytes = min_of(level_and_len & UINT32_MAX, (uint64_t)KLOG_TEXT_BYTES);
    for (size_t i = 0; i < div_words(len_bytes); i++) {
        words[i] = get_word(&slot->text[i]);
    }
    /* The copies are done before the second look at the version. */
    fence_full();
    if (get_word(&slot->version) != version) {
        return KLOG_LOST;
    }
    entry->time_ns = time_ns;
    entry->level = (int)(level_and_len >> 32);
    entry->len_bytes = len_bytes;
    memcpy(entry->text, words, len_bytes);
    entry->text[len_bytes] = '\0';
    return KLOG_FOUND;
}

uint64_t klog_next_seq(void)
{
    return load_relaxed(&klog_next);
}

uint64_t klog_first_seq(void)
{
    uint64_t next = klog_next_seq();

    return next > KLOG_NR_RECORDS ? next - KLOG_NR_RECORDS : 0;
}

/* ---- dmesg ------------------------------------------------------------------------------------ */

size_t klog_read(uint64_t *seq, char *buffer, size_t size_bytes)
{
    struct klog_entry entry;
    char line[KLOG_TEXT_BYTES + 48];
    size_t copied_bytes = 0;

    for (*seq = max_of(*seq, klog_first_seq()); *seq < klog_next_seq(); ++*seq) {
        enum klog_result result = klog_get(*seq, &entry);
        if (result == KLOG_NOT_YET) {
            break;
        }
        if (result == KLOG_LOST) {
            continue;
        }
        uint64_t time_us = entry.time_ns / 1000;
        size_t len_bytes = (size_t)ksnprintf(line, sizeof(line), "<%d>[%5llu.%06llu] %s\n",
                                             entry.level, (unsigned long long)(time_us / 1000000),
                                             (unsigned long long)(time_us % 1000000), entry.text);
        if (len_bytes > size_bytes - copied_bytes) {
            break;
        }
        memcpy(buffer + copied_bytes, line, len_bytes);
        copied_bytes += len_bytes;
    }
    return copied_bytes;
}
