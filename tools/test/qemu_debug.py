# SPDX-License-Identifier: MIT
"""`make debug`, driven by commands instead of keys."""

import os
import re
import subprocess
import sys
import urllib.parse

from guest import TOP
from registry import qemu_test
from report import Failure


@qemu_test("debug-first-instruction", "make debug stops at the kernel's first instruction with symbols loaded")
def first_instruction(guest):
    done = subprocess.run([sys.executable, os.path.join(TOP, "debug"), "--batch", "--ex", "info symbol $pc", "--ex",
                           "info registers pc"], capture_output=True, check=False, env=guest.environment, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, timeout=120 * guest.scale)
    if "_start" not in done.stdout or "0x80200000" not in done.stdout:
        raise Failure(done.stdout[-2000:] + done.stderr[-2000:])


@qemu_test("debug-ecall", "stepi through a program's ecall lands in the trap vector")
def step_into_ecall(guest):
    busy = urllib.parse.quote("while :; do ls / >/dev/null; done")
    done = subprocess.run([sys.executable, os.path.join(TOP, "debug"), "--batch", "--ex",
                           "source " + os.path.join(TOP, "test", "step_ecall.py")], capture_output=True, check=False,
                          env=dict(guest.environment, CAIRN_SMP="1", CAIRN_APPEND="log=framed exec=" + busy), text=True,
                          errors="replace", stdin=subprocess.DEVNULL, timeout=240 * guest.scale)
    if "landed in the trap vector" not in done.stdout:
        raise Failure(done.stdout[-2000:] + done.stderr[-2000:])


@qemu_test("debug-memory", "GDB's cairn commands tell an object's cache, state and owner, and the allocators' figures")
def memory_commands(guest):
    for argument, live, free in (
            ("slab_debug=U", r"live; the address is byte 9\n  allocated \d+\.\d{3} s after the boot, on hart 0, by space_\w+\+0x\w+ < ",
             r"free, in its slab; .*\n  allocated .*\n  last freed \d+\.\d{3} s after the boot, on hart 0, by "),
            ("slab_debug=-", r"live; the address is byte 9\n  who took it is not recorded: boot with slab_debug=U\n",
             r"free, in the loaded magazine of hart 0; the address is byte 0\n")):
        done = subprocess.run([sys.executable, os.path.join(TOP, "debug"), "--batch", "--ex",
                               "source " + os.path.join(TOP, "test", "gdb_memory.py")], capture_output=True, check=False,
                              env=dict(guest.environment, CAIRN_SMP="1", CAIRN_APPEND=argument + " log=framed exec=true"),
                              text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=240 * guest.scale)
        for pattern in (r"space_cache: object 0xffffff\w+, \d+ bytes, " + live, r"PAGE_SLAB, order \d, .*\n  slab of space_cache: \d+ of \d+ objects",
                        r"\nspace_cache +\d+ +[1-9]\d* +\d+ +[1-9]\d* +[1-9]\d* +\d\n", r"given back\nspace_cache: object 0xffffff\w+, \d+ bytes, " + free,
                        r"cairn page: cairn page wants an address", r"cairn buddy 1: cairn buddy wants no argument",
                        r"slab-owner page_origins: 0x\w+ lies in no", r"cairn page 8: 0x8 lies in no frame"):
            if not re.search(pattern, done.stdout):
                raise Failure(f"no {pattern!r} in\n{done.stdout[-5000:]}{done.stderr[-2000:]}")
        shown = re.search(r"in hot lists, (\d+) in all\nthe kernel counts (\d+) free", done.stdout)
        if not shown or shown.group(1) != shown.group(2):
            raise Failure(f"free frames differ:\n{done.stdout[-3000:]}")
