# SPDX-License-Identifier: MIT
"""When memory runs out: what is taken back, who is killed, and that the machine lives."""

import re

from registry import qemu_test
from report import Failure

SMALL = ("--mem", "24M")


def oom_report(outcome):
    """The report in the log: that it names all that it promises."""
    for pattern in (r"oom: memory is exhausted: \S+\[\d+\] wants a block of order \d+, flags 0x", r"oom: of \d+ frames \d+ are free",
                    r"oom: page cache gave nothing now", r"oom: +\d+ +\d+ +\S+ +\d+ +touchmem",
                    r"oom: killing pid \d+ \(touchmem\): the highest score"):
        if not re.search(pattern, outcome.log):
            raise Failure(f"the report has no {pattern!r}\n{outcome.told()}")


@qemu_test("oom-kills", "24 MiB and no swap: a program that touches 64 MiB is killed with a report, the shell lives")
def oom_kills(guest):
    for harts in "1", "2", "4":
        outcome = guest.exec("/tests/touchmem 64; echo status $?; ls -d /; echo alive", "--smp", harts, *SMALL)
        outcome.expect(status=0, output=b"Killed\nstatus 137\n/\nalive\n")
        oom_report(outcome)


@qemu_test("oom-adj", "oom_score_adj decides who goes first, however small it is")
def oom_adj(guest):
    script = "sleep 1000 & echo 1000 >/proc/$!/oom_score_adj; /tests/touchmem 64; wait $!; echo sleep $?"
    outcome = guest.exec(script, *SMALL).expect(status=0, output=b"Killed\nsleep 137\n")
    killed = re.findall(r"killing pid \d+ \((\w+)\)", outcome.log)
    if killed != ["sleep", "touchmem"]:
        raise Failure(f"killed were {killed}\n{outcome.told()}")


@qemu_test("allocinfo", "the live bytes and blocks of /proc/allocinfo are those of /proc/slabinfo, cache by cache")
def allocinfo(guest):
    output = guest.exec("cat /proc/slabinfo /proc/allocinfo", "--smp", "1").expect(status=0).output.decode()
    caches = {name: (int(live), int(size)) for name, live, size in
              re.findall(r"^(\S+) +(\d+) +\d+ +(\d+) +\d+ +\d+ : tunables", output, re.MULTILINE)}
    tags = {name: (int(size), int(calls)) for size, calls, name in
            re.findall(r"^ *(\d+) +(\d+) slab:(\S+)$", output, re.MULTILINE)}
    if len(caches) < 20 or caches.keys() != tags.keys() or "allocinfo - version: 1.0" not in output:
        raise Failure(output)
    for name, (live, size) in caches.items():
        if tags[name][0] != tags[name][1] * size or abs(tags[name][1] - live) > 4:  # cat itself opens a file
            raise Failure(f"{name}: {live} objects of {size} bytes, and {tags[name]} in allocinfo\n{output}")


@qemu_test("compaction", "memory in pieces, no block of 2 MiB left: 95 of 100 are had all the same, and no page is lost")
def compaction(guest):
    outcome = guest.exec("/tests/fragment 384 && cat /proc/pagetypeinfo", "--smp", "4", "--mem", "384M", limit=600)
    outcome.expect(status=0)
    text = outcome.output.decode()
    for pattern in (r"fragment: 0 blocks of 2 MiB left\n", r"fragment: (9[5-9]|100) of 100 in one piece, [1-9]\d+ pages moved, 0 wrong\n",
                    r"type   Movable( +\d+){11}\n", r"\nindex( +-?\d\.\d{3}){11}\n"):
        if not re.search(pattern, text):
            raise Failure(f"the output has no {pattern!r}\n{outcome.told()}")
