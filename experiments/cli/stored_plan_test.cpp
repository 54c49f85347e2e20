// Which runs can be measured again, and why others cannot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "engine/base/test_folder_testing.hpp"
#include "experiments/cli/plan_loading.hpp"
#include "experiments/cli/stored_plan.hpp"
#include "experiments/runner/cell_check.hpp"

namespace violet::cli::stored_plan_test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class StoredPlan : public ::testing::Test {
 protected:
  StoredPlan() {
    const auto root = fs::path(__FILE__).parent_path().parent_path().parent_path();
    places_.datasets = (root / "datasets").string();
    places_.plans = (root / "experiments/plans").string();
    manifest_.run_id = "20260131T120000Z-demo-da789bdc";
    manifest_.plan_name = "demo";
  }
  void store(const std::string& resolved) { std::ofstream(run() / "resolved.json") << resolved; }
  plans::Plan store_demo() {
    auto plan = load_named_plan(places_, "demo", {"repetitions=2"}).value();
    store(plans::resolved_json(plan));
    std::ofstream(run() / "plan.toml") << plan.text;
    for (const auto& cell : plan.cells) {
      if (cell.dataset.empty()) continue;
      manifest_.traces[cell.dataset] = check_of_trace(places_.datasets, cell.dataset).value();
    }
    return plan;
  }
  fs::path run() const { return folder_.path(); }
  std::string error() const {
    const auto plan = stored_plan(places_, run(), manifest_);
    EXPECT_FALSE(plan);
    if (plan) return {};
    EXPECT_EQ(plan.error().kind, ErrorKind::kUsage);
    return plan.error().message;
  }

  const TestFolder folder_;
  Places places_;
  results::Manifest manifest_;
};

TEST_F(StoredPlan, IsTheOneThatTheRunResolved) {
  const auto demo = store_demo();
  const auto plan = stored_plan(places_, run(), manifest_);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->hash(), demo.hash());
  EXPECT_EQ(plan->text, demo.text);
  EXPECT_EQ(plan->overrides, demo.overrides);
}

// The text of plan.toml goes into the new run, where others may read it.
TEST_F(StoredPlan, OfARunFromElsewhereFollowsNoLink) {
  const auto demo = store_demo();
  std::ofstream(run() / "secret") << "root: a secret";
  fs::remove(run() / "plan.toml");
  fs::create_symlink("secret", run() / "plan.toml");
  const auto plan = stored_plan(places_, run(), manifest_);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->text, "");
  EXPECT_EQ(plan->hash(), demo.hash());
  fs::rename(run() / "resolved.json", run() / "elsewhere.json");
  fs::create_symlink("elsewhere.json", run() / "resolved.json");
  EXPECT_THAT(error(), HasSubstr("it is a link, which may lead anywhere"));
}

TEST_F(StoredPlan, WithAnotherTraceIsRefused) {
  const auto demo = store_demo();
  manifest_.traces[demo.cells[0].dataset] = "0123456789abcdef";
  EXPECT_THAT(error(), HasSubstr("this is not the trace that the run replayed"));
}

TEST_F(StoredPlan, OfATraceThatIsGoneIsRefused) {
  auto demo = store_demo();
  auto json = plans::resolved_json(demo);
  const std::string name = "trace:" + demo.cells[0].dataset;
  for (std::size_t at; (at = json.find('"' + name + '"')) != std::string::npos;) {
    json.replace(at, name.size() + 2, "\"trace:/nowhere/gone.vtrace\"");
  }
  store(json);
  EXPECT_THAT(error(), HasSubstr("/nowhere/gone.vtrace"));
}

TEST_F(StoredPlan, OfAGuestIsACommand) {
  store(R"({"guest": {"mode": "strict"}})");
  manifest_.plan_name = "guest-verify";
  manifest_.command_line = "violet guest capture";
  EXPECT_THAT(error(), HasSubstr("its command was: violet guest capture"));
}

TEST_F(StoredPlan, ThatIsNotThereIsSaid) {
  EXPECT_THAT(error(), HasSubstr("the run does not say what it measured"));
  store("{]");
  EXPECT_THAT(error(), HasSubstr("cannot be run again"));
}

}  // namespace
}  // namespace violet::cli::stored_plan_test
