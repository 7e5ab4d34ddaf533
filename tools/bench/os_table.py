# SPDX-License-Identifier: MIT
"""The comparison as a table: an operation's cost on both systems, and Cairn's share of Linux's."""

import math
from dataclasses import dataclass

# The families whose operations are held against Linux one by one; the others are reported.
MARKED = ("file", "memory", "pipe", "process", "signal", "switch")


@dataclass
class Row:
    """One operation; None: it has no figure there."""
    name: str
    title: str = ""
    cairn: float = None
    linux: float = None

    def family(self):
        return self.name.split(".")[0]

    def ratio(self):
        if self.cairn is None or not self.linux:
            return None
        return self.cairn / self.linux


def number(value):
    return "-" if value is None else f"{value:,.0f}"


def geometric_mean(rows):
    ratios = [max(row.ratio(), 0.001) for row in rows if row.ratio() is not None]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def text(rows, linux_version):
    """The table for people, and below it what it comes to."""
    linux = f"Linux {linux_version}" if linux_version else "Linux"
    yield f"{'operation':26} {'Cairn':>12} {'Linux':>12} {'ratio':>6}  what one operation is"
    for row in rows:
        ratio = row.ratio()
        mark = "*" if ratio is not None and ratio > 1 and row.family() in MARKED else " "
        shown = "-" if ratio is None else f"{ratio:.2f}"
        yield f"{row.name:26} {number(row.cairn):>12} {number(row.linux):>12} {shown:>6}{mark} {row.title}"
    yield f"guest instructions, one hart; {linux}; ratio: Cairn / Linux, lower is better"
    if not any(row.ratio() is not None for row in rows):
        return
    for family in sorted({row.family() for row in rows}):
        mean = geometric_mean([row for row in rows if row.family() == family])
        if mean is not None:
            yield f"geometric mean of {family}: {mean:.2f}"
    marked = [row for row in rows if row.family() in MARKED]
    above = [row.name for row in marked if row.ratio() is not None and row.ratio() > 1]
    if geometric_mean(marked) is not None:
        yield f"geometric mean of {', '.join(MARKED)}: {geometric_mean(marked):.2f}"
        yield f"above Linux (*): {', '.join(above) or 'none'}"


def write_tsv(rows, path):
    def field(value):
        return "" if value is None else f"{value:.4g}" if value < 10 else f"{value:.0f}"
    with open(path, "w", encoding="utf-8") as file:
        file.write("operation\tcairn\tlinux\tratio\n")
        for row in rows:
            ratio = "" if row.ratio() is None else f"{row.ratio():.3f}"
            file.write(f"{row.name}\t{field(row.cairn)}\t{field(row.linux)}\t{ratio}\n")
