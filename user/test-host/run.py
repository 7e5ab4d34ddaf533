#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of the shell and the tools on the host.

    run.py --box FOLDER [--single FOLDER] [--only TEXT]

FOLDER holds the multi-call binary under all its names, built with sanitizers. Every test works in a
fresh directory. A sanitizer report anywhere is a failure. The last line is `N passed, N failed`.
"""

import argparse
import concurrent.futures
import os
import signal
import sys

import common
import memtop_cases
import shell_cases
import terminal_cases
import tool_cases


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--box", required=True)
    parser.add_argument("--single", help="the folder of the tools as programs of their own")
    parser.add_argument("--only", default="", help="run only tests whose name contains this")
    parser.add_argument("--verbose", action="store_true", help="name every test")
    options = parser.parse_args()
    # What is ignored here is ignored by every program below: by one that nohup or a shell's & has started, too.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)
    box = common.Box(os.path.abspath(options.box), options.single and os.path.abspath(options.single))
    tests = [*shell_cases.tests(box), *tool_cases.tests(box), *terminal_cases.tests(box),
             *memtop_cases.tests(box)]
    tests = [test for test in tests if options.only in test.name]
    passed = failed = 0
    # Interactive tests wait more than they compute, so a few more threads than processors.
    with concurrent.futures.ThreadPoolExecutor((os.cpu_count() or 2) + 2) as pool:
        for test, problem in zip(tests, pool.map(common.run_test, tests)):
            if problem:
                failed += 1
                print(f"FAILED {test.name}\n{problem}")
            else:
                passed += 1
                if options.verbose:
                    print(f"ok {test.name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
