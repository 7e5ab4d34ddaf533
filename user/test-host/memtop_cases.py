# SPDX-License-Identifier: MIT
"""memtop: one picture into a pipe, and a live one at a terminal, which is as it was afterwards."""

import os
import re
import signal
import termios

import common
from terminal import CTRL, Terminal

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?25h\x1b[?1049l"


def one_picture(box, scratch):
    status, out, _ = box.run(["memtop", "--once"], scratch)
    common.same("status", status, 0)
    lines = out.decode().splitlines()
    if not 10 < len(lines) <= 24 or max(map(len, lines)) > 80 or b"\x1b" in out:
        raise common.Problem(f"no picture of 80 by 24:\n{out.decode()}")
    for pattern in (r"(?m)^Memory \[[#.]{28}\] \S+ of \S+ used, \S+ available$", r"(?m)^ 4\.0K +\d+  \[[#.]{14}\]",
                    r"(?m)^So far: fault [1-9]\d* ", r"ALLOCATION", r"TAG"):
        if not re.search(pattern, out.decode()):
            raise common.Problem(f"no {pattern!r} in\n{out.decode()}")
    # Files of other kernels are missed aloud.
    for path in ("/proc/alloc_latency", "/proc/allocinfo"):
        if not os.path.exists(path) and f"no {path} here" not in out.decode():
            raise common.Problem(f"{path} is missing, and nothing says so:\n{out.decode()}")


LINE_MODE = termios.ICANON | termios.ECHO


def line_mode(terminal):
    return termios.tcgetattr(terminal.fd)[3] & LINE_MODE


def check_restored(terminal):
    common.same("the terminal's mode", line_mode(terminal), LINE_MODE)
    if terminal.all.count(ENTER) != terminal.all.count(LEAVE) or not terminal.all.endswith(LEAVE):
        raise common.Problem(f"the screen is not given back: {terminal.all[-80:]!r}")


def keys_work(box, scratch):
    with Terminal(box, scratch, "-d", "0.2", program="memtop") as terminal:
        terminal.expect(rb"by bytes")
        terminal.expect(rb"Each s: fault \d+")
        terminal.type("n")
        terminal.expect(rb"by name")
        terminal.type("c")
        terminal.expect(rb"by count")
        terminal.type("q")
        common.same("exit status", terminal.end(), 0)
        check_restored(terminal)


def ends_by(box, scratch, end, number):
    with Terminal(box, scratch, "-d", "3600", program="memtop") as terminal:
        terminal.expect(rb"ALLOCATION")
        common.same("the terminal's mode meanwhile", line_mode(terminal), 0)
        end(terminal)
        common.same("exit status", terminal.end(), -number)
        check_restored(terminal)


def stops_and_goes_on(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.prompt()
        terminal.type("memtop -d 3600\r")
        terminal.expect(rb"ALLOCATION")
        terminal.type(CTRL["Z"])
        terminal.expect(re.escape(LEAVE))
        terminal.run("fg", re.escape(ENTER))
        terminal.type(" ")
        terminal.expect(rb"ALLOCATION")
        terminal.type("q")
        terminal.expect(re.escape(LEAVE))
        terminal.leave()


def refused(box, scratch):
    for words, text in ((["-d", "0"], b"0: not a number of seconds"), (["-d", "nan"], b"nan: not"), (["-d", "1x"], b"1x: not"),
                        (["-s", "size"], b"size: sort by"), (["more"], b"usage: memtop"), (["--twice"], b"unknown option")):
        status, out, err = box.run(["memtop", *words], scratch)
        if status != 1 or out or text not in err:
            raise common.Problem(f"{words}: {status}, {out!r}, {err!r}")


def tests(box):
    yield common.Test("tool memtop: one picture into a pipe", lambda scratch: one_picture(box, scratch))
    yield common.Test("tool memtop: keys sort and quit", lambda scratch: keys_work(box, scratch))
    yield common.Test("tool memtop: ^C gives the terminal back",
                      lambda scratch: ends_by(box, scratch, lambda terminal: terminal.type(b"\3"), signal.SIGINT))
    for number in signal.SIGTERM, signal.SIGHUP, signal.SIGSEGV:
        yield common.Test(f"tool memtop: {number.name} gives the terminal back", lambda scratch, number=number:
                          ends_by(box, scratch, lambda terminal: os.kill(terminal.pid, number), number))
    yield common.Test("tool memtop: ^Z gives the terminal back, and fg takes it again", lambda scratch: stops_and_goes_on(box, scratch))
    yield common.Test("tool memtop: wrong arguments are named", lambda scratch: refused(box, scratch))
