// A device that the bench holds in its hands: its readers' path is called directly, as an endpoint's
// port calls it, and its engine is polled by whoever waits for an answer.
//
// Threading: poll() is the engine's; translate through `reader` on the endpoint's lcore.
#pragma once

#include <memory>

#include "dataplane/eal/rcu_quiescence.hpp"
#include "engine/device/device.hpp"
#include "engine/iotlb/iotlbs.hpp"
#include "engine/store/radix_store.hpp"
#include "experiments/scorecard/rings.hpp"

namespace violet::scorecard {

inline DeviceConfig bench_config(std::uint64_t mappings) {
  DeviceConfig config;
  config.endpoints.push_back({kEndpoint, "bench", {}});
  config.limits.mappings_per_domain = mappings;
  config.iotlb.max_readers = 4;
  return config;
}

template <class I>
struct DeviceBed {
  using Dev = Device<RadixStore, I>;

  static Result<std::unique_ptr<DeviceBed>> make(std::uint64_t mappings) {
    auto bed = std::make_unique<DeviceBed>();
    auto rings = Rings::make(RingFormat::kPacked);
    if (!rings) return tl::unexpected<Error>(rings.error());
    auto quiescence = RcuQuiescence::create(8);
    if (!quiescence) return tl::unexpected<Error>(quiescence.error());
    bed->rings = std::move(*rings);
    bed->quiescence = std::move(*quiescence);
    auto device = Dev::create(bench_config(mappings), *bed->quiescence);
    if (!device) return tl::unexpected<Error>(device.error());
    bed->device = std::move(*device);
    bed->device->connect(&bed->rings->requests(), nullptr);
    bed->device->negotiate(bed->device->offered_features());
    auto reader = bed->device->add_reader("bench");
    if (!reader) return tl::unexpected<Error>(reader.error());
    bed->reader = *reader;
    auto endpoint = bed->device->endpoint(kEndpoint);
    if (!endpoint) return tl::unexpected<Error>(endpoint.error());
    bed->endpoint = *endpoint;
    bed->rings->put_attach(0);
    if (!bed->call()) return fail("the bench's device refused ATTACH");
    return bed;
  }

  // The request in slot 0, with the engine polled by the caller.
  bool call() {
    return rings->call(0, [this] { device->poll(64); });
  }
  bool map(std::uint64_t iova, std::uint64_t phys) {
    rings->put_map(0, iova, phys);
    return call();
  }
  bool unmap(std::uint64_t iova) {
    rings->put_unmap(0, iova);
    return call();
  }
  IotlbReaderStats stats() { return device->path().stats(*reader); }

  std::unique_ptr<Rings> rings;
  std::unique_ptr<RcuQuiescence> quiescence;
  std::unique_ptr<Dev> device;
  typename Dev::Reader* reader = nullptr;
  typename Dev::EndpointHandle endpoint = nullptr;
};

using DefaultBed = DeviceBed<DefaultIotlb>;

}  // namespace violet::scorecard
