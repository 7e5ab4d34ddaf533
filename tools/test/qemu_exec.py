# SPDX-License-Identifier: MIT
"""What `make exec` promises: status, pure output, any byte, panics and time-outs told apart."""

import hashlib
import os
import re
import subprocess
import sys

from registry import qemu_test
from report import Failure


@qemu_test("exec-status", "the exit status is the command's: 0, 1, 7, and 128 + signal")
def exec_status(guest):
    for command, status in (("true", 0), ("false", 1), ("exit 7", 7), ("kill -9 $$", 137)):
        guest.exec(command).expect(status=status, output=b"")


@qemu_test("exec-output", "standard output is the command's alone, with the log at its loudest and at its quietest")
def exec_output(guest):
    for words in ("loglevel=8", "quiet", "loglevel=0"):
        guest.exec("echo one; echo two | cat", "--append", words).expect(status=0, output=b"one\ntwo\n")
    guest.exec("true").expect(status=0, output=b"")


@qemu_test("exec-quoting", "quotes, percent signs, dollars, newlines and non-ASCII reach the guest's shell as typed")
def exec_quoting(guest):
    guest.exec("x='a  b'; echo \"$x\" 100% '$HOME' \"it's\" é\necho second=line").expect(
        status=0, output="a  b 100% $HOME it's é\nsecond=line\n".encode())


@qemu_test("exec-binary", "a program's output arrives byte for byte, control characters and DLE included")
def exec_binary(guest):
    box = os.path.join(guest.out, "user", "box")
    with open(box, "rb") as file:
        expected = file.read()[:200000]
    if len(set(expected)) != 256:
        raise Failure("the box does not contain every byte; the test needs another file")
    outcome = guest.exec("head -c 200000 /bin/box", limit=120).expect(status=0)
    if hashlib.sha256(outcome.output).digest() != hashlib.sha256(expected).digest():
        place = next((i for i, (a, b) in enumerate(zip(outcome.output, expected)) if a != b), "the end")
        raise Failure(f"{len(outcome.output)} bytes of {len(expected)}; the first difference is at {place}\n"
                      f"{outcome.output[:64]!r}")


@qemu_test("exec-panic", "a kernel panic ends with status 125, and the log names the cause and functions")
def exec_panic(guest):
    guest.exec("true", "--append", "panic_test").expect(status=125, log=r"(?i)panic").expect(log=r"\+0x[0-9a-f]+")


@qemu_test("exec-timeout", "a command that does not end is stopped with status 124, and only its own QEMU with it")
def exec_timeout(guest):
    seconds = 4 * guest.scale
    outcome = guest.exec("echo before; sleep 10000", "--timeout", f"{seconds:.0f}").expect(status=124)
    if outcome.output != b"before\n":
        raise Failure(f"the output before the end is {outcome.output!r}")


@qemu_test("exec-make", "make exec ends with the command's status, a dollar sign reaches the guest")
def exec_make(guest):
    done = subprocess.run(["make", "-s", "exec", f"O={guest.out}", "CMD=x=5; echo $x $?; exit 7"], capture_output=True,
                          check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 7 or done.stdout != b"5 0\n":
        raise Failure(f"status {done.returncode}, output {done.stdout!r}\n{done.stderr[-2000:].decode(errors='replace')}")


@qemu_test("shell-cases", "the shell's cases give on Cairn what they give on this host")
def shell_cases(guest):
    done = subprocess.run([sys.executable, "-B", "user/test-host/on_cairn.py", "--box", os.path.join(guest.out, "user/host")],
                          env={**os.environ, "CAIRN_O": guest.out}, capture_output=True, text=True, check=False)
    total = re.search(r"^(\d+) passed, (\d+) failed$", done.stdout, re.M)
    if total is None:
        raise Failure(f"no total\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return int(total[1]), int(total[2]), done.stdout[-4000:]


@qemu_test("crash-of-program", "a program's crash is reported and survived")
def crash_of_program(guest):
    guest.exec("sh -c 'kill -SEGV $$'; echo $?; echo alive").expect(status=0).expect_in_output(b"139\nalive\n")
