#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write Cairn's root as a newc cpio archive, the same bytes for the same input.

Format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst. A member is a header of
110 characters, the name with its NUL, and the data, each padded to four bytes. A file with several
names has one inode number and a link count; its data comes with the last of its names, so that a
reader has made every link by then.
"""

import stat

import tree


def member(name, mode, ino, nlink, data, device):
    encoded = name.encode() + b"\0"
    fields = (ino, mode, 0, 0, nlink, 0, len(data), 0, 0, device[0], device[1], len(encoded), 0)
    header = b"070701" + b"".join(b"%08X" % value for value in fields) + encoded
    return header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4)


def archive(nodes):
    inodes = {}
    for path in sorted(nodes):
        node = nodes[path]
        ino = inodes.setdefault(id(node), len(inodes) + 1)
        data = node.data() if path == node.paths[-1] else b""
        nlink = 2 if stat.S_ISDIR(node.mode) else len(node.paths)
        yield member(path.lstrip("/"), node.mode, ino, nlink, data, node.device)
    yield member("TRAILER!!!", 0, 0, 1, b"", (0, 0))


def main():
    args = tree.parser(__doc__.split("\n", maxsplit=1)[0]).parse_args()
    content = b"".join(archive(tree.build(args)))
    with open(args.image, "wb") as file:
        file.write(content + bytes(-len(content) % 512))


if __name__ == "__main__":
    main()
