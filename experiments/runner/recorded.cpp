#include "experiments/runner/recorded.hpp"

namespace violet {

void add_device_gauges(GaugeReadings& out, const DeviceCounters& device,
                       const IotlbReaderStats& iotlb, std::uint16_t readers) {
  const auto engine = [&](Gauge gauge, const Counter& counter) {
    out.add(gauge, kEngineLcore, counter.value());
  };
  engine(Gauge::kPolls, device.polls);
  engine(Gauge::kUsefulPolls, device.useful_polls);
  engine(Gauge::kRequestsAttach, device.requests_of(protocol::Type::kAttach));
  engine(Gauge::kRequestsDetach, device.requests_of(protocol::Type::kDetach));
  engine(Gauge::kRequestsMap, device.requests_of(protocol::Type::kMap));
  engine(Gauge::kRequestsUnmap, device.requests_of(protocol::Type::kUnmap));
  engine(Gauge::kRequestsProbe, device.requests_of(protocol::Type::kProbe));
  out.add(Gauge::kIotlbHits, readers, iotlb.hits);
  out.add(Gauge::kIotlbMisses, readers, iotlb.misses);
  engine(Gauge::kInvalidations, device.invalidations);
  engine(Gauge::kGracePeriods, device.grace_periods);
  engine(Gauge::kParked, device.parked);
  out.add(Gauge::kFaults, kEngineLcore, device.faults());
}

}  // namespace violet
