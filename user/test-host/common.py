# SPDX-License-Identifier: MIT
"""What all tests of the shell and the tools share."""

import os
import re
import shutil
import subprocess
import tempfile
import traceback
from dataclasses import dataclass
from typing import Callable

LIMIT_SECONDS = 30
SANITIZER = re.compile(rb"(AddressSanitizer|LeakSanitizer|runtime error:)")


class Problem(Exception):
    """What a test found wrong, in words."""


@dataclass
class Test:
    name: str
    body: Callable[[str], None]  # gets its fresh directory


@dataclass
class Box:
    """The folder of programs under test."""

    path: str
    single: str | None

    def environment(self, **more):
        return {"PATH": self.path + ":/usr/bin:/bin", "HOME": "/", "LC_ALL": "C", "TZ": "UTC0",
                "ASAN_OPTIONS": "detect_leaks=1", **more}

    def run(self, words, cwd, text=b"", **more):
        """Run a program of the box by its name. Returns (status, stdout, stderr)."""
        return run([os.path.join(self.path, words[0]), *words[1:]], cwd, self.environment(**more), text, words[0])


def run(words, cwd, environment, text=b"", name=None):
    try:
        done = subprocess.run([name or words[0], *words[1:]], executable=words[0], cwd=cwd, env=environment,
                              input=text, capture_output=True, timeout=LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired as expired:
        raise Problem(f"{words}: no end after {LIMIT_SECONDS} s") from expired
    if SANITIZER.search(done.stderr):
        raise Problem(f"{words}: {done.stderr.decode(errors='replace')}")
    return done.returncode, done.stdout, done.stderr


def run_test(test):
    """None if the test passed, else what is wrong."""
    scratch = tempfile.mkdtemp(prefix="cairn-user-")
    try:
        test.body(scratch)
    except Problem as problem:
        return f"    {problem}"
    except Exception:  # a mistake in the test is a failure of the test
        return traceback.format_exc()
    finally:
        subprocess.run(["chmod", "-R", "u+rwX", scratch], check=False)
        shutil.rmtree(scratch, ignore_errors=True)
    return None


def same(what, got, wanted):
    if got != wanted:
        raise Problem(f"{what}: got {got!r}, wanted {wanted!r}")
