// Device counters count the requests, invalidations, waits and faults of one device.
//
// Threading: written by the engine thread, except that each reader counts its own faults;
// read by anybody.
#pragma once

#include <array>
#include <cstddef>

#include "engine/protocol/wire.hpp"
#include "engine/telemetry/counter.hpp"

namespace violet {

struct DeviceCounters {
  static constexpr std::size_t kTypes = 6;     // Index: protocol::Type; 0 is every unknown type.
  static constexpr std::size_t kStatuses = 9;  // Index: protocol::Status.

  std::array<Counter, kTypes> requests;
  std::array<Counter, kStatuses> statuses;
  Counter silent;  // Given back with used length 0 (D9, D37, no room for a tail).
  Counter polls;
  Counter useful_polls;   // That did any work.
  Counter parked;         // Requests that had to wait for readers, ever.
  Counter unparked;       // Of those, how many are done.
  Counter parked_max;     // Most at any one time.
  Counter deferred;       // Requests put off: their store or an earlier request was busy.
  Counter invalidations;  // Of the IOTLB, by range or by domain.
  Counter grace_periods;  // Opened by the device, one a batch.
  Counter stalls;         // Reported: a reader held an invalidation beyond the threshold.
  Counter faults_posted;
  Counter faults_no_buffer;  // Dropped: the driver had no buffer on the event queue.
  Counter faults_too_small;  // Dropped: its next buffer was too small (D52).
  Counter broken_rings;
  Counter domains_created;
  Counter domains_freed;

  // Faults that the engine collected, whether or not the driver had a buffer for the record.
  std::uint64_t faults() const {
    return faults_posted.value() + faults_no_buffer.value() + faults_too_small.value();
  }
  std::uint64_t parked_now() const { return parked.value() - unparked.value(); }
  const Counter& requests_of(protocol::Type type) const {
    return requests[static_cast<std::size_t>(type)];
  }
  const Counter& replies_of(protocol::Status status) const {
    return statuses[static_cast<std::size_t>(status)];
  }
};

}  // namespace violet
