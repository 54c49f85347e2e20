// A recorded testbed runs on lcores and leaves events, counters and latencies behind, for a recorder to take.
//
// Threading: rings(), endpoints() and histograms() once it exists, gauges() once it runs; any thread.
// Invariants: a gauge that cannot be had is left out of gauges(), never 0.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/device/config.hpp"
#include "engine/device/counters.hpp"
#include "engine/iotlb/iotlb.hpp"
#include "engine/telemetry/event.hpp"
#include "experiments/runner/lcore_rings.hpp"
#include "experiments/workloads/guest.hpp"

namespace violet {

inline constexpr std::size_t kGauges = static_cast<std::size_t>(Gauge::kCount);

struct GaugeReading {
  Gauge gauge;
  std::uint16_t lcore;
  std::uint64_t value;
};

// Up to one of each gauge, without memory of their own to allocate.
class GaugeReadings {
 public:
  void add(Gauge gauge, std::uint16_t lcore, std::uint64_t value) {
    VIOLET_CHECK(count_ < kGauges);
    readings_[count_++] = {gauge, lcore, value};
  }
  const GaugeReading* begin() const { return readings_.data(); }
  const GaugeReading* end() const { return readings_.data() + count_; }

 private:
  std::array<GaugeReading, kGauges> readings_{};
  std::size_t count_ = 0;
};

// What the engine and the IOTLBs of all endpoints count; `readers` is the lcore of these.
void add_device_gauges(GaugeReadings& out, const DeviceCounters& device,
                       const IotlbReaderStats& iotlb, std::uint16_t readers);

class Recorded {
 public:
  virtual ~Recorded() = default;

  virtual const LcoreRings& rings() const = 0;
  // With their reserved regions.
  virtual const std::vector<EndpointConfig>& endpoints() const = 0;
  virtual GuestHistograms& histograms() = 0;
  // Counters that their lcores update anyway, so that looking costs them nothing.
  virtual GaugeReadings gauges() const = 0;
};

}  // namespace violet
