// Endpoints on an lcore of their own: they go on while the guest takes down what they use.
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "experiments/plans/plan.hpp"
#include "experiments/runner/repetition.hpp"
#include "experiments/runner/vocabulary.hpp"

namespace violet {
namespace {

const std::string kDatasets =
    (std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / "datasets")
        .string();

double value_of(const results::RepetitionRecord& record, const std::string& name) {
  for (const auto& metric : record.metrics) {
    if (metric.name == name) return metric.value.value_or(-1);
  }
  return -1;
}

// Takes half of the endpoints' CPU, also in the middle of a burst.
std::thread neighbour_on(unsigned cpu, const std::atomic<bool>& stop) {
  return std::thread([cpu, &stop] {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
    while (!stop.load(std::memory_order_relaxed)) continue;
  });
}

// The neighbour stops the card for milliseconds, in which the guest posts up to a ring full of buffers that it has not
// written to. Where the repetition ends then, what is unmapped under it is an access that fails.
TEST(Endpoints, EveryAccessOfADriverThatWaitsSucceeds) {
  const auto words = make_vocabulary(kDatasets).value();
  plans::Problems problems;
  const auto plan = plans::parse_plan(
      "[plan]\nname = 'test'\n[axes]\nplacement = 'samecore'\n"
      "strategy = ['lazy-percpu', 'strict']\nworkload = 'net-rx'\n"
      "[workload.net-rx]\nring = 1024\n"
      "[run]\nrepetitions = 1\nwarmup_s = 0\noperations = 4000\n"
      "[cores]\nallow_oversubscribed = true\nendpoint = 1\nguest = 0\n",
      "test.toml", {}, words, problems);
  ASSERT_TRUE(plan) << plans::to_text(problems);
  const auto cores = choose_cores(plan->cores, allowed_cpus());
  if (!cores) GTEST_SKIP() << cores.error().message;
  ASSERT_EQ(cores->endpoint, 1u);
  Eal* eal = Eal::start({.cpus = cores->lcore_cpus()}).value();
  std::atomic<bool> stop{false};
  std::thread neighbour = neighbour_on(1, stop);
  const auto end = [&] { stop = true, neighbour.join(); };
  for (std::size_t i = 0; i < 10 * plan->cells.size(); ++i) {
    const auto& cell = plan->cells[i % plan->cells.size()];
    auto testbed = Testbed::create({.eal = *eal,
                                    .cores = *cores,
                                    .cell = cell,
                                    .limits = plan->limits,
                                    .dataset_dir = kDatasets,
                                    .seed = 1});
    if (!testbed) end();
    ASSERT_TRUE(testbed) << testbed.error().message;
    const auto record = run_repetition(**testbed, {.run = plan->run, .recorder = {}});
    if (!record) end();
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_EQ(value_of(*record, "dma_errors"), 0) << cell.label;
    EXPECT_EQ(value_of(*record, "data_errors"), 0) << cell.label;
  }
  end();
}

}  // namespace
}  // namespace violet
