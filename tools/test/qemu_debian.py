# SPDX-License-Identifier: MIT
"""Programs of Debian's riscv64 packages, unmodified, from an ext2 disk: that they run, and what they say.

The packages are fetched once, as the kernel of `make bench` is (tools/bench/os_package.py), into the build folder."""

import glob
import os
import re
import shutil
import sys
import threading
from dataclasses import dataclass

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench"))

import os_package  # noqa: E402
from guest import tool  # noqa: E402
from registry import debian_test  # noqa: E402
from report import Failure  # noqa: E402

# Where the packages' programs look for their libraries and terminals; the disk is mounted on /mnt.
BEGIN = ("ln -s /mnt/usr/lib /lib; export TERM=dumb TERMINFO=/mnt/usr/share/terminfo; B=/mnt/usr/bin S=/mnt/usr/sbin; ")
# The same with the disk as the root of all, as its programs expect it.
BEGIN_INSIDE = ("ln -s /mnt/usr/lib /lib; mount -t proc none /mnt/proc; mount -t devfs none /mnt/dev; "
                "export HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin; /mnt/usr/sbin/chroot /mnt /bin/bash -ec ")
UNUSED = ("share/doc", "share/man", "share/locale", "share/i18n", "share/perl5", "lib/riscv64-linux-gnu/perl-base",
          "lib/riscv64-linux-gnu/gconv")


@dataclass(frozen=True)
class PackageDisk:
    """An image with packages and all that they depend on, made once."""
    name: str
    packages: tuple
    system: str
    size: str


TOOLS_DISK = PackageDisk("debian", ("procps", "mount", "util-linux", "ncurses-base"), "ext2", "64M")
WORK_DISK = PackageDisk("debian-work", ("bash", "coreutils", "dash", "findutils", "diffutils", "tar", "xz-utils", "gcc", "libc6-dev",
                                        "make", "git", "sqlite3", "python3", "stress-ng"), "ext3", "1200M")

_disk_lock = threading.Lock()  # tests run side by side, and the first makes the disk


def package_disk(guest, disk):
    image = os.path.join(guest.out, "test", disk.name + ".img")
    with _disk_lock:
        if not os.path.exists(image):
            make_package_disk(guest, disk, image)
    return image


def make_package_disk(guest, disk, image):
    os_package.need_tools()
    root = os.path.join(guest.out, "test", disk.name)
    os.makedirs(root, exist_ok=True)
    apt = os_package.Apt(root)
    apt.call("apt-get", "-qq", "update")
    apt.call("apt-get", "-qq", "-y", "--no-install-recommends", "--download-only", "install", *disk.packages)
    tree = os.path.join(root, "tree")
    for archive in sorted(glob.glob(os.path.join(root, "cache", "archives", "*.deb"))):
        tool("dpkg-deb", "-x", archive, tree)
    for folder in UNUSED:
        shutil.rmtree(os.path.join(tree, "usr", folder), ignore_errors=True)
    for folder in ("proc", "dev", "tmp", "root", "mnt", "etc"):
        os.makedirs(os.path.join(tree, folder), exist_ok=True)
    with open(os.path.join(tree, "etc", "passwd"), "w", encoding="ascii") as file:
        file.write("root:x:0:0:root:/root:/bin/bash\n")
    tool("mke2fs", "-q", "-t", disk.system, "-d", tree, image + ".new", disk.size)
    os.rename(image + ".new", image)


def on_debian(guest, script, mem="128M"):
    outcome = guest.exec(BEGIN + script, "--smp", "2", "--mem", mem, "--disk", package_disk(guest, TOOLS_DISK), limit=120)
    return outcome.expect(status=0).output.decode()


def inside_debian(guest, name, script):
    """Run a script of bash (without single quotes) on 4 harts with the disk of packages as its root; e2fsck looks at
    the disk afterwards."""
    kept = guest.path(name)
    outcome = guest.exec(f"{BEGIN_INSIDE}'cd /root; {script}'", "--smp", "4", "--mem", "512M", "--disk",
                         package_disk(guest, WORK_DISK), "--keep", kept, limit=300)
    outcome.expect(status=0)
    tool("e2fsck", "-fn", kept + ".disk")
    for file in (kept, kept + ".disk"):
        os.remove(file)
    return outcome.output.decode(errors="replace")


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


@debian_test("gcc", "a C compiler makes a program, make runs it, on ext3")
def compiler(guest):
    output = inside_debian(guest, "gcc", r"""printf "#include <stdio.h>\nint main(void) { return puts(\"compiled here\") < 0; }\n" > a.c
printf "all: a\n\t./a\n" > Makefile; make -j4 CC=gcc CFLAGS=-O2""")
    expect(output, r"^gcc -O2 +a\.c +-o a$", r"^compiled here$")


@debian_test("git", "git keeps 2,000 files, packs them and finds nothing wrong; copies of the tree, also through tar.xz, are the same")
def git(guest):
    output = inside_debian(guest, "git", """git config --global user.email a@b; git config --global user.name n
git config --global core.pager cat; mkdir g; cd g; git init -q -b main .; cp -r /usr/include .; git add -A; git commit -qm one
rm -r include/linux; git commit -qam two; git gc -q; git fsck --full; git checkout -q HEAD~1; git status --short | wc -l
git log --oneline --all | wc -l; diff -r --no-dereference include /usr/include && echo same
tar -cJf ../a.tar.xz include; mkdir ../b; tar -xJf ../a.tar.xz -C ../b; diff -r --no-dereference include ../b/include && echo again""")
    expect(output, r"^0$", r"^2$", r"^same$", r"^again$")


@debian_test("sqlite", "SQLite with a write-ahead log and with a rollback journal, from four processes at once")
def sqlite(guest):
    output = inside_debian(guest, "sqlite", """for mode in wal delete; do
echo "pragma journal_mode=$mode; create table t(who, nr);" | sqlite3 $mode.db
for who in 1 2 3 4; do (for nr in $(seq 25); do echo "insert into t values($who, $nr);"; done |
sqlite3 -cmd ".timeout 60000" $mode.db) & done; wait
echo "select count(*), sum(nr) from t; pragma integrity_check;" | sqlite3 $mode.db; done""")
    expect(output, r"^wal\n100\|1300\nok\ndelete\n100\|1300\nok$")


@debian_test("python", "Python: processes, threads, mapped files, temporary files")
def python(guest):
    output = inside_debian(guest, "python", """cat > a.py <<X
import hashlib, mmap, multiprocessing, subprocess, tempfile, threading
def work(n): return hashlib.sha256(bytes(n)).hexdigest()
if __name__ == "__main__":
    with multiprocessing.Pool(4) as pool:
        print(pool.map(work, range(50)) == [work(n) for n in range(50)])
    with tempfile.TemporaryFile() as file:
        file.write(b"a" * 10000); file.flush(); print(mmap.mmap(file.fileno(), 0)[9999:].decode())
    print(subprocess.run(["tr", "a-z", "A-Z"], input=b"text", capture_output=True).stdout.decode())
    threads = [threading.Thread(target=work, args=(1000,)) for _ in range(50)]
    [t.start() for t in threads]; [t.join() for t in threads]; print("joined")
X
python3 a.py""")
    expect(output, r"^True\na\nTEXT\njoined$")


@debian_test("stress-ng", "stress-ng's stressors of files and memory verify what they have done")
def stress_ng(guest):
    stressors = ("hdd 1", "hdd-bytes 8M", "dentry 2", "rename 2", "link 1", "symlink 1", "dir 2", "dirdeep 1", "dirmany 1", "fallocate 1",
                 "fallocate-bytes 16M", "fpunch 1", "copy-file 1", "iomix 1", "iomix-bytes 16M", "unlink 2", "touch 1", "utime 1", "getdent 1",
                 "flock 2", "lockf 2", "filename 1", "mmap 1", "mmap-bytes 16M", "mmapfork 1", "msync 1", "msync-bytes 8M", "fork 2", "pipe 2",
                 "futex 2")
    output = inside_debian(guest, "stress-ng", "stress-ng --timeout 15 --verify " + " ".join("--" + word for word in stressors) + " 2>&1")
    expect(output, r"failed: 0$", r"successful run completed")
