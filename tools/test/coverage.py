#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Line coverage of fs/ by the host tests: what `make coverage` calls.

The tests are built with gcov's counters and run; gcov then says for each object which lines were run. A line counts as run when any
object's did. The table has a line for each file, with the numbers of lines that were not reached (--missing), and for each
folder; the last line is the total.

    make coverage                 the table
    make coverage T=fs/ext        only these files, and the lines that were not reached
"""

import argparse
import collections
import gzip
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
LIMIT_SECONDS = 1200


def say(text):
    print(f"  COVER   {text}", file=sys.stderr, flush=True)


def run_tests(out):
    """Each test program once; returns those that failed."""
    tests = []
    for here, _, names in os.walk(os.path.join(out, "coverage")):
        tests += [os.path.join(here, name) for name in names if name.startswith("test_") and "." not in name]

    def one(test):
        try:
            done = subprocess.run([os.path.abspath(test)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                                  timeout=LIMIT_SECONDS)
            return test if done.returncode != 0 else None
        except subprocess.TimeoutExpired:
            return test

    say(f"running {len(tests)} tests")
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [test for test in pool.map(one, sorted(tests)) if test]


def read_counts(out):
    """file -> {line: how often it was run}, of all objects of fs/."""
    objects = []
    for here, _, names in os.walk(os.path.abspath(os.path.join(out, "coverage", "obj", "fs"))):
        objects += [os.path.join(here, name) for name in names if name.endswith(".gcda")]
    counts = collections.defaultdict(lambda: collections.defaultdict(int))
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["gcov", "--json-format", *objects], cwd=scratch, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in os.listdir(scratch):
            with gzip.open(os.path.join(scratch, name), "rt", encoding="utf-8") as file:
                for source in json.load(file)["files"]:
                    for line in source["lines"]:
                        counts[source["file"]][line["line_number"]] += line["count"]
    return counts


def ranges(numbers):
    """1-3,7 for [1, 2, 3, 7]."""
    parts = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{a}-{b}" if a != b else str(a) for a, b in parts)


def main():
    parser = argparse.ArgumentParser(prog="tools/test/coverage.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.environ.get("CAIRN_O") or "build", help="the build folder [%(default)s]")
    parser.add_argument("-t", "--test", default=os.environ.get("T", ""), metavar="TEXT", help="only files whose names contain this, with missing lines")
    parser.add_argument("--no-run", action="store_true", help="only read what earlier runs have counted")
    args = parser.parse_args()
    os.chdir(TOP)
    failed = [] if args.no_run else run_tests(args.out)
    for test in failed:
        print(f"FAILED: {test}")
    total = [0, 0]
    folders = collections.defaultdict(lambda: [0, 0])
    counts = read_counts(args.out)
    for path in sorted(counts):
        if not path.startswith("fs/") or "/test/" in path or args.test not in path:
            continue
        lines = counts[path]
        run = sum(1 for count in lines.values() if count)
        for tally in (total, folders[os.path.dirname(path)]):
            tally[0] += run
            tally[1] += len(lines)
        missing = "  " + ranges(sorted(line for line, count in lines.items() if not count)) if args.test else ""
        print(f"{path:34} {run:5} of {len(lines):5} lines {100 * run / max(1, len(lines)):6.1f} %{missing}")
    print()
    for folder, (run, lines) in sorted(folders.items()):
        print(f"{folder:34} {run:5} of {lines:5} lines {100 * run / max(1, lines):6.1f} %")
    print(f"{'total':34} {total[0]:5} of {total[1]:5} lines {100 * total[0] / max(1, total[1]):6.1f} %")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
