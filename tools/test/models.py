# SPDX-License-Identifier: MIT
"""The models beside the C (`*/model/*.pml`), tried by SPIN in every order of their steps.

A model must hold as it stands, and each mutant that its opening comment names (an indented line, the
name in capitals, two blanks, what it breaks) must be refuted: a model that cannot fail proves nothing.
A mutant is a macro; each macro that a model asks about must be named, and each named one asked about.
"""

import glob
import os
import re
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

LIMIT_SECONDS = 120
DEPTH = 100000
MUTANT = re.compile(r"^ \*   ([A-Z][A-Z_]+)  +\S", re.MULTILINE)
ASKED = re.compile(r"^#\s*if(?:def|ndef| defined\()\s*([A-Z][A-Z_]+)", re.MULTILINE)
PAN_FLAGS = re.compile(r"^// pan: (.*)$", re.MULTILINE)


class Broken(Exception):
    """The model could not be tried at all."""


def call(command, folder, limit):
    try:
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=limit, check=False, errors="replace")
    except subprocess.TimeoutExpired as expired:
        raise Broken(f"{command[0]}: no end after {limit:.0f} s") from expired
    return done.returncode, done.stdout


def verify(path, text, mutant, limit):
    """Try every order. Returns (whether it holds, what was said). (Mutants are refuted soon: compiling takes longest.)"""
    compiler = os.environ.get("HOST_CC") or "gcc"
    flags = " ".join(PAN_FLAGS.findall(text)).split()
    with tempfile.TemporaryDirectory() as folder:
        status, said = call(["spin", "-a", *([f"-D{mutant}"] if mutant else []), os.path.abspath(path)], folder, limit)
        if status != 0 or not os.path.exists(os.path.join(folder, "pan.c")) or "Error" in said:
            raise Broken(f"spin: {said.strip()}")
        status, said = call([compiler, "-O0" if mutant else "-O2", "-w", "-DSAFETY", "-DMEMLIM=1024", *flags, "-o", "pan", "pan.c"],
                            folder, limit)
        if status != 0:
            raise Broken(f"{compiler}: {said.strip()}")
        _, said = call(["./pan", f"-m{DEPTH}"], folder, limit)
    errors = re.search(r"errors: (\d+)", said)
    if errors is None or "too small" in said or ("not completed" in said and errors.group(1) == "0"):
        raise Broken(f"the search did not come to its end: {said.strip()}")
    return errors.group(1) == "0", said


def try_model(path, limit):
    """(passed, failed, detail) of a model and its mutants."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    named, asked = MUTANT.findall(text), set(ASKED.findall(text))
    passed, faults = 0, []
    for name in asked ^ set(named):
        faults.append(f"{name}: " + ("named, but the model does not ask about it" if name in named
                                     else "the model asks about it, but its opening does not name it"))
    if not named:
        faults.append("no mutant is named: nothing shows that the model can fail")
    for mutant in [None, *named]:
        try:
            holds, said = verify(path, text, mutant, limit)
        except Broken as broken:
            faults.append(f"{mutant or 'the model'}: {broken}")
            continue
        if holds == (mutant is None):
            passed += 1
        else:
            faults.append(f"{mutant}: not refuted" if mutant else f"the model does not hold\n{said.strip()}")
    return passed, len(faults), "\n".join(faults)


def run_suite(report, selected, slowness):
    """One line for each model; a case is the model or one of its mutants."""
    paths = sorted(path for path in glob.glob("*/**/model/*.pml", recursive=True) if selected(f"model {path}"))
    if paths and shutil.which("spin") is None:
        report.add("model: SPIN tries the models", 0, len(paths), "spin is not installed: run tools/setup")
        return

    def one(path):
        start = time.monotonic()
        passed, failed, detail = try_model(path, LIMIT_SECONDS * slowness)
        report.add(f"model {path[:-4]}", passed, failed, detail, time.monotonic() - start)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(one, paths))
