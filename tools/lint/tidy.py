# SPDX-License-Identifier: MIT
"""clang-tidy, with the checks of .clang-tidy, over the kernel and the user programs.

The user tests are left out: passing NULL, leaking and jumping is what they are for. So they are in
cppcheck."""

import os
import re
import shutil

from sources import Verdict, c_files, for_kernel, in_parallel, is_test, run

KERNEL_FLAGS = ["--target=riscv64-linux-gnu", "-march=rv64imac", "-mabi=lp64", "-mcmodel=medany", "-std=gnu11",
                "-ffreestanding", "-I.", "-Ikernel/arch/riscv64", "-Wall", "-Wextra", "-Wno-unused-parameter",
                "-Wno-unknown-warning-option"]
# The analyzer looks at each function with only its smallest callees: ten times faster, and quieter.
SHALLOW = ["-Xclang", "-analyzer-config", "-Xclang", "mode=shallow"]
USER_FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-I.", "-Iuser", "-I" + os.path.join(os.environ.get("CAIRN_O", "build"), "user")]
FAULT = re.compile(r"^\S+:\d+:\d+: (warning|error): ")


def tidy(name):
    flags = KERNEL_FLAGS if for_kernel(name) else USER_FLAGS
    if "kasan" in os.path.basename(name):  # compiled into that build alone
        flags = [*flags, "-DCAIRN_KASAN"]
    return [line for line in run(["clang-tidy", "--quiet", name, "--", *flags, *SHALLOW])[1].splitlines() if FAULT.match(line)]


def check():
    if not shutil.which("clang-tidy"):
        return Verdict(skipped="clang-tidy is not installed (tools/setup)")
    files = [name for name in c_files(".c") if for_kernel(name) or (name.startswith("user/") and not is_test(name))]
    faults = sorted({line for lines in in_parallel(tidy, files) for line in lines})
    return Verdict(faults=faults, checked=f"{len(files)} files")
