#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write Cairn's root as an ext2 image: mke2fs makes it from a staged tree, without root rights.

mke2fs -d keeps the owner that a staged file has, which is whoever builds; so debugfs then gives
every inode to root, and makes the devices, which only root could have staged.
"""

import os
import shutil
import stat
import subprocess
import sys
import tempfile

import tree

BLOCK = 4096
# Sparse: what is not used takes no room. Big enough for the tests that copy 64 MiB files to it.
SIZE = "256M"
# Fixed, so that two builds differ in nothing but times.
UUID = "ca17a000-0000-4000-8000-000000000002"
HASH_SEED = "ca17a000-0000-4000-8000-000000000003"


def stage(nodes, top):
    """The tree in a folder: links as links, everything but devices."""
    for path in sorted(nodes):
        node, here = nodes[path], top + path
        if stat.S_ISDIR(node.mode):
            os.makedirs(here, exist_ok=True)
        elif stat.S_ISLNK(node.mode):
            os.symlink(node.target, here)
        elif stat.S_ISREG(node.mode):
            first = top + node.paths[0]
            if path == node.paths[0]:
                shutil.copyfile(node.source, first)
                os.chmod(first, stat.S_IMODE(node.mode))
            else:
                os.link(first, here)
    for path, node in nodes.items():
        if stat.S_ISDIR(node.mode):
            os.chmod(top + path, stat.S_IMODE(node.mode))


def debugfs_script(nodes):
    done = set()
    for path in sorted(nodes):
        node = nodes[path]
        if id(node) in done:
            continue
        done.add(id(node))
        if stat.S_ISCHR(node.mode):
            folder, name = os.path.split(path)
            yield f"cd {folder}"
            yield f"mknod {name} c {node.device[0]} {node.device[1]}"
            yield "cd /"
            yield f'sif "{path}" mode 0{node.mode:o}'
        yield f'sif "{path}" uid 0'
        yield f'sif "{path}" gid 0'


def run(*command, **options):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, **options)
    except FileNotFoundError:
        sys.exit(f"mkroot: {command[0]} is missing: install e2fsprogs (tools/setup does)")
    if done.returncode != 0:
        sys.exit(f"mkroot: {' '.join(command)}: {done.stdout}")
    return done.stdout


def main():
    args = tree.parser(__doc__.split("\n", maxsplit=1)[0]).parse_args()
    nodes = tree.build(args)
    image = args.image + ".new"
    with tempfile.TemporaryDirectory(prefix="cairn-root-") as scratch:
        os.chmod(scratch, 0o755)
        stage(nodes, scratch)
        if os.path.exists(image):
            os.remove(image)
        run("mke2fs", "-q", "-F", "-t", "ext2", "-b", str(BLOCK), "-L", "cairn", "-U", UUID, "-m", "1",
            "-E", f"root_owner=0:0,hash_seed={HASH_SEED}", "-d", scratch, image, SIZE)
    script = "\n".join(debugfs_script(nodes)) + "\n"
    said = run("debugfs", "-w", "-f", "/dev/stdin", image, input=script)
    trouble = [line for line in said.splitlines() if not line.startswith(("debugfs", "Allocated inode"))]
    if trouble:
        sys.exit("mkroot: debugfs: " + "; ".join(trouble))
    run("e2fsck", "-fn", image)
    os.replace(image, args.image)


if __name__ == "__main__":
    main()
