#include "gui/app/render.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "engine/base/test_folder_testing.hpp"
#include "experiments/query/run_fixture_testing.hpp"
#include "gui/app/main_window.hpp"

namespace violet::gui {
using namespace query;
namespace {

// --live is of a run that goes on. Of one that does not, its recording would be drawn, which nobody asked for.
TEST(Render, ALivePictureOfARunThatIsOverIsRefused) {
  const TestFolder folder;
  CommandLine line;
  line.run = write_fixture_run(folder.path(), {{"strict"}});
  line.live = true;
  line.render = "compare";
  line.out = (folder.path() / "out.png").string();
  const auto said = [&] {
    MainWindow window(false);
    const Status drawn = render(window, line);
    return drawn ? std::string() : drawn.error().message;
  };
  EXPECT_NE(said().find("no run goes on here"), std::string::npos) << said();
  // A process that was killed after it had said that the run was over.
  std::ofstream(std::filesystem::path(line.run) / "live.json")
      << R"({"schema": "violet.live", "version": 1, "pid": 2000000000, "start_time": 1, "fd": 3})";
  EXPECT_NE(said().find("the run is over (finished)"), std::string::npos) << said();
  EXPECT_FALSE(std::filesystem::exists(line.out));
}

}  // namespace
}  // namespace violet::gui
