// A reader of a simulation is an endpoint lcore cut at every step between which the engine could run.
//
//     offline -> online -> lookup -> [begin_fill -> walk -> fill] -> copy first half -> second half -> online
//
// Threading: owner-only.
// Invariants: what it checks at each copy is C1 and C3, at each translation C2, before each use of a
// domain C6.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/base/rng.hpp"
#include "engine/device/any_reader.hpp"
#include "engine/device/device.hpp"
#include "engine/sim/canary_memory.hpp"
#include "engine/sim/sim_guest.hpp"
#include "engine/sim/watched_store.hpp"

namespace violet {

struct SimReaderCounts {
  std::uint64_t accesses = 0;
  std::uint64_t hits = 0;
  std::uint64_t walks = 0;
  std::uint64_t faults = 0;
  std::uint64_t copies = 0;
  std::uint64_t certain = 0;    // Accesses whose outcome was certain, and right (C2).
  std::uint64_t overtaken = 0;  // Copies of pages whose removal was under way: C1's hard case.
};

class SimReader {
 public:
  struct World {
    Device& device;
    SimGuest& guest;
    CanaryMemory& memory;
    StoreWatch& watch;
    Rng& rng;
    StepHistory& history;
  };

  SimReader(const World& world, std::uint64_t number, std::unique_ptr<AnyReader> reader,
            std::uint64_t pages)
      : w_(world), number_(number), reader_(std::move(reader)), pages_(pages) {}

  // A message when a promise was broken.
  std::string step(std::uint64_t now);

  // Stays online and acknowledges nothing until released.
  void stall() { stalled_ = true; }
  void release() { stalled_ = false; }
  // For good: whatever it was doing.
  void leave();
  bool online() const { return state_ != State::kOffline; }
  const SimReaderCounts& counts() const { return counts_; }

 private:
  enum class State { kOffline, kOnline, kMissed, kTicket, kWalked, kCopyFirst, kCopySecond };

  std::string go_online();
  std::string choose_next();
  std::string lookup();
  std::string take_ticket();
  std::string walk();
  std::string fill();
  std::string finish(const TranslateResult& result);

  // C2: what was mapped before the access began, and still is, is found.
  std::string check_certain();
  std::string copy(std::uint64_t from, std::uint64_t to, State next);
  std::string check_page(std::uint64_t offset, std::uint64_t mapping);
  std::uint64_t next_page(std::uint64_t offset) const;
  std::uint64_t mapping_at(std::uint64_t phys) const;

  bool alive() const { return w_.watch.alive.count(serial_) != 0; }
  static std::string freed(const char* where);
  void note(const char* what, std::uint64_t a = 0, std::uint64_t b = 0);

  World w_;
  std::uint64_t number_;
  std::unique_ptr<AnyReader> reader_;
  std::uint64_t pages_;
  std::uint64_t now_ = 0;
  State state_ = State::kOffline;
  bool stalled_ = false;
  SimReaderCounts counts_;

  // The access under way.
  EndpointHandle endpoint_ = nullptr;
  Iova iova_{};
  Access access_ = Access::kRead;
  SimGuest::Certain certain_;
  Route route_;
  std::uint64_t serial_ = 0;
  std::optional<Translation> translation_;
  TranslateResult result_;
  std::uint64_t length_ = 0;
};

}  // namespace violet
