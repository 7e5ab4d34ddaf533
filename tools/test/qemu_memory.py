# SPDX-License-Identifier: MIT
"""When memory runs out: what is taken back, who is killed, and that the machine lives."""

import re
import struct

from registry import qemu_test
from report import Failure

SMALL = ("--mem", "24M")


def oom_report(outcome):
    """The report in the log: that it names all that it promises."""
    for pattern in (r"oom: memory is exhausted: \S+\[\d+\] wants a block of order \d+, flags 0x", r"oom: of \d+ frames \d+ are free",
                    r"oom: page cache gave nothing now", r"oom: +\d+ +\d+ +\d+ +\S+ +\d+ +touchmem",
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


# ---- Swap ------------------------------------------------------------------------------------------

PAGE = 4096
TOUCHED = rb"touchmem: checksum 0x[0-9a-f]+, right\n"


def swap_image(guest, name, mib=65, **changes):
    """A disk with the header that mkswap writes; `changes` make it wrong in one place."""
    pages = (mib << 20) // PAGE
    fields = {"version": 1, "last_page": pages - 1, "bad": [], "nr_bad": None, "signature": b"SWAPSPACE2", **changes}
    nr_bad = len(fields["bad"]) if fields["nr_bad"] is None else fields["nr_bad"]
    header = bytearray(PAGE)
    struct.pack_into("<III", header, 1024, fields["version"], fields["last_page"], nr_bad)
    for i, page in enumerate(fields["bad"]):
        struct.pack_into("<I", header, 1536 + 4 * i, page)
    header[-10:] = fields["signature"]
    path = guest.path(name)
    with open(path, "wb") as image:
        image.write(header)
        image.truncate(mib << 20)
    return path


@qemu_test("swap-completes", "24 MiB and 64 MiB of swap: what touches 64 MiB completes with its checksum right")
def swap_completes(guest):
    image = swap_image(guest, "swap.img")
    for harts in "1", "2", "4":
        outcome = guest.exec("swapon /dev/vdb && /tests/touchmem 64 2>/dev/null && swapoff /dev/vdb && echo off", "--smp", harts, "--disk", image,
                             *SMALL, limit=120)
        outcome.expect(status=0)
        if not re.fullmatch(TOUCHED + b"off\n", outcome.output) or "oom" in outcome.log:
            raise Failure(outcome.told())


@qemu_test("swap-shared", "processes that thrash together, fork with pages swapped out, and die: nobody loses a page, no slot leaks")
def swap_shared(guest):
    script = ("mkswap /dev/vdb >/dev/null && swapon /dev/vdb && for i in 1 2 3 4; do /tests/touchmem 8 3 & done; wait; "
              "/tests/touchmem 32 1000000 >/dev/null & sleep 1; kill -9 $!; wait $!; "
              "swapoff -a && echo off")
    outcome = guest.exec(script, "--smp", "4", "--disk", swap_image(guest, "shared.img"), *SMALL, limit=200).expect(status=0)
    if outcome.output.count(b", right\n") != 4 or not outcome.output.endswith(b"off\n"):
        raise Failure(outcome.told())


@qemu_test("swap-file", "a file as swap space: made and used inside, pinned, given up; one with holes is refused")
def swap_file(guest):
    script = ("dd if=/dev/zero of=/root/s bs=4096 count=12000 2>/dev/null && mkswap /root/s && swapon /root/s && swapon /root/s; "
              "echo x 2>/dev/null >>/root/s || echo pinned; /tests/touchmem 32 && swapoff /root/s && rm /root/s; "
              "echo a >/root/h; dd if=/dev/zero of=/root/h bs=1 seek=1M count=1 2>/dev/null; mkswap /root/h || swapon /root/h; echo end")
    outcome = guest.exec(script, *SMALL, limit=120)
    outcome.expect(status=0, log=r"swap: /root/s: is swap space already")
    outcome.expect_in_output(b"pinned\n")
    if not re.search(TOUCHED, outcome.output):
        raise Failure(outcome.told())
    outcome.expect_in_output(b"holes")


@qemu_test("swap-refused", "swap areas that lie, and disks in use, are refused with a line that says why")
def swap_refused(guest):
    for name, line, changes in (
            ("signature", r"no swap signature", {"signature": b"SWAP-SPACE"}),
            ("version", r"version 7 of the header is not known", {"version": 7}),
            ("empty", r"the area is empty", {"last_page": 0}),
            ("long", r"says 4294967296 pages, but there are only 256", {"last_page": 0xffffffff}),
            ("bad-many", r"lists 4000000000 bad pages", {"nr_bad": 4000000000}),
            ("bad-outside", r"bad page 256 lies outside", {"bad": [3, 256]})):
        outcome = guest.exec("swapon /dev/vdb; echo status $?", "--disk", swap_image(guest, f"{name}.img", mib=1, **changes))
        outcome.expect(status=0, log="swap: /dev/vdb: .*" + line)
        outcome.expect_in_output(b"swapon: /dev/vdb: Invalid argument\nstatus 1\n")
    outcome = guest.exec("swapon /dev/vda; swapon /root; swapon /dev/console; swapoff /dev/vda; swapon /dev/vdb && "
                         "mount -t ext2 /dev/vdb /mnt; echo end", "--disk", swap_image(guest, "good.img", mib=1, bad=[5, 9]))
    outcome.expect(status=0, log=r"swap: /dev/vda: the disk is mounted")
    for text in (b"swapon: /dev/vda: Device or resource busy", b"swapon: /root: Is a directory",
                 b"swapon: /dev/console: Invalid argument", b"swapoff: /dev/vda: Invalid argument", b"usy\nend\n"):
        outcome.expect_in_output(text)


@qemu_test("swap-off-too-much", "swapoff of more than fits into memory: ENOMEM, and everything goes on")
def swap_off_too_much(guest):
    script = ("swapon /dev/vdb && { /tests/touchmem 32 1000000 >/dev/null & } && sleep 4; swapoff /dev/vdb; echo status $?; "
              "kill -9 $!; wait $!; swapoff /dev/vdb && echo off")
    outcome = guest.exec(script, "--smp", "2", "--disk", swap_image(guest, "much.img"), *SMALL, limit=120).expect(status=0)
    outcome.expect_in_output(b"swapoff: /dev/vdb: Cannot allocate memory\nstatus 1\n")
    if not outcome.output.endswith(b"off\n"):
        raise Failure(outcome.told())
