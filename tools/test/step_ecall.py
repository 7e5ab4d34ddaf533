# SPDX-License-Identifier: MIT
"""For GDB: find an ecall of a running program, stop at it, step one instruction, and say where that leads.

The kernel traps a system call with scause 8 and the ecall's address in sepc. A breakpoint there stops
the next program that comes by (a breakpoint in QEMU is an address, in whichever address space)."""

import gdb

USER_ECALL = 8
ECALL = 0x73
TRIES = 2000


def value(expression):
    return int(gdb.parse_and_eval(f"(unsigned long)({expression})"))


def vector():
    return value("$stvec") & ~3


def main():
    gdb.execute("set pagination off")
    gdb.execute("thbreak trap_upcall_syscall")
    gdb.execute("continue", to_string=True)
    trap = vector()
    gdb.execute(f"hbreak *{trap:#x}", to_string=True)
    for _ in range(TRIES):
        gdb.execute("continue", to_string=True)
        if value("$pc") == trap and value("$scause") == USER_ECALL:
            break
    address = value("$sepc")
    gdb.execute("delete", to_string=True)
    gdb.execute(f"thbreak *{address:#x}", to_string=True)
    gdb.execute("continue", to_string=True)
    at = value("$pc")
    instruction = int.from_bytes(gdb.selected_inferior().read_memory(at, 4).tobytes(), "little")
    if at != address or instruction != ECALL:
        print(f"stopped at {at:#x} instead of the ecall at {address:#x}")
        return
    gdb.execute("stepi", to_string=True)
    landed = value("$pc")
    if landed == vector():
        print(f"stepi at the ecall at {address:#x} landed in the trap vector: " + gdb.execute("info symbol $pc", to_string=True))
    else:
        print(f"stepi at the ecall at {address:#x} went to {landed:#x}, not to the trap vector {vector():#x}")


main()
