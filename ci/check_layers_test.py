"""The layer check on bad trees: each rule broken once must be found, and found where it is."""
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cmake"))
import check_layers  # noqa: E402

CMAKE = """
violet_room(engine/base DEPS fmt)
violet_room(engine/telemetry DEPS engine/base)   # a comment (with brackets)
violet_room(engine/store DEPS engine/base TEST_DEPS absl engine/telemetry)
violet_room(dataplane/eal DEPS engine/base dpdk)
violet_room(dataplane/dma DEPS engine/store)
violet_room(datasets DEPS engine/base)
violet_room(experiments/scorecard
  DEPS dataplane/eal)
"""


class LayersTest(unittest.TestCase):
    def findings(self, files, cmake=CMAKE):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "CMakeLists.txt").write_text(cmake, encoding="utf-8")
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            return check_layers.check_tree(root)

    def assert_one(self, name, text, words):
        found = self.findings({name: text})
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_a_good_tree_is_silent(self):
        self.assertEqual(self.findings({
            "engine/telemetry/x.cpp": '#include <vector>\n#include "engine/base/y.hpp"\n',
            "engine/store/x_test.cpp": '#include <gtest/gtest.h>\n#include "engine/base/y.hpp"\n',
            "dataplane/dma/x.cpp": '#include "engine/base/y.hpp"\n#include "engine/store/z.hpp"\n',
            "dataplane/eal/x.cpp": "#include <rte_eal.h>\n",
            "experiments/scorecard/x_bench.cpp": "#include <rte_hash.h>\n",
            "gui/view/x.cpp": "#include <QWidget>\n",
        }), [])

    def test_the_line_is_named(self):
        found = self.findings({"engine/base/x.cpp": '#include <vector>\n\n#include "dataplane/eal/e.hpp"\n'})
        self.assertTrue(found[0].startswith("engine/base/x.cpp:3: dataplane/eal/e.hpp: "), found)

    def test_engine_order(self):
        self.assert_one("engine/base/x.hpp", '#include "engine/store/z.hpp"\n', "engine/base is below")
        self.assert_one("engine/protocol/x.hpp", '#include "engine/telemetry/z.hpp"\n', "is below")

    def test_one_way_between_the_tops(self):
        self.assert_one("engine/store/x.cpp", '#include "dataplane/dma/d.hpp"\n', "engine may not see")
        self.assert_one("dataplane/dma/x.cpp", '#include "experiments/guest/g.hpp"\n', "dataplane may not see")
        self.assert_one("datasets/x.cpp", '#include "engine/store/m.hpp"\n', "datasets may not see")
        self.assert_one("gui/x.cpp", '#include "dataplane/dma/d.hpp"\n', "gui may not see")
        self.assert_one("notebooks-export/x.cpp", '#include "engine/store/m.hpp"\n', "may not see")
        for room in ("engine/base", "dataplane/dma", "experiments/guest", "datasets"):
            self.assert_one(f"{room}/x.cpp", '#include "gui/view/v.hpp"\n', "may not see gui/view")

    def test_undeclared_dependency(self):
        self.assert_one("dataplane/dma/x.cpp", '#include "dataplane/eal/e.hpp"\n', "not among the DEPS")
        self.assert_one("engine/store/x.cpp", '#include "engine/telemetry/t.hpp"\n', "not among the DEPS")

    def test_a_test_may_use_its_test_deps(self):
        self.assertEqual(self.findings({"engine/store/x_test.cpp": '#include "engine/telemetry/t.hpp"\n'}), [])

    def test_dpdk_and_qt(self):
        self.assert_one("engine/base/x.cpp", "#include <rte_ring.h>\n", "DPDK belongs into")
        self.assert_one("dataplane/dma/x.cpp", "  #  include <rte_ring.h>\n", "DPDK belongs into")
        self.assert_one("experiments/guest/x.cpp", "#include <rte_eal.h>\n", "DPDK belongs into")
        self.assert_one("experiments/scorecard/x.cpp", "#include <rte_ring.h>\n", "not part of that")
        self.assert_one("engine/base/x.cpp", "#include <QString>\n", "Qt belongs into")

    def test_includes_name_their_room(self):
        self.assert_one("engine/base/x.cpp", '#include "types.hpp"\n', "name the room")

    def test_the_deps_themselves(self):
        up = self.findings({}, "violet_room(engine/base DEPS engine/device)\nviolet_room(engine/device DEPS fmt)")
        self.assertIn("which is above it", "\n".join(up))
        out = self.findings({}, "violet_room(engine/base DEPS gui)\nviolet_room(gui DEPS fmt)")
        self.assertIn("may not depend on gui", "\n".join(out))
        ring = self.findings({}, "violet_room(dataplane/a DEPS dataplane/b)\nviolet_room(dataplane/b DEPS dataplane/a)")
        self.assertIn("in a circle", "\n".join(ring))


if __name__ == "__main__":
    unittest.main()
