# SPDX-License-Identifier: MIT
"""Tests of the tools themselves: those that decide what other tests see, or what the kernel is given."""

import io
import os
import random
import stat
import subprocess
import sys
import tempfile
import time
import unittest

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [TOP, os.path.join(TOP, "lint"), os.path.join(TOP, "image")]

import layers  # noqa: E402
import mkinitramfs  # noqa: E402
import models  # noqa: E402
import tree  # noqa: E402
from qemu import machine  # noqa: E402
from qemu.demux import Demux  # noqa: E402


class DemuxTest(unittest.TestCase):
    def split(self, chunks):
        program, log = io.BytesIO(), io.BytesIO()
        demux = Demux(program.write, log.write)
        for chunk in chunks:
            demux.feed(chunk)
        return program.getvalue(), log.getvalue()

    def test_firmware_text_is_log_until_the_first_frame(self):
        self.assertEqual(self.split([b"OpenSBI\n\x10Lboot\n\x10Eout"]), (b"out", b"OpenSBI\nboot\n"))

    def test_a_doubled_dle_is_one_byte_of_the_program(self):
        self.assertEqual(self.split([b"\x10L\x10Ea\x10\x10Lb"]), (b"a\x10Lb", b""))

    def test_any_cut_into_chunks_gives_the_same(self):
        dice = random.Random(int(os.environ.get("SEED", "1")))
        for _ in range(300):
            line, program, log = b"\x10L\x10E", b"", b""
            for _ in range(dice.randrange(1, 20)):
                data = bytes(dice.choice(b"\x10LE\n\0x") for _ in range(dice.randrange(8)))
                escaped = data.replace(b"\x10", b"\x10\x10")
                if dice.random() < 0.5:
                    line, log = line + b"\x10L" + escaped + b"\x10E", log + data
                else:
                    line, program = line + escaped, program + data
            chunks = []
            while line:
                cut = dice.randrange(1, 6)
                chunks, line = chunks + [line[:cut]], line[cut:]
            self.assertEqual(self.split(chunks), (program, log))


class MachineTest(unittest.TestCase):
    def test_a_command_reaches_the_kernel_as_one_word(self):
        args = machine.Settings(command="echo \"a b\" 100% é\n").bootargs()
        self.assertEqual(args, "log=framed exec=echo%20%22a%20b%22%20100%25%20%C3%A9%0A")

    def test_the_second_disk_stays_second_without_a_first(self):
        with tempfile.NamedTemporaryFile() as disk:
            disk.truncate(4096)
            settings = machine.Settings(root="initramfs", disk=disk.name, kernel=disk.name, qemu="true")
            with machine.Machine(settings) as guest:
                line = " ".join(guest.command_line([]))
                self.assertIn("drive=x1,bus=virtio-mmio-bus.1", line)
                self.assertNotIn("bus.0", line)
                self.assertNotIn(disk.name + ",if", line)

    def test_keep_never_overwrites_the_image_it_copies(self):
        with tempfile.NamedTemporaryFile() as disk:
            settings = machine.Settings(root=disk.name, kernel=disk.name, keep=disk.name, qemu="true")
            with self.assertRaises(machine.Trouble):
                machine.Machine(settings).__enter__()


class LayersTest(unittest.TestCase):
    def test_breaches(self):
        for name, target in (("mm/slab.c", "fs/vfs/inode.h"), ("kernel/base/ring.c", "kernel/sync/mutex.h"),
                             ("fs/ext/dir.c", "drivers/virtio/queue.h"), ("drivers/block.c", "fs/vfs/inode.h"),
                             ("mm/space.c", "kernel/arch/riscv64/trap.h"), ("mm/slab.c", "mm/deep/x_internal.h"),
                             ("user/bin/ls.c", "mm/slab.h"), ("mm/slab.c", "slab.h"),
                             ("kernel/abi/errno.h", "kernel/base/types.h"), ("kernel/arch/riscv64/trap.c", "kernel/task/task.h")):
            self.assertIsNotNone(layers.breach(name, '"', target), f"{name} includes {target}")
        self.assertIsNotNone(layers.breach("mm/slab.c", "<", "stdio.h"))

    def test_allowed(self):
        for name, target in (("fs/ext/dir.c", "drivers/block.h"), ("kernel/task/exec.c", "fs/vfs/file.h"),
                             ("kernel/main.c", "kernel/syscall/table.h"), ("user/bin/ls.c", "kernel/abi/stat.h"),
                             ("mm/slab.c", "port/inline.h"), ("drivers/plic.c", "kernel/arch/riscv64/trap.h"),
                             ("mm/test/test_buddy.c", "mm/buddy_internal.h"), ("mm/test/test_buddy.c", "tools/host/arena.h")):
            self.assertIsNone(layers.breach(name, '"', target), f"{name} includes {target}")


class ImagesTest(unittest.TestCase):
    def nodes(self, folder, *more):
        box = os.path.join(folder, "box")
        with open(box, "wb") as file:
            file.write(b"the box")
        return tree.build(tree.parser("").parse_args(["--box", box, "--names", "init ls sh", *more, "image"]))

    def test_the_archive_has_links_devices_and_one_copy_of_the_data(self):
        with tempfile.TemporaryDirectory() as folder:
            nodes = self.nodes(folder)
            data = b"".join(mkinitramfs.archive(nodes))
            self.assertEqual(data.count(b"the box"), 1)
            self.assertEqual(data, b"".join(mkinitramfs.archive(self.nodes(folder))))
            self.assertTrue(stat.S_ISCHR(nodes["/dev/console"].mode))
            self.assertIs(nodes["/bin/ls"], nodes["/sbin/init"])
            self.assertIn(b"TRAILER!!!", data)

    def test_the_root_image_belongs_to_root(self):
        with tempfile.TemporaryDirectory() as folder:
            self.nodes(folder)
            image = os.path.join(folder, "root.img")
            subprocess.run([sys.executable, os.path.join(TOP, "image", "mkroot.py"), "--box", os.path.join(folder, "box"),
                            "--names", "init ls", image], check=True)
            for path in ("/bin/box", "/tmp", "/dev/null", "/"):
                said = subprocess.run(["debugfs", "-R", f"stat {path}", image], capture_output=True, text=True, check=True).stdout
                self.assertRegex(said, r"User:\s+0\s+Group:\s+0\b")
            self.assertRegex(subprocess.run(["debugfs", "-R", "stat /bin/ls", image], capture_output=True, text=True,
                                            check=True).stdout, r"Links: 4\b")


class ModelsTest(unittest.TestCase):
    MODEL = """/* Mutants, each of which must fail:
 *   BROKEN   it adds two */
byte count;
proctype adder() {
#ifdef BROKEN
    count++;
#endif
    count++
}
init { run adder(); run adder(); _nr_pr == 1; assert(count == 2) }
"""

    def tried(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".pml") as file:
            file.write(text)
            file.flush()
            return models.try_model(file.name, 60)[:2]

    def test_a_model_that_holds_and_can_fail_passes(self):
        self.assertEqual(self.tried(self.MODEL), (2, 0))

    def test_a_model_that_does_not_hold_fails(self):
        self.assertEqual(self.tried(self.MODEL.replace("count == 2", "count == 3")), (1, 1))

    def test_a_mutant_that_holds_fails(self):
        self.assertEqual(self.tried(self.MODEL.replace("count == 2", "count >= 2")), (1, 1))

    def test_a_mutant_that_is_not_named_or_not_asked_about_fails(self):
        self.assertEqual(self.tried(self.MODEL.replace(" *   BROKEN ", " *   BRACKEN ")), (1, 3))

    def test_a_model_that_spin_cannot_read_fails(self):
        self.assertEqual(self.tried(self.MODEL.replace("proctype", "protype")), (0, 2))


class SymbolsTest(unittest.TestCase):
    NM = "ffffffff80200000 T _kernel_start\nffffffff80200000 T _start\nffffffff80200010 t helper\nffffffff80300000 D data\n"

    def table(self, text, *arguments):
        return subprocess.run([sys.executable, os.path.join(TOP, "ksyms.py"), *arguments], input=text, text=True,
                              capture_output=True, check=False)

    def test_functions_are_in_and_data_is_not(self):
        out = self.table(self.NM).stdout
        self.assertIn("ksyms_count: .dword 2", out)
        self.assertIn(".word 16 # helper", out)
        self.assertNotIn("data\"", out)

    def test_a_function_that_moves_between_the_links_is_found(self):
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write(self.table(self.NM).stdout)
            file.flush()
            self.assertEqual(self.table(self.NM, "--check", file.name).returncode, 0)
            self.assertNotEqual(self.table(self.NM.replace("200010", "200014"), "--check", file.name).returncode, 0)


def run_suite(report, selected):
    """All tests above, one line for each class."""
    loader = unittest.TestLoader()
    for case in (DemuxTest, MachineTest, LayersTest, ImagesTest, ModelsTest, SymbolsTest):
        if not selected(f"tools {case.__name__}"):
            continue
        start, said = time.monotonic(), io.StringIO()
        result = unittest.TextTestRunner(stream=said).run(loader.loadTestsFromTestCase(case))
        bad = len(result.failures) + len(result.errors)
        report.add(f"tools {case.__name__}", result.testsRun - bad, bad, said.getvalue(), time.monotonic() - start)
