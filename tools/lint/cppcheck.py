# SPDX-License-Identifier: MIT
"""cppcheck over the kernel and the user programs; what it is told to leave out, with the reasons, is in
tools/lint/cppcheck.txt."""

import os
import shutil

from sources import Verdict, c_files, for_kernel, is_test, run


def check():
    if not shutil.which("cppcheck"):
        return Verdict(skipped="cppcheck is not installed (tools/setup)")
    kernel = [name for name in c_files(".c") if for_kernel(name)]
    user = [name for name in c_files(".c") if name.startswith("user/") and not is_test(name)]
    faults = []
    for files, flags in ((kernel, ["-Ikernel/arch/riscv64", "-D__riscv_xlen=64", "-D__riscv=1"]),
                         (user, ["-Iuser", "--library=posix", "--library=gnu"])):
        if files:
            _, text = run(["cppcheck", "-q", "-j", str(os.cpu_count() or 1), "--std=c11", "--platform=unix64",
                           "--enable=warning,portability,performance", "--max-configs=1", "--inline-suppr",
                           "--suppressions-list=tools/lint/cppcheck.txt", "-D__GNUC__=12", "-I.", *flags,
                           "--template={file}:{line}: {severity}: {message} [{id}]", *files])
            faults += [line for line in text.splitlines() if ": warning: " in line or ": error: " in line
                       or ": portability: " in line or ": performance: " in line]
    return Verdict(faults=sorted(set(faults)), checked=f"{len(kernel) + len(user)} files")
