# SPDX-License-Identifier: MIT
"""Pages that are generated from the code say what the code says, and links between pages lead somewhere."""

import os
import re
import subprocess
import sys

from sources import Verdict

LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def broken_links(page):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    folder = os.path.dirname(page)
    return [f"{page}: {target}: no such file" for target in LINK.findall(text)
            if not os.path.exists(os.path.join(folder, target))]


def check():
    verdict = Verdict()
    done = subprocess.run([sys.executable, "tools/abi_table.py", "--check"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        verdict.faults.append(done.stderr.strip())
    pages = ["README.md"] + [os.path.join("docs", name) for name in sorted(os.listdir("docs")) if name.endswith(".md")]
    for page in pages:
        verdict.faults += broken_links(page)
    verdict.checked = f"{len(pages)} pages"
    return verdict
