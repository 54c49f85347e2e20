// A run that keeps no events opens without cells and says whose choice that was.
#include <gtest/gtest.h>

#include "experiments/query/queries.hpp"
#include "experiments/query/run_fixture_testing.hpp"

namespace violet::query::without_trace_test {
namespace {

TEST(RunWithoutATrace, SaysThatNoneWasKept) {
  const TestFolder folder;
  auto setup = fixture_setup(folder.path(), {{"strict"}});
  setup.manifest.kept_trace = results::KeptTrace{};
  auto writer = results::RunWriter::create(std::move(setup));
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE(writer->close("finished"));
  const auto run = open_run(writer->directory().string());
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ((*run)->no_cells_because(), "no trace was kept: --no-trace");
}

}  // namespace
}  // namespace violet::query::without_trace_test
