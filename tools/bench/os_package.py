# SPDX-License-Identifier: MIT
"""Debian's riscv64 kernel package, fetched with apt's own tools into a folder of ours.

apt is given a root of its own (lists, cache, sources) below the build folder, so that nothing of this
system changes. The mirror is the one that this system's apt uses for Debian, or DEBIAN_MIRROR. apt
checks the signature of the release file against Debian's archive keyring, the package index against
that file, and the package against the index; without the keyring nothing is fetched. What was fetched
once is used again: `make clean` or removing the folder asks for the newest kernel.
"""

import glob
import os
import shutil
import subprocess

from qemu.machine import Trouble

SUITE = "trixie"
META_PACKAGE = "linux-image-riscv64"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
TOOLS = {"apt-get": "apt", "apt-cache": "apt", "gpgv": "gpgv", "dpkg-deb": "dpkg"}


def need_tools():
    for tool, package in TOOLS.items():
        if not shutil.which(tool):
            raise Trouble(f"{tool} is not installed (package {package})")
    if not os.path.exists(KEYRING):
        raise Trouble(f"{KEYRING} is missing (package debian-archive-keyring): signatures could not be checked")


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(word for word in command if not word.startswith('-o'))}: {done.stdout.strip()}")
    return done.stdout


def find_mirror():
    """DEBIAN_MIRROR, or the address from which this system's apt takes Debian itself."""
    if os.environ.get("DEBIAN_MIRROR"):
        return os.environ["DEBIAN_MIRROR"]
    text = run("apt-get", "indextargets", "--format", "$(CREATED_BY)|$(LABEL)|$(REPO_URI)")
    for line in text.splitlines():
        creator, label, address = line.split("|", 2)
        if creator == "Packages" and label == "Debian":
            return address
    raise Trouble("this system's apt has no Debian mirror: give one as DEBIAN_MIRROR=")


class Apt:
    """apt with its root at a folder: the options that keep it there."""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        for folder in ("lists/partial", "cache/archives/partial", "etc"):
            os.makedirs(os.path.join(self.root, folder), exist_ok=True)
        self._write("status", "")
        self._write("etc/sources.list", f"deb [arch=riscv64 signed-by={KEYRING}] {find_mirror()} {SUITE} main\n")

    def _write(self, name, text):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as file:
            file.write(text)

    def options(self):
        settings = {"Dir::State": self.root, "Dir::State::status": f"{self.root}/status",
                    "Dir::Cache": f"{self.root}/cache", "Dir::Etc::sourcelist": f"{self.root}/etc/sources.list",
                    "Dir::Etc::sourceparts": "/dev/null", "APT::Architecture": "riscv64",
                    "APT::Architectures": "riscv64", "Acquire::Languages": "none", "Acquire::Retries": "2",
                    "APT::Get::AllowUnauthenticated": "false", "Acquire::AllowInsecureRepositories": "false",
                    "APT::Update::Error-Mode": "any", "APT::Sandbox::User": ""}
        return [f"-o{name}={value}" for name, value in settings.items()]

    def call(self, command, *arguments):
        return run(command, *self.options(), *arguments, cwd=self.root)


def fetch(root, say):
    """The folder of the unpacked kernel package; its name ends with the kernel's version."""
    unpacked = sorted(glob.glob(os.path.join(root, "linux-image-*")))
    unpacked = [path for path in unpacked if os.path.isdir(path)]
    if unpacked:
        return unpacked[-1]
    need_tools()
    say(f"fetching the lists of Debian {SUITE}, riscv64")
    apt = Apt(root)
    apt.call("apt-get", "-qq", "update")
    depends = apt.call("apt-cache", "depends", META_PACKAGE).split()
    package = next((word for word in depends if word.startswith("linux-image-6") or word.startswith("linux-image-7")), None)
    if package is None:
        raise Trouble(f"{META_PACKAGE} of {SUITE} names no kernel")
    say(f"fetching {package}, about 110 MB, once")
    apt.call("apt-get", "-qq", "download", package)
    archives = glob.glob(os.path.join(root, f"{package}_*.deb"))
    if not archives:
        raise Trouble(f"apt-get left no {package} in {root}")
    say("unpacking it")
    target = os.path.join(root, package)
    run("dpkg-deb", "-x", archives[0], target + ".new")
    os.remove(archives[0])
    os.rename(target + ".new", target)
    return target
