# SPDX-License-Identifier: MIT
"""What goes wrong is said in one clear line, with a status that is not 0, and never in silence."""

import os

from registry import qemu_test
from report import Failure


def fails(guest, pattern, *arguments, limit=60):
    outcome = guest.exec("true", *arguments, limit=limit)
    if outcome.status in (0, 124):
        raise Failure(f"exit status {outcome.status}\n{outcome.told()}")
    outcome.expect(output=b"", log=pattern)


@qemu_test("no-such-root", "root= with a device that is not there is named")
def no_such_root(guest):
    fails(guest, r"(?i)root.*vdz|vdz.*root", "--append", "root=/dev/vdz")


@qemu_test("unknown-root-file-system", "a root disk without a known file system is named")
def unknown_root(guest):
    image = guest.path("blank.img")
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    fails(guest, r"(?i)(root|mount).*vda|vda.*(root|file ?system)", "--root", image, "--append", "root=/dev/vda")


@qemu_test("unknown-file-system-type", "rootfstype= with a name that no file system has is named")
def unknown_type(guest):
    fails(guest, r"(?i)zfs", "--append", "root=/dev/vda rootfstype=zfs")


@qemu_test("no-such-init", "init= with a program that is not there is named")
def no_such_init(guest):
    fails(guest, r"(?i)init.*/no/such|/no/such.*init", "--append", "init=/no/such")


@qemu_test("too-little-memory", "a machine with too little memory is told so")
def too_little_memory(guest):
    fails(guest, r"(?i)memory", "--mem", "6M", "--root", "initramfs")


@qemu_test("missing-image", "tools/run names an image or kernel that is missing, and how to mend it")
def missing_image(guest):
    for arguments, word in ((("--root", "/nonexistent.img"), "missing"), (("--disk", "/nonexistent.img"), "missing"),
                            (("--kernel", "/nonexistent"), "run make"), (("--qemu", "qemu-system-nothing"), "tools/setup")):
        outcome = guest.exec("true", *arguments)
        if outcome.status != 126 or word not in outcome.log:
            raise Failure(f"{arguments}: status {outcome.status}: {outcome.log}")


@qemu_test("pristine-images", "a run that writes to its root leaves the image that make built as it was")
def pristine_images(guest):
    image, kept = os.path.join(guest.out, "root.img"), guest.path("kept.img")
    before = os.stat(image)
    guest.exec("echo written > /root/mark && sync", "--keep", kept).expect(status=0)
    after = os.stat(image)
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise Failure("the pristine image was written")
    guest.exec("cat /root/mark", "--root", kept).expect(status=0, output=b"written\n")
