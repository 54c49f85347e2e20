#include "experiments/runner/host_state.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "engine/base/test_folder_testing.hpp"

namespace violet {
namespace {

const results::Metric& find(const std::vector<results::Metric>& metrics, std::string_view name) {
  for (const auto& metric : metrics) {
    if (metric.name == name) return metric;
  }
  throw std::out_of_range(std::string(name));
}

class HostStateFiles : public ::testing::Test {
 protected:
  HostStateFiles() : places_{folder_.path() / "cpus", folder_.path() / "stat"} {}
  TestFolder folder_;
  HostPlaces places_;
};

TEST_F(HostStateFiles, AreReadOfTheCpuThatIsMeant) {
  std::filesystem::create_directories(places_.cpus / "cpu1" / "cpufreq");
  std::ofstream(places_.cpus / "cpu1" / "cpufreq" / "scaling_cur_freq") << "2400000\n";
  std::ofstream(places_.stat) << "cpu  1 2 3 4 5 6 7 100 9 10\n"
                                 "cpu1 1 2 3 4 5 6 7 42 9 10\n"
                                 "cpu10 1 2 3 4 5 6 7 58 9 10\n";
  const CpuState one = cpu_state(1, places_);
  EXPECT_EQ(one.megahertz, 2400);
  EXPECT_EQ(one.steal, 42U);
  EXPECT_EQ(cpu_state(10, places_).steal, 58U);
  EXPECT_EQ(cpu_state(10, places_).megahertz, std::nullopt);
  EXPECT_EQ(cpu_state(7, places_).steal, std::nullopt);
}

TEST_F(HostStateFiles, OfAnOldKernelSayNothing) {
  std::ofstream(places_.stat) << "cpu0 1 2 3 4\n";
  EXPECT_EQ(cpu_state(0, places_).steal, std::nullopt);
}

HostState state_at(Ticks at, std::uint64_t steal) {
  HostState state;
  state.at = at;
  state.ping_pong_ns = 120;
  state.cpus = {{0, 20'000, 2000, steal}, {1, 21'000, 1800, std::nullopt}};
  return state;
}

TEST(HostMetrics, AreOfBothMomentsAndWhatWasStolenBetween) {
  // A quarter of two seconds, in ticks of a hundredth of one.
  const auto metrics = host_metrics(state_at(0, 5), state_at(ns_to_ticks(2'000'000'000), 55));
  EXPECT_EQ(find(metrics, "ping_pong_before").value, 120);
  EXPECT_EQ(find(metrics, "spin_engine_after").value, 21'000);
  EXPECT_EQ(find(metrics, "frequency_before").value, 1800);
  EXPECT_NEAR(*find(metrics, "steal_share").value, 25, 0.01);
  EXPECT_THROW(find(metrics, "spin_endpoint_before"), std::out_of_range);  // It has no lcore.
}

// The kernel's tick is ten milliseconds: one of them is most of a short repetition and may be of before.
TEST(HostMetrics, OneStolenTickIsNone) {
  const auto end = ns_to_ticks(20'000'000);
  EXPECT_EQ(find(host_metrics(state_at(0, 5), state_at(end, 6)), "steal_share").value, 0);
  EXPECT_EQ(find(host_metrics(state_at(0, 5), state_at(end, 4)), "steal_share").value, 0);
  EXPECT_EQ(find(host_metrics(state_at(0, 5), state_at(end, 9)), "steal_share").value, 100);
}

TEST(HostMetrics, AreNotKnownRatherThanZero) {
  HostState before, after;
  before.why_no_ping_pong = after.why_no_ping_pong = "guest and engine share CPU 0";
  before.cpus = after.cpus = {{0, std::nullopt, std::nullopt, std::nullopt}};
  for (const auto& metric : host_metrics(before, after)) {
    EXPECT_EQ(metric.value, std::nullopt) << metric.name;
    EXPECT_NE(metric.because, "") << metric.name;
  }
}

}  // namespace
}  // namespace violet
