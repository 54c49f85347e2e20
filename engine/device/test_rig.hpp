// A device with fake queues and readers, and a driver's vocabulary: for the tests of this room.
//
// Threading: owner-only, except what the device says of its readers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/device/device.hpp"
#include "engine/device/fake_queues.hpp"
#include "engine/iotlb/iotlbs.hpp"
#include "engine/protocol/wire.hpp"
#include "engine/store/stores.hpp"

namespace violet {

inline constexpr std::uint64_t kPage = 4096;

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

template <DomainStore S, Iotlb I>
struct Rig {
  using DeviceType = Device<S, I>;
  using Reader = typename DeviceType::Reader;
  using Section = typename DeviceType::Section;

  explicit Rig(const DeviceConfig& config = rig_config(), bool negotiate_all = true,
               Probe probe = {})
      : device(DeviceType::create(
                   config, quiescence,
                   {[](void* clock) noexcept { return *static_cast<Ticks*>(clock); }, &now}, probe)
                   .value()) {
    device->connect(&requests, &events);
    if (negotiate_all) device->negotiate(device->offered_features());
    reader = device->add_reader("nic lcore").value();
    other_reader = device->add_reader("disk lcore").value();
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
    const Section section(*device, *reader);
    return device->translate(*reader, device->endpoint({endpoint}).value(), {iova}, access);
  }
  std::vector<TranslateResult> translate_burst(
      std::uint32_t endpoint, const std::vector<typename DeviceType::Path::BurstAccess>& accesses) {
    const Section section(*device, *reader);
    std::vector<TranslateResult> results(accesses.size());
    device->translate_burst(
        *reader, device->endpoint({endpoint}).value(), accesses.size(),
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
  std::unique_ptr<DeviceType> device;
  Reader* reader = nullptr;
  Reader* other_reader = nullptr;
};

}  // namespace violet
