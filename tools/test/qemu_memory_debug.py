# SPDX-License-Identifier: MIT
"""The tools that catch mistakes with memory (mm/debug): they find what is planted, and are silent otherwise.

What plants mistakes is in the self-test kernel alone."""

import os
import re

from qemu_boot import selftest
from registry import qemu_test
from report import Failure

MISTAKE = r"(?m)^\[.*\] (slab: .*(overwritten|bad free|in use, but)|guard pool: |kmalloc: |kasan: |ubsan: |frames: bad).*"
# Processes, files, pipes, mappings: what touches every allocator.
LOAD = "for i in 1 2 3 4; do ls -lR /bin | sort | wc -l; done; mkdir /tmp/d; cp /bin/box /tmp/d/x; cat /tmp/d/x | wc -c; " \
       "mv /tmp/d/x /tmp/y; rm -r /tmp/d /tmp/y; (sleep 1 & sleep 1 & wait); ps | wc -l"


def silent(outcome):
    match = re.search(MISTAKE, outcome.log)
    if match:
        raise Failure(f"a mistake is reported: {match.group(0)}\n{outcome.told()}")
    return outcome


@qemu_test("slab-debug-silent", "with slab_debug=FZPU for all caches nothing is reported, and every live object has an owner")
def slab_debug_silent(guest):
    outcome = silent(guest.exec(f"{LOAD}; head -1 /proc/slab_owners", "--smp", "4", "--append", "slab_debug=FZPU", limit=120))
    outcome.expect(status=0)
    if not re.search(rb"0xf+[0-9a-f]+ \S+ \(size \d+\): hart \d, age \d+\.\d{3} s, \w+\+0x", outcome.output):
        raise Failure(f"/proc/slab_owners names no owner\n{outcome.told()}")


@qemu_test("slab-debug-argument", "an unknown option letter and an unknown cache of slab_debug= are named")
def slab_debug_argument(guest):
    guest.exec("true", "--root", "initramfs", "--append", "slab_debug=FqZ,inode_cash,inode_cache").expect(
        status=0, log=r"unknown option letter 'q'(.|\n)*no cache is called \"inode_cash\"")


@qemu_test("guard-pool-silent", "the guard pool samples, and finds nothing in a working kernel")
def guard_pool_silent(guest):
    outcome = silent(guest.exec(f"{LOAD}; cat /proc/guard_pool", "--append", "guard_pool=1", limit=120)).expect(status=0)
    if not re.search(rb"sampled [1-9]\d*\n(.|\n)*reports 0\n", outcome.output):
        raise Failure(f"/proc/guard_pool shows no samples, or a report\n{outcome.told()}")


@qemu_test("kmemleak-selftest", "the leak search finds the planted leaks, by name and size, and forgets them when told")
def kmemleak_selftest(guest):
    return selftest(guest, 4, "--append", "kmemleak=on")


@qemu_test("slab-debug-selftest", "the in-kernel self-tests pass with owners of all caches, too")
def slab_debug_selftest(guest):
    return selftest(guest, 2, "--append", "slab_debug=U")


@qemu_test("kmemleak-silent", "the leak search reports nothing in a working kernel, scan after scan")
def kmemleak_silent(guest):
    scan = "echo scan > /proc/kmemleak; cat /proc/kmemleak"
    outcome = silent(guest.exec(f"for n in 1 2 3 4 5 6; do ({LOAD}) > /dev/null; {scan}; {scan}; done; echo end", "--smp", "4", "--append", "kmemleak=on",
                                limit=120))
    outcome.expect(status=0, output=b"end\n", log=r"kmemleak: \d+ objects in \d+ us: 0 unreferenced")


@qemu_test("kmemleak-off", "without kmemleak=on, /proc/kmemleak says how to get it")
def kmemleak_off(guest):
    guest.exec("cat /proc/kmemleak; echo scan > /proc/kmemleak", "--root", "initramfs").expect_in_output(
        b"off: boot with the kernel argument kmemleak=on\n")


@qemu_test("stack-depth", "/proc/PID/stack_depth tells how much of its kernel stack a task has used; no task of a load comes near the end")
def stack_depth(guest):
    outcome = guest.exec(f"({LOAD}) >/dev/null; cat /proc/self/stack_depth /proc/1/stack_depth; cat /proc/1/task/*/stack_depth; "
                         "cat /proc/999999/stack_depth || echo none", "--smp", "4", limit=120).expect(status=0)
    depths = [tuple(map(int, pair)) for pair in re.findall(rb"depth (\d+)\nsize (\d+)\n", outcome.output)]
    if len(depths) != 3 or any(not 500 < depth < size * 3 // 4 for depth, size in depths) or not outcome.output.endswith(b"none\n"):
        raise Failure(outcome.told())
    if "stack: " in outcome.log:
        raise Failure(f"a task is near the end of its stack\n{outcome.told()}")
