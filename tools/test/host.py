# SPDX-License-Identifier: MIT
"""Tests that run on this machine: the cmocka programs, and the user programs' own tests.

A cmocka program counts by its cases; a program that prints `N passed, N failed` by that; any other by
its exit status. A program that dies counts as one failure more than it reported.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from report import last_total

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from qemu.machine import slowness  # noqa: E402

LIMIT_SECONDS = 120
EVERY_FAULT = 10  # times as long: make faults lets each request fail, not a sample of them
FOLDERS = {"host": "host", "tsan": "tsan", "crash": "host"}
# How much of this machine the user programs' tests may take.
ARGUMENTS = {"stress": "--procs 8 --seconds 3", "thrash": "--limit 64"}
# Programs that others run.
HELPERS = ("pie", "crash", "dbjournal", "dbtree", "conf", "fsx", "fstree", "manynames")
OK = re.compile(r"^\[       OK \]", re.MULTILINE)


def programs(out, suite):
    """The test programs of a suite; make has just built them."""
    found = []
    for here, _, names in os.walk(os.path.join(out, FOLDERS[suite])):
        for name in names:
            path = os.path.join(here, name)
            source = os.path.relpath(path, os.path.join(out, FOLDERS[suite])) + ".c"
            if name.startswith("test_") and "." not in name and os.path.exists(source):
                found.append(path)
    return sorted(os.path.abspath(path) for path in found)


def count(status, text):
    """(passed, failed) of one program."""
    passed, failed = len(OK.findall(text)), len(set(re.findall(r"^\[  FAILED  \] (?!\d+ test)(.*)$", text, re.MULTILINE)))
    total = None if passed or failed else last_total(text)
    if total:
        passed, failed = total
    if status != 0 and failed == 0:
        failed = 1
    if status == 0 and passed == 0 and failed == 0:
        passed = 1
    return passed, failed


def user_commands(environment):
    """The commands of the suite `user`, from what make exports."""
    for path in environment.get("CAIRN_USER_HOST_TESTS", "").split():
        if os.path.basename(path) not in HELPERS:
            yield f"{path} {ARGUMENTS.get(os.path.basename(path), '')}".strip()
    if environment.get("CAIRN_USER_PROGRAM_TESTS"):
        yield environment["CAIRN_USER_PROGRAM_TESTS"]


def crash_commands(out):
    """A slice of `make crash`; once more with disks that lie, which must be found out; and what once lost something."""
    crash = os.path.join(os.path.abspath(out), "host", "crash")
    seed = f"--seed {os.environ.get('SEED', '1')}"
    yield f"{crash} --fs 'ext2 ext3 fat12 fat16 fat32' {seed} --states 250 --jobs 1"
    yield f"{crash} --fs 'ext2 ext3 fat32' {seed} --states 200 --jobs 1 --lie"
    # A size that was durable before, and another one since: fdatasync did not write it.
    there_and_back = "truncate foo 1000; fdatasync foo; write foo 100; fsync .; truncate foo 1000; fdatasync foo"
    yield f"{crash} --fs 'ext2 ext3 fat12 fat16 fat32' {seed} --jobs 1 --ops 'creat foo; write foo 5000; sync; {there_and_back}'"


def run_program(words, limit, environment):
    # ThreadSanitizer does not find room for its shadow where addresses are randomised too much.
    command = shlex.split(words)
    if "/tsan/" in words and shutil.which("setarch"):
        command = ["setarch", platform.machine(), "-R", *command]
    start = time.monotonic()
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              timeout=limit, check=False, env=environment)
        status, text = done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as expired:
        status, text = 124, (expired.stdout or b"").decode(errors="replace") + f"\nno end after {limit:.0f} s"
    return status, text, time.monotonic() - start


def run_suite(report, out, suite, selected, commands=None):
    out = os.path.abspath(out)
    environment = dict(os.environ, ASAN_OPTIONS="detect_stack_use_after_return=1:abort_on_error=0",
                       UBSAN_OPTIONS="print_stacktrace=1", TSAN_OPTIONS="halt_on_error=1",
                       CMOCKA_MESSAGE_OUTPUT="STDOUT")
    limit = LIMIT_SECONDS * slowness() * (EVERY_FAULT if os.environ.get("CAIRN_FAULTS") == "all" else 1)

    def name_of(words):
        if words.startswith("python3 "):
            return f"{suite} {words.split()[1]}"
        return f"{suite} " + re.sub(rf"\S*/{FOLDERS.get(suite, 'user')}/", "", words, count=1)

    jobs = [words for words in (programs(out, suite) if commands is None else commands) if selected(name_of(words))]

    def one(words):
        status, text, seconds = run_program(words, limit, environment)
        passed, failed = count(status, text)
        # What failed comes first: between many cases that passed it would be overlooked.
        bad = [line for line in text.splitlines() if re.search(r"\bFAIL|ERROR: ", line)] if failed else []
        report.add(name_of(words), passed, failed, "\n".join([*bad, f"exit status {status}", text]), seconds)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(one, jobs))
