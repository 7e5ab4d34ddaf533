#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the kernel's symbol table from `nm -n` on standard input, as assembly on standard output.

The table lets a panic print function names. It holds the text symbols, sorted by address:

    ksyms_count         u64   number of symbols
    ksyms_addresses     u32[] offset of each from _kernel_start
    ksyms_name_offsets  u32[] offset of its name in ksyms_names
    ksyms_names         char[] the names, each ended by NUL

With no input the table is empty: that one goes into the first link. With --check FILE, compare the
symbols on standard input with the table FILE that was made before, and fail if a function moved.

    nm -n KERNEL | tools/ksyms.py [--check FILE]
"""

import re
import sys

# Local labels of the compiler and assembler, mapping symbols, and the linker script's own marks.
NOISE = re.compile(r"^(\.L|\$[xd]|L0|_kernel_|_{1,2}[se]?text)")


def read_symbols(lines):
    """The list of (offset, name), one name for each address; a global name wins over a local one."""
    start, best = None, {}
    for line in lines:
        parts = line.split()
        if len(parts) != 3:
            continue
        address, kind, name = int(parts[0], 16), parts[1], parts[2]
        if name == "_kernel_start":
            start = address
        if kind not in "tT" or NOISE.match(name):
            continue
        if address not in best or (kind == "T" and best[address][0] == "t"):
            best[address] = (kind, name)
    if best and start is None:
        sys.exit("ksyms: the kernel has no symbol _kernel_start (the linker script defines it)")
    return [(address - start, best[address][1]) for address in sorted(best) if address >= start]


def assembly(symbols):
    yield '    .section .rodata.ksyms, "a"'
    yield "    .balign 8"
    yield "    .globl ksyms_count, ksyms_addresses, ksyms_name_offsets, ksyms_names"
    yield f"ksyms_count: .dword {len(symbols)}"
    yield "ksyms_addresses:"
    for offset, name in symbols:
        yield f"    .word {offset} # {name}"
    yield "ksyms_name_offsets:"
    position = 0
    for _, name in symbols:
        yield f"    .word {position}"
        position += len(name) + 1
    yield "ksyms_names:"
    for _, name in symbols:
        yield f'    .asciz "{name}"'
    yield "    .byte 0"


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return
    symbols = read_symbols(sys.stdin)
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        with open(sys.argv[2], encoding="utf-8") as table:
            if table.read().splitlines() != list(assembly(symbols)):
                sys.exit("ksyms: functions moved between the two links: "
                         "does the linker script place .rodata.ksyms behind all text?")
        return
    print("\n".join(assembly(symbols)))


if __name__ == "__main__":
    main()
