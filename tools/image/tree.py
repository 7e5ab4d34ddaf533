# SPDX-License-Identifier: MIT
"""The contents of Cairn's root: one list of nodes, from which both images are made.

A Node is a directory, a file, a symbolic link or a device; a file that has several names is one
source with several paths. Nobody needs root rights: owners and devices are data here, not files.
"""

import argparse
import os
import stat
from dataclasses import dataclass, field

DIRECTORIES = {"/bin": 0o755, "/sbin": 0o755, "/dev": 0o755, "/proc": 0o755, "/sys": 0o755,
               "/etc": 0o755, "/mnt": 0o755, "/root": 0o700, "/tmp": 0o1777, "/var": 0o755, "/run": 0o755}
# /dev before devfs is mounted over it: what init needs to say that something went wrong.
DEVICES = {"/dev/console": (0o600, 5, 1), "/dev/null": (0o666, 1, 3)}


@dataclass
class Node:
    mode: int
    paths: list
    source: str = ""
    target: str = ""
    device: tuple = (0, 0)
    links: list = field(default_factory=list)

    def data(self):
        if stat.S_ISLNK(self.mode):
            return self.target.encode()
        if not stat.S_ISREG(self.mode):
            return b""
        with open(self.source, "rb") as file:
            return file.read()


def parser(description):
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--box", default="", help="the multi-call program, installed as /bin/box")
    result.add_argument("--names", default="", help="its names, separated by blanks")
    result.add_argument("--programs", default="", help="more programs for /bin")
    result.add_argument("--tests", default="", help="programs for /tests")
    result.add_argument("--overlay", default="", help="a folder laid over the root")
    result.add_argument("image", help="the image to write")
    return result


def build(args):
    """The nodes of the root, parents before children, in an order that depends on names only."""
    nodes = {}

    def directory(path, mode=0o755):
        if path in ("", "/") or path in nodes:
            return
        directory(os.path.dirname(path))
        nodes[path] = Node(stat.S_IFDIR | mode, [path])

    def regular(source, paths, mode=None):
        if mode is None:
            mode = 0o755 if os.stat(source).st_mode & 0o111 else 0o644
        node = Node(stat.S_IFREG | mode, sorted(paths), source=source)
        for path in paths:
            directory(os.path.dirname(path))
            nodes[path] = node

    for path, mode in DIRECTORIES.items():
        directory(path, mode)
    for path, (mode, major, minor) in DEVICES.items():
        nodes[path] = Node(stat.S_IFCHR | mode, [path], device=(major, minor))
    if args.box:
        names = args.names.split()
        paths = {"/bin/box"} | {"/bin/" + name for name in names}
        if "init" in names:
            paths.add("/sbin/init")
        regular(args.box, paths, 0o755)
    for program in args.programs.split():
        regular(program, ["/bin/" + os.path.basename(program)])
    for program in args.tests.split():
        regular(program, ["/tests/" + os.path.basename(program)])
    if args.overlay and os.path.isdir(args.overlay):
        overlay(args.overlay, nodes, directory, regular)
    return nodes


def overlay(top, nodes, directory, regular):
    for here, folders, files in os.walk(top):
        base = "/" + os.path.relpath(here, top)
        base = "/" if base == "/." else base + "/"
        for name in sorted(folders + files):
            source, path = os.path.join(here, name), base + name
            if name == ".gitkeep":
                continue
            if os.path.islink(source):
                directory(os.path.dirname(path))
                nodes[path] = Node(stat.S_IFLNK | 0o777, [path], target=os.readlink(source))
            elif os.path.isdir(source):
                directory(path)
            else:
                regular(source, [path])
