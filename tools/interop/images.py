# SPDX-License-Identifier: MIT
"""Empty file systems as images, made and judged by e2fsprogs and dosfstools."""

import os
import subprocess

from qemu.machine import Trouble
from systems import MIB, need

MAKERS = {
    "ext2": ["mke2fs", "-q", "-F", "-t", "ext2", "-I", "256", "-b"],
    "ext3": ["mke2fs", "-q", "-F", "-t", "ext3", "-I", "256", "-b"],
    "vfat": ["mkfs.fat", "-F"],
}
CHECKERS = {"ext2": ["e2fsck", "-fn"], "ext3": ["e2fsck", "-fn"], "vfat": ["fsck.fat", "-n"]}


def make(kind, path, size_mib, detail=""):
    """An empty file system; detail is the block size of ext, or the width of FAT's entries (12, 16, 32)."""
    command = MAKERS[kind] + [str(detail or ("32" if kind == "vfat" else "4096"))]
    need(command[0])
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    if os.path.exists(path):
        os.remove(path)
    with open(path, "wb") as file:
        file.truncate(size_mib * MIB)
    done = subprocess.run(command + [path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(command)}: {done.stdout}")
    return path


def check(kind, path):
    """What the checker says against the image; None if it is clean."""
    need(CHECKERS[kind][0])
    done = subprocess.run(CHECKERS[kind] + [path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    return done.stdout if done.returncode != 0 else None
