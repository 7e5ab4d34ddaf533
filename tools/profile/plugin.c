// SPDX-License-Identifier: MIT
/* A plugin of QEMU that counts instructions by where they are.
 *
 * QEMU translates guest code in blocks: runs of instructions up to the next jump. For each block that it
 * translates this plugin asks for an addition to a counter of its own, done whenever the block runs. At
 * the end it writes a line for each block: its address, its length in instructions, how often it ran.
 * A block that a fault leaves half way counts as whole, which is rare enough.
 *
 * The declarations below are the part of QEMU's plugin interface (docs/devel/tcg-plugins) that is used
 * here; distributions ship QEMU without its header. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum { PLUGIN_INLINE_ADD = 0, PLUGIN_VERSION = 1, NR_BUCKETS = 1 << 16 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                           void (*translated)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation,
                                              void *counter, uint64_t value);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void *), void *data);

__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_VERSION;
int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

struct counted {
    struct counted *next;
    uint64_t address;
    uint64_t nr_instructions;
    uint64_t nr_runs;
};

static struct counted *buckets[NR_BUCKETS];
static const char *out_path;

/* The same code may be translated more than once; its counter stays one. */
static struct counted *find_counted(uint64_t address, uint64_t nr_instructions)
{
    struct counted **bucket = &buckets[(address >> 1 ^ address >> 17) % NR_BUCKETS];
    struct counted *counted;

    for (counted = *bucket; counted; counted = counted->next) {
        if (counted->address == address && counted->nr_instructions == nr_instructions)
            return counted;
    }
    counted = calloc(1, sizeof(*counted));
    if (!counted)
        abort();
    *counted = (struct counted){*bucket, address, nr_instructions, 0};
    return *bucket = counted;
}

static void count_block(plugin_id id, struct qemu_plugin_tb *block)
{
    struct counted *counted = find_counted(qemu_plugin_tb_vaddr(block),
                                           qemu_plugin_tb_n_insns(block));

    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, PLUGIN_INLINE_ADD, &counted->nr_runs, 1);
}

static void write_counts(plugin_id id, void *data)
{
    FILE *file = fopen(out_path, "w");

    (void)id;
    (void)data;
    if (!file) {
        perror(out_path);
        return;
    }
    for (unsigned i = 0; i < NR_BUCKETS; i++) {
        for (const struct counted *counted = buckets[i]; counted; counted = counted->next) {
            if (counted->nr_runs)
                fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", counted->address,
                        counted->nr_instructions, counted->nr_runs);
        }
    }
    fclose(file);
}

/* The one argument is out=PATH. */
__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info,
                                                               int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0)
        return -1;
    out_path = strdup(argv[0] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
    qemu_plugin_register_atexit_cb(id, write_counts, NULL);
    return 0;
}
