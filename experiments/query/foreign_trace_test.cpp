// A trace that is not of the run in whose folder it lies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/base/test_folder_testing.hpp"
#include "experiments/query/recorded_run.hpp"
#include "experiments/query/run_fixture_testing.hpp"
#include "experiments/trace/event_trace.hpp"

namespace violet::query {
namespace {

using testing::HasSubstr;

class ForeignTrace : public testing::Test {
 protected:
  // Its ticks are of half a nanosecond.
  void trace_of(const std::string& run_id) const {
    ASSERT_TRUE(EventTraceWriter::open(run_ + "/trace.events", {0.5, 0, 0, run_check(run_id)}));
  }
  void manifest_says(const char* key, const nlohmann::json& value) const {
    const std::string file = run_ + "/manifest.json";
    auto json = nlohmann::json::parse(std::ifstream(file));
    json[key] = value;
    std::ofstream(file) << json;
  }
  // The message, or nothing where it opens.
  std::string refusal() const {
    const auto run = RecordedRun::open(run_);
    return run ? "" : run.error().message;
  }
  const TestFolder folder_;
  const std::string run_ = write_fixture_run(folder_.path(), {{"strict"}}, 1);
};

TEST_F(ForeignTrace, OfAnotherRunIsNotDrawn) {
  trace_of("another");
  EXPECT_THAT(refusal(), HasSubstr("trace.events: this is the trace of another run than"));
  manifest_says("run_id", "another");
  EXPECT_EQ(refusal(), "");
}

// Each process of a resumed run has measured the tick for itself; more is damage.
TEST_F(ForeignTrace, WithAClockThatTheManifestContradictsIsNotDrawn) {
  trace_of("one");
  manifest_says("run_id", "one");
  manifest_says("ns_per_tick", 0.5003);
  EXPECT_EQ(refusal(), "");
  manifest_says("ns_per_tick", 0.25);
  EXPECT_THAT(refusal(), HasSubstr("a tick of 0.5 ns, and manifest.json says 0.25"));
}

}  // namespace
}  // namespace violet::query
