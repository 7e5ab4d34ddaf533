# SPDX-License-Identifier: MIT
"""For GDB: stop where an object is given back, and ask the commands of tools/gdb/memory.py about it.

Called before and after the free: so the same object is seen live, and then free."""

import gdb


def main():
    gdb.execute("set pagination off")
    # The first hart's only: no other one moves while it is stopped.
    gdb.execute("thbreak *slab_free if $a0 == (unsigned long)&space_cache && $a1 != 0")
    gdb.execute("continue", to_string=True)
    freed = int(gdb.parse_and_eval("(unsigned long)$a1"))
    for command in (f"cairn slab-owner {freed:#x} + 9", f"cairn page {freed:#x}", "cairn slabs"):
        gdb.execute(command)
    gdb.execute("thbreak *$ra")
    gdb.execute("continue", to_string=True)
    print("given back")
    gdb.execute(f"cairn slab-owner {freed:#x}")
    gdb.execute("cairn buddy")
    print("the kernel counts", int(gdb.parse_and_eval("frames_nr_free()")), "free frames")
    for wrong in ("cairn slab-owner &slab_free", "cairn page", "cairn buddy 1", "cairn slab-owner page_origins", "cairn page 8"):
        try:
            gdb.execute(wrong)
        except gdb.error as error:
            print(f"{wrong}: {error}")


main()
