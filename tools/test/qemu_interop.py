# SPDX-License-Identifier: MIT
"""Slices of the long harnesses of tools/interop, each through the command that make calls."""

import os
import re
import subprocess
import sys

from guest import TOP
from registry import debian_test, qemu_test
from report import Failure

FAMILIES = ("refusal renaming exchanging noreplace linking unlinking truncation mapping listing symlinks mounts "
            "naming locking large right appending tmpfile hole creation times direct preallocation space")
TOTAL = re.compile(r"^\w+: (\d+) passed, (\d+) failed$", re.MULTILINE)


def interop(guest, command, *arguments, limit):
    """Run a command of tools/interop; its failure is the test's. Returns what it printed."""
    environment = dict(guest.environment, CAIRN_LINUX_INIT=os.path.join(guest.out, "user", "bench", "linux_init"))
    environment.pop("T", None)  # which selects tests here, and is a number there
    path = os.path.join(TOP, "interop", command)
    with guest.slot():
        try:
            done = subprocess.run([sys.executable, path, "--out", guest.out, *arguments], check=False, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                  errors="replace", env=environment, timeout=limit * guest.scale + 60)
        except subprocess.TimeoutExpired as expired:
            raise Failure(f"{command} came to no end in {limit * guest.scale + 60:.0f} s") from expired
    if done.returncode != 0:
        raise Failure(f"{command} {' '.join(arguments)}: status {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


@qemu_test("conformance", "a slice of the conformance cases on ext2, ext3, FAT32 and tmpfs, the disks clean afterwards")
def conformance(guest):
    passed = 0
    for number, kind in enumerate(("ext2", "ext3", "vfat", "tmpfs")):
        said = interop(guest, "conformance", "--fs", kind, "--test", FAMILIES, "--every", f"5:{number}", limit=60)
        passed += int(TOTAL.search(said).group(1))
    if passed < 150:
        raise Failure(f"only {passed} cases were run")
    return passed, 0, ""


@qemu_test("fsx", "random operations on files agree with a model: own files and a shared one, on each file system")
def fsx(guest):
    for kind in ("ext2", "ext3", "vfat", "tmpfs"):
        interop(guest, "fsx", "--fs", kind, "--ops", "4000", "--seed", os.environ["SEED"], "--quiet", limit=60)
    return 8, 0, ""


@qemu_test("manynames", "a directory of 5,000 files: every name once, and no call becomes dear with it")
def manynames(guest):
    for kind in ("ext2", "ext3", "vfat", "tmpfs"):
        interop(guest, "manynames", "--fs", kind, "--names", "5000", limit=60)
    return 4, 0, ""


@qemu_test("interchange", "disks that Cairn fills, churns and empties on 4 harts are clean, and their trees come back")
def interchange(guest):
    interop(guest, "interchange", "--no-linux", "--seconds", "4", "--size", "48", "--directories", "2", "--seed", os.environ["SEED"], limit=150)
    return 3, 0, ""


@debian_test("interchange-linux", "such disks go to Debian's Linux and back: clean, and equal by checksum")
def interchange_linux(guest):
    interop(guest, "interchange", "--seconds", "6", "--size", "48", "--directories", "2", "--seed", os.environ["SEED"], limit=300)
    return 3, 0, ""
