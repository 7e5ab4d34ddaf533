# SPDX-License-Identifier: MIT
"""Power cuts with the whole kernel: a slice of `make crash-qemu`."""

import os
import re

from guest import tool
from registry import qemu_test
from report import Failure

CRASH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crash", "qemu")
TOTAL = re.compile(r"^(\w+): (\d+) states, (\d+) unrepairable, (\d+) lost$", re.MULTILINE)


def judged(guest, fs, *arguments):
    """Run the harness; every state is good, and there are enough of them."""
    out = tool(CRASH, "--out", guest.out, "--judge", os.path.join(guest.out, "host", "crash"), *arguments, fs)
    found = TOTAL.search(out)
    if not found or int(found[2]) < 30 or found[3] != "0" or found[4] != "0":
        raise Failure(out)


@qemu_test("crash", "no state that a power cut may leave of the kernel's writes loses what was promised")
def crash(guest):
    for fs in ("ext3", "fat32"):
        judged(guest, fs, "--count", "4", "--states", "120", "--seed", os.environ.get("SEED", "1"))


@qemu_test("crash-databases", "data bases find every transaction that they committed, also those made durable by msync")
def crash_databases(guest):
    for program in ("dbjournal", "dbjournal --wal", "dbtree", "dbtree --map"):
        judged(guest, "ext3", "--program", program, "--count", "12", "--states", "90")
