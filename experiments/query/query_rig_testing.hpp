// A query rig holds a synthetic run as a trace in memory, with its queries and its oracle, for the
// tests.
//
// Threading: owner-only.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/test_folder_testing.hpp"
#include "experiments/query/queries.hpp"
#include "experiments/query/query_oracle.hpp"
#include "experiments/query/recorded_run.hpp"
#include "experiments/query/synthetic_run.hpp"
#include "experiments/trace/event_trace.hpp"

namespace violet::query {

// `most_kept`: events of the trace file, all others are only counted (as a recorder with a limit does).
class QueryRig {
 public:
  explicit QueryRig(const SyntheticOptions& options, std::uint64_t most_kept = ~std::uint64_t{0})
      : file_(folder_.path() / "trace.events") {
    auto writer = EventTraceWriter::open(file_, {options.ns_per_tick, 0, 0});
    std::uint64_t kept = 0;
    std::map<std::uint16_t, std::uint64_t> not_kept;
    SyntheticRun(options).run([&](std::uint16_t lcore, std::span<const Event> events,
                                  std::uint64_t lost) {
      lost_ += lost;
      for (const Event& event : events) all_.push_back({event, lcore});
      if (kept >= most_kept && lcore != kRecorderLcore) {
        not_kept[lcore] += events.size();
        return;
      }
      kept += events.size();
      good_ =
          good_ && writer->append(lcore, events,
                                  {.dropped = lost, .not_kept = std::exchange(not_kept[lcore], 0)});
    });
    for (const auto& [lcore, count] : not_kept) {
      if (count > 0) good_ = good_ && writer->append(lcore, {}, {.dropped = 0, .not_kept = count});
    }
    kept_ = kept;
    base_ = TimeBase(options.start, options.ns_per_tick);
  }

  bool good() const { return good_; }
  std::string folder() const { return folder_.path().string(); }
  std::string file() const { return file_.string(); }
  // Made when it is asked for the first time.
  const QueryOracle& oracle() const {
    if (oracle_ == nullptr) oracle_ = std::make_unique<QueryOracle>(all_, base_);
    return *oracle_;
  }
  const TimeBase& base() const { return base_; }
  std::uint64_t lost() const { return lost_; }
  std::uint64_t kept() const { return kept_; }
  std::shared_ptr<const CellQueries> open() const {
    auto run = open_run(file());
    if (!run) return nullptr;
    auto cell = (*run)->open_cell(0, {});
    return cell ? *cell : nullptr;
  }

 private:
  TestFolder folder_;
  std::filesystem::path file_;
  std::vector<QueryOracle::One> all_;
  mutable std::unique_ptr<QueryOracle> oracle_;
  TimeBase base_;
  bool good_ = true;
  std::uint64_t lost_ = 0, kept_ = 0;
};

}  // namespace violet::query
