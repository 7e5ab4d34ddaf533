# SPDX-License-Identifier: MIT
"""Includes point down only: abi < base < sync < mm < drivers < fs < task < syscall < main.

arch sits beside sync: it may include base, sync and abi, and what stands above it may include arch;
but mm and fs compile for the host as well, and reach the machine through port.h alone. fs sees of the
drivers only the two interfaces. An *_internal.h stays in its folder. user/ knows the ABI and nothing
else. Kernel code includes no header of a C library but the freestanding ones, unless it stands under
`#if __STDC_HOSTED__`: then it is for the host alone.
"""

import os
import re

from sources import Verdict, c_files, for_kernel

LAYERS = ("kernel/abi/", "kernel/base/", "kernel/sync/", "mm/", "drivers/", "fs/", "kernel/task/",
          "kernel/syscall/", "kernel/")
# The files directly in kernel/ are the topmost layer: main.c and what it is made of.
MAIN = len(LAYERS) - 1
ARCH = "kernel/arch/"
# Page tables are made of frames, and are counted: these headers of mm are arch's to see.
ARCH_MAY = ("kernel/abi/", "kernel/base/", "kernel/sync/", "mm/frames.h", "mm/alloc_flags.h", "mm/vmstat.h", ARCH)
ARCH_HIDDEN_FROM = ("kernel/abi/", "kernel/base/", "kernel/sync/", "mm/", "fs/")
FS_DRIVERS = ("drivers/block.h", "drivers/char.h")
FREESTANDING = ("float.h", "iso646.h", "limits.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h",
                "stddef.h", "stdint.h", "stdnoreturn.h")
CONDITION = re.compile(r"#\s*(if|el|endif)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def layer(path):
    if os.path.dirname(path) == "kernel":
        return MAIN
    return next((index for index, prefix in enumerate(LAYERS[:MAIN]) if path.startswith(prefix)), None)


def breach(name, quote, target):
    """Why name may not include target, or None."""
    test = "/test/" in name or "/test-host/" in name
    hosted_test = test and not os.path.basename(name).startswith("selftest_")
    if quote == "<":
        if for_kernel(name) and not hosted_test and target not in FREESTANDING:
            return f"<{target}> is of the host's C library"
        return None
    folder = os.path.dirname(name)
    if name.startswith("tools/"):
        return None
    if name.startswith("user/"):
        if target.startswith(("kernel/", "mm/", "drivers/", "fs/")) and not target.startswith("kernel/abi/"):
            return "user programs know only kernel/abi"
        return None
    if target.startswith("port/"):
        return "kernel/abi needs no port" if name.startswith("kernel/abi/") else None
    if target.endswith("_internal.h") and folder not in (os.path.dirname(target), os.path.dirname(target) + "/test"):
        return "an *_internal.h stays in its folder"
    if test and target.startswith("tools/host/"):
        return None
    if target.startswith(ARCH):
        if name.startswith(ARCH_HIDDEN_FROM):
            return "reach the machine through kernel/base/port.h"
        return None
    if name.startswith(ARCH):
        return None if target.startswith(ARCH_MAY) else "arch may include only abi, base and sync"
    mine, other = layer(name), layer(target)
    if other is None:
        return 'name the header from the root ("mm/slab.h")'
    if mine is None:
        return "this file is in no layer"
    if other > mine:
        return f"{LAYERS[other].rstrip('/')} is above {LAYERS[mine].rstrip('/')}"
    if name.startswith("fs/") and target.startswith("drivers/") and target not in FS_DRIVERS and not test:
        return "fs sees of the drivers only block.h and char.h"
    return None


def check():
    verdict, count = Verdict(), 0
    for name in c_files(".c", ".h", ".S"):
        count += 1
        hosted = False
        with open(name, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if CONDITION.match(line):
                    hosted = bool(re.match(r"#\s*if __STDC_HOSTED__", line))
                match = INCLUDE.match(line)
                reason = match and not (hosted and match.group(1) == "<") and breach(name, *match.groups())
                if reason:
                    verdict.faults.append(f"{name}:{number}: {match.group(2)}: {reason}")
    verdict.checked = f"{count} files"
    return verdict
