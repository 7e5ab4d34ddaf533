# SPDX-License-Identifier: MIT
"""GDB's side of `make debug`: symbols while the kernel still runs at physical addresses, the console.

The kernel is linked in the high half, but its first instructions run before there are page tables.
So its symbols are loaded a second time, moved to where OpenSBI put it, and dropped again when the
program counter is first seen in the high half. At each stop, console output that came since the last
one is shown. `cairn-console` shows it all.
"""

import gdb

HIGH_HALF = 1 << 63


class Boot:
    """Loads the moved symbols, and removes them at the first stop in the high half."""

    def __init__(self, kernel, entry, offset):
        self.kernel, self.entry, self.loaded = kernel, entry, False
        if offset:
            gdb.execute(f"add-symbol-file {kernel} -o {offset % (1 << 64):#x}", to_string=True)
            self.loaded = True
            gdb.events.stop.connect(self.stopped)

    def stopped(self, _event):
        if self.loaded and int(gdb.parse_and_eval("(unsigned long)$pc")) >= HIGH_HALF:
            gdb.execute(f"remove-symbol-file -a {self.entry:#x}", to_string=True)
            self.loaded = False
            gdb.events.stop.disconnect(self.stopped)


class Console(gdb.Command):
    """cairn-console: show everything that the kernel has written to its serial line."""

    def __init__(self, path):
        super().__init__("cairn-console", gdb.COMMAND_STATUS)
        self.path, self.shown = path, 0
        gdb.events.stop.connect(lambda _event: self.show_new())

    def read(self, position):
        with open(self.path, "rb") as file:
            file.seek(position)
            data = file.read()
        self.shown = position + len(data)
        return data.decode(errors="replace").replace("\r", "")

    def show_new(self):
        text = self.read(self.shown)
        for line in text.splitlines():
            gdb.write(f"  | {line}\n")

    def invoke(self, argument, from_tty):
        gdb.write(self.read(0))
