// A rig is a device with fake queues and two readers, and a driver's vocabulary: for tests.
//
// Threading: owner-only, except what the device says of its readers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/device/any_reader.hpp"
#include "engine/device/device.hpp"
#include "engine/device/fake_queues.hpp"
#include "engine/iotlb/iotlbs.hpp"
#include "engine/protocol/wire.hpp"

namespace violet {

inline constexpr std::uint64_t kPage = 4096;
inline constexpr std::uint64_t kLast = kPage - 1;  // Of the first page.

inline protocol::Attach attach_wire(std::uint32_t domain, std::uint32_t endpoint,
                                    std::uint32_t flags = 0) {
  protocol::Attach wire{};
  wire.head.type = 1;
  wire.domain = domain;
  wire.endpoint = endpoint;
  wire.flags = flags;
  return wire;
}
inline protocol::Detach detach_wire(std::uint32_t domain, std::uint32_t endpoint) {
  protocol::Detach wire{};
  wire.head.type = 2;
  wire.domain = domain;
  wire.endpoint = endpoint;
  return wire;
}
inline protocol::Map map_wire(std::uint32_t domain, std::uint64_t first, std::uint64_t last,
                              std::uint64_t phys, std::uint32_t flags = 3) {
  protocol::Map wire{};
  wire.head.type = 3;
  wire.domain = domain;
  wire.virt_start = first;
  wire.virt_end = last;
  wire.phys_start = phys;
  wire.flags = flags;
  return wire;
}
inline protocol::Unmap unmap_wire(std::uint32_t domain, std::uint64_t first, std::uint64_t last) {
  protocol::Unmap wire{};
  wire.head.type = 4;
  wire.domain = domain;
  wire.virt_start = first;
  wire.virt_end = last;
  return wire;
}
inline protocol::Probe probe_wire(std::uint32_t endpoint) {
  protocol::Probe wire{};
  wire.head.type = 5;
  wire.endpoint = endpoint;
  return wire;
}

// Two endpoints without reserved regions, 8 and 9; and 10 with a RESERVED and an MSI region.
inline constexpr IovaRange kReservedRange{{0x8000000}, {0x80fffff}};
inline constexpr IovaRange kMsiRange{{0xfee00000}, {0xfeefffff}};
inline DeviceConfig rig_config() {
  DeviceConfig config;
  config.endpoints = {{{8}, "nic", {}},
                      {{9}, "disk", {}},
                      {{10},
                       "gpu",
                       {{kReservedRange, protocol::RegionKind::kReserved},
                        {kMsiRange, protocol::RegionKind::kMsi}}}};
  config.iotlb.entries = 256;
  config.iotlb.max_readers = 8;
  return config;
}

// A store and an IOTLB by name.
struct DevicePair {
  std::string store = "radix";
  std::string iotlb = kDefaultIotlb;
};

struct Rig {
  using Section = AnyReader::Section;

  explicit Rig(const DeviceConfig& config = rig_config(), bool negotiate_all = true,
               Probe probe = {})
      : Rig(DevicePair{}, config, negotiate_all, probe) {}
  explicit Rig(const DevicePair& pair, const DeviceConfig& config = rig_config(),
               bool negotiate_all = true, Probe probe = {})
      : device(make_device(pair.store, pair.iotlb, config, quiescence, clock(), probe).value()) {
    set_up(negotiate_all);
  }
  // Of a test's own store or IOTLB.
  explicit Rig(Device::Parts parts, const DeviceConfig& config = rig_config())
      : device(Device::create(config, std::move(parts), quiescence, clock()).value()) {
    set_up(true);
  }

  void poll_until_idle() {
    for (int i = 0; i < 10000 && (device->poll(64) > 0 || device->wants_poll()); ++i) {
    }
  }
  // Sends one request and polls until the device has nothing left to do.
  template <class Wire>
  std::optional<protocol::Status> send(const Wire& wire) {
    const auto token = requests.push_wire(wire);
    poll_until_idle();
    return requests.status(token);
  }
  std::optional<protocol::Status> attach(std::uint32_t domain, std::uint32_t endpoint,
                                         std::uint32_t flags = 0) {
    return send(attach_wire(domain, endpoint, flags));
  }
  std::optional<protocol::Status> detach(std::uint32_t domain, std::uint32_t endpoint) {
    return send(detach_wire(domain, endpoint));
  }
  std::optional<protocol::Status> map(std::uint32_t domain, std::uint64_t first, std::uint64_t last,
                                      std::uint64_t phys, std::uint32_t flags = 3) {
    return send(map_wire(domain, first, last, phys, flags));
  }
  std::optional<protocol::Status> unmap(std::uint32_t domain, std::uint64_t first,
                                        std::uint64_t last) {
    return send(unmap_wire(domain, first, last));
  }
  TranslateResult translate(std::uint32_t endpoint, std::uint64_t iova,
                            Access access = Access::kRead) {
    const Section section(*reader);
    return reader->translate(device->endpoint({endpoint}).value(), {iova}, access);
  }
  std::vector<TranslateResult> translate_burst(std::uint32_t endpoint,
                                               const std::vector<BurstAccess>& accesses) {
    const Section section(*reader);
    std::vector<TranslateResult> results(accesses.size());
    reader->translate_burst(
        device->endpoint({endpoint}).value(), accesses.size(),
        [&](std::size_t i) { return accesses[i]; },
        [&](std::size_t i, const TranslateResult& result) { results[i] = result; });
    return results;
  }
  // Whether the address translates, and to what, asked twice: from the store and from the IOTLB.
  std::optional<std::uint64_t> reaches(std::uint32_t endpoint, std::uint64_t iova,
                                       Access access = Access::kRead) {
    translate(endpoint, iova, access);
    const auto result = translate(endpoint, iova, access);
    return result.reaches_memory() ? std::optional(result.phys.value) : std::nullopt;
  }

  Ticks now = 0;
  EpochQuiescence quiescence;
  FakeRequestQueue requests;
  FakeEventQueue events;
  std::unique_ptr<Device> device;
  std::unique_ptr<AnyReader> reader;
  std::unique_ptr<AnyReader> other_reader;

 private:
  TickSource clock() {
    return {[](void* clock) noexcept { return *static_cast<Ticks*>(clock); }, &now};
  }
  void set_up(bool negotiate_all) {
    device->connect(&requests, &events);
    if (negotiate_all) device->negotiate(device->offered_features());
    reader = open_any_reader(*device->add_reader("nic lcore").value());
    other_reader = open_any_reader(*device->add_reader("disk lcore").value());
  }
};

// The factory of a test's own store, or of its variant of an IOTLB.
template <class S>
StoreFactory store_factory() {
  return [](const StoreConfig& config, Quiescence& quiescence, MemoryBudget& budget) {
    return std::make_unique<S>(config, quiescence, budget);
  };
}
template <class I>
IotlbFactory iotlb_factory() {
  return [](const IotlbConfig& config, Quiescence& quiescence) {
    return std::make_unique<I>(config, quiescence);
  };
}

}  // namespace violet
