# SPDX-License-Identifier: MIT
"""`make debug`, driven by commands instead of keys."""

import os
import re
import subprocess
import sys
import threading
import urllib.parse

from guest import TOP
from registry import qemu_test
from report import Failure

# A session's sockets and log have fixed names in the build folder.
ONE_SESSION = threading.Lock()


def debug(guest, *commands, limit, **environment):
    """What tools/debug prints when GDB runs the commands, and, behind it, what it complains about."""
    words = [word for command in commands for word in ("--ex", command)]
    with ONE_SESSION:
        done = subprocess.run([sys.executable, os.path.join(TOP, "debug"), "--batch", *words], capture_output=True, check=False,
                              env={**guest.environment, **environment}, text=True, errors="replace", stdin=subprocess.DEVNULL,
                              timeout=limit * guest.scale)
    return done.stdout, done.stderr[-2000:]


@qemu_test("debug-first-instruction", "make debug stops at the kernel's first instruction with symbols loaded")
def first_instruction(guest):
    output, errors = debug(guest, "info symbol $pc", "info registers pc", limit=120)
    if "_start" not in output or "0x80200000" not in output:
        raise Failure(output[-2000:] + errors)


@qemu_test("debug-ecall", "stepi through a program's ecall lands in the trap vector")
def step_into_ecall(guest):
    busy = urllib.parse.quote("while :; do ls / >/dev/null; done")
    output, errors = debug(guest, "source " + os.path.join(TOP, "test", "step_ecall.py"), limit=240,
                           CAIRN_SMP="1", CAIRN_APPEND="log=framed exec=" + busy)
    if "landed in the trap vector" not in output:
        raise Failure(output[-2000:] + errors)


@qemu_test("debug-memory", "GDB's cairn commands tell an object's cache, state and owner, and the allocators' figures")
def memory_commands(guest):
    for argument, live, free in (
            ("slab_debug=U", r"live; the address is byte 9\n  allocated \d+\.\d{3} s after the boot, on hart 0, by space_\w+\+0x\w+ < ",
             r"free, in its slab; .*\n  allocated .*\n  last freed \d+\.\d{3} s after the boot, on hart 0, by "),
            ("slab_debug=-", r"live; the address is byte 9\n  who took it is not recorded: boot with slab_debug=U\n",
             r"free, in the loaded magazine of hart 0; the address is byte 0\n")):
        output, errors = debug(guest, "source " + os.path.join(TOP, "test", "gdb_memory.py"), limit=240,
                               CAIRN_SMP="1", CAIRN_APPEND=argument + " log=framed exec=true")
        for pattern in (r"space_cache: object 0xffffff\w+, \d+ bytes, " + live, r"PAGE_SLAB, order \d, .*\n  slab of space_cache: \d+ of \d+ objects",
                        r"\nspace_cache +\d+ +[1-9]\d* +\d+ +[1-9]\d* +[1-9]\d* +\d\n", r"given back\nspace_cache: object 0xffffff\w+, \d+ bytes, " + free,
                        r"cairn page: cairn page wants an address", r"cairn buddy 1: cairn buddy wants no argument",
                        r"slab-owner page_origins: 0x\w+ lies in no", r"cairn page 8: 0x8 lies in no frame"):
            if not re.search(pattern, output):
                raise Failure(f"no {pattern!r} in\n{output[-5000:]}{errors}")
        shown = re.search(r"in hot lists, (\d+) in all\nthe kernel counts (\d+) free", output)
        if not shown or shown.group(1) != shown.group(2):
            raise Failure(f"free frames differ:\n{output[-3000:]}{errors}")
