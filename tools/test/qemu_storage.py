# SPDX-License-Identifier: MIT
"""Storage under attack, in the whole kernel: a slice of what `make hostile` and `make faults` do."""

import glob
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "storage"))

import kernel_images  # noqa: E402
import hostile_cases  # noqa: E402
from guest import tool  # noqa: E402
from qemu import machine  # noqa: E402
from registry import qemu_test  # noqa: E402

SLICE = 30


@qemu_test("hostile", "damaged images, some of those that the host tests make: mounted, walked, written, unmounted")
def hostile(guest):
    folder = guest.path("hostile")
    os.makedirs(folder)
    cases = list(hostile_cases.made(guest.out, folder))
    step = max(1, len(cases) // SLICE)
    settings = machine.Settings(out=guest.out)
    outcomes = kernel_images.run(cases[int(os.environ["SEED"]) % step::step], settings, folder, lambda text: None)
    bad = [f"{case.name}: {outcome.text}; {outcome.line}" for case, outcome in outcomes.items() if outcome.is_bad]
    return len(outcomes) - len(bad), len(bad), "\n".join(bad)


def disk_that_stops(guest, *arguments):
    """A disk whose second write is due in a quarter of an hour."""
    image = guest.path("stops.img" + "".join(arguments))
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    tool("mke2fs", "-q", "-F", "-t", "ext2", image)
    outcome = guest.exec("echo lost > /mnt/f; dd if=/dev/zero of=/mnt/g bs=4096 count=4 conv=fsync; echo status $?; sync; umount /mnt; "
                         "echo alive > /root/x; cat /root/x", "--append", "block_timeout=2", *arguments, "--extra",
                         f"-drive file={image},if=none,format=raw,id=st,throttling.bps-write=1 "
                         "-device virtio-blk-device,drive=st,bus=virtio-mmio-bus.1")
    outcome.expect_in_output(b"Input/output error").expect_in_output(b"status 1\nalive\n")
    outcome.expect(status=0, log=r"block: vdb: no answer for 2 s: \d+ requests fail, and the disk is reset")
    outcome.expect(log=r"block: vdb: no answer for 2 s: \d+ requests fail, and the disk is given up")


@qemu_test("disk-stops", "a disk that stops answering is reset and given up: fsync gets EIO, and the machine lives")
def disk_stops(guest):
    disk_that_stops(guest)


@qemu_test("disk-stops-modern", "the same with a modern virtio device")
def disk_stops_modern(guest):
    disk_that_stops(guest, "--modern")


@qemu_test("mount-places", "mount shows a directory in a second place, moves a mount, and knows the flags of mount(2)")
def mount_places(guest):
    outcome = guest.exec("mkdir /tmp/a /tmp/b /tmp/c; mount -t tmpfs -o nodiratime x /tmp/a; echo seen > /tmp/a/f; mount -B /tmp/a /tmp/b; "
                         "cat /tmp/b/f; mount -M /tmp/a /tmp/c; cat /tmp/c/f; ls /tmp/a; mount -o remount,strictatime /tmp/c; "
                         "mount | grep 'x on /tmp'; mount -o move /tmp/none /tmp/a; echo status $?")
    outcome.expect(status=0).expect_in_output(b"seen\nseen\nx on /tmp/c type tmpfs (rw,size=")
    outcome.expect_in_output(b"x on /tmp/b type tmpfs (rw,nodiratime,")
    outcome.expect_in_output(b"mount: /tmp/none on /tmp/a: No such file or directory\nstatus 1\n")


@qemu_test("disk-errors", "a read, a write or a flush of an ext3 disk fails once: it is logged, and e2fsck finds nothing afterwards")
def disk_errors(guest):
    script = ("umount /mnt 2>/dev/null; mount -t ext3 /dev/vdb /mnt || mount -t ext3 /dev/vdb /mnt; echo hello > /mnt/f; mkdir /mnt/d; sync; "
              "dd if=/dev/zero of=/mnt/g bs=4096 count=100 conv=fsync; mv /mnt/f /mnt/d/f; umount /mnt; "
              "mount -t ext3 /dev/vdb /mnt && ls /mnt && umount /mnt && echo alive")
    for what, sector in (("read", 2), ("write", 2), ("write", 4), ("flush", None)):
        name = f"errors-{what}-{sector}"
        image, rules = guest.path(name + ".img"), guest.path(name + ".rules")
        with open(image, "wb") as file:
            file.truncate(16 << 20)
        tool("mke2fs", "-q", "-F", "-t", "ext3", "-b", "1024", image)
        with open(rules, "w", encoding="ascii") as file:
            place = f'sector = "{sector}"\n' if sector is not None else ""
            file.write(f'[inject-error]\nevent = "none"\niotype = "{what}"\n{place}once = "on"\n')
        outcome = guest.exec(script, "--extra", f"-drive if=none,format=raw,id=failing,cache=writeback,file=blkdebug:{rules}:{image} "
                             "-device virtio-blk-device,drive=failing,bus=virtio-mmio-bus.1")
        outcome.expect(status=0, log=rf"block: vdb: {what} of sectors .* failed: error 5").expect_in_output(b"alive\n")
        tool("e2fsck", "-fn", image)
