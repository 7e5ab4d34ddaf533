# SPDX-License-Identifier: MIT
"""A shell at a pseudo terminal, and waiting for what it shows and does."""

import fcntl
import glob
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import common

CTRL = {letter: bytes([ord(letter) - 64]) for letter in "ABCDEFHKLNPTUWZ"}
UP, DOWN, RIGHT, LEFT = b"\033[A", b"\033[B", b"\033[C", b"\033[D"
HOME, END, DELETE = b"\033[H", b"\033[F", b"\033[3~"


class Terminal:
    """A program of the box, a shell if no other, as session leader on a pseudo terminal."""

    def __init__(self, box, scratch, *words, program="sh", columns=80, **more):
        environment = {**box.environment(**more), "TERM": "vt100", "PS1": "ready> ", "PS2": "more> "}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(scratch)
            os.execve(os.path.join(box.path, program), [program, *words], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.seen = b""  # since the last expect
        self.all = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.fd)

    def type(self, data):
        os.write(self.fd, data if isinstance(data, bytes) else data.encode())

    def read_more(self, limit):
        ready, _, _ = select.select([self.fd], [], [], limit)
        if not ready:
            return False
        try:
            data = os.read(self.fd, 4096)
        except OSError:  # the other side is closed
            data = b""
        self.seen += data
        self.all += data
        return bool(data)

    def expect(self, pattern):
        """Wait for a regular expression; forget everything up to its end."""
        end = time.monotonic() + common.LIMIT_SECONDS
        while True:
            match = re.search(pattern, self.seen)
            if match:
                self.seen = self.seen[match.end():]
                return match
            if not self.read_more(max(0.0, end - time.monotonic())):
                raise common.Problem(f"{pattern!r} did not appear; seen: {self.seen!r} of {self.all!r}")

    def prompt(self):
        # The last thing drawn for an empty line: the prompt, then the cursor behind it.
        self.expect(rb"ready> \x1b\[K\r\x1b\[7C$")

    def run(self, line, wanted=None):
        """Type a line at a fresh prompt; wait for its output and for the next prompt."""
        self.prompt()
        self.type(line + "\r")
        if wanted:
            self.expect(wanted)

    def notice(self, pattern):
        """Press Enter until the shell has told something, which it may do at any prompt."""
        end = time.monotonic() + common.LIMIT_SECONDS
        while True:
            self.prompt()
            told = re.search(pattern, self.all)
            self.type("\r")
            if told:
                return
            if time.monotonic() > end:
                raise common.Problem(f"{pattern!r} was not told; seen: {self.all!r}")
            time.sleep(0.02)

    def end(self):
        """The exit status of the program."""
        limit = time.monotonic() + common.LIMIT_SECONDS
        while time.monotonic() < limit:
            self.read_more(0.01)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while self.read_more(0):
                    pass
                if common.SANITIZER.search(self.all):
                    raise common.Problem(self.all.decode(errors="replace"))
                return os.waitstatus_to_exitcode(status)
        raise common.Problem(f"the program does not end; seen: {self.all!r}")

    def leave(self, status=0):
        self.prompt()
        self.type("exit\r")
        common.same("exit status", self.end(), status)


def group_size(group):
    """How many processes there are in a group."""
    size = 0
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                size += int(file.read().rpartition(")")[2].split()[2]) == group
        except OSError:
            pass
    return size


def wait_for_foreground(terminal, members=1):
    """Wait until a job with so many processes, and not the shell, has the terminal."""
    end = time.monotonic() + common.LIMIT_SECONDS
    while os.tcgetpgrp(terminal.fd) == terminal.pid or group_size(os.tcgetpgrp(terminal.fd)) < members:
        if time.monotonic() > end:
            raise common.Problem("no job came to the foreground")
        time.sleep(0.01)
