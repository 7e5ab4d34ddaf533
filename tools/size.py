#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Text, data, bss and the worst stack frame of each folder of the kernel: `make size`.

The frames are read from the code itself: what a function's prologue takes off the stack pointer.
"""

import argparse
import os
import re
import subprocess

FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
FRAME = re.compile(r"\b(?:c\.)?addi?(?:16sp)?\s+sp,(?:sp,)?-(\d+)")


def sizes(tool, paths):
    """(text, data, bss) of each object."""
    out = subprocess.run([tool, *paths], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1]: tuple(int(word) for word in line.split()[:3]) for line in out.splitlines()[1:]}


def worst_frame(tool, path):
    worst, name = (0, ""), ""
    out = subprocess.run([tool, "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True).stdout
    frame = 0
    for line in out.splitlines():
        match = FUNCTION.match(line)
        if match:
            name, frame = match.group(1), 0
        match = FRAME.search(line)
        if match:
            frame += int(match.group(1))
            worst = max(worst, (frame, name))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, text in (("--size", "the toolchain's size"), ("--objdump", "its objdump"), ("--kernel", "the kernel"),
                         ("--objects", "the folder of its objects")):
        parser.add_argument(option, required=True, help=text)
    args = parser.parse_args()
    paths = sorted(os.path.join(here, name) for here, _, names in os.walk(args.objects) for name in names
                   if name.endswith(".o") and here != args.objects and not here.endswith("/test"))
    folders = {}
    for path, numbers in sizes(args.size, paths).items():
        folder = os.path.relpath(os.path.dirname(path), args.objects)
        total, worst = folders.get(folder, ((0, 0, 0), (0, "")))
        folders[folder] = (tuple(map(sum, zip(total, numbers))), max(worst, worst_frame(args.objdump, path)))
    print(f"{'folder':22} {'text':>8} {'data':>8} {'bss':>8}  worst stack frame")
    for folder, (numbers, (frame, name)) in sorted(folders.items()):
        print(f"{folder:22} {numbers[0]:8} {numbers[1]:8} {numbers[2]:8}  {frame} {name}")
    numbers = sizes(args.size, [args.kernel])[args.kernel]
    print(f"{'the whole kernel':22} {numbers[0]:8} {numbers[1]:8} {numbers[2]:8}  (with the initramfs)")


if __name__ == "__main__":
    main()
