# SPDX-License-Identifier: MIT
"""Running Cairn under QEMU: shared by tools/run, tools/debug and the tests."""
