// Where a live run's events come from: the shared memory of another process, or a test.
//
// Threading: owner-only.
// Invariants: read() never waits, and returns the events of a ring in order.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/telemetry/segment.hpp"

namespace violet::gui {

class LiveSource {
 public:
  virtual ~LiveSource() = default;
  virtual const SegmentInfo& info() const = 0;
  virtual const std::vector<RingPlace>& rings() const = 0;
  virtual std::size_t read(std::size_t ring, std::span<Event> out) = 0;
  // Of the ring's events, those that had been overwritten before anybody looked.
  virtual std::uint64_t missed(std::size_t ring) const = 0;
  // Never seen here or never recorded, since then.
  virtual std::uint64_t lost(std::size_t ring) const = 0;
  virtual std::optional<SegmentStatus> status() const = 0;
  virtual bool alive(std::string* why) const = 0;
};

}  // namespace violet::gui
