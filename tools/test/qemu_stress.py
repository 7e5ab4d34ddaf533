# SPDX-License-Identifier: MIT
"""Long tests: `make stress`. What must be as before is compared before and after, in the guest."""

from guest import tool
from registry import stress_test
from report import Failure


@stress_test("shells", "64 concurrent shells on 4 harts for a minute: nothing leaks, no child is lost, disks are clean")
def shells(guest):
    root = guest.path("stresskeep")
    # Two warm-ups and one measured run, each long enough to reach every path many times.
    guest.exec("/tests/leakcheck --runs 1 /tests/stress --procs 64 --seconds 60", "--smp", "4", "--mem", "512M",
               "--keep", root, limit=900).expect(status=0)
    tool("e2fsck", "-fn", root)


@stress_test("thrash", "memory several times too small: programs fail or are ended, the machine lives")
def thrash(guest):
    outcome = guest.exec("/tests/thrash && echo alive", "--mem", "64M", limit=400).expect(status=0)
    if not outcome.output.endswith(b"alive\n"):
        raise Failure(outcome.told())
