# SPDX-License-Identifier: MIT
"""One machine: its settings, the QEMU command line they give, and its private copies of the disks."""

import os
import shlex
import shutil
import subprocess
import tempfile
import time
import urllib.parse
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 120
FIRMWARE = "opensbi-riscv64-generic-fw_dynamic.bin"


class Trouble(Exception):
    """Something the user can mend; the text says how."""


@dataclass
class Settings:
    """What `make run` and `make exec` take, each under its name there."""
    out: str = "build"
    qemu: str = "qemu-system-riscv64"
    smp: int = 2
    mem: str = "128M"
    disk: str = ""
    root: str = "disk"
    kernel: str = ""
    append: str = ""
    timeout: float = None
    keep: str = ""
    modern: bool = False
    icount: bool = False
    extra: str = ""
    command: str = None
    headless: bool = False
    more: list = field(default_factory=list)

    @classmethod
    def from_environment(cls):
        """The settings that the Makefile exports as CAIRN_*."""
        def get(name, default=""):
            return os.environ.get("CAIRN_" + name, "").strip() or default

        def flag(name):
            return get(name, "0") not in ("0", "no", "n")
        try:
            return cls(out=get("O", "build"), qemu=get("QEMU", cls.qemu), smp=int(get("SMP", "2")),
                       mem=get("MEM", "128M"), disk=get("DISK"), root=get("ROOT", "disk"),
                       kernel=get("KERNEL"), append=get("APPEND"),
                       timeout=float(get("TIMEOUT")) if get("TIMEOUT") else None, keep=get("KEEP"),
                       modern=flag("MODERN"), icount=flag("ICOUNT"), extra=get("QEMU_EXTRA"))
        except ValueError as error:
            raise Trouble(f"SMP and TIMEOUT are numbers: {error}") from error

    def kernel_path(self):
        return self.kernel or os.path.join(self.out, "cairn")

    def bootargs(self):
        words = []
        if self.root == "initramfs":
            words.append("root=initramfs")
        if self.append:
            words.append(self.append)
        if self.command is not None:
            words += ["log=framed", "exec=" + urllib.parse.quote(self.command, safe="/.,:_-+")]
        return " ".join(words)


def slowness():
    """How much slower this machine is now than an idle one of 2020: at least 1.

    A fixed piece of work is timed, and the load that others put on the processors counts too; what
    limits in seconds are multiplied with this fail no slow machine."""
    start, value = time.perf_counter(), 1
    for _ in range(200000):
        value = value * 1103515245 + 12345 & 0xFFFFFFFF
    speed = (time.perf_counter() - start) / 0.02
    crowd = os.getloadavg()[0] / (os.cpu_count() or 1)
    return max(1.0, speed) * max(1.0, crowd)


def default_timeout(smp):
    return TIMEOUT_SECONDS * slowness() * max(1.0, smp / (os.cpu_count() or 1))


def copy_sparse(source, target):
    """A copy that takes no room for what is empty, and none at all where the file system can share."""
    done = subprocess.run(["cp", "--reflink=auto", "--sparse=always", source, target], check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode != 0:
        shutil.copyfile(source, target)
    os.chmod(target, 0o644)


class Machine:
    """The disks' copies and the command line; a context manager that removes the copies again."""

    def __init__(self, settings):
        self.settings = settings
        self._scratch = None
        self._disks = []

    def __enter__(self):
        s = self.settings
        if not shutil.which(s.qemu):
            raise Trouble(f"{s.qemu} is not installed: run tools/setup (make doctor says more)")
        if not os.path.exists(s.kernel_path()):
            raise Trouble(f"the kernel {s.kernel_path()} is missing: run make")
        try:
            if s.root != "initramfs":
                image = os.path.join(s.out, "root.img") if s.root == "disk" else s.root
                self._add_disk(0, image, "root.img", "")
            if s.disk:
                self._add_disk(1, s.disk, "disk.img", ".disk")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _add_disk(self, bus, image, name, suffix):
        if not os.path.exists(image):
            hint = "run make" if bus == 0 and self.settings.root == "disk" else "check the path"
            raise Trouble(f"the disk image {image} is missing: {hint}")
        keep = self.settings.keep
        if keep and (keep.endswith("/") or os.path.isdir(keep)):
            os.makedirs(keep, exist_ok=True)
            copy = os.path.join(keep, name)
        elif keep:
            copy = keep + suffix
        else:
            self._scratch = self._scratch or tempfile.mkdtemp(prefix="cairn-run-")
            copy = os.path.join(self._scratch, name)
        if os.path.exists(copy) and os.path.samefile(copy, image):
            raise Trouble(f"KEEP={keep} would overwrite the image it copies")
        copy_sparse(image, copy)
        self._disks.append((bus, copy))

    def command_line(self, console):
        """The QEMU command; console are the arguments that say where the serial line goes."""
        s = self.settings
        line = [s.qemu, "-machine", "virt", "-smp", str(s.smp), "-m", s.mem, "-kernel", s.kernel_path(),
                "-nic", "none", *console]
        if s.bootargs():
            line += ["-append", s.bootargs()]
        if s.modern:
            line += ["-global", "virtio-mmio.force-legacy=false"]
        if s.icount:
            line += ["-icount", "shift=0,sleep=off"]
        for bus, path in self._disks:  # the copies are thrown away: the host need not sync them
            quoted = path.replace(",", ",,")
            line += ["-drive", f"file={quoted},if=none,format=raw,id=x{bus},cache=unsafe",
                     "-device", f"virtio-blk-device,drive=x{bus},bus=virtio-mmio-bus.{bus}"]
        return line + shlex.split(s.extra) + s.more


def explain_no_boot(qemu):
    """Why QEMU may have ended without a byte on the serial line."""
    try:
        folders = subprocess.run([qemu, "-L", "help"], capture_output=True, text=True, check=False).stdout.split()
    except OSError as error:
        return str(error)
    if not any(os.path.exists(os.path.join(folder, FIRMWARE)) for folder in folders):
        return f"QEMU has no OpenSBI firmware ({FIRMWARE}): install the package opensbi (tools/setup does)"
    return "QEMU ended before the firmware said a word; its message stands above"
