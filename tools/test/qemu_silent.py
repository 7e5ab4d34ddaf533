# SPDX-License-Identifier: MIT
"""The detectors of memory mistakes: each fires on what is planted, and none reports anything else (`make test-silent`)."""

import os
import re

from qemu_boot import counted
from qemu_memory_debug import MISTAKE
from registry import qemu_test, silent_test
from report import Failure, last_total

REPORT = re.compile(MISTAKE + r"|kmemleak: \d+ objects in \d+ us: [1-9]\d* unreferenced")
RESULT = re.compile(r"selftest: (\w+): (?:ok|FAILED)")
# Self-tests that plant mistakes and read the reports.
PLANTERS = re.compile(r"kasan_|ubsan_names|guard_pool_|leak_search_finds|bad_frees|slab_debug_")
STRESS = "/tests/stress --procs 16 --seconds 30"
# What is on: kernel arguments, the build's folder for kernels, what to run after a load.
DETECTORS = {
    "slab-debug": ("slab_debug=FZPU", "", ""),
    "guard-pool": ("guard_pool=1", "", "cat /proc/guard_pool >&2"),
    "kmemleak": ("kmemleak=on", "", "echo scan > /proc/kmemleak; cat /proc/kmemleak"),
    "sanitizers": ("", "sanitized", ""),
}


def kernel(guest, folder, name):
    path = os.path.join(guest.out, folder, name)
    if not os.path.exists(path):
        raise Failure(f"{path} is not built")
    return path


def strays(log):
    """The reports that no self-test has planted."""
    found, since_result = [], []
    for line in log.splitlines():
        result = RESULT.search(line)
        if result:
            found += since_result if not PLANTERS.match(result[1]) else []
            since_result = []
        elif REPORT.search(line):
            since_result.append(line)
    return found + since_result


def no_strays(outcome):
    found = strays(outcome.log)
    if found:
        raise Failure(f"{len(found)} reports of mistakes that nobody planted:\n" + "\n".join(found) + f"\n{outcome.told()}")


def selftests(guest, detector, harts):
    argument, folder, _ = DETECTORS[detector]
    outcome = guest.run("--headless", "--kernel", kernel(guest, folder, "cairn-selftest"), "--smp", str(harts), "--mem", "256M",
                        "--append", argument, limit=200)
    lines = [line for line in outcome.log.splitlines() if "selftest:" in line]
    total = counted(outcome, "\n".join(lines), "the self-test kernel")
    no_strays(outcome)
    return outcome, total


def load(guest, detector, harts, command, limit):
    argument, folder, afterwards = DETECTORS[detector]
    outcome = guest.exec(f"{command}; status=$?; {afterwards or 'true'}; exit $status", "--kernel", kernel(guest, folder, "cairn"),
                         "--smp", str(harts), "--mem", "512M", "--append", argument, limit=limit)
    no_strays(outcome)
    return outcome


@qemu_test("sanitizers", "a KASAN and UBSAN kernel names each planted mistake, and finds no other in the self-tests")
def sanitizers(guest):
    outcome, total = selftests(guest, "sanitizers", 4)
    for name in ("kasan_names_each_planted_mistake", "ubsan_names_each_planted_mistake"):
        if f"selftest: {name}: ok" not in outcome.log:
            raise Failure(f"the self-test {name} was not run\n{outcome.told()}")
    return total


def register(detector, harts):
    where = f"{detector}-smp{harts}"

    @silent_test(f"selftest-{where}", f"no stray report in the self-tests on {harts} harts: {detector}")
    def _(guest):
        return selftests(guest, detector, harts)[1]

    @silent_test(f"abi-{where}", f"no report in the ABI tests on {harts} harts: {detector}")
    def _(guest):
        outcome = load(guest, detector, harts, "/tests/abi", 900)
        text = outcome.output.decode(errors="replace")
        passed, failed = last_total(text) or (0, 1)
        return passed, failed, "\n".join(line for line in text.splitlines() if "FAIL" in line)

    @silent_test(f"stress-{where}", f"no report under stress on {harts} harts: {detector}")
    def _(guest):
        load(guest, detector, harts, STRESS, 400).expect(status=0)


for name in DETECTORS:
    for number in (1, 4):
        register(name, number)
