# SPDX-License-Identifier: MIT
"""Boots: self-tests and ABI tests in the guest, many machines, the kernel file alone, the boot time."""

import os
import re

from registry import qemu_test
from report import Failure, last_total

# (harts, memory, virtio, root): every value with several of the others, not the whole product.
MATRIX = [
    (1, "32M", "legacy", "disk"), (2, "32M", "modern", "initramfs"), (8, "32M", "legacy", "initramfs"),
    (1, "128M", "modern", "disk"), (2, "128M", "legacy", "disk"), (4, "128M", "modern", "disk"),
    (8, "128M", "legacy", "disk"), (1, "1G", "legacy", "initramfs"), (4, "1G", "legacy", "disk"),
    (2, "4G", "legacy", "disk"), (8, "4G", "modern", "disk"), (1, "4G", "legacy", "disk"),
]
BOOT_LIMIT_MS = 30.0


def counted(outcome, text, what):
    """The totals that a test program printed, as the test's own."""
    total = last_total(text)
    if total is None:
        raise Failure(f"{what} printed no total, status {outcome.status}\n{outcome.told()}")
    passed, failed = total
    if outcome.status != (1 if failed else 0):
        raise Failure(f"{what}: {passed} passed, {failed} failed, but status {outcome.status}\n{outcome.told()}")
    bad = [line for line in text.splitlines() if re.search(r"\bFAIL", line)]
    return passed, failed, "\n".join(bad)


def selftest(guest, harts, *arguments):
    outcome = guest.run("--headless", "--kernel", os.path.join(guest.out, "cairn-selftest"), "--smp", str(harts),
                        *arguments, limit=180)
    lines = [line for line in outcome.log.splitlines() if "selftest:" in line]
    return counted(outcome, "\n".join(lines), "the self-test kernel")


for number in (1, 2, 4):
    qemu_test(f"selftest-smp{number}", f"the in-kernel self-tests pass on {number} hart(s)")(
        lambda guest, number=number: selftest(guest, number))


@qemu_test("abi", "the ABI cases that pass on Linux pass on Cairn")
def abi(guest):
    outcome = guest.exec("/tests/abi", "--mem", "256M", limit=400)
    return counted(outcome, outcome.output.decode(errors="replace"), "/tests/abi")


def boots(guest, harts, memory, virtio, root):
    arguments = ["--smp", str(harts), "--mem", memory, "--root", root] + (["--modern"] if virtio == "modern" else [])
    outcome = guest.exec("uname -sr; echo ok | cat", *arguments).expect(status=0)
    if not re.fullmatch(rb"Linux 6\.\S+\nok\n", outcome.output):
        raise Failure(f"standard output is {outcome.output!r}\n{outcome.told()}")


for row in MATRIX:
    qemu_test("boot-" + "-".join(map(str, row)).lower(), "uname and a pipe work with {} harts, {}, {} virtio, {} root"
              .format(*row))(lambda guest, row=row: boots(guest, *row))


def shell_session(guest, *more):
    """The command line of a competition or a reader: no arguments for the kernel, keys on the serial line."""
    line = ["qemu-system-riscv64", "-machine", "virt", "-m", "128M", "-nographic", "-kernel",
            os.path.join(guest.out, "cairn"), *more]
    # cat's answer shows that it runs, so that ^C is for it and not for the shell's line editor.
    status, text = guest.talk(line, [
        ("# ", "echo 6 x 7 is $((6*7)) or $(echo forty)two\n"), ("42 or fortytwo\r\n", "echo $((6*7)) lives; cat\n"),
        ("42 lives\r\n", "meow\n"), ("meow\r\nmeow\r\n", "\x03"), ("# ", "kill -SEGV $$\n"),
        ("# ", "kill -SEGV 1\n"), ("restarted after a crash", ""), ("# ", "echo $((40+2)) again\n"),
        ("42 again\r\n", "poweroff\n")])
    if status != 0:
        raise Failure(f"poweroff ended QEMU with status {status}\n{text[-2500:]}")


@qemu_test("kernel-alone", "the kernel file alone boots to a shell; ^C, a crash of the shell and one of init are survived")
def kernel_alone(guest):
    shell_session(guest)


@qemu_test("legacy-disk-alone", "with a disk on the legacy bus and no other flag the root is that disk")
def legacy_disk_alone(guest):
    from qemu.machine import copy_sparse  # pylint: disable=import-outside-toplevel
    copy = guest.path("alone.img")
    copy_sparse(os.path.join(guest.out, "root.img"), copy)
    shell_session(guest, "-drive", f"file={copy},if=none,format=raw,id=x0",
                  "-device", "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0")


@qemu_test("boot-time", f"from the kernel's first instruction to init's are under {BOOT_LIMIT_MS:.0f} ms of guest time")
def boot_time(guest):
    outcome = guest.exec("true", "--icount", "--smp", "1", "--root", "initramfs", "--mem", "128M", limit=120).expect(status=0)
    match = re.search(r"boot: .*?([\d.]+) ms", outcome.log)
    if not match:
        raise Failure("the log has no `boot: … ms` line\n" + outcome.told())
    if float(match.group(1)) >= BOOT_LIMIT_MS:
        raise Failure(f"{match.group(0)} of guest time")
