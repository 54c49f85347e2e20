// A device bed is a device that the bench holds in its hands: its reader's path is called directly, as an endpoint's
// port calls it, and its engine is polled by whoever waits for an answer.
//
// Threading: poll() is the engine's; translate through `reader` on the endpoint's lcore.
#pragma once

#include <memory>
#include <optional>

#include "dataplane/eal/rcu_quiescence.hpp"
#include "engine/device/device.hpp"
#include "engine/device/reader_path.hpp"
#include "engine/iotlb/generation_domain.hpp"
#include "engine/iotlb/iotlbs.hpp"
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
  using Path = ReaderPath<I>;

  // `iotlb` is the name of I.
  static Result<std::unique_ptr<DeviceBed>> make(const char* iotlb, std::uint64_t mappings) {
    auto bed = std::make_unique<DeviceBed>();
    VIOLET_TRY(bed->rings, Rings::make(RingFormat::kPacked));
    VIOLET_TRY(bed->quiescence, RcuQuiescence::create(8));
    VIOLET_TRY(bed->device, make_device("radix", iotlb, bench_config(mappings), *bed->quiescence));
    bed->device->connect(&bed->rings->requests(), nullptr);
    bed->device->negotiate(bed->device->offered_features());
    VIOLET_TRY(DeviceReader* const reader, bed->device->add_reader("bench"));
    bed->path.emplace(*reader);
    VIOLET_TRY(bed->endpoint, bed->device->endpoint(kEndpoint));
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
  IotlbReaderStats stats() const { return path->stats(); }

  std::unique_ptr<Rings> rings;
  std::unique_ptr<RcuQuiescence> quiescence;
  std::unique_ptr<Device> device;
  std::optional<Path> path;
  EndpointHandle endpoint = nullptr;
};

// The IOTLB called kDefaultIotlb.
using DefaultIotlb = GenerationDomainIotlb;
using DefaultBed = DeviceBed<DefaultIotlb>;

}  // namespace violet::scorecard
