# SPDX-License-Identifier: MIT
"""Storage under attack, in the whole kernel: a slice of what `make hostile` and `make faults` do."""

import glob
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "storage"))

import kernel_images  # noqa: E402
import hostile_cases  # noqa: E402
from qemu import machine  # noqa: E402
from registry import qemu_test  # noqa: E402

SLICE = 30


@qemu_test("hostile", "damaged images, some of those that the host tests make: mounted, walked, written, unmounted")
def hostile(guest):
    folder = guest.path("hostile")
    os.makedirs(folder)
    cases = list(hostile_cases.made(guest.out, folder))
    step = max(1, len(cases) // SLICE)
    settings = machine.Settings(out=guest.out)
    outcomes = kernel_images.run(cases[int(os.environ["SEED"]) % step::step], settings, folder, lambda text: None)
    bad = [f"{case.name}: {outcome.text}; {outcome.line}" for case, outcome in outcomes.items() if outcome.is_bad]
    return len(outcomes) - len(bad), len(bad), "\n".join(bad)
