# SPDX-License-Identifier: MIT
"""`make debug`, driven by commands instead of keys."""

import os
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
