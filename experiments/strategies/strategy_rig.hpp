// A strategy rig serves the tests of strategies: a mock guest, a strategy on it, and a device that moves bytes
// through whatever is mapped.
//
// Threading: owner-only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "experiments/guest/mock_guest.hpp"
#include "experiments/strategies/strategies.hpp"

namespace violet {

struct RigOptions {
  MockGuestOptions guest = {};
  std::string strategy = "strict";
  SettingAssignments settings = {};
  std::string iova_allocator = "rcache";
  unsigned cpus = 1;
  DomainOptions domain = {};
};

class StrategyRig {
 public:
  explicit StrategyRig(const RigOptions& options)
      : StrategyRig(options, [&](const StrategyContext& context) {
          auto made = make_strategy(options.strategy, context, options.settings);
          VIOLET_CHECK(made);
          return std::move(*made);
        }) {}

  // With a strategy that is not registered.
  template <class Make>
  StrategyRig(const RigOptions& options, Make&& make) : guest(with_clock(options.guest)) {
    StrategyContext context{.driver = *guest.driver,
                            .memory = guest.memory,
                            .pages = *guest.pages,
                            .counters = guest.counters,
                            .clock = clock(),
                            .cpus = options.cpus,
                            .endpoints = {EndpointId{0}, EndpointId{1}},
                            .iova_allocator = options.iova_allocator,
                            .domain = options.domain,
                            .revocation_ns = &revocation_ns};
    strategy = make(context);
    const Status started = strategy->start();
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    start_counters = guest.counters;
    guest.counters = {};
    guest.device.clear_log();
  }

  std::size_t requests(protocol::Type type) const {
    std::size_t count = 0;
    for (const auto& logged : guest.device.log()) count += logged.type == type ? 1 : 0;
    return count;
  }

  // What the endpoint's DMA does, granule by granule; false when one faults.
  bool device_read(std::uint16_t endpoint, Iova iova, std::span<std::byte> out) const {
    return dma(
        endpoint, iova, out.size(), Access::kRead,
        [&](std::byte* at, std::size_t i, std::size_t n) { std::memcpy(out.data() + i, at, n); });
  }
  bool device_write(std::uint16_t endpoint, Iova iova, std::span<const std::byte> bytes) {
    return dma(
        endpoint, iova, bytes.size(), Access::kWrite,
        [&](std::byte* at, std::size_t i, std::size_t n) { std::memcpy(at, bytes.data() + i, n); });
  }
  bool reaches(std::uint16_t endpoint, Iova iova) const {
    return guest.device.translate({endpoint}, iova, Access::kRead).has_value() ||
           guest.device.translate({endpoint}, iova, Access::kWrite).has_value();
  }
  std::span<std::byte> bytes(DmaBuffer buffer) {
    return {guest.memory.host(buffer.phys, buffer.bytes), buffer.bytes};
  }
  DmaBuffer buffer(std::uint32_t size, std::uint64_t offset = 0) {
    return {{guest.take(offset + size).value + offset}, size};
  }

  // The strategy's time, which only advance() moves; ticks it too.
  void advance(std::uint64_t ns) {
    *now += ns_to_ticks(ns);
    strategy->tick(*now);
  }

  std::unique_ptr<Ticks> now = std::make_unique<Ticks>(1'000'000);
  MockGuest guest;
  GuestCounters start_counters;
  results::LiveHistogram revocation_ns;
  std::unique_ptr<Strategy> strategy;

 private:
  template <class Move>
  bool dma(std::uint16_t endpoint, Iova iova, std::size_t bytes, Access access, Move&& move) const {
    for (std::size_t done = 0; done < bytes;) {
      const Iova at{iova.value + done};
      const std::size_t piece = std::min<std::size_t>(bytes - done, 4096 - at.value % 4096);
      const auto phys = guest.device.translate({endpoint}, at, access);
      if (!phys) return false;
      move(guest.memory.host(*phys, piece), done, piece);
      done += piece;
    }
    return true;
  }

  TickSource clock() const {
    return {[](void* at) noexcept { return *static_cast<Ticks*>(at); }, now.get()};
  }
  // The driver keeps the real clock: its timeout must expire.
  static MockGuestOptions with_clock(MockGuestOptions options) {
    options.timeout_ns = 20'000'000;
    return options;
  }
};

}  // namespace violet
