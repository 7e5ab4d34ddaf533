#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/abi.md from kernel/syscall/table.c: which system calls of Linux riscv64 Cairn has, and where.

    tools/abi_table.py            print the page
    tools/abi_table.py --write    write docs/abi.md
    tools/abi_table.py --check    exit 1 if docs/abi.md is not what the code says

A row of the table is `[NR_name] = {"name", handler, arguments},`; a comment at its end says what of the
call is not there. Numbers come from kernel/abi/syscall_nr.h, places from the handlers' definitions.
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "kernel/syscall/table.c"
NUMBERS = ROOT / "kernel/abi/syscall_nr.h"
PAGE = ROOT / "docs/abi.md"
ROW = re.compile(r'\[NR_(\w+)\] = \{"(\w+)", (\w+), (\d)\},(?: /\* (.*?) \*/)?')
NUMBER = re.compile(r"NR_(\w+) = (\d+)")
HANDLER = re.compile(r"^int64_t sys_(\w+)\(", re.MULTILINE)

INTRODUCTION = """# The ABI: system calls

Cairn speaks the system-call interface of Linux on riscv64. A program puts the call's number into register
a7 and up to six arguments into a0 to a5, and executes `ecall`; the result comes back in a0, errors as
negated error numbers. Numbers and structures are those of Linux's asm-generic, in `kernel/abi/`.

The path of a call: `trap_entry.S` saves the registers and calls `kernel/syscall/entry.c`, which finds the
handler in `kernel/syscall/table.c`; the handler decodes its arguments, checks them, and calls what does the
work in `kernel/task`, `fs` or `mm`. A call that is not there returns ENOSYS, and the log names it once:

    syscall: setns (268) is not there: pid 12 (foo) gets ENOSYS

This page is made from the table by `tools/abi_table.py --write`.
"""


def numbers():
    return {name: int(number) for name, number in NUMBER.findall(NUMBERS.read_text(encoding="utf-8"))}


def places():
    found = {}
    for path in sorted((ROOT / "kernel/syscall").glob("*.c")):
        for name in HANDLER.findall(path.read_text(encoding="utf-8")):
            found[name] = path.name
    return found


def page():
    number_of, place_of = numbers(), places()
    rows = ROW.findall(TABLE.read_text(encoding="utf-8"))
    here = [row for row in rows if row[2] != "NULL"]
    absent = [row for row in rows if row[2] == "NULL"]
    for _, name, handler, _, _ in here:
        if name not in place_of or handler != "sys_" + name:
            sys.exit(f"abi_table: {name}: no kernel/syscall/*.c defines sys_{name}")
    lines = [INTRODUCTION, f"## There: {len(here)} calls\n",
             "| Number | Call | Arguments | File in kernel/syscall | What is not there |", "| --: | --- | --: | --- | --- |"]
    lines += [f"| {number_of[key]} | {name} | {arguments} | {place_of[name]} | {note} |"
              for key, name, _, arguments, note in here]
    lines += ["", f"## Not there: {len(absent)} calls\n", ", ".join(f"{name} ({number_of[key]})"
                                                                     for key, name, _, _, _ in absent) + "."]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the page")
    parser.add_argument("--check", action="store_true", help="only compare it")
    arguments = parser.parse_args()
    text = page()
    if arguments.check:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            sys.exit("docs/abi.md is not what the code says: run tools/abi_table.py --write")
    elif arguments.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
