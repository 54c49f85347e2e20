"""What `./violet test --quick` leaves out: what passed before and is the same, and nothing else."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import gather  # noqa: E402


class KnownTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.program = self.folder / "a test"
        self.write(self.program, "exit 0")

    @staticmethod
    def write(program, line):
        program.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        program.chmod(0o755)

    def known(self):
        return gather.Known(self.folder / "passed")

    def run_once(self, *words, name="dev.room"):
        """What the program returned, None where it was left out."""
        command = self.known().remembering(name, [str(self.program), *words], self.folder / "report.xml")
        return None if command is None else subprocess.run(command, check=False).returncode

    def test_what_passed_is_left_out_until_it_changes(self):
        self.assertEqual(self.run_once(), 0)
        self.assertIsNone(self.run_once())
        self.assertEqual(self.run_once("--other"), 0)
        self.write(self.program, "exit 0 # other bytes")
        self.assertEqual(self.run_once(), 0)

    def test_what_failed_or_was_skipped_runs_again(self):
        for code in (1, 77):
            self.write(self.program, f"exit {code}")
            self.assertEqual(self.run_once(), code)
            self.assertEqual(self.run_once(), code)

    def test_a_skipped_case_runs_again(self):
        report = self.folder / "report.xml"
        report.write_text('<testcase name="a"><skipped message="no node"/></testcase>', encoding="utf-8")
        self.assertEqual(self.run_once(), 0)
        report.write_text('<testcase name="a"/>', encoding="utf-8")
        self.assertEqual(self.run_once(), 0)
        self.assertIsNone(self.run_once())

    def test_a_failure_forgets_what_passed(self):
        self.assertEqual(self.run_once(), 0)
        good = self.program.read_bytes()
        self.write(self.program, "exit 1")
        self.assertEqual(self.run_once(), 1)
        self.program.write_bytes(good)
        self.assertEqual(self.run_once(), 0)

    def test_a_file_that_it_may_read_is_part_of_it(self):
        before = self.known().files.hexdigest()
        with tempfile.TemporaryDirectory() as root:
            copy = pathlib.Path(root)
            (copy / "datasets").mkdir()
            old, gather.ROOT = gather.ROOT, copy
            self.addCleanup(setattr, gather, "ROOT", old)
            empty = self.known().files.hexdigest()
            (copy / "datasets/a.cpp").write_text("int a;", encoding="utf-8")
            self.assertEqual(self.known().files.hexdigest(), empty)
            (copy / "datasets/a.trace").write_text("map", encoding="utf-8")
            self.assertNotEqual(self.known().files.hexdigest(), empty)
        self.assertNotEqual(before, empty)

    def test_a_program_that_it_starts_is_part_of_it(self):
        other = self.folder / "violet"
        self.assertEqual(self.run_once(name="dev.gui_app"), 0)
        self.assertEqual(self.run_once(name="dev.gui_app"), 0, "the other program is not there")
        self.write(other, "one")
        self.assertEqual(self.run_once(name="dev.gui_app"), 0)
        self.assertIsNone(self.run_once(name="dev.gui_app"))
        self.write(other, "two")
        self.assertEqual(self.run_once(name="dev.gui_app"), 0)


if __name__ == "__main__":
    unittest.main()
