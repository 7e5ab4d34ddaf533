# SPDX-License-Identifier: MIT
"""Long tests: `make stress`. What must be as before is compared before and after, in the guest."""

import os

from guest import tool
from registry import stress_test


@stress_test("shells", "64 concurrent shells on 4 harts for a minute: nothing leaks, no child is lost, disks are clean")
def shells(guest):
    root = guest.path("stresskeep")
    seed = os.environ.get("SEED") or "1"
    guest.exec(f"/tests/leakcheck /tests/stress 64 60 {seed}", "--smp", "4", "--mem", "256M", "--keep", root,
               limit=400).expect(status=0)
    tool("e2fsck", "-fn", root)


@stress_test("thrash", "memory several times too small: programs fail or are ended, the machine lives")
def thrash(guest):
    guest.exec("/tests/thrash; echo $?; echo alive", "--mem", "64M", limit=400).expect(status=0, log="")
