# SPDX-License-Identifier: MIT
"""Where a test program of user/test meets a disk: on Cairn, on Debian's Linux, on this machine.

A run is (status, lines). The disk is an image; Cairn and Linux get a copy of it, and keep names where
that stays for a checker. On Cairn it is /dev/vdb, on Linux /dev/vda, here a loop device: that needs root.
"""

import os
import shutil
import subprocess
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench")]

import os_linux  # noqa: E402
from qemu import machine, runner  # noqa: E402
from qemu.machine import Trouble  # noqa: E402

MODULES = os_linux.MODULES + ("nls_cp437", "nls_ascii", "nls_utf8", "vfat")
LINUX_MEMORY = "256M"  # it takes more than Cairn's usual 128 MiB for itself
PATIENCE_SECONDS = 300
MIB = 1 << 20


class Lines:
    """Takes the bytes of a serial line, shows each whole line as it comes, and keeps it."""

    def __init__(self, show):
        self.show, self.all, self._rest = show, [], b""

    def feed(self, chunk):
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self.all.append(line.decode(errors="replace").rstrip("\r"))
            self.show(self.all[-1])


def settings_for(args):
    """args: out, qemu, smp, mem, seconds (what the program is meant to take, on an idle machine)."""
    settings = machine.Settings(out=args.out, qemu=args.qemu, smp=args.smp, mem=args.mem)
    crowd = max(1.0, args.smp / (os.cpu_count() or 1))
    settings.timeout = (PATIENCE_SECONDS + 3 * args.seconds) * machine.slowness() * crowd
    return settings


def on_cairn(args, command, image, keep, show):
    """Run a shell command in which {device} is the disk and {tests} where the programs are."""
    settings, lines, log = settings_for(args), Lines(show), Lines(lambda line: None)
    settings.disk, settings.keep, settings.append = image or "", keep or "", args.append
    settings.icount = getattr(args, "icount", False)
    settings.kernel = args.kernel
    settings.command = "umount /mnt 2>/dev/null; " * bool(image) + command.format(device="/dev/vdb", tests="/tests/")
    status = runner.headless(settings, program=lines.feed, log=log.feed)
    if status not in (0, 1):
        print("\n".join(log.all[-60:]), file=sys.stderr)
    return status, lines.all


def on_linux(args, command, image, keep, show):
    """The same in Debian's kernel, the programs being in its initramfs: no shell, one program."""
    words = command.format(device="/dev/vda", tests="/").split()
    program = os.path.join(args.out, "user", "tests", os.path.basename(words[0]))
    linux, initramfs = os_linux.prepare(args.out, args.linux_init, lambda text: print(f"  LINUX   {text}", file=sys.stderr),
                                        MODULES, [program], f"initramfs-{os.path.basename(words[0])}-{os.getpid()}.cpio")
    settings, lines = settings_for(args), Lines(show)
    settings.mem = LINUX_MEMORY
    settings.kernel, settings.root, settings.keep = linux.kernel, image or blank_disk(args.out), keep or ""
    settings.append = "console=ttyS0 quiet loglevel=0 panic=-1 -- " + " ".join(words)
    settings.more = ["-initrd", initramfs]
    try:
        runner.headless(settings, program=lines.feed, log=lines.feed)
    finally:
        os.remove(initramfs)
    ends = [line for line in lines.all if line.startswith("init: ended with ")]
    if not ends:
        raise Trouble("Linux came to no end:\n" + "\n".join(lines.all[-20:]))
    return int(ends[-1].rsplit(" ", 1)[1]), lines.all


def on_host(args, command, image, keep, show):
    if image and os.geteuid() != 0:
        raise Trouble("only root can mount a disk here: run it as root, or with ON=linux")
    device = "tmpfs"
    if image:
        if keep:
            machine.copy_sparse(image, keep)
        device = subprocess.run(["losetup", "-f", "--show", keep or image], check=True, text=True,
                                capture_output=True).stdout.strip()
    words = command.format(device=device, tests=os.path.join(args.out, "user", "host-tests", "")).split()
    lines = Lines(show)
    try:
        with subprocess.Popen(words, stdout=subprocess.PIPE) as child:
            while chunk := child.stdout.read1(65536):
                lines.feed(chunk)
        return child.returncode, lines.all
    finally:
        if image:
            subprocess.run(["losetup", "-d", device], check=False)


def blank_disk(out):
    path = os.path.join(out, "storage", "blank.img")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(MIB)
    return path


SYSTEMS = {"cairn": on_cairn, "linux": on_linux, "host": on_host}


def need(tool):
    if not shutil.which(tool):
        raise Trouble(f"{tool} is not installed: run tools/setup")


def add_arguments(parser):
    """The options that all commands of this folder share; their defaults are make's variables."""
    env = os.environ
    parser.add_argument("--on", default=env.get("ON") or "cairn", choices=SYSTEMS, help="where it runs [%(default)s]")
    parser.add_argument("--fs", default=env.get("FS") or "", help="only these file systems: ext2, ext3, vfat, tmpfs")
    parser.add_argument("--out", default=env.get("CAIRN_O") or "build", help="the build directory [%(default)s]")
    parser.add_argument("--qemu", default=env.get("CAIRN_QEMU") or "qemu-system-riscv64", help="the emulator")
    parser.add_argument("--smp", type=int, default=int(env.get("CAIRN_SMP") or 2), help="harts [%(default)s]")
    parser.add_argument("--mem", default=env.get("CAIRN_MEM") or "128M", help="memory [%(default)s]")
    parser.add_argument("--append", default=env.get("CAIRN_APPEND") or "", help="kernel arguments")
    parser.add_argument("--kernel", default=env.get("CAIRN_KERNEL") or "", help="another kernel of Cairn")
    parser.add_argument("--linux-init", default=env.get("CAIRN_LINUX_INIT") or "build/user/bench/linux_init",
                        help="the init of the Linux side")
    return parser


def chosen(args, known):
    names = args.fs.replace(",", " ").replace("fat32", "vfat").split() or list(known)
    for name in names:
        if name not in known:
            raise Trouble(f"no file system is called {name!r} here: there are {', '.join(known)}")
    return names
