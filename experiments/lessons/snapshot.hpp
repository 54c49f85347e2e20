// A snapshot holds everything that is shown at one step: read back from the engine, the guest and memory, nothing
// else.
//
// Threading: a plain value.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/setting.hpp"
#include "experiments/lessons/views.hpp"

namespace violet::lessons {

// A bar of the score board.
struct Measure {
  std::string name;  // "exits"
  double value = 0;
  std::string text;  // As it is printed: "128"
};
struct Score {
  std::string name;      // "strict, samecore"
  std::string strategy;  // "strict"
  std::vector<Measure> measures;
};

struct Snapshot {
  EngineChoice engine;
  Placement placement = Placement::kSidecore;
  std::string strategy;
  SettingValues settings;  // The strategy's.
  Costs costs;
  Ticks now = 0;

  std::vector<RequestView> requests;
  std::vector<std::vector<std::byte>> records;  // On the event queue.
  MachineView machine;
  std::vector<BufferView> buffers;
  std::vector<bool> given_back;  // By line of machine.mappings.
  std::array<std::vector<bool>, kEndpointCount> cached_given_back;
  GuestCounters guest;
  std::uint64_t silent_maps = 0;  // That sent nothing.
  std::size_t locked_out = 0;     // Other processors' calls that wait for the driver's lock.
  Exposure exposure;
  std::vector<PageView> pages;
  std::array<AccessView, kEndpointCount> accesses;
  std::uint64_t access_count = 0;
  std::uint64_t fault_count = 0;
  Focus focus;
  bool rogue = false;              // The NIC is hijacked.
  bool shows_disk = false;         // The disk takes part.
  std::uint64_t records_read = 0;  // By the driver.
  std::vector<Score> scores;
  std::uint64_t violations = 0;  // Of C1; see Stage::violations().

  const AccessView& nic() const { return accesses[kNic]; }
  const AccessView& disk() const { return accesses[kDisk]; }
  const RequestView& request(std::size_t back = 0) const {
    return requests[requests.size() - 1 - back];
  }
  // Pages that a device can reach though they were given back.
  std::uint64_t stale_pages() const;
};

}  // namespace violet::lessons
