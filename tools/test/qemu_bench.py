# SPDX-License-Identifier: MIT
"""The benchmark's operations run on Cairn: what they cost is not judged here, but each has a figure."""

import re

from registry import qemu_test
from report import Failure

LINE = re.compile(r"^[a-z]+\.[a-z0-9_.]+\t(\d+|-)\t.+$")


@qemu_test("bench", "every operation of /bin/bench comes to a figure, and `bench mm` has the kernel's own pairs")
def bench(guest):
    outcome = guest.exec("bench --dir /root && bench --dir /root mm", "--mem", "256M", limit=200).expect(status=0)
    lines = outcome.output.decode().splitlines()
    wrong = [line for line in lines if not LINE.match(line) or "\t-\t" in line]
    if wrong:
        raise Failure(f"not a figure: {wrong[0]!r}")
    for name in ("call.null", "memory.fault_cow", "switch.ring8", "kernel.cache_pair", "memory.fault_cow.net"):
        if not any(line.startswith(name + "\t") for line in lines):
            raise Failure(f"no line for {name}")


@qemu_test("churn", "after a short churn no figure of `bench mm` has grown by a fifth; what has grown is named, and fails")
def churn(guest):
    arguments = ("--smp", "1", "--mem", "256M", "--icount")
    outcome = guest.exec("/tests/churn --seconds 2 --limit 20", *arguments, limit=120).expect(status=0)
    if not re.search(r"churn: \d+ figures, 0 grown by more than 20 %\n$", outcome.output.decode()):
        raise Failure(outcome.told())
    outcome = guest.exec("/tests/churn --seconds 1 --limit -1", *arguments, limit=120).expect(status=1)
    if b"GROWN" not in outcome.output:
        raise Failure(outcome.told())
