// SPDX-License-Identifier: MIT
/* The files of /proc about mistakes with memory (mm/debug):
 *
 *     kmemleak      echo scan: search; echo clear: never mind what is lost now; read: what was found
 *     slab_owners   every live object of the debugged caches: age, hart, call chain
 *     guard_pool    what the sampled pool has done */
#include "fs/procfs/procfs_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/debug/guard_pool.h"
#include "mm/debug/leak.h"
#include "mm/debug/slab_owners.h"
#include "mm/vmalloc.h"

#define NS_PER_MS 1000000ull

typedef unsigned long long ull; /* what %llu takes */

static void print_age(struct seq *seq, const struct owner *owner)
{
    ull age_ms = owner_age_ns(owner) / NS_PER_MS;

    seq_printf(seq, "hart %u, age %llu.%03llu s", owner_hart(owner), age_ms / 1000, age_ms % 1000);
}

static int show_kmemleak(struct seq *seq, const struct procfs_file *file)
{
    struct leak leak;

    (void)file;
    if (!leak_search_is_on) {
        seq_puts(seq, "off: boot with the kernel argument kmemleak=on\n");
        return 0;
    }
    for (unsigned i = 0; leak_get(i, &leak); i++) {
        seq_printf(seq, "unreferenced object 0x%llx (size %llu):\n  %s, ", (ull)leak.address,
                   (ull)leak.size_bytes, leak.name);
        print_age(seq, &leak.owner);
        seq_puts(seq, "\n  backtrace:\n");
        for (unsigned j = 0; owner_call(&leak.owner, j) != NULL; j++) {
            seq_printf(seq, "    %pS\n", owner_call(&leak.owner, j));
        }
    }
    return 0;
}

static int write_kmemleak(const struct procfs_file *file, char *text, size_t len_bytes)
{
    int result = -EINVAL;

    (void)file;
    (void)len_bytes;
    if (strcmp(text, "scan") == 0) {
        result = leak_scan();
    } else if (strcmp(text, "clear") == 0) {
        result = leak_clear();
    } else {
        pr_warn("kmemleak: \"%.32s\" is neither scan nor clear", text);
    }
    return result < 0 ? result : 0;
}

static int show_slab_owners(struct seq *seq, const struct procfs_file *file)
{
    struct slab_owned *list;
    char chain[320];
    size_t nr;
    int error = slab_owners_list(&list, &nr);

    (void)file;
    if (error == -EOPNOTSUPP) {
        seq_puts(seq, "no cache is debugged: boot with the kernel argument slab_debug=U\n");
        return 0;
    }
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < nr; i++) {
        seq_printf(seq, "0x%llx %s (size %u): ", (ull)list[i].address, list[i].cache,
                   list[i].size_bytes);
        print_age(seq, &list[i].owner);
        owner_format(&list[i].owner, chain, sizeof(chain));
        seq_printf(seq, ", %s\n", chain);
    }
    vfree(list);
    return 0;
}

static int show_guard_pool(struct seq *seq, const struct procfs_file *file)
{
    struct guard_pool_stats stats;

    (void)file;
    guard_pool_get_stats(&stats);
    seq_printf(seq, "slots %u\nlive %u\nsampled %llu\nmissed %llu\nreports %llu\n",
               GUARD_POOL_SLOTS, stats.nr_live, (ull)stats.nr_sampled, (ull)stats.nr_missed,
               (ull)stats.nr_reports);
    return 0;
}

static struct procfs_file debug_files[] = {
    {.path = "kmemleak", .mode = 0600, .show = show_kmemleak, .write = write_kmemleak},
    {.path = "slab_owners", .mode = 0400, .show = show_slab_owners},
    {.path = "guard_pool", .mode = 0400, .show = show_guard_pool},
};

void proc_debug_register(void)
{
    for (size_t i = 0; i < array_size(debug_files); i++) {
        procfs_register(&debug_files[i]);
    }
}
