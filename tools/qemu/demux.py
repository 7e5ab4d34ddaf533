# SPDX-License-Identifier: MIT
"""Taking the one serial line of a headless run apart again.

With `log=framed` the kernel marks its own text: DLE 'L' text DLE 'E', where DLE is the byte 0x10.
All other bytes are the program's, with a DLE of its own doubled. What comes before the first frame
is the firmware's, and counts as log.
"""

DLE = 0x10


class Demux:
    """A state machine fed with chunks of any size; program bytes and log bytes go to two sinks."""

    def __init__(self, program, log):
        self._program = program
        self._log = log
        self._in_log = False
        self._escape = False
        self.framed = False

    def feed(self, chunk):
        position = 0
        while position < len(chunk):
            if self._escape:
                self._escape = False
                self._escaped(chunk[position])
                position += 1
                continue
            end = chunk.find(DLE, position)
            if end < 0:
                self._emit(chunk[position:])
                return
            if end > position:
                self._emit(chunk[position:end])
            self._escape = True
            position = end + 1

    def _escaped(self, byte):
        if byte == DLE:
            self._emit(b"\x10")
        elif byte == ord("L") and not self._in_log:
            self._in_log = self.framed = True
        elif byte == ord("E") and self._in_log:
            self._in_log = False
        else:  # not a frame: somebody wrote to the line past the kernel's framing
            self._emit(bytes((DLE, byte)))

    def _emit(self, data):
        (self._log if self._in_log or not self.framed else self._program)(data)
