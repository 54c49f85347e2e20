#include "experiments/runner/gauges.hpp"

#include "experiments/runner/testbed.hpp"

namespace violet {

std::array<GaugeReading, kGauges> read_gauges(const Testbed& testbed) {
  const DeviceCounters& device = testbed.engine().counters();
  const IotlbReaderStats iotlb = testbed.iotlb_stats();
  const std::uint16_t readers = testbed.endpoints_shared() ? kGuestLcore : kEndpointLcore;
  const auto requests = [&](protocol::Type type) { return device.requests_of(type).value(); };
  return {{
      {Gauge::kPolls, kEngineLcore, device.polls.value()},
      {Gauge::kUsefulPolls, kEngineLcore, device.useful_polls.value()},
      {Gauge::kQueueDepth, kGuestLcore, testbed.driver().in_flight()},
      {Gauge::kRequestsAttach, kEngineLcore, requests(protocol::Type::kAttach)},
      {Gauge::kRequestsDetach, kEngineLcore, requests(protocol::Type::kDetach)},
      {Gauge::kRequestsMap, kEngineLcore, requests(protocol::Type::kMap)},
      {Gauge::kRequestsUnmap, kEngineLcore, requests(protocol::Type::kUnmap)},
      {Gauge::kRequestsProbe, kEngineLcore, requests(protocol::Type::kProbe)},
      {Gauge::kIotlbHits, readers, iotlb.hits},
      {Gauge::kIotlbMisses, readers, iotlb.misses},
      {Gauge::kInvalidations, kEngineLcore, device.invalidations.value()},
      {Gauge::kGracePeriods, kEngineLcore, device.grace_periods.value()},
      {Gauge::kParked, kEngineLcore, device.parked.value()},
      {Gauge::kFaults, kEngineLcore, device.faults_posted.value()},
      {Gauge::kOperations, kGuestLcore, testbed.operations()},
  }};
}

}  // namespace violet
