// A workload does what the drivers of a guest do, one operation at a time.
//
// Threading: the guest lcore only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "engine/base/result.hpp"

namespace violet {

class Guest;

// What a step of a workload came to.
enum class StepOutcome : std::uint8_t {
  kDone,   // One operation.
  kWaits,  // None yet: the workload waits, or the guest's time is up. The next step goes on with it.
  kEnd,    // There are no more: the workload is finite.
};

class Workload {
 public:
  virtual ~Workload() = default;
  // Long-lived mappings (rings, command buffers) and buffer populations. Called once.
  virtual Status prepare(Guest& guest) = 0;
  // One operation: what the workload counts (a packet, an I/O, a buffer's lifetime). Returns within a fraction of
  // a second once the guest's time is up, done or not.
  virtual StepOutcome step(Guest& guest) = 0;
  // Unmaps everything that is still mapped, long-lived mappings included; leaves it when a stop is asked for.
  virtual void finish(Guest& guest) = 0;
  // What one operation is called in tables: "packet", "I/O", "map+unmap".
  virtual std::string_view unit() const = 0;
  // Operations whose data was wrong: the bytes that arrived differ from those that were sent.
  virtual std::uint64_t data_errors() const = 0;
  // How long a guest took in its own time for what was done so far; nothing: it has no times of its own.
  virtual std::optional<std::uint64_t> worked_ns() const { return std::nullopt; }
  // Accesses that were submitted before their endpoint was given to another domain, so far; nothing: it never is.
  struct HeldBack {
    std::uint64_t accesses = 0;
    std::uint64_t hits = 0;  // Pages of the next owner that they wrote to.
  };
  virtual std::optional<HeldBack> held_back() const { return std::nullopt; }
  // Why the first of its operations that failed did; empty: none, or the driver says.
  virtual std::string trouble() const { return {}; }
  // Why its devices also go where they must not, as "the workload strays by intent"; null: they do not.
  virtual const char* why_it_strays() const { return nullptr; }
};

}  // namespace violet
