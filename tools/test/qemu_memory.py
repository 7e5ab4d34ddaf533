# SPDX-License-Identifier: MIT
"""When memory runs out: what is taken back, who is killed, and that the machine lives."""

import os
import re
import struct

from registry import qemu_test
from report import Failure

SMALL = ("--mem", "24M")
PAGE = 4096


def oom_report(outcome):
    """The report in the log: that it names all that it promises."""
    for pattern in (r"oom: memory is exhausted: \S+\[\d+\] wants a block of order \d+, flags 0x", r"oom: of \d+ frames \d+ are free",
                    r"oom: page cache gave nothing now", r"oom: +\d+ +\d+ +\d+ +\d+ +\S+ +\d+ +touchmem",
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


@qemu_test("oom-tables", "whose memory is page tables goes, and not a younger process that has more pages")
def oom_tables(guest):
    script = ("(sleep 1; exec /tests/touchmem --tables) & hog=$!; /tests/touchmem 4 100000 >/dev/null 2>&1 & other=$!; "
              "wait $hog; echo hog $?; kill $other; wait $other; echo other $?")
    for harts in "1", "4":
        outcome = guest.exec(script, "--smp", harts, *SMALL).expect(status=0, output=b"Killed\nhog 137\nother 143\n")
        killed = re.findall(r"killing pid \d+ \((\w+)\)", outcome.log)
        if killed != ["touchmem"]:
            raise Failure(f"killed were {killed}\n{outcome.told()}")


def tags_and_caches(output):
    """allocinfo as {what: [(bytes, calls, function), …]}, and slabinfo as {cache: (live, size, slabs, pages of a slab)}."""
    caches = {name: tuple(map(int, (live, size, slabs, pages))) for name, live, size, pages, slabs in
              re.findall(r"^(\S+) +(\d+) +\d+ +(\d+) +\d+ +(\d+) : tunables .* slabdata +\d+ +(\d+)", output, re.MULTILINE)}
    tags = {}
    for size, calls, what, function in re.findall(r"^ *(\d+) +(\d+) (\S+) func:(\S+)$", output, re.MULTILINE):
        tags.setdefault(what, []).append((int(size), int(calls), function))
    if len(caches) < 20 or "allocinfo - version: 1.0\n#     <size>  <calls> <tag info>\n" not in output:
        raise Failure(output)
    return tags, caches


def compare_sums(tags, caches, output):
    """Every cache's live objects are those of its tags, but for the few that reading the files itself takes."""
    for name, (live, size, _, _) in caches.items():
        of_tags = tags.get(f"slab:{name}", [])
        nr_bytes, calls = sum(tag[0] for tag in of_tags), sum(tag[1] for tag in of_tags)
        if nr_bytes != calls * size or abs(calls - live) > 4:
            raise Failure(f"{name}: {live} objects of {size} bytes, and {of_tags} in allocinfo\n{output}")


@qemu_test("allocinfo", "the tags of /proc/allocinfo add up to /proc/slabinfo, cache by cache, and with free frames to all of memory")
def allocinfo(guest):
    output = guest.exec("cat /proc/meminfo /proc/slabinfo /proc/allocinfo", "--smp", "1").expect(status=0).output.decode()
    tags, caches = tags_and_caches(output)
    compare_sums(tags, caches, output)
    frames = sum(size for what, of_tags in tags.items() if what.startswith("frames:") for size, _, _ in of_tags)
    slabs = sum(nr_slabs * pages * PAGE for _, _, nr_slabs, pages in caches.values())
    total, free = (int(re.search(rf"{name}: +(\d+) kB", output).group(1)) * 1024 for name in ("MemTotal", "MemFree"))
    if abs(frames + slabs + free - total) > 64 * PAGE or "frames:anon" not in tags or "frames:table" not in tags:
        raise Failure(f"{frames} bytes of tags, {slabs} of slabs and {free} free, but {total} in all\n{output}")


@qemu_test("allocinfo-sites", "with slab_debug=U for kmalloc, /proc/allocinfo names the functions that allocated, and the sums stay right")
def allocinfo_sites(guest):
    outcome = guest.exec("mkdir /tmp/d && cat /proc/slabinfo /proc/allocinfo", "--append", "slab_debug=U,kmalloc-*", "--smp", "2")
    output = outcome.expect(status=0).output.decode()
    tags, caches = tags_and_caches(output)
    compare_sums(tags, caches, output)
    functions = {function.split("+")[0] for what, of_tags in tags.items() if "kmalloc-" in what for _, _, function in of_tags}
    if not {"tmpfs_entry_make", "super_alloc"} <= functions or "-" in functions:
        raise Failure(f"the functions are {functions}\n{output}")
    if {function for _, _, function in tags["slab:dentry_cache"]} != {"-"}:
        raise Failure(f"an owner without slab_debug=\n{output}")


@qemu_test("alloc-latency", "/proc/alloc_latency: the paths that were taken have their times, and buckets add up; echo clear forgets them")
def alloc_latency(guest):
    script = "cat /proc/alloc_latency; /tests/touchmem 64; echo --; cat /proc/alloc_latency; echo clear > /proc/alloc_latency; " \
             "echo --; cat /proc/alloc_latency; echo clean > /proc/alloc_latency || echo refused"
    output = guest.exec(script, *SMALL).expect(status=0).output.decode()
    counts = []
    for part in output.split("--\n"):
        paths = re.findall(r"^(\w+) count (\d+) avg_ns (\d+) worst_ns (\d+)\n((?: +\d+ +\d+ +\d+\n)*)", part, re.MULTILINE)
        counts.append({name: int(count) for name, count, _, _, _ in paths})
        for name, count, average, worst, lines in paths:
            buckets = [tuple(map(int, line.split())) for line in lines.splitlines()]
            in_last = not buckets or buckets[-1][0] <= int(worst) <= buckets[-1][1]
            if sum(bucket[2] for bucket in buckets) != int(count) or not in_last or int(average) > int(worst):
                raise Failure(f"{name}: its figures contradict one another\n{output}")
    before, loaded, cleared = counts
    if before["frame_refill"] == 0 or before["slab_grow"] == 0 or before["frame_fast"] != 64 or before["reclaim"] != 0:
        raise Failure(f"after booting: {before}\n{output}")
    if loaded["reclaim"] == 0 or cleared["reclaim"] != 0 or cleared["frame_refill"] >= loaded["frame_refill"]:
        raise Failure(f"{loaded}, and {cleared} after clearing\n{output}")
    if not output.endswith("refused\n"):
        raise Failure(output)


@qemu_test("memtop", "memtop prints one picture of all panes; live at the console it follows keys, and ^C gives the terminal back")
def memtop(guest):
    output = guest.exec("cat /proc/zoneinfo; memtop --once", "--smp", "2").expect(status=0).output.decode()
    for pattern in (r"pages free +[1-9]\d*\n +min +[1-9]\d*\n +low +[1-9]\d*\n +high +[1-9]\d*\n", r"\nMemory \[[#.]{28}\] \S+M of \S+M used",
                    r"\nFree +\[#+\.*\] min \S+ low \S+ high \S+: at ease\n", r"\n 4\.0M +\d+  \[[#.]{14}\]", r"\nframe_fast +\d+ns +\d+ns",
                    r"dentry_cache +\d+ +\S+K +\S+K \[", r"frames:\w+ +\S+K +\d+\n"):
        if not re.search(pattern, output):
            raise Failure(f"the picture has no {pattern!r}\n{output}")
    line = ["qemu-system-riscv64", "-machine", "virt", "-m", "128M", "-nographic", "-kernel", os.path.join(guest.out, "cairn")]
    status, text = guest.talk(line, [
        ("# ", "memtop -d 0.2\n"), ("by bytes", ""), ("Each s: fault", "n"), ("by name", "\x03"), ("\033[?1049l", ""),
        ("# ", "echo status $?, $((40+2))\n"), ("status 130, 42\r\n", "poweroff\n")])
    if status != 0:
        raise Failure(f"poweroff ended QEMU with status {status}\n{text[-2500:]}")


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
        if not re.fullmatch(TOUCHED + b"off\n", outcome.output) or "oom" in outcome.log or "no file system" in outcome.log:
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
              "echo x 2>/dev/null >>/root/s || echo pinned; rm -f /root/s; echo a >/root/a; mv /root/a /root/s; mv /root/s /root/b; ls /root/s; "
              "/tests/touchmem 32 && swapoff /root/s && rm /root/s && echo gone; "
              "echo a >/root/h; dd if=/dev/zero of=/root/h bs=1 seek=1M count=1 2>/dev/null; mkswap /root/h || swapon /root/h; echo end")
    outcome = guest.exec(script, *SMALL, limit=120)
    outcome.expect(status=0, log=r"swap: /root/s: is swap space already")
    outcome.expect_in_output(b"pinned\n")
    if outcome.output.count(b"Operation not permitted") != 3:
        raise Failure(f"rm and mv of a swap file in use\n{outcome.told()}")
    outcome.expect_in_output(b"/root/s\n")
    outcome.expect_in_output(b"gone\n")
    if not re.search(TOUCHED, outcome.output):
        raise Failure(outcome.told())
    outcome.expect_in_output(b"holes")


def failing_disk(guest, name, what, slots):
    """QEMU arguments for a swap disk whose transfers of some slots fail."""
    rules, image = guest.path(f"{name}.rules"), swap_image(guest, f"{name}.img")
    with open(rules, "w", encoding="ascii") as file:
        for slot in slots:
            file.write(f'[inject-error]\nevent = "none"\niotype = "{what}"\nsector = "{slot * PAGE // 512}"\nonce = "off"\n')
    return ("--extra", f"-drive if=none,format=raw,id=failing,cache=unsafe,file=blkdebug:{rules}:{image} "
                       "-device virtio-blk-device,drive=failing")


@qemu_test("swap-write-errors", "writes to swap that fail lose nothing: the checksum is right, and what failed is named")
def swap_write_errors(guest):
    script = "swapon /dev/vdb && /tests/touchmem 32 2>/dev/null && swapoff /dev/vdb && echo off"
    for harts in "1", "4":
        outcome = guest.exec(script, "--smp", harts, *SMALL, *failing_disk(guest, f"write{harts}", "write", (100, 1000, 5000)), limit=120)
        outcome.expect(status=0, log=r"swap: /dev/vdb: writing \d+ pages from slot \d+ on failed \(error -5\): they stay in memory")
        if not re.fullmatch(TOUCHED + b"off\n", outcome.output):
            raise Failure(outcome.told())


@qemu_test("swap-read-errors", "a page that cannot be read from swap ends its process by SIGBUS, with a line in the log, and nobody else")
def swap_read_errors(guest):
    script = "swapon /dev/vdb && /tests/touchmem 64 2>/dev/null; echo status $?; swapoff /dev/vdb && echo off; ls -d /"
    outcome = guest.exec(script, "--smp", "2", *SMALL, *failing_disk(guest, "read", "read", (3000,)), limit=120)
    outcome.expect(status=0, log=r"swap: /dev/vdb: reading slot 3000 failed \(error -5\): its page is lost(.|\n)*touchmem\[\d+\]: bus error")
    if outcome.output != b"Bus error\nstatus 135\noff\n/\n":
        raise Failure(outcome.told())


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


# ---- Promises --------------------------------------------------------------------------------------


@qemu_test("overcommit", "modes 0, 1 and 2: what mmap, mprotect, mremap, brk, fork, exec, stacks and tmpfs are promised, and that the account closes")
def overcommit(guest):
    for harts, swap in ("1", False), ("2", True), ("8", False):
        disk = ("--disk", swap_image(guest, "promise.img", mib=4)) if swap else ()
        outcome = guest.exec(("swapon /dev/vdb; " if swap else "") + "/tests/promise", "--smp", harts, "--mem", "128M", *disk)
        outcome.expect(status=0)
        if not re.fullmatch(rb"promise: \d+ checks, 0 wrong\n", outcome.output):
            raise Failure(outcome.told())


@qemu_test("mlock", "24 MiB and swap: locked pages, of buffers and of files, stay while others go; not one major fault")
def mlock(guest):
    image = swap_image(guest, "mlock.img")
    for harts in "1", "4":
        outcome = guest.exec("swapon /dev/vdb && /tests/lockmem 16", "--smp", harts, "--disk", image, *SMALL, limit=200)
        outcome.expect(status=0)
        if outcome.output.count(b": locked pages stayed, others went, 0 wrong\n") != 4:
            raise Failure(outcome.told())


@qemu_test("min-free", "min_free_kbytes moves the watermarks; what would leave too little, or all, is refused")
def min_free(guest):
    script = ("cd /proc/sys/vm; cat min_free_kbytes; for v in 0 127 100000000 x -1; do echo $v >min_free_kbytes || echo refused; done 2>/dev/null; "
              "cat min_free_kbytes; echo 4096 >min_free_kbytes; cat min_free_kbytes; grep -E 'min|low|high' /proc/zoneinfo")
    output = guest.exec(script, "--mem", "128M").expect(status=0).output.decode().split()
    before = output[0]
    if output[1:] != ["refused"] * 5 + [before, "4096", "min", "1024", "low", "3072", "high", "4096"]:
        raise Failure(repr(output))


@qemu_test("smaps-swap", "what is swapped out is in VmSwap, Swap and SwapPss; slabs that shrinkers give up are told from others")
def smaps_swap(guest):
    script = ("swapon /dev/vdb && { /tests/touchmem 32 1000000 >/dev/null 2>&1 & } && sleep 3; kill -STOP $!; "
              "grep -E '^(Swap|SwapPss):' /proc/$!/smaps_rollup; grep VmSwap /proc/$!/status; kill -9 $!; wait $!; "
              "grep -E '^(SReclaimable|SUnreclaim|Slab):' /proc/meminfo")
    output = guest.exec(script, "--smp", "2", "--disk", swap_image(guest, "smaps.img"), *SMALL, limit=120).expect(status=0).output.decode()
    figures = {name: int(kib) for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", output, re.MULTILINE)}
    # Reclaim may still be at work between the two readings.
    if not 4096 < figures["Swap"] == figures["SwapPss"] <= 33 << 10 or abs(figures["VmSwap"] - figures["Swap"]) > 2048:
        raise Failure(output)
    if not 0 < figures["SReclaimable"] < figures["Slab"] == figures["SReclaimable"] + figures["SUnreclaim"]:
        raise Failure(output)
