// A workload does what the drivers of a guest do, one operation at a time.
//
// Threading: the guest lcore only.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/base/result.hpp"

namespace violet {

class Guest;

class Workload {
 public:
  virtual ~Workload() = default;
  // Long-lived mappings (rings, command buffers) and buffer populations. Called once.
  virtual Status prepare(Guest& guest) = 0;
  // One operation: what the workload counts (a packet, an I/O, a trace record). False at the end of a
  // finite workload; endless ones never return false.
  virtual bool step(Guest& guest) = 0;
  // Unmaps everything that is still mapped, long-lived mappings included.
  virtual void finish(Guest& guest) = 0;
  // What one operation is called in tables: "packet", "I/O", "map+unmap".
  virtual std::string_view unit() const = 0;
  // Operations whose data was wrong: the bytes that arrived differ from those that were sent.
  virtual std::uint64_t data_errors() const = 0;
};

}  // namespace violet
