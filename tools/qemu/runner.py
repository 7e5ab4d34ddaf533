# SPDX-License-Identifier: MIT
"""Starting QEMU and staying with it to its end: interactive, or headless with a time limit."""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time

from .demux import Demux
from .machine import Machine, default_timeout, explain_no_boot

STATUS_TIMEOUT = 124
STATUS_PANIC = 125
STATUS_NO_BOOT = 126
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """In the child, before QEMU: if the runner is killed, QEMU goes too (Linux; elsewhere nothing)."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        pass


def end(child):
    """End our own child, politely first."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(3)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def write_all(descriptor):
    def write(data):
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view):]
    return write


def headless(settings, program=None, log=None, say=None):
    """Run settings.command (or just boot) and return the exit status.

    Program and log bytes go to the functions program and log as they come, by default to standard
    output and standard error."""
    program = program or write_all(1)
    log = log or write_all(2)
    say = say or (lambda text: log(f"run: {text}\n".encode()))
    limit = default_timeout(settings.smp) if settings.timeout is None else settings.timeout
    deadline = time.monotonic() + limit if limit > 0 else None
    demux, silent = Demux(program, log), True
    with Machine(settings) as machine:
        line = machine.command_line(["-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"])
        with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0,
                              preexec_fn=die_with_parent) as child:
            try:
                while True:
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        end(child)
                        say(f"no end after {limit:.0f} s: stopped (TIMEOUT= sets the limit)")
                        return STATUS_TIMEOUT
                    if not select.select([child.stdout], [], [], left)[0]:
                        continue
                    chunk = os.read(child.stdout.fileno(), 65536)
                    if not chunk:
                        break
                    silent = False
                    demux.feed(chunk)
                status = child.wait()
            finally:
                end(child)
    if status < 0:
        say(f"QEMU was ended by signal {-status}")
        return 128 - status
    if silent and status != 0:
        say(explain_no_boot(settings.qemu))
        return STATUS_NO_BOOT
    return status


def interactive(settings):
    """Boot with this terminal as the console. QEMU handles the keys; ^C is the guest's."""
    with Machine(settings) as machine:
        line = machine.command_line(["-nographic"])
        print("Booting Cairn. To leave: poweroff, or Ctrl-A x.", file=sys.stderr, flush=True)
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with subprocess.Popen(line, preexec_fn=die_with_parent) as child:
                try:
                    status = child.wait(settings.timeout or None)
                except subprocess.TimeoutExpired:
                    return STATUS_TIMEOUT
                finally:
                    end(child)
        finally:
            signal.signal(signal.SIGINT, previous)
    return 128 - status if status < 0 else status
