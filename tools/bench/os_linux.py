# SPDX-License-Identifier: MIT
"""The Linux that Cairn is compared with: Debian's kernel, and an initramfs made for it here.

The kernel has the virtio disk and ext4 (which also reads ext2) as modules. Which modules those need is
written in the modules themselves; they are taken from the package, unpacked, and put into the initramfs
with numbers as names, in the order of loading. Its init is user/bench/linux_init.c.
"""

import glob
import hashlib
import lzma
import os
import re
import stat
import sys

import os_package
from qemu.machine import Trouble

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "image"))
from mkinitramfs import member  # noqa: E402

# What the disk and the file system on it need; crc32c is asked for by name at run time only.
MODULES = ("virtio_mmio", "virtio_blk", "crc32c_generic", "ext4")
MODULE_INFO = re.compile(rb"\0depends=([^\0]*)\0")
CONSOLE_MODE = stat.S_IFCHR | 0o600


class Linux:
    """An unpacked kernel package: version, kernel image, modules."""

    def __init__(self, folder):
        kernels = glob.glob(os.path.join(folder, "boot", "vmlinu[xz]-*"))
        if len(kernels) != 1:
            raise Trouble(f"{folder}/boot holds {len(kernels)} kernels, not one")
        self.kernel = kernels[0]
        self.version = os.path.basename(self.kernel).split("-", 1)[1]
        self._modules = {}
        for path in glob.glob(os.path.join(folder, "**", "kernel", "**", "*.ko*"), recursive=True):
            self._modules[os.path.basename(path).split(".ko")[0].replace("-", "_")] = path

    def module(self, name):
        """The bytes of a module, or None if it is part of the kernel itself."""
        path = self._modules.get(name)
        if path is None:
            return None
        with open(path, "rb") as file:
            data = file.read()
        return lzma.decompress(data) if path.endswith(".xz") else data

    def load_order(self, names):
        """(name, bytes) of the modules and all that they depend on, dependencies first."""
        order, seen = [], set()

        def add(name):
            if name in seen:
                return
            seen.add(name)
            data = self.module(name)
            if data is None:
                return
            found = MODULE_INFO.search(data)
            for other in (found.group(1).decode().split(",") if found else []):
                if other:
                    add(other)
            order.append((name, data))
        for name in names:
            add(name)
        return order

    def write_initramfs(self, init, target, modules=MODULES, programs=()):
        """An initramfs with this init, what the modules need, and these programs in its root."""
        entries = [("dev", stat.S_IFDIR | 0o755, b"", (0, 0)), ("dev/console", CONSOLE_MODE, b"", (5, 1)),
                   ("modules", stat.S_IFDIR | 0o755, b"", (0, 0))]
        with open(init, "rb") as file:
            entries.append(("init", stat.S_IFREG | 0o755, file.read(), (0, 0)))
        for program in programs:
            with open(program, "rb") as file:
                entries.append((os.path.basename(program), stat.S_IFREG | 0o755, file.read(), (0, 0)))
        for number, (name, data) in enumerate(self.load_order(modules)):
            entries.append((f"modules/{number:02}-{name}.ko", stat.S_IFREG | 0o644, data, (0, 0)))
        entries.append(("TRAILER!!!", 0, b"", (0, 0)))
        content = b"".join(member(name, mode, 0 if not mode else ino, 1, data, device)
                           for ino, (name, mode, data, device) in enumerate(entries, 1))
        with open(target, "wb") as file:
            file.write(content)


def prepare(out, init, say, modules=MODULES, programs=(), name="initramfs.cpio"):
    """(Linux, path of its initramfs), fetched and made where they are not there yet."""
    root = os.path.join(out, "bench", "debian")
    os.makedirs(root, exist_ok=True)
    linux = Linux(os_package.fetch(root, say))
    initramfs = os.path.join(root, name)
    linux.write_initramfs(init, initramfs, modules, programs)
    return linux, initramfs


def file_hash(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
