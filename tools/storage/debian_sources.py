# SPDX-License-Identifier: MIT
"""Damaged images that others have collected, from Debian's source packages, fetched at run time.

apt finds the package and checks the index's signature; the archive is then fetched by apt's own helper, which checks it
against that index (tools/bench/os_package.py says more). What was fetched and unpacked once is used again."""

import bz2
import gzip
import os
import re
import shutil
import sys
import tarfile
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench"))

import os_package  # noqa: E402
from qemu.machine import Trouble  # noqa: E402

HELPER = "/usr/lib/apt/apt-helper"
URI = re.compile(r"^'([^']+)' (\S+\.orig\.tar\.\w+) (\d+) (\S+:[0-9a-f]+)$", re.MULTILINE)
DUMP_LINE = re.compile(r"^([0-9a-f]+): ((?:[0-9a-f]{2,4} )+)")


class Sources(os_package.Apt):
    """apt, with nothing but the index of source packages."""

    def __init__(self, root):
        super().__init__(root)
        self._write("etc/sources.list", f"deb-src [signed-by={os_package.KEYRING}] {os_package.find_mirror()} "
                                        f"{os_package.SUITE} main\n")

    def fetch(self, package):
        """The package's original archive, as its author published it."""
        with tempfile.TemporaryDirectory(dir=self.root) as empty:  # what lies there would not be listed
            listed = os_package.run("apt-get", *self.options(), "-qq", "source", "--print-uris", package, cwd=empty)
        found = URI.search(listed)
        if not found:
            raise Trouble(f"apt-get names no source archive of {package}:\n{listed}")
        address, name, _, digest = found.groups()
        target = os.path.join(self.root, name)
        if not os.path.exists(target):
            os_package.run(HELPER, *self.options(), "download-file", address, target + ".new", digest)
            os.rename(target + ".new", target)
        return target


def write_sparse(path, pieces):
    """pieces: (offset, bytes). What is zero takes no room."""
    with open(path + ".new", "wb") as file:
        end = 0
        for offset, data in pieces:
            end = max(end, offset + len(data))
            for at in range(0, len(data), 4096):
                part = data[at:at + 4096]
                if part.strip(b"\0"):
                    file.seek(offset + at)
                    file.write(part)
        file.truncate((end + 511) // 512 * 512)
    os.rename(path + ".new", path)


def unpack_ext(archive, folder):
    """e2fsprogs: tests/f_* and tests/j_*, each with an image, packed in one of several ways."""
    with tarfile.open(archive) as tar:
        for member in tar:
            found = re.search(r"/tests/([fj]_\w+)/(image(?:\.gz|\.bz2|\.tar\.bz2)?)$", member.name)
            if not found or not member.isfile():
                continue
            name, packed = found.groups()
            data = tar.extractfile(member).read()
            if packed == "image.tar.bz2":
                with tarfile.open(fileobj=tar.extractfile(member), mode="r:bz2") as inner:
                    data = max((inner.extractfile(one).read() for one in inner if one.isfile()), key=len)
            elif packed.endswith(".gz"):
                data = gzip.decompress(data)
            elif packed.endswith(".bz2"):
                data = bz2.decompress(data)
            write_sparse(os.path.join(folder, f"{name}.img"), [(0, data)])


def undump(text):
    """The pieces of a hex dump: lines of address, bytes and text; what is left out is zero."""
    for line in text.splitlines():
        found = DUMP_LINE.match(line)
        if found:
            yield int(found[1], 16), bytes.fromhex(found[2])


def unpack_fat(archive, folder):
    """dosfstools: tests/*.fsck, hex dumps of what fsck.fat is to mend."""
    with tarfile.open(archive) as tar:
        for member in tar:
            found = re.search(r"/tests/([\w-]+)\.fsck$", member.name)
            if found and member.isfile():
                text = tar.extractfile(member).read().decode(errors="replace")
                write_sparse(os.path.join(folder, f"{found[1]}.img"), undump(text))


PACKAGES = {"e2fsprogs": ("ext", unpack_ext), "dosfstools": ("vfat", unpack_fat)}


def collect(root, say):
    """(file-system family, path) of each image; fetched and unpacked below root when it is not there yet."""
    for package, (family, unpack) in PACKAGES.items():
        folder = os.path.join(root, package)
        if not os.path.isdir(folder):
            os_package.need_tools()
            os.makedirs(root, exist_ok=True)
            apt = Sources(root)
            if not os.listdir(os.path.join(apt.root, "lists", "partial")) and len(os.listdir(os.path.join(apt.root, "lists"))) < 3:
                say(f"fetching the index of Debian {os_package.SUITE}'s source packages")
                apt.call("apt-get", "-qq", "update")
            say(f"fetching and unpacking the images of {package}")
            archive = apt.fetch(package)
            shutil.rmtree(folder + ".new", ignore_errors=True)
            os.makedirs(folder + ".new")
            unpack(archive, folder + ".new")
            os.rename(folder + ".new", folder)
        for name in sorted(os.listdir(folder)):
            yield family, os.path.join(folder, name)
