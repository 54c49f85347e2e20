// What a replay asks of the device is what the real guest asked of its own: every MAP, address and size. The
// expected ones, datasets/golden/NAME.maps.zst, are the log's virtio_iommu_map events of which NAME was imported, a line
// each: domain, first and last address.
#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>

#include "datasets/line_source.hpp"
#include "datasets/manifest.hpp"
#include "datasets/trace_reader.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/plans/plan.hpp"
#include "experiments/runner/repetition.hpp"
#include "experiments/runner/vocabulary.hpp"
#include "experiments/trace/event_trace.hpp"

namespace violet {
namespace {

namespace fs = std::filesystem;

const fs::path kDatasets =
    fs::path(__FILE__).parent_path().parent_path().parent_path() / "datasets";

using Range = std::pair<std::uint64_t, std::uint64_t>;
using MapsOfDomains = std::map<std::uint64_t, std::vector<Range>>;

MapsOfDomains maps_of_the_guest(const std::string& name) {
  MapsOfDomains maps;
  auto source = datasets::LineSource::open((kDatasets / "golden" / (name + ".maps.zst")).string());
  EXPECT_TRUE(source) << (source ? "" : source.error().message);
  datasets::LineSource::Line line;
  while (source && source->next(line)) {
    std::array<std::uint64_t, 3> words{};
    const char* at = line.text.data();
    const char* const end = at + line.text.size();
    for (std::size_t i = 0; i < words.size(); ++i) {
      const auto [next, error] = std::from_chars(at, end, words[i], i == 0 ? 10 : 16);
      EXPECT_EQ(error, std::errc()) << line.text;
      at = std::min(next + 1, end);
    }
    maps[words[0]].emplace_back(words[1], words[2]);
  }
  EXPECT_EQ(source->damage(), "");
  return maps;
}

// Of a cell with these lines of axes.
MapsOfDomains maps_of_a_cell(const std::string& axes, std::size_t operations,
                             std::uint64_t seed = 1) {
  const auto words = make_vocabulary(kDatasets.string()).value();
  plans::Problems problems;
  const auto plan =
      plans::parse_plan(fmt::format("[plan]\nname = 'test'\n[axes]\nplacement = 'samecore'\n{}\n"
                                    "[run]\nrepetitions = 1\nwarmup_s = 0\n"
                                    "operations = {}\n[cores]\nallow_oversubscribed = true\n",
                                    axes, operations),
                        "test.toml", {}, words, problems);
  EXPECT_TRUE(plan) << plans::to_text(problems);
  const auto cores = choose_cores(plan->cores, allowed_cpus()).value();
  static Eal* const eal = Eal::start({.cpus = cores.lcore_cpus()}).value();
  const TestFolder folder;
  const auto path = folder.path() / "trace.events";
  auto writer = EventTraceWriter::open(path, {ns_per_tick(), now_ticks(), 0});
  auto testbed = Testbed::create({.eal = *eal,
                                  .cores = cores,
                                  .cell = plan->cells.front(),
                                  .limits = plan->limits,
                                  .dataset_dir = kDatasets.string(),
                                  .seed = seed,
                                  .rogue_every = 0});
  EXPECT_TRUE(testbed) << (testbed ? "" : testbed.error().message);
  const auto record =
      run_repetition(**testbed, {.run = plan->run,
                                 .recorder = {.max_trace_bytes = std::uint64_t{1} << 30},
                                 .trace = &*writer});
  EXPECT_TRUE(record) << (record ? "" : record.error().message);
  MapsOfDomains maps;
  const auto events = EventTrace::open(path);
  EXPECT_TRUE(events) << (events ? "" : events.error().message);
  EXPECT_EQ(events->dropped() + events->not_kept(), 0u);
  for (std::size_t i = 0; i < events->blocks().size(); ++i) {
    const auto read = events->read(i);
    EXPECT_TRUE(read) << (read ? "" : read.error().message);
    for (const Event& event : *read) {
      if (event.kind == EventKind::kMapDone) maps[event.id].emplace_back(event.a, event.b);
    }
  }
  return maps;
}

// Of a strict replay of at least one lap.
MapsOfDomains maps_of_the_replay(const std::string& name) {
  const auto trace = datasets::open_by_name(kDatasets.string(), name).value();
  std::size_t unmaps = 0;
  for (const auto& record : trace.records()) unmaps += record.op == datasets::TraceOp::kUnmap;
  return maps_of_a_cell(fmt::format("strategy = 'strict'\nworkload = 'trace:{}'", name),
                        unmaps + unmaps / 10);
}

std::size_t identical(const std::vector<Range>& guest, const std::vector<Range>& replay) {
  const std::size_t both = std::min(guest.size(), replay.size());
  std::size_t at = 0;
  while (at < both && guest[at] == replay[at]) ++at;
  return at;
}

// Every domain, or all but that of the firmware's early devices, where the log lets one call pass for two.
void expect_identical(const std::string& name, const std::set<std::uint64_t>& domains) {
  const auto guest = maps_of_the_guest(name);
  const auto replay = maps_of_the_replay(name);
  ASSERT_EQ(guest.size(), 2u) << name;
  ASSERT_EQ(replay.size(), guest.size()) << name;
  // Of the second lap too: what the guest never unmapped stays from lap to lap.
  EXPECT_EQ(replay.at(0).size(), guest.at(0).size()) << name;
  for (const std::uint64_t domain : domains) {
    EXPECT_GT(guest.at(domain).size(), 20u) << name;
    EXPECT_EQ(identical(guest.at(domain), replay.at(domain)), guest.at(domain).size())
        << name << ", domain " << domain;
  }
}

TEST(ReplayIdentity, EveryMapOfADisk) { expect_identical("blk-randread-strict", {0, 1}); }
TEST(ReplayIdentity, EveryMapOfANetworkCard) { expect_identical("net-rx-strict", {0, 1}); }
TEST(ReplayIdentity, EveryMapOfAnEmulatedCard) { expect_identical("e1000e-rx-strict", {0, 1}); }
// In domain 0 a pause of 5 us lies within one call; the importer takes more than 4 us for a new one.
TEST(ReplayIdentity, EveryMapOfASendingCard) { expect_identical("net-tx-strict", {1}); }

// --- Lazy, with timers on the workload's time ---

std::string lazy_on(const std::string& workload) {
  return fmt::format("strategy = 'lazy-percpu'\ntimers = 'workload'\nworkload = '{}'", workload);
}

// Whatever the host did meanwhile.
TEST(LazyAddresses, AreTheSameEachTimeForATrace) {
  const auto once = maps_of_a_cell(lazy_on("trace:net-rx-strict"), 20'000);
  ASSERT_GT(once.at(1).size(), 20'000u);
  EXPECT_EQ(maps_of_a_cell(lazy_on("trace:net-rx-strict"), 20'000), once);
  EXPECT_EQ(maps_of_a_cell(lazy_on("trace:net-rx-strict"), 20'000, 2), once)
      << "a trace is what it is, whatever the seed";
}

TEST(LazyAddresses, OfAGeneratorAreThoseOfItsSeed) {
  for (const char* workload : {"net-rx", "net-tx", "nvme-4k"}) {
    const auto once = maps_of_a_cell(lazy_on(workload), 40'000, 5);
    EXPECT_EQ(maps_of_a_cell(lazy_on(workload), 40'000, 5), once) << workload;
    EXPECT_NE(maps_of_a_cell(lazy_on(workload), 40'000, 6), once) << workload;
  }
}

}  // namespace
}  // namespace violet
