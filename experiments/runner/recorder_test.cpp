#include "experiments/runner/recorder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

namespace violet {
namespace {

// Something with nothing to record but a counter, whose reading may take long.
class Counting final : public Recorded {
 public:
  const LcoreRings& rings() const override { return all_; }
  const std::vector<EndpointConfig>& endpoints() const override { return endpoints_; }
  GuestHistograms& histograms() override { return histograms_; }
  GaugeReadings gauges() const override {
    if (std::this_thread::get_id() == test_) slow();
    GaugeReadings readings;
    readings.add(Gauge::kOperations, kGuestLcore, 7);
    return readings;
  }

  std::function<void()> slow = [] {};  // For the test's thread.

 private:
  PrivateRings owned_{1 << 12};
  LcoreRings all_ = owned_.all();
  std::vector<EndpointConfig> endpoints_;
  GuestHistograms histograms_;
  std::thread::id test_ = std::this_thread::get_id();
};

void let_it_look() {
  // taste: allow sleep because the recorder wakes by time, and leaves nothing by which one could tell.
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
}

// The recorder looks many times between the moment at which a phase begins and the moment at which that is known.
TEST(Recorder, AMarkHasItsTimeAndItsPlaceHoweverLongItTakes) {
  Counting counting;
  Recorder recorder(counting, nullptr, nullptr, {.period_ms = 1});
  ASSERT_TRUE(recorder.start());
  recorder.begin_sampling();
  let_it_look();
  counting.slow = let_it_look;
  const Ticks begin = recorder.mark(Phase::kMeasure);
  let_it_look();
  const Ticks end = recorder.mark(Phase::kTakeDown);
  ASSERT_TRUE(recorder.stop());
  std::vector<Ticks> marks, samples;
  Ticks last = 0;
  for (const Event& event : recorder.events(kRecorderRing)) {
    EXPECT_GE(event.at, last);
    last = event.at;
    if (event.kind == EventKind::kMark) marks.push_back(event.at);
    if (event.kind == EventKind::kSample) samples.push_back(event.at);
  }
  ASSERT_EQ(marks.size(), 4u);
  EXPECT_EQ(marks[1], begin);
  EXPECT_EQ(marks[2], end);
  // It goes on to look between the marks and after them, and each of them comes with a sample.
  EXPECT_GT(std::count_if(samples.begin(), samples.end(), [&](Ticks at) { return at < begin; }), 0);
  EXPECT_GT(std::count_if(samples.begin(), samples.end(),
                          [&](Ticks at) { return at > begin && at < end; }),
            0);
  EXPECT_EQ(std::count(samples.begin(), samples.end(), begin), 1);
  EXPECT_EQ(std::count(samples.begin(), samples.end(), end), 1);
}

}  // namespace
}  // namespace violet
