# SPDX-License-Identifier: MIT
"""Where the images of `make hostile` come from: from the host tests that damage them, and from Debian's source packages."""

import os
import shutil
import subprocess

import debian_sources
from qemu.machine import Trouble, slowness

MAKER_SECONDS = 120

# The tests that damage images.
MAKERS = ("fs/ext/test/test_ext_hostile", "fs/ext/test/test_ext_journal", "fs/fat/test/test_hostile", "fs/fat/test/test_features")


class Case:
    """An image, the type it is mounted as, and what became of it."""

    def __init__(self, name, kind, path):
        self.name, self.type, self.path = name, kind, path
        self.host, self.kernel, self.line, self.faults = "-", "-", "-", []


def made(out, folder):
    """Run the tests that damage images; they leave them in the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for maker in MAKERS:
        hint = f"make test-host T={os.path.basename(maker)}"
        try:
            done = subprocess.run([os.path.join(out, "host", maker)], env=dict(os.environ, CAIRN_CASES=folder), check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=MAKER_SECONDS * slowness())
        except subprocess.TimeoutExpired as expired:
            raise Trouble(f"{maker} itself does not end: {hint}") from expired
        if done.returncode != 0:
            raise Trouble(f"{maker} itself fails: {hint}")
    for name in sorted(os.listdir(folder)):
        kind, rest = name[:-len(".img")].split("-", 1)
        yield Case(f"{kind}: {rest}", kind, os.path.join(folder, name))


def fetched(root, say):
    """The collections of others (debian_sources.py)."""
    for family, path in debian_sources.collect(root, say):
        name = os.path.basename(path)[:-len(".img")]
        yield Case(f"{'e2fsprogs' if family == 'ext' else 'dosfstools'}: {name}", "ext2" if family == "ext" else family, path)
