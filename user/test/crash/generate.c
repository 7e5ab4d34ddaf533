// SPDX-License-Identifier: MIT
/* What to try: short sequences, all of them.
 *
 * Errors that power cuts show need little: one to three operations, and a sync in the wrong place. So every operation of
 * the table is run alone, followed by each kind of syncing; sequences of two and three are sampled; and scripts do what
 * programs do that must not lose anything.
 *
 * Source: J. Mohan et al., "Finding Crash-Consistency Bugs with Bounded Black-Box Crash Testing" (OSDI 2018). */
#include "user/test/crash/generate.h"

#include <stdio.h>
#include <string.h>

const char crash_base_tree[] = "mkdir A; mkdir B; mkdir A/C; mkdir B/D; creat foo; write foo 5000; "
                               "creat A/bar; write A/bar 20000; creat B/baz; write B/baz 700; sync";

#define LONG_NAME "a-name-that-takes-several-records-of-a-directory"

/* Those with links stand last: FAT has none. */
static const char *const operations[] = {
    "creat new",
    "creat A/new",
    "creat " LONG_NAME,
    "creat foo",
    "mkdir new",
    "mkdir A/new",
    "write foo 100",
    "write foo 4096",
    "write foo 9000",
    "write foo 70000",
    "write foo 4096 0",
    "write foo 700 300",
    "write foo 3000 4500",
    "write foo 1000 40000",
    "write A/bar 512 8192",
    "truncate foo 0",
    "truncate foo 1000",
    "truncate foo 4096",
    "truncate foo 30000",
    "truncate A/bar 3333",
    "rename foo new",
    "rename foo A/new",
    "rename foo A/bar",
    "rename A/bar foo",
    "rename A/bar B/baz",
    "rename A/bar A/new",
    "rename foo " LONG_NAME,
    "rename A new",
    "rename A/C new",
    "rename A/C B/new",
    "rename A/C B/D",
    "rename B A/new",
    "unlink foo",
    "unlink A/bar",
    "rmdir A/C",
    "rmdir B/D",
    "link foo new",
    "link foo A/new",
    "link A/bar B/new",
    "symlink new foo",
    "symlink A/new a/target/that/does/not/fit/into/the/inode/of/the/link/itself/x",
};
#define NR_OPERATIONS ((unsigned)(sizeof(operations) / sizeof(operations[0])))
#define NR_LINKS      5u

/* What may follow an operation: p is what it made or changed, d the directory that holds it, o the one that held it. */
static const char *const syncs[] = {"", "p", "P", "d", "pd", "od", "s"};
#define NR_SYNCS ((unsigned)(sizeof(syncs) / sizeof(syncs[0])))

static const char *const scripts[] = {
    /* An editor saves a file. */
    "creat tmp; write tmp 9000; fsync tmp; rename tmp foo",
    "creat tmp; write tmp 9000; fsync tmp; rename tmp foo; fsync .",
    "creat A/tmp; write A/tmp 20000; fdatasync A/tmp; rename A/tmp A/bar; fsync A; creat A/tmp; "
    "write A/tmp 300; fsync A/tmp; rename A/tmp A/bar; fsync A",
    /* A data base with a rollback journal: what is to be overwritten is saved first. */
    "creat db-journal; write db-journal 4608; fsync db-journal; fsync .; write foo 4096 0; "
    "fsync foo; unlink db-journal; fsync .; creat db-journal; write db-journal 4608; "
    "fsync db-journal; fsync .; write foo 4096 4096; fsync foo; unlink db-journal; fsync .",
    "creat j; write j 4608; fdatasync j; write foo 4096 0; fdatasync foo; truncate j 0; fsync j",
    /* One with a log ahead: appended to, copied back, begun anew. */
    "creat wal; fsync .; write wal 4120; fdatasync wal; write wal 4120; fdatasync wal; "
    "write foo 4096 0; fdatasync foo; write wal 4120 0; fdatasync wal",
    /* One that writes new pages, and then a page that says where they are. */
    "creat mdb; write mdb 8192; fsync mdb; fsync .; write mdb 4096 8192; write mdb 4096 12288; "
    "fdatasync mdb; write mdb 64 0; fdatasync mdb; write mdb 4096 16384; fdatasync mdb; "
    "write mdb 64 4096; fdatasync mdb",
    /* A mail arrives in a spool, and is filed. */
    "creat A/m1; write A/m1 3000; fsync A/m1; rename A/m1 B/m1; fsync B; fsync A; unlink B/m1; "
    "fsync B",
    /* Logs are rotated. */
    "write foo 200; fsync foo; rename foo foo.1; creat foo; write foo 100; fsync foo; fsync .; "
    "unlink foo.1; write foo 400; fsync foo",
    /* A tree is built beside the old one, and takes its place. */
    "mkdir N; creat N/x; write N/x 6000; mkdir N/y; creat N/y/z; write N/y/z 100; sync; "
    "rename A O; rename N A; fsync .; unlink A/x; unlink A/y/z; rmdir A/y",
    /* Names are reused at once. */
    "unlink foo; creat foo; write foo 4096; fsync foo; unlink foo; mkdir foo; fsync .; rmdir foo; "
    "creat foo; write foo 1; fsync foo; fsync .",
    /* Blocks are freed, and given to others. */
    "unlink A/bar; creat x; write x 20000; fsync x; fsync .; truncate x 100; creat y; "
    "write y 20000; fsync y; fsync .",
    /* A directory's block becomes another's, and what its names led to is somebody else. */
    "mkdir N; creat N/a; creat N/b; sync; unlink N/a; unlink N/b; rmdir N; sync; creat x; creat y; "
    "creat z; sync; mkdir M; creat M/w; fsync .",
    /* A file has holes, and gets blocks that were others'. */
    "unlink A/bar; sync; truncate foo 60000; fsync foo; write foo 500 10000; write foo 3000 30000; "
    "write foo 100 50000; fsync foo",
    /* What is cut off is cleared together with what is written in front of it. */
    "truncate foo 1000; write foo 700 300; fdatasync foo; write foo 3000; fsync foo",
};
#define NR_SCRIPTS ((unsigned)(sizeof(scripts) / sizeof(scripts[0])))

static unsigned nr_operations(bool has_links)
{
    return NR_OPERATIONS - (has_links ? 0 : NR_LINKS);
}

unsigned crash_nr_enumerated(bool has_links)
{
    return NR_SCRIPTS + nr_operations(has_links) * NR_SYNCS;
}

static unsigned random_below(uint64_t *state, unsigned bound)
{
    uint64_t mixed = *state += 0x9e3779b97f4a7c15ull;

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
    return (unsigned)((mixed ^ (mixed >> 31)) % bound);
}

static void directory_of(const char *path, char *dir)
{
    const char *slash = strrchr(path, '/');

    snprintf(dir, CRASH_PATH, "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
}

static unsigned add(struct crash_op *ops, unsigned nr, enum crash_verb verb, const char *path)
{
    memset(&ops[nr], 0, sizeof(ops[nr]));
    ops[nr].verb = verb;
    snprintf(ops[nr].path, CRASH_PATH, "%s", path);
    return nr + 1;
}

/* Add one operation of the table, and what is to follow it. Returns how many there are now. */
static unsigned add_operation(struct crash_op *ops, unsigned nr, const char *text, const char *sync)
{
    const struct crash_op *op = &ops[nr];
    const char *why, *path;
    char dir[CRASH_PATH], old_dir[CRASH_PATH];

    (void)crash_op_parse(text, &ops[nr++], &why);
    path = op->verb == CRASH_RENAME || op->verb == CRASH_LINK ? op->other : op->path;
    directory_of(path, dir);
    directory_of(op->path, old_dir);
    for (; *sync != '\0'; sync++) {
        switch (*sync) {
        case 'p': nr = add(ops, nr, CRASH_FSYNC, path); break;
        case 'P': nr = add(ops, nr, CRASH_FDATASYNC, path); break;
        case 'd': nr = add(ops, nr, CRASH_FSYNC, dir); break;
        case 'o': nr = add(ops, nr, CRASH_FSYNC, old_dir); break;
        default: nr = add(ops, nr, CRASH_SYNC, ""); break;
        }
    }
    return nr;
}

unsigned crash_generate(unsigned number, uint64_t seed, bool has_links,
                        struct crash_op ops[CRASH_MAX_OPS])
{
    unsigned nr_enumerated = crash_nr_enumerated(has_links);
    unsigned nr = 0;
    const char *why;

    if (number < NR_SCRIPTS) {
        nr = (unsigned)crash_ops_parse(scripts[number], ops, &why);
    } else if (number < nr_enumerated) {
        nr = add_operation(ops, 0, operations[(number - NR_SCRIPTS) / NR_SYNCS],
                           syncs[(number - NR_SCRIPTS) % NR_SYNCS]);
    } else {
        uint64_t random = seed * 0x100000001b3ull + number;

        for (unsigned left = 2 + random_below(&random, 2); left != 0; left--) {
            nr = add_operation(ops, nr, operations[random_below(&random, nr_operations(has_links))],
                               syncs[random_below(&random, NR_SYNCS)]);
        }
    }
    return add(ops, nr, CRASH_SYNC, "");
}
