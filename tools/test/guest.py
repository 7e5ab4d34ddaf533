# SPDX-License-Identifier: MIT
"""Booting Cairn in a test: through tools/run, as a user would, at most two machines at once."""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

from report import Failure

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
RUN = os.path.join(TOP, "run")
MACHINES_AT_ONCE = 2
# The last line of OpenSBI's banner: what stands above it is the same in every run.
FIRMWARE_END = re.compile(r".*^Boot HART MEDELEG[^\n]*\n", re.DOTALL | re.MULTILINE)
# What one boot takes on an idle machine of 2020; limits grow with what it takes here.
BOOT_SECONDS = 1.5


@dataclass
class Outcome:
    status: int
    output: bytes
    log: str
    seconds: float

    def expect(self, status=None, output=None, log=None):
        """Fail with everything that was seen, unless all that is given is so."""
        if status is not None and self.status != status:
            raise Failure(f"exit status {self.status} instead of {status}\n{self.told()}")
        if output is not None and self.output != output:
            raise Failure(f"standard output is {self.output[:400]!r} instead of {output[:400]!r}\n{self.told()}")
        if log is not None and not re.search(log, self.log):
            raise Failure(f"the log has no {log!r}\n{self.told()}")
        return self

    def expect_in_output(self, output):
        if output not in self.output:
            raise Failure(f"standard output has no {output!r}\n{self.told()}")
        return self

    def told(self):
        return f"output: {self.output[-1500:].decode(errors='replace')}\nlog: {FIRMWARE_END.sub('', self.log)[-4000:]}"


class Guest:
    """Boots machines; knows how slow this host is, from a boot at the start."""

    def __init__(self, out):
        self.out = out
        self.scale = 1.0
        self.scratch = tempfile.TemporaryDirectory(prefix="cairn-test-")
        self._slots = threading.Semaphore(MACHINES_AT_ONCE)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CAIRN_")}
        self.environment["CAIRN_O"] = out

    def measure(self):
        """One boot; the time-outs of all tests follow from what it took. Returns its Outcome."""
        outcome = self.exec("true", limit=200)
        self.scale = max(1.0, outcome.seconds / BOOT_SECONDS)
        return outcome

    def slot(self):
        """A context in which one more machine may run, for tests that boot it by other means."""
        return self._slots

    def path(self, name):
        return os.path.join(self.scratch.name, name)

    def exec(self, command, *arguments, limit=60):
        """tools/run --exec command; limit is in seconds on an idle machine."""
        return self.run("--exec", command, *arguments, limit=limit)

    def run(self, *arguments, limit=60):
        seconds = limit * self.scale
        if "--timeout" not in arguments:
            arguments += ("--timeout", f"{seconds:.0f}")
        with self._slots:
            start = time.monotonic()
            try:
                done = subprocess.run([sys.executable, RUN, *arguments], stdin=subprocess.DEVNULL, check=False,
                                      capture_output=True, env=self.environment, timeout=seconds + 60)
            except subprocess.TimeoutExpired as expired:
                raise Failure(f"tools/run itself did not end in {seconds + 60:.0f} s") from expired
            taken = time.monotonic() - start
        return Outcome(done.returncode, done.stdout, done.stderr.decode(errors="replace").replace("\r", ""), taken)

    def talk(self, command_line, script, limit=60):
        """A conversation on a serial line: script is a list of (text to wait for, text to send).

        Returns (exit status or None when QEMU had to be ended, everything that was printed)."""
        seconds, seen, mark = limit * self.scale, b"", 0
        with self._slots, subprocess.Popen(command_line, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT, bufsize=0) as child:
            timer = threading.Timer(seconds, child.kill)
            timer.start()
            try:
                for wanted, answer in script:
                    while wanted.encode() not in seen[mark:]:
                        chunk = os.read(child.stdout.fileno(), 4096)
                        if not chunk:
                            text = FIRMWARE_END.sub("", seen.decode(errors="replace").replace("\r", ""))
                            raise Failure(f"the line ended before {wanted!r}\n{text[-4000:]}")
                        seen += chunk
                    mark = seen.index(wanted.encode(), mark) + len(wanted)
                    if answer:
                        child.stdin.write(answer.encode())
                while chunk := os.read(child.stdout.fileno(), 4096):
                    seen += chunk
                status = child.wait()
            finally:
                timer.cancel()
                if child.poll() is None:
                    child.kill()
        return (None if status < 0 else status), seen.decode(errors="replace").replace("\r", "")


def tool(*command, **options):
    """Run a host tool; its failure is the test's. Returns its output."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True,
                              errors="replace", **options)
    except FileNotFoundError as missing:
        raise Failure(f"{command[0]} is not installed (tools/setup)") from missing
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
    return done.stdout
