"""The check of the READMEs' tables on a tree of its own: what is missing is found, what is there is not."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check_rooms  # noqa: E402

CMAKE = "violet_room(engine/base DEPS fmt)\nviolet_room(engine/sim DEPS engine/base)\n"
ROOMS = "| room | what |\n|---|---|\n| base | a |\n| sim | b |\n"
FILES = "| file | what |\n|---|---|\n| clock, `check.*` | a |\n| lesson_* | b |\n"


class RoomsTest(unittest.TestCase):
    def findings(self, engine, base):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "engine/base").mkdir(parents=True)
            for name in ("clock.hpp", "check.hpp", "lesson_one.cpp"):
                (root / "engine/base" / name).write_text("", encoding="utf-8")
            (root / "CMakeLists.txt").write_text(CMAKE, encoding="utf-8")
            (root / "engine/README.md").write_text(engine, encoding="utf-8")
            (root / "engine/base/README.md").write_text(base, encoding="utf-8")
            return [what for _, _, what in check_rooms.check_tree(root)]

    def test_true_tables_pass(self):
        self.assertEqual(self.findings(ROOMS, FILES), [])

    def test_a_missing_file_is_named(self):
        self.assertEqual(self.findings(ROOMS, FILES + "| ring | c |\n"), ["there is no file ring here"])

    def test_a_missing_room_is_named(self):
        self.assertEqual(self.findings(ROOMS + "| moon | c |\n", FILES), ["engine/moon is no room of CMakeLists.txt"])

    def test_a_room_must_be_listed(self):
        self.assertEqual(self.findings(ROOMS.replace("| sim | b |\n", ""), FILES),
                         ["the room engine/sim is not in the table of rooms"])

    def test_seeds_are_of_a_fuzzer(self):
        files = {"a/x_fuzz.cpp", "a/corpus/x/1", "a/corpus/y/1", "a/corpus/y/2"}
        self.assertEqual(list(check_rooms.check_seeds(files)),
                         [("a/corpus/y", 1, "seeds of no fuzzer: there is no a/y_fuzz.cpp")])


if __name__ == "__main__":
    unittest.main()
