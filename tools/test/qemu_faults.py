# SPDX-License-Identifier: MIT
"""Memory that is missing: allocations made to fail one after the other, in system calls and in the boot."""

import os
import re

from guest import tool
from registry import fault_test, qemu_test
from report import Failure

# How a boot that could not get what it needs says so: in one line, with what was missing.
TOLD = re.compile(r"boot: .*memory|boot: .*error 12|panic: no memory for")
INJECTED = re.compile(r"fault_inject: no (?:frame|object) for \S+")
MOST = 1024  # no boot allocates as often
SAMPLED_STEP = 19


def kernel(guest):
    return ("--kernel", os.path.join(guest.out, "cairn-faults"))


def failnth(guest, *arguments, harts=1):
    outcome = guest.exec("/tests/failnth " + " ".join(arguments), *kernel(guest), "--smp", str(harts), limit=200)
    match = re.search(rb"^failnth: (\d+) passed, (\d+) failed$", outcome.output, re.MULTILINE)
    if outcome.status not in (0, 1) or not match:
        raise Failure(outcome.told())
    passed, failed = int(match[1]), int(match[2])
    # Frames alone are fewer: if so, the objects of slab caches are not made to fail in this kernel.
    count = re.search(rb"^failnth: ok create: (\d+) allocations$", outcome.output, re.MULTILINE)
    if count and int(count[1]) < 4:
        raise Failure(f"only {int(count[1])} allocations of open(O_CREAT) were made to fail\n{outcome.told()}")
    return passed, failed, outcome.output.decode(errors="replace") if failed else ""


@qemu_test("failnth-smp1", "each allocation of each operation fails once: the right error number, and nothing leaks")
def failnth_alone(guest):
    return failnth(guest)


@qemu_test("failnth-smp4", "the same with four harts")
def failnth_smp4(guest):
    return failnth(guest, harts=4)


def mounts(guest, kind, make, check):
    """Mount and umount on a disk of their own, which is clean afterwards."""
    disk, kept = guest.path(f"faults-{kind}.img"), guest.path(f"faults-{kind}")
    with open(disk, "wb") as file:
        file.truncate(34 << 20)
    tool(*make, disk)
    guest.exec(f"umount /mnt; /tests/failnth --mount /dev/vdb {kind} mount umount", *kernel(guest), "--smp", "1",
               "--disk", disk, "--keep", kept, limit=200).expect(status=0)
    tool(*check, kept + ".disk")


@qemu_test("failnth-ext", "each allocation of mounting and unmounting ext2 fails once, and the disk stays clean")
def failnth_ext(guest):
    mounts(guest, "ext2", ("mke2fs", "-q", "-t", "ext2", "-F"), ("e2fsck", "-fn"))


@qemu_test("failnth-fat", "each allocation of mounting and unmounting FAT fails once, and the disk stays clean")
def failnth_fat(guest):
    mounts(guest, "vfat", ("mkfs.fat",), ("fsck.fat", "-n"))


def boot(guest, nth):
    """Boot with the n-th allocation failing. Returns whether one did."""
    outcome = guest.exec("echo alive", *kernel(guest), "--smp", "1", "--append", f"fail_nth={nth}")
    injected = INJECTED.search(outcome.log)
    if outcome.status == 0 and outcome.output == b"alive\n":
        return bool(injected)
    if outcome.status == 125 and outcome.output == b"" and injected and TOLD.search(outcome.log):
        return True
    raise Failure(f"fail_nth={nth}: {injected[0] if injected else 'nothing was injected'}, and neither a boot nor a "
                  f"line that says what is missing\n{outcome.told()}")


def boots(guest, first, step):
    """Walk n = first, first + step, … until nothing fails any more."""
    for nr, nth in enumerate(range(first, MOST, step)):
        if not boot(guest, nth):
            return nr, 0, ""
    raise Failure("no boot was without a failure")


@qemu_test("faults-boot", "allocations of the boot fail, one a boot: it boots all the same, or says what it lacks")
def faults_boot(guest):
    return boots(guest, 1 + int(os.environ["SEED"]) % SAMPLED_STEP, SAMPLED_STEP)


@fault_test("faults-boot-all", "each allocation of the boot fails once: it boots all the same, or says what it lacks")
def faults_boot_all(guest):
    return boots(guest, 1, 1)
