# SPDX-License-Identifier: MIT
"""Each header compiles alone: for the kernel, and those that the host library shares, for the host."""

import os
import shlex

from sources import TWICE_FOLDERS, Verdict, c_files, for_kernel, in_parallel, run


def compile_alone(job):
    name, compiler = job
    status, text = run(shlex.split(compiler) + ["-fsyntax-only", "-Werror", "-x", "c", "-"],
                       input=f'#include "{name}"\n')
    return "" if status == 0 else next((line for line in text.splitlines() if "error" in line), text)


def check():
    kernel = f"{os.environ.get('KCC', '')} {os.environ.get('KCFLAGS', '')}"
    host = f"{os.environ.get('HOST_CC', 'gcc')} {os.environ.get('HOST_CFLAGS', '')}"
    user = f"{os.environ.get('HOST_CC', 'gcc')} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -I. -Iuser"
    jobs = []
    for name in c_files(".h"):
        if for_kernel(name) and "/test/" not in name:
            jobs.append((name, kernel))
        if name.startswith(TWICE_FOLDERS + ("tools/host/",)):
            jobs.append((name, host))
        if name.startswith("user/"):
            jobs.append((name, user))
    faults = sorted(set(fault for fault in in_parallel(compile_alone, jobs) if fault))
    return Verdict(faults=faults, checked=f"{len(jobs)} compilations")
