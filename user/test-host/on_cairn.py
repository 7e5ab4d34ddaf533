#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shell's cases on Cairn: every script gives there what it gives on this host.

    on_cairn.py --box FOLDER [--run tools/run]

The scripts go onto a second disk, one boot runs them all, and prints of each its number, its status,
whether it wrote to standard error, and the digest of its output. The same driver, shell and tools make
the reference here. Cases that need programs which Cairn does not bring are left out. CAIRN_O and the
other variables of tools/run say which kernel and image are booted. The last line is
`N passed, N failed`.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import common
import shell_cases

LIMIT_SECONDS = 240
FOREIGN = re.compile(r"\b(tr|cut|basename|sed|find|stty|awk)\b")
DRIVER = """
for script in $1/cases/*; do
  number=${script##*/}
  mkdir -p $2/work; cd $2/work
  sh $script >../out 2>../err </dev/null; status=$?
  cd ..
  test -s err && errors=1 || errors=0
  echo "$number $status $errors $(md5sum <out)"
  rm -rf work
done
"""


def write_cases(folder):
    """Number and write the cases that can run on Cairn. Returns their names."""
    names = []
    os.makedirs(os.path.join(folder, "cases"))
    for name, script in shell_cases.read_cases():
        if FOREIGN.search(script):
            continue
        with open(os.path.join(folder, "cases", f"{len(names):04}"), "w", encoding="utf-8") as file:
            file.write(script)
        names.append(name)
    with open(os.path.join(folder, "driver"), "w", encoding="utf-8") as file:
        file.write(DRIVER)
    return names


def results(text):
    """The driver's lines by their numbers."""
    return {line.split()[0]: line for line in text.decode(errors="replace").splitlines() if re.match(r"\d{4} \d+ [01] ", line)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--box", required=True)
    parser.add_argument("--run", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/run"))
    options = parser.parse_args()
    box = common.Box(os.path.abspath(options.box), None)
    with tempfile.TemporaryDirectory(prefix="cairn-cases-") as scratch:
        files, disk, work = (os.path.join(scratch, name) for name in ("files", "disk.img", "work"))
        names = write_cases(files)
        os.makedirs(work)
        mke2fs = shutil.which("mke2fs", path=os.environ["PATH"] + ":/sbin:/usr/sbin")
        subprocess.run([mke2fs, "-q", "-t", "ext2", "-b", "4096", "-d", files, disk, "16M"], check=True, capture_output=True)
        here = subprocess.run([os.path.join(box.path, "sh"), os.path.join(files, "driver"), files, work], cwd=work,
                              env={**box.environment(), "PATH": box.path}, capture_output=True, check=False)
        there = subprocess.run([sys.executable, options.run, "--timeout", str(LIMIT_SECONDS), "--disk", disk,
                                "--exec", "sh /mnt/driver /mnt /tmp"], capture_output=True, check=False)
    wanted, got = results(here.stdout), results(there.stdout)
    failed = 0
    for number, name in enumerate(names):
        key = f"{number:04}"
        if got.get(key) != wanted[key]:
            failed += 1
            print(f"FAILED {name}\n    on Cairn {got.get(key)}\n    here     {wanted[key]}")
    if there.returncode != 0:
        print(f"the machine ended with status {there.returncode}\n{there.stderr.decode(errors='replace')[-2000:]}")
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed or there.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
