# SPDX-License-Identifier: MIT
"""Every file says what it is and what it is for, and nothing in it is left for later.

The licence line comes first (after `#!`), then a comment that opens the file. No marks of unfinished
work, no code switched off, no paths of the machine it was written on, no tabs or trailing blanks in C.
Files over 450 lines are named, as a place to look for a second idea.
"""

import os
import re

from sources import Verdict, all_files

LONG = 450
CODE = (".c", ".h", ".S", ".py", ".mk", ".awk", ".lds", "Makefile")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|^\s*#\s*if\s+0\b")
MACHINE_PATH = re.compile(r"(^|[^A-Za-z0-9_.])/(wo" r"rk|fa" r"rm)/[a-z]")
COMMENT = re.compile(r'^\s*(//|/\*|#|"""|\*)')
SPDX = "SPDX-License-Identifier: MIT"
BINARY = (".png", ".img", ".gz", ".bin")


def is_code(name, first):
    return name.endswith(CODE) or first.startswith("#!")


def opening_faults(lines):
    """Faults of the first lines: a licence, then words."""
    start = 1 if lines[0].startswith("#!") else 0
    if len(lines) <= start or SPDX not in lines[start]:
        yield start + 1, f"the first line is not `{SPDX}`"
        return
    words = 0
    for line in lines[start + 1:start + 8]:
        if line.strip() and not COMMENT.match(line) and words == 0:
            break
        words += len(re.findall(r"[A-Za-z]{2,}", line))
    if words < 4:
        yield start + 2, "no comment that opens the file"


def check():
    verdict, count = Verdict(), 0
    for name in all_files():
        if name.endswith(BINARY):
            continue
        try:
            with open(name, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except UnicodeDecodeError:
            continue
        if not lines:
            if not os.path.basename(name).startswith("."):
                verdict.faults.append(f"{name}: empty")
            continue
        count += 1
        code = is_code(name, lines[0])
        if code:
            verdict.faults += [f"{name}:{number}: {fault}" for number, fault in opening_faults(lines)]
        if code and len(lines) > LONG:
            verdict.notes.append(f"{name}: {len(lines)} lines")
        for number, line in enumerate(lines, 1):
            if code and UNFINISHED.search(line):
                verdict.faults.append(f"{name}:{number}: unfinished: {line.strip()[:60]}")
            if MACHINE_PATH.search(line):
                verdict.faults.append(f"{name}:{number}: a path of one machine: {line.strip()[:60]}")
            if line != line.rstrip() and not name.endswith(".md"):
                verdict.faults.append(f"{name}:{number}: trailing blanks")
            if name.endswith((".c", ".h")) and "\t" in line:
                verdict.faults.append(f"{name}:{number}: a tab")
    verdict.checked = f"{count} files"
    return verdict
