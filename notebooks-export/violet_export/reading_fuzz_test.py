"""Whatever the bytes of a run folder or a stored figure, reading ends in a value or in one sentence: seeded mutations.

VIOLET_FUZZ_CASES=N tries N of each, with other seeds from VIOLET_FUZZ_SEED.
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import struct
import tempfile
import unittest
import zlib
from collections.abc import Callable

from violet_export import pyramid, run_testing
from violet_export.drawing import Drawing, Point, drawing_of, points_from_csv, points_to_csv
from violet_export.histogram import decode
from violet_export.hostile_files import ExportError
from violet_export.run import read_run

CASES = int(os.environ.get("VIOLET_FUZZ_CASES", "60"))
SEED = int(os.environ.get("VIOLET_FUZZ_SEED", "19"))


def mutated(data: bytes, chance: random.Random) -> bytes:
    """With some bytes changed, lost, doubled, or with a number put in that is too large."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(out)) if out else 0
        match chance.randrange(5):
            case 0:
                out[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del out[at : at + chance.randint(1, 40)]
            case 2:
                out[at:at] = out[at : at + chance.randint(1, 40)]
            case 3:
                out[at : at + 8] = struct.pack("<Q", chance.choice((0, 1, 2**31, 2**63, 2**64 - 1)))
            case _:
                out[at : at + 1] = bytes([out[at] ^ 1 << chance.randrange(8)]) if out else b""
    return bytes(out)


def small_pyramid(checked: bool = True) -> bytes:
    """One section with two buckets in the format of pyramid_file.hpp, of which the arrays beyond them are left out."""
    facts = struct.pack("<QQQQdQQQQQQIIIIII", 0, 0, 200, 200, 1.0, 9, 0, 0, 0, 0, 1, 6, 1, 1, 1, 0, 0) + bytes(24)
    bucket = bytes(240) + struct.pack("<qqdqqd", 0, 3, 64.0, 5, 5, 320.0)
    directory = struct.pack("<QQQQQQ", 64, 1, 136, 200, 2, 288)
    payload = directory + bytes(16) + facts + bucket * 2 + bytes(24)
    head = struct.pack("<8sIIIIQI24s", b"VIOPYRA1", 4, 0, 0, zlib.crc32(payload) if checked else 0, len(payload), 0, bytes(24))
    return head + struct.pack("<I", zlib.crc32(head)) + payload


class Mutations(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="violet-test-")
        self.addCleanup(folder.cleanup)
        self.place = pathlib.Path(folder.name)

    def survive(self, data: bytes, read: Callable[[bytes], object], cases: int = CASES) -> None:
        """`read` gives a value or an ExportError for every mutation of `data`."""
        for case in range(cases):
            chance = random.Random(SEED * 1_000_003 + case)
            broken = mutated(data, chance)
            with self.subTest(seed=SEED, case=case):
                try:
                    read(broken)
                except ExportError as error:
                    self.assertNotIn("Traceback", str(error))

    def test_histograms(self) -> None:
        good = run_testing.encoded_histogram([1, 5, 5, 900, 1200]).encode("ascii")
        self.survive(good, lambda data: decode(data.decode("latin-1")), 10 * CASES)

    def test_pyramids(self) -> None:
        path = self.place / "trace.pyramid"
        path.write_bytes(small_pyramid())
        levels = pyramid.levels_of(path, pyramid.sections_of(path)[0])
        self.assertEqual([(one.stale, one.mapped) for one in levels], [((1.0, 0.0, 3.0), (5.0, 5.0, 5.0))] * 2)
        path.write_bytes(small_pyramid(checked=False))
        with self.assertRaisesRegex(ExportError, "checksum does not fit"):
            pyramid.levels_of(path, pyramid.sections_of(path)[0])

        def read(data: bytes) -> None:
            # With checksums that fit, so that what they guard is reached.
            if len(data) > 64:
                head = bytearray(data[:60])
                head[20:24] = struct.pack("<I", zlib.crc32(data[64:]))
                head[24:32] = struct.pack("<Q", len(data) - 64)
                data = bytes(head) + struct.pack("<I", zlib.crc32(bytes(head))) + data[64:]
            path.write_bytes(data)
            for section in pyramid.sections_of(path):
                pyramid.levels_of(path, section)

        self.survive(small_pyramid(), read, 10 * CASES)

    def test_databases_and_manifests(self) -> None:
        run_testing.write_run(self.place / "run", repetitions=2, exits=(0,))
        for name in ("results.sqlite", "manifest.json", "resolved.json"):
            path = self.place / "run" / name
            good = path.read_bytes()

            def read(data: bytes, path: pathlib.Path = path) -> None:
                path.write_bytes(data)
                run = read_run(path.parent)
                for cell in run.cells:
                    cell.estimate("operations_per_s")
                run.varying()

            self.survive(good, read, CASES // 3)
            path.write_bytes(good)

    def test_stored_figures(self) -> None:
        drawing = Drawing(
            "bars", [Point(series="a", y=1.0, y_low=0.5, y_high=2.0, spread="range"), Point(state="not available")]
        )
        words = json.dumps(drawing.words()).encode("utf-8")

        def read_words(data: bytes) -> None:
            try:
                value = json.loads(data)
            except ValueError:
                return
            if isinstance(value, dict):
                drawing_of(value, [])

        self.survive(words, read_words, 10 * CASES)
        self.survive(
            points_to_csv(drawing.points).encode("utf-8"), lambda data: points_from_csv(data.decode("latin-1"), "p"), 10 * CASES
        )


if __name__ == "__main__":
    unittest.main()
