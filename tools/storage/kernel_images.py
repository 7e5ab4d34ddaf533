# SPDX-License-Identifier: MIT
"""Many images in few boots: each becomes a partition of a disk, and /tests/mistreat goes over all of them.

Cairn has 15 partitions a disk, and QEMU's machine 8 places for disks, of which the root has one: 105 images a boot."""

import os
import re
import struct

from qemu import machine, runner

SECTOR = 512
ALIGN = 1 << 20
PARTS = 15
DISKS = 7
LINE = re.compile(r"^(vd\w+): (.*)$", re.MULTILINE)
LOG_PREFIX = re.compile(r"^\[ *[\d.]+\] ?")


def pieces(path):
    """(offset, bytes) of what is not zero in a file."""
    with open(path, "rb") as file:
        at = 0
        while data := file.read(1 << 16):
            if data.strip(b"\0"):
                yield at, data
            at += len(data)


def make_disk(path, images):
    """A disk with a GPT whose partitions are these images, byte for byte."""
    at, entries = ALIGN, b""
    with open(path, "wb") as file:
        for image in images:
            size = os.path.getsize(image)
            for offset, data in pieces(image):
                file.seek(at + offset)
                file.write(data)
            entries += struct.pack("<16s16sQQQ72s", b"cairn test image", bytes(16), at // SECTOR,
                                   (at + size) // SECTOR - 1, 0, b"")
            at += (size + ALIGN - 1) // ALIGN * ALIGN
        file.truncate(at)
        file.seek(446)  # the MBR: one entry that says GPT
        file.write(struct.pack("<B3sB3sII", 0, b"", 0xEE, b"", 1, min(at // SECTOR - 1, 0xFFFFFFFF)))
        file.seek(510)
        file.write(b"\x55\xaa")
        file.write(struct.pack("<8sIIIIQQQQ16sQII", b"EFI PART", 0x10000, 92, 0, 0, 1, 0, 0, 0, bytes(16), 2, 128, 128))
        file.seek(2 * SECTOR)
        file.write(entries)


class Outcome:
    """What became of an image in the kernel."""

    def __init__(self, text, line, is_bad):
        self.text, self.line, self.is_bad = text, line, is_bad


def first_complaint(log, device):
    """The first line of the log that is a file system's or the journal's about this device."""
    for line in log:
        text = LOG_PREFIX.sub("", line)
        if re.match(rf"(ext\d?|vfat|journal|vfs): {device}: ", text) and " transactions, " not in text and "was not unmounted" not in text:
            return text
    return "-"


def plan(cases):
    """Cut the list into boots, each a list of disks, each (type, cases)."""
    disks = []
    for kind in sorted({case.type for case in cases}):
        chosen = [case for case in cases if case.type == kind]
        disks += [(kind, chosen[i:i + PARTS]) for i in range(0, len(chosen), PARTS)]
    return [disks[i:i + DISKS] for i in range(0, len(disks), DISKS)]


def boot(settings, disks, scratch, seconds):
    """One boot over these disks. Returns (exit status, program's output, lines of the log, device -> case)."""
    devices, words, more = {}, [], []
    for index, (kind, cases) in enumerate(disks):
        path = os.path.join(scratch, f"hostile{index}.img")
        make_disk(path, [case.path for case in cases])
        letter = "bcdefgh"[index]
        for number, case in enumerate(cases, 1):
            devices[f"vd{letter}{number}"] = case
        words.append(f"/tests/mistreat --seconds {seconds:.0f} {kind} /dev/vd{letter}[0-9]*")
        more += ["-drive", f"file={path},if=none,format=raw,id=h{index},cache=unsafe",
                 "-device", f"virtio-blk-device,drive=h{index},bus=virtio-mmio-bus.{index + 1}"]
    settings.command = "; ".join(words)
    settings.more = more
    settings.timeout = (60 + 4 * len(devices)) * machine.slowness() + seconds
    output, log = [], []
    status = runner.headless(settings, program=output.append, log=log.append)
    return (status, b"".join(output).decode(errors="replace"),
            b"".join(log).decode(errors="replace").replace("\r", "").splitlines(), devices)


def judge(status, output, log, devices):
    """case -> Outcome for one boot. What was under way when the machine ended is to blame for it."""
    told = {name: text for name, text in LINE.findall(output) if name in devices}
    found, blamed = {}, False
    for name, case in devices.items():
        line = first_complaint(log, name)
        if name in told:
            text = told[name]
            is_bad = "did not come back" in text or "the child died" in text or "not unmounted" in text
            is_bad |= line == "-" and ("refused" in text or "times error" in text)
            found[case] = Outcome(text, line, is_bad)
        elif not blamed:
            blamed = True
            panic = next((text for text in log if "panic" in text), f"status {status}")
            found[case] = Outcome(f"the machine ended: {panic}", line, True)
    return found


def run(cases, settings, scratch, say):
    """case -> Outcome of them all. A machine that ends early is booted again for what is left."""
    outcomes = {}
    seconds = 60 * machine.slowness()
    for number, disks in enumerate(plan(cases), 1):
        left = [case for _, chosen in disks for case in chosen]
        while left:
            say(f"boot {number}: {len(left)} images")
            found = judge(*boot(settings, plan(left)[0], scratch, seconds))
            outcomes.update(found)
            left = [case for case in left if case not in found]
            if not found:
                break
    return outcomes
