# SPDX-License-Identifier: MIT
"""Disks that the host's tools make and check afterwards: FAT and ext2, data both ways."""

import hashlib
import os
import random

from guest import tool
from registry import qemu_test
from report import Failure

MIB = 1 << 20
LONG_NAME = "A rather long file name, with blanks & ümlauts.text"


def fat_image(guest, name, size_mib, *options):
    path = guest.path(name)
    with open(path, "wb") as file:
        file.truncate(size_mib * MIB)
    tool("mkfs.fat", *options, path)
    return path


def random_file(guest, name, size, seed):
    path = guest.path(name)
    with open(path, "wb") as file:
        file.write(random.Random(seed).randbytes(size))
    return path


def md5(path):
    with open(path, "rb") as file:
        return hashlib.md5(file.read()).hexdigest()


def kept_disks(guest, name):
    return guest.path(name), guest.path(name) + ".disk"


@qemu_test("fat-names", "long names and folders made by mtools are read, those made by Cairn are read by mtools")
def fat_names(guest):
    image = fat_image(guest, "names.img", 64, "-F", "32")
    small = random_file(guest, "small", 70001, 1)
    tool("mmd", "-i", image, "::/A folder", "::/A folder/deep")
    tool("mcopy", "-i", image, small, "::/A folder/deep/" + LONG_NAME)
    root, disk = kept_disks(guest, "names")
    command = (f"cd /mnt && md5sum \"A folder/deep/{LONG_NAME}\" && mkdir 'Made by Cairn' && "
               f"cp \"A folder/deep/{LONG_NAME}\" 'Made by Cairn/copy of it.bin' && "
               "mv 'A folder/deep' 'Made by Cairn/moved' && echo x > gone && rm gone && ls")
    outcome = guest.exec(command, "--disk", image, "--keep", root).expect(status=0)
    if md5(small) not in outcome.output.decode() or b"Made by Cairn" not in outcome.output:
        raise Failure(outcome.told())
    tool("fsck.fat", "-n", disk)
    tool("e2fsck", "-fn", root)
    back = guest.path("small.back")
    for path in ("Made by Cairn/copy of it.bin", "Made by Cairn/moved/" + LONG_NAME):
        tool("mcopy", "-o", "-i", disk, "::/" + path, back)
        if md5(back) != md5(small):
            raise Failure(f"{path} came back with other contents")


@qemu_test("fat-64-mib", "files of 64 MiB go from FAT32 to ext2 and back with equal checksums, both disks clean")
def fat_big(guest):
    image = fat_image(guest, "big.img", 300, "-F", "32")
    big = random_file(guest, "big", 64 * MIB, 2)
    tool("mcopy", "-i", image, big, "::/big.bin")
    root, disk = kept_disks(guest, "bigkeep")
    outcome = guest.exec("cp /mnt/big.bin /root/big.bin && cp /root/big.bin /mnt/back.bin && sync && "
                         "md5sum /mnt/big.bin /root/big.bin /mnt/back.bin", "--disk", image, "--keep", root,
                         limit=300).expect(status=0)
    if outcome.output.decode().count(md5(big)) != 3:
        raise Failure(outcome.told())
    tool("fsck.fat", "-n", disk)
    tool("e2fsck", "-fn", root)
    back = guest.path("big.back")
    tool("mcopy", "-o", "-i", disk, "::/back.bin", back)
    if md5(back) != md5(big):
        raise Failure("mtools reads other contents from the FAT disk")
    tool("debugfs", "-R", f"dump /root/big.bin {back}", root)
    if md5(back) != md5(big):
        raise Failure("debugfs reads other contents from the ext2 disk")


@qemu_test("fat-full", "a FAT disk that fills up says so, keeps working, and is clean afterwards")
def fat_full(guest):
    image = fat_image(guest, "full.img", 40, "-F", "32", "-s", "1")
    root, disk = kept_disks(guest, "fullkeep")
    guest.exec("cd /mnt; dd if=/dev/zero of=fill bs=65536 count=1000 2>/dev/null; s=$?; rm fill && echo after > small && "
               "sync && cat small && exit $s", "--disk", image, "--keep", root, limit=120).expect(status=1, output=b"after\n")
    tool("fsck.fat", "-n", disk)


@qemu_test("ext2-tree", "ext2: folders, links, renames, holes and removals leave a clean disk with the right contents")
def ext2_tree(guest):
    root, _ = kept_disks(guest, "treekeep")
    command = ("cd /root && mkdir -p a/b/c && cp /bin/box a/b/c/box && ln a/b/c/box a/hard && ln -s b/c/box a/soft && "
               "mv a/b z && cmp z/c/box a/hard && i=0; while [ $i -lt 300 ]; do echo $i > z/f$i; i=$((i+1)); done; "
               "i=0; while [ $i -lt 150 ]; do rm z/f$i; i=$((i+1)); done; "
               "dd if=/dev/zero of=hole bs=4096 count=1 seek=5000 2>/dev/null; rmdir z/c 2>/dev/null; sync; "
               "ls z | wc -l; stat hole | head -2 | wc -l; readlink a/soft || ls -l a/soft")
    guest.exec(command, "--keep", root, limit=120).expect(status=0)
    tool("e2fsck", "-fn", root)
    listing = tool("debugfs", "-R", "ls -p /root/z", root)
    if listing.count("/f") != 150 or "/f299/" not in listing:
        raise Failure(f"debugfs sees another folder:\n{listing[-1500:]}")
    back = guest.path("hard.back")
    tool("debugfs", "-R", f"dump /root/a/hard {back}", root)
    if md5(back) != md5(os.path.join(guest.out, "user", "box")):
        raise Failure("the linked file has other contents")


@qemu_test("second-disk-ext2", "a second disk with ext2 is recognised and mounted on /mnt")
def second_disk_ext2(guest):
    for block in ("1024", "4096"):
        folder = guest.path("tree" + block)
        os.makedirs(folder)
        with open(os.path.join(folder, "hello"), "w", encoding="ascii") as file:
            file.write(f"from a disk of {block}\n")
        image = guest.path(f"second{block}.img")
        tool("mke2fs", "-q", "-F", "-t", "ext2", "-b", block, "-d", folder, image, "16M")
        root, disk = kept_disks(guest, "second" + block)
        guest.exec("cat /mnt/hello; cp /bin/box /mnt/box && sync", "--disk", image, "--keep", root).expect(
            status=0, output=f"from a disk of {block}\n".encode())
        tool("e2fsck", "-fn", disk)


@qemu_test("fstrim", "free blocks are discarded, what is in use stays, and fsmap tells where it lies")
def fstrim(guest):
    for kind in ("ext2", "ext3"):
        data = random_file(guest, "trim", 3 * MIB, 5)
        folder = guest.path("tree-" + kind)
        os.makedirs(folder)
        os.rename(data, os.path.join(folder, "data"))
        image = guest.path(f"trim-{kind}.img")
        tool("mke2fs", "-q", "-F", "-t", kind, "-b", "1024", "-d", folder, image, "24M")
        _, disk = kept_disks(guest, "trim-" + kind)
        command = ("cd /mnt && cp data copy && rm copy && fstrim -v /mnt && md5sum data && fsmap data && fsmap -g /mnt && "
                   "fstrim -m 1k -o 3M -l 1M -v . && fstrim /tmp; echo status $?")
        outcome = guest.exec(command, "--disk", image, "--keep", guest.path("trim-" + kind)).expect(status=0)
        for text in ("bytes) trimmed", md5(os.path.join(folder, "data")), "3.0M in ", "      2 [", "status 1"):
            outcome.expect_in_output(text.encode())
        tool("e2fsck", "-fn", disk)
