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
