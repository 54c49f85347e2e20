// An event search counts events by time, address, endpoint and operation, and fetches the n-th.
//
// Threading: any; several questions at once.
// Invariants: counts are exact. Lines come in order of time; their numbers are KeptEvents'.
// Limits: a filtered count of more events than kMostScanned reads them all the first time that filter is
// used, and remembers how many each block has (4 bytes a block, the last few filters).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "experiments/query/queries.hpp"

namespace violet::query {

struct CellData;
class KeptEvents;

// A Filter, ready to be asked for one event after the other.
class EventMatcher {
 public:
  EventMatcher(const CellData& cell, const Filter& filter);
  bool operator()(const Event& event) const;
  // Whether all of a stream's do: samples are the recorder's alone.
  bool all_of(std::uint16_t lcore) const { return takes_all_ && lcore != kRecorderLcore; }

 private:
  bool by_operation(const Event& event) const;
  bool by_owner(const Event& event) const;
  bool by_address(const Event& event) const;

  Filter filter_;
  bool takes_all_;                      // But for samples.
  std::vector<std::uint32_t> domains_;  // That the endpoints were ever seen in.
};

class EventSearch {
 public:
  // `remembers`: the blocks stay as they are.
  explicit EventSearch(bool remembers) : remembers_(remembers) {}

  std::uint64_t count(const CellData& cell, TimeWindow window, const Filter& filter) const;
  std::vector<EventLine> lines(const CellData& cell, TimeWindow window, const Filter& filter,
                               std::uint64_t first, std::size_t most) const;

 private:
  static constexpr std::uint32_t kUnknown = ~0u;
  static constexpr std::size_t kMostFilters = 4;
  // How many events of each block match.
  struct Matches {
    Filter filter;
    const KeptEvents* of = nullptr;
    std::mutex mutex;
    std::vector<std::vector<std::uint32_t>> counts;  // By stream and block.
  };

  std::shared_ptr<Matches> matches_of(const CellData& cell, const Filter& filter) const;
  std::uint64_t count(const CellData& cell, Ticks from, Ticks to, const EventMatcher& matches,
                      Matches* known) const;

  bool remembers_;
  mutable std::mutex mutex_;
  mutable std::deque<std::shared_ptr<Matches>> known_;
};

}  // namespace violet::query
