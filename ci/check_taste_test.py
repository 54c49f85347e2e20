"""The taste check on bad files: each rule broken once is found, and the usual shapes of C++ are not."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check_taste  # noqa: E402
import cpp_text  # noqa: E402

HEADER = "// A thing.\n//\n// Threading: owner only.\n#pragma once\n"


def findings(name, text):
    return [what for _, what in check_taste.check_source(name, text)]


def body(lines):
    return "{\n" + "  step();\n" * (lines - 2) + "}\n"


class FunctionsTest(unittest.TestCase):
    def names(self, text):
        return [(function.name, function.lines) for function in cpp_text.functions(text)]

    def test_heads(self):
        text = """
namespace violet { namespace {
struct Point { int x = 0; int at() const noexcept { return x; } };
Point::Point(int x) : x_{x}, y_(0) {
}
template <class T> requires std::integral<T>
auto twice(T value) -> T {
  return 2 * value;
}
bool operator==(const Point& a, const Point& b) { return a.x == b.x; }
constexpr int kTable[] = {1, 2, 3};
const std::map<int, int> kMap{{1, 2}};
TEST(Rule, D33_Holds) {
  if (a) { b(); } else { c(); }
}
}}  // namespace violet
"""
        self.assertEqual([("at", 1), ("twice", 4), ("Rule.D33_Holds", 3)],
                         [pair for pair in self.names(text) if pair[0] in ("at", "twice", "Rule.D33_Holds")])
        self.assertNotIn("kTable", dict(self.names(text)))

    def test_braces_in_text_do_not_count(self):
        text = 'void f() {\n  g("{{{", \'{\', R"x({)x", 1\'000);  // {\n  /* { */\n}\nvoid h() {\n}\n'
        self.assertEqual(self.names(text), [("f", 4), ("h", 2)])

    def test_both_branches_of_an_if_are_one(self):
        text = "#if A\nvoid f() {\n#else\nvoid f(int) {\n#endif\n}\nvoid g() {\n}\n"
        self.assertEqual([name for name, _ in self.names(text)], ["f", "g"])


class RulesTest(unittest.TestCase):
    def test_long_function(self):
        self.assertEqual(findings("datasets/x.cpp", "void f() " + body(70)), [])
        self.assertIn("f has 71 lines", findings("datasets/x.cpp", "void f() " + body(71))[0])

    def test_long_file(self):
        self.assertEqual(findings("datasets/x.cpp", "int x;\n" * 800), [])
        self.assertIn("801 lines", findings("datasets/x.cpp", "int x;\n" * 801)[0])
        self.assertIn("401 lines", findings("datasets/x.hpp", "#pragma once\n" + "int x;\n" * 400)[0])
        self.assertEqual(findings("datasets/x_test.cpp", "int x;\n" * 800), [])
        self.assertIn("801 lines", findings("datasets/x_test.cpp", "int x;\n" * 801)[0])

    def test_throw_only_where_it_is_forbidden(self):
        self.assertIn("throw", findings("engine/base/x.cpp", "void f() { throw 1; }\n")[0])
        self.assertIn("throw", findings("dataplane/dma/x.cpp", "void f() { throw 1; }\n")[0])
        self.assertEqual(findings("engine/base/x.cpp", 'auto s = "throw";  // throw\n'), [])
        self.assertEqual(findings("experiments/plans/x.cpp", "void f() { throw 1; }\n"), [])

    def test_threads_in_the_engine(self):
        self.assertIn("thread", findings("engine/device/x.cpp", "std::jthread t(f);\n")[0])
        self.assertEqual(findings("engine/device/x_test.cpp", "std::jthread t(f);\n"), [])
        self.assertEqual(findings("engine/device/x.cpp", "std::thread::id owner;\n"), [])

    def test_sleeping(self):
        line = "std::this_thread::sleep_" "for(1ms);\n"
        self.assertIn("wait for the event", findings("experiments/runner/x.cpp", line)[0])
        self.assertEqual(findings("experiments/runner/x_test.cpp", line), [])
        self.assertEqual(findings("experiments/runner/x.cpp", "// taste: allow sleep because paced\n" + line), [])
        self.assertTrue(findings("experiments/runner/x.cpp", "// taste: allow sleep\n" + line))

    def test_unfinished(self):
        for word in ("TO" "DO", "FIX" "ME", "not imple" "mented", "DIS" "ABLED_Test"):
            self.assertTrue(findings("engine/base/x.cpp", f"// {word}\n"), word)

    def test_names_and_headers(self):
        self.assertIn("says nothing", findings("engine/base/utils.cpp", "int x;\n")[0])
        self.assertEqual(findings("engine/base/x.hpp", HEADER), [])
        self.assertIn("Threading", findings("engine/base/x.hpp", "// A thing.\n#pragma once\n")[0])
        self.assertIn("pragma", findings("experiments/guest/x.hpp", "int x;\n")[0])


class DefinitionsTest(unittest.TestCase):
    def test_one_name_for_two_classes(self):
        def found(other):
            return list(check_taste.check_definitions({
                "a.hpp": "namespace violet {\nclass Queue {\n};\n}\n", "b.hpp": other}))
        self.assertIn("violet::Queue is another class in a.hpp", found("namespace violet {\nstruct Queue {\n")[0][2])
        self.assertTrue(found("namespace violet {\ntemplate <class T>\nclass Queue final : Base {\n"))
        self.assertEqual([], found("namespace violet {\nclass Queue;\n"))
        self.assertEqual([], found("namespace violet::gui {\nclass Queue {\n"))
        self.assertEqual([], found("namespace violet {\nstruct Outer {\n  class Queue {\n"))


class SubjectsTest(unittest.TestCase):
    def test_the_form(self):
        for subject in ("engine: answer a split UNMAP with RANGE", "runner, cli: say what is lost"):
            self.assertIsNone(check_taste.check_subject(subject), subject)
        for subject in ("Answer a split UNMAP", "engine: ends with a full stop.", "engine: " + "x" * 43, "engine:no space"):
            self.assertIsNotNone(check_taste.check_subject(subject), subject)


if __name__ == "__main__":
    unittest.main()
