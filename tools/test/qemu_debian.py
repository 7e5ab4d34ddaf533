# SPDX-License-Identifier: MIT
"""Programs of Debian's riscv64 packages, unmodified, from an ext2 disk: that they run, and what they say.

The packages are fetched once, as the kernel of `make bench` is (tools/bench/os_package.py), into the build folder."""

import glob
import os
import re
import shutil
import sys
import threading

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench"))

import os_package  # noqa: E402
from guest import tool  # noqa: E402
from registry import debian_test  # noqa: E402
from report import Failure  # noqa: E402

PACKAGES = ("procps", "mount", "util-linux", "ncurses-base")
UNUSED = ("share/doc", "share/man", "share/locale", "share/i18n", "share/perl5", "lib/riscv64-linux-gnu/perl-base",
          "lib/riscv64-linux-gnu/gconv")
# Where the packages' programs look for their libraries and terminals; the disk is mounted on /mnt.
BEGIN = ("ln -s /mnt/usr/lib /lib; export TERM=dumb TERMINFO=/mnt/usr/share/terminfo; B=/mnt/usr/bin S=/mnt/usr/sbin; ")


_disk_lock = threading.Lock()  # tests run side by side, and the first makes the disk


def package_disk(guest):
    """An ext2 image with the packages and all that they depend on."""
    image = os.path.join(guest.out, "test", "debian.img")
    with _disk_lock:
        if not os.path.exists(image):
            make_package_disk(guest, image)
    return image


def make_package_disk(guest, image):
    os_package.need_tools()
    root = os.path.join(guest.out, "test", "debian")
    os.makedirs(root, exist_ok=True)
    apt = os_package.Apt(root)
    apt.call("apt-get", "-qq", "update")
    apt.call("apt-get", "-qq", "-y", "--no-install-recommends", "--download-only", "install", *PACKAGES)
    tree = os.path.join(root, "tree")
    for archive in sorted(glob.glob(os.path.join(root, "cache", "archives", "*.deb"))):
        tool("dpkg-deb", "-x", archive, tree)
    for folder in UNUSED:
        shutil.rmtree(os.path.join(tree, "usr", folder), ignore_errors=True)
    tool("mke2fs", "-q", "-t", "ext2", "-d", tree, image + ".new", "64M")
    os.rename(image + ".new", image)


def on_debian(guest, script, mem="128M"):
    outcome = guest.exec(BEGIN + script, "--smp", "2", "--mem", mem, "--disk", package_disk(guest), limit=120)
    return outcome.expect(status=0).output.decode()


def expect(output, *patterns):
    for pattern in patterns:
        if not re.search(pattern, output, re.MULTILINE):
            raise Failure(f"no {pattern!r} in\n{output}")


@debian_test("procps", "free, vmstat, slabtop, pmap, top, ps and pgrep say what /proc says")
def procps(guest):
    output = on_debian(guest, "cat /proc/meminfo; $B/free -k; $B/vmstat; $B/vmstat -s; $B/slabtop -o | cat; $B/pmap -x $$; "
                              "$B/top -b -n1; $B/ps aux; $B/pgrep -x init")
    total = int(re.search(r"^MemTotal: +(\d+) kB$", output, re.MULTILINE)[1])
    expect(output, rf"^Mem: +{total} +\d+ +\d+ ", r"^Swap: +0 +0 +0$", r"^ r +b +swpd +free ", rf"^ +{total} K total memory$",
           r"^ +0 K total swap$", r"^ +\d+ +\d+ +\d+% .* dentry_cache", r"^[0-9a-f]{16} +\d+ +\d+ +\d+ rw--- +\[ stack \]$",
           r"^total kB +\d+ +\d+ +\d+$", r"^Tasks: +\d+ total,", rf"^MiB Mem : +{total / 1024:.1f} total",
           r"^ +1 root +20 +0 +\d+ +\d+ +\d+ S .* init$", r"^root +1 .* /sbin/init$", r"^1$")


@debian_test("swap-tools", "util-linux makes a swap file, turns it on, shows it, turns it off; free has it")
def swap_tools(guest):
    output = on_debian(guest, "dd if=/dev/zero of=/root/s bs=4096 count=4097 2>/dev/null; chmod 600 /root/s; $S/mkswap -L cairn /root/s && "
                              "$S/swapon /root/s && $S/swapon --show=NAME,TYPE,SIZE,USED --bytes && $B/free -k && $S/swapoff /root/s && "
                              "$S/swapon --show && $B/free -k; $S/swapon /root 2>&1; echo status $?")
    expect(output, r"^Setting up swapspace version 1, size = 16 MiB", r"^/root/s +file +16777216 +0$", r"^Swap: +16384 +0 +16384$",
           r"^Swap: +0 +0 +0$", r"^status 255$")
