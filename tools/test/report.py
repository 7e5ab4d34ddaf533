# SPDX-License-Identifier: MIT
"""Counting what passed and failed, and saying so, one line for each test."""

import re
import sys
import threading
import time

TOTAL = re.compile(r"(\d+) passed, (\d+) failed")
SHOWN_LINES = 20


class Failure(Exception):
    """A test did not prove what it says; the text says what was seen instead."""


class Report:
    """The totals of a run; used from several threads."""

    def __init__(self, total_path):
        self.passed = self.failed = 0
        self.total_path = total_path
        self._lock = threading.Lock()
        self._start = time.monotonic()

    def add(self, name, passed, failed, detail="", seconds=None):
        """The outcome of one test program or test, which may have many cases."""
        with self._lock:
            self.passed += passed
            self.failed += failed
            took = f" ({seconds:.1f} s)" if seconds is not None else ""
            count = f": {passed} passed" if passed != 1 or failed else ""
            word = f"FAIL {name}{count}, {failed} failed" if failed else f"ok   {name}{count}"
            print(word + took, flush=True)
            if failed and detail:
                lines = detail.rstrip().splitlines()
                if len(lines) > 2 * SHOWN_LINES:
                    lines[SHOWN_LINES:-SHOWN_LINES] = ["…"]
                for line in lines:
                    print("     | " + line)
                sys.stdout.flush()

    def finish(self):
        """Print the total as the last line, and leave it in a file for the CI run. Returns the exit status."""
        if self.passed + self.failed == 0:
            print("no test was selected")
            self.failed = 1
        total = f"{self.passed} passed, {self.failed} failed"
        print(f"tests took {time.monotonic() - self._start:.0f} s")
        print(total, flush=True)
        with open(self.total_path, "w", encoding="utf-8") as file:
            file.write(total + "\n")
        return 1 if self.failed else 0


def last_total(text):
    """The last `N passed, N failed` of a text, or None."""
    found = TOTAL.findall(text)
    return (int(found[-1][0]), int(found[-1][1])) if found else None
