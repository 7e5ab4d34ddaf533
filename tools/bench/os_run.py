#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare Cairn with Linux in guest instructions: what `make bench` calls.

Both boot on the same QEMU, `-smp 1 -icount shift=0,sleep=off`, from copies of the same disk image, and
run the same program, /bin/bench, on it. Linux is Debian's riscv64 kernel (os_package.py, os_linux.py);
its figures are kept, by kernel version and program, so it only runs again for operations that it has
not run. If Linux cannot be had, that is said, and Cairn's column is printed alone. The table goes to
standard output and to OUT/bench/os.tsv (operation, cairn, linux, ratio; lower is better).
"""

import argparse
import json
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]

import os_linux  # noqa: E402
import os_table  # noqa: E402
from qemu import machine, runner  # noqa: E402
from qemu.machine import Trouble  # noqa: E402

MEMORY = "256M"
GUEST_PROGRAM = "/bin/bench"
GUEST_FOLDER = "/root"
TIMEOUT_SECONDS = 600


def say(text):
    print(f"  BENCH   {text}", file=sys.stderr, flush=True)


class Lines:
    """Takes the bytes of a serial line; each figure in them is shown and kept as it comes."""

    def __init__(self, system, total):
        self.system, self.total = system, total
        self.figures, self.titles, self.other = {}, {}, []
        self._rest = b""

    def feed(self, chunk):
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._line(line.decode(errors="replace").rstrip("\r"))

    def _line(self, line):
        fields = line.split("\t")
        if len(fields) != 3 or "." not in fields[0]:
            self.other.append(line)
            return
        name, figure, title = fields
        self.titles[name] = title
        self.figures[name] = None if figure == "-" else float(figure)
        say(f"{self.system} {len(self.figures)}/{self.total} {name} {figure}")


def boot(settings, lines, log):
    settings.timeout = TIMEOUT_SECONDS * machine.slowness()
    status = runner.headless(settings, program=lines.feed, log=log, say=say)
    if not lines.figures:
        raise Trouble(f"{lines.system} gave no figure, status {status}\n" + "\n".join(lines.other[-20:]))
    for line in lines.other:
        if line.startswith("bench: "):
            say(f"{lines.system}: {line}")
    return lines


def settings_for(args):
    settings = machine.Settings(out=args.out, qemu=args.qemu, smp=1, mem=MEMORY, icount=True)
    settings.root = os.path.join(args.out, "root.img")
    return settings


def guest_command(args):
    """The words of T select in the guest as they do here: a kernel's command line has no room for all names."""
    return " ".join([GUEST_PROGRAM, "--dir", GUEST_FOLDER, *args.test.split()])


def run_cairn(args, names):
    settings = settings_for(args)
    settings.command = guest_command(args)
    lines, log = Lines("Cairn", len(names)), []
    try:
        return boot(settings, lines, log.append)
    except Trouble as trouble:
        raise Trouble(f"{trouble}\n{b''.join(log[-200:]).decode(errors='replace')[-2000:]}") from trouble


def run_linux(args, names, linux, initramfs):
    """Boot Linux with the command behind `--`, which its init executes."""
    settings = settings_for(args)
    settings.kernel = linux.kernel
    settings.append = "console=ttyS0 quiet loglevel=0 panic=-1 -- " + guest_command(args)
    settings.more = ["-initrd", initramfs]
    lines = Lines("Linux", len(names))
    boot(settings, lines, lines.feed)  # it frames nothing: to the runner all its text is log
    if not any(line.startswith("init: ended") for line in lines.other):
        say("Linux: the run did not come to its end")
    return lines


class Kept:
    """Linux's figures from earlier runs, for one kernel and one program."""

    def __init__(self, out, version, program):
        self.path = os.path.join(out, "bench", "linux.json")
        self.key = {"kernel": version, "program": program}
        self.figures = {}
        try:
            with open(self.path, encoding="utf-8") as file:
                kept = json.load(file)
            if kept["key"] == self.key:
                self.figures = kept["figures"]
        except (OSError, ValueError, KeyError):
            pass  # none yet, or of another kernel or program

    def add(self, figures):
        self.figures.update(figures)
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump({"key": self.key, "figures": self.figures}, file, indent=1)
        os.replace(self.path + ".new", self.path)


def linux_figures(args, names):
    """(version, figures by name); ("", {}) with a word if Linux cannot be run."""
    try:
        linux, initramfs = os_linux.prepare(args.out, args.linux_init, say)
        kept = Kept(args.out, linux.version, os_linux.file_hash(args.program))
        missing = [name for name in names if name not in kept.figures]
        if missing:
            say(f"Linux {linux.version}, {len(names)} operations: the boot takes a while")
            kept.add(run_linux(args, names, linux, initramfs).figures)
        return linux.version, kept.figures
    except Trouble as trouble:
        say(f"no column for Linux: {trouble}")
        return "", {}


def list_operations(program):
    """name -> title of all operations, from the strings that the program registers them with."""
    done = os.popen(f"'{program}' --list")
    listed = dict(line.rstrip("\n").split("\t") for line in done)
    if done.close() is not None or not listed:
        raise Trouble(f"{program} lists no operations")
    return listed


def main():
    parser = argparse.ArgumentParser(prog="tools/bench/os_run.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-t", "--test", default=os.environ.get("T", ""), metavar="TEXT",
                        help="only operations whose name contains one of these words (or T=TEXT)")
    parser.add_argument("--out", default=os.environ.get("CAIRN_O") or "build", help="the build folder [%(default)s]")
    parser.add_argument("--qemu", default=os.environ.get("CAIRN_QEMU") or "qemu-system-riscv64", help="the emulator")
    parser.add_argument("--program", required=True, help="the benchmark as the image has it")
    parser.add_argument("--lister", required=True, help="the benchmark built for this machine, to list operations")
    parser.add_argument("--linux-init", required=True, help="the init of the Linux side")
    parser.add_argument("--no-linux", action="store_true", help="only Cairn's column")
    args = parser.parse_args()
    try:
        operations = list_operations(args.lister)
        words = args.test.split()
        names = [name for name in operations if not words or any(word in name for word in words)]
        if not names:
            raise Trouble(f"no operation's name contains {args.test!r} ({args.lister} --list names them)")
        os.makedirs(os.path.join(args.out, "bench"), exist_ok=True)
        cairn = run_cairn(args, names).figures
        version, linux = ("", {}) if args.no_linux else linux_figures(args, names)
    except Trouble as trouble:
        say(str(trouble))
        return 1
    rows = [os_table.Row(name, operations[name], cairn.get(name), linux.get(name)) for name in names]
    print("\n".join(os_table.text(rows, version)))
    os_table.write_tsv(rows, os.path.join(args.out, "bench", "os.tsv"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
