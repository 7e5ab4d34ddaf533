# SPDX-License-Identifier: MIT
"""What the checks have in common: the list of files, running things two at a time, the verdict."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

KERNEL_FOLDERS = ("kernel/", "mm/", "drivers/", "fs/")
# These compile for the host, too.
TWICE_FOLDERS = ("kernel/abi/", "kernel/base/", "kernel/sync/", "mm/", "fs/")


@dataclass
class Verdict:
    """What a check found: faults fail it, notes do not; skipped says why it could not run."""
    faults: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    checked: str = ""
    skipped: str = ""


def all_files():
    """Every file of the tree, whether committed yet or not, except what .gitignore names."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True,
                          check=False)
    if done.returncode == 0:
        names = done.stdout.splitlines()
    else:  # an unpacked archive
        names = [os.path.relpath(os.path.join(here, name), ".")
                 for here, folders, files in os.walk(".") for name in files
                 if not here.startswith(("./build", "./.git"))]
    return sorted(set(name for name in names if os.path.isfile(name)))


def c_files(*endings):
    return [name for name in all_files() if name.endswith(endings or (".c", ".h"))]


def is_test(name):
    return "/test/" in name


def for_kernel(name):
    return name.startswith(KERNEL_FOLDERS) and not os.path.basename(name).startswith("test_")


def in_parallel(function, items):
    """function over items, as many at once as there are processors; results in order."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(function, items))


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          errors="replace", **options)
    return done.returncode, done.stdout
