#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-format over all C files. Versions differ in taste, so one is the judge: PINNED. With another
version installed the check only informs. `tools/lint/format.py --write` rewrites the files."""

import re
import shutil
import sys

from sources import Verdict, c_files, in_parallel, run

PINNED = 14


def find():
    """(command, major version) of the pinned clang-format if there is one, else of any, else (None, 0)."""
    for command in (f"clang-format-{PINNED}", "clang-format"):
        if shutil.which(command):
            match = re.search(r"version (\d+)", run([command, "--version"])[1])
            return command, int(match.group(1)) if match else 0
    return None, 0


def check():
    command, version = find()
    if command is None:
        return Verdict(skipped="clang-format is not installed (tools/setup)")
    files = c_files()
    wrong = [name for name, (status, _) in
             zip(files, in_parallel(lambda name: run([command, "--dry-run", "-Werror", name]), files)) if status != 0]
    lines = [f"{name}: make format would change it" for name in wrong]
    verdict = Verdict(checked=f"{len(files)} files, clang-format {version}")
    if version == PINNED:
        verdict.faults = lines
    elif lines:
        verdict.notes = [f"{len(lines)} files differ, but clang-format {PINNED} is the judge"]
    return verdict


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
        return
    command, version = find()
    if sys.argv[1:] != ["--write"] or command is None:
        sys.exit("usage: format.py --write (needs clang-format)")
    if version != PINNED:
        print(f"note: this is clang-format {version}; make lint judges with {PINNED}", file=sys.stderr)
    in_parallel(lambda name: run([command, "-i", name]), c_files())


if __name__ == "__main__":
    main()
