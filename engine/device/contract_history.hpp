// A contract history runs random requests on the device and the oracle side by side, for the random
// tests and the fuzzer. Where the choices come from is the caller's business.
//
// Threading: owner-only.
// Invariants: after every request the same status in the same place; after every batch the same
// translations at the edges of what was touched, singly and in bursts, so that the IOTLB answers once.
#pragma once

#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/device/contract_oracle.hpp"
#include "engine/device/test_rig.hpp"

namespace violet {

class ContractHistory {
 public:
  // A number below `bound` (at least 1).
  using Choose = std::function<std::uint64_t(std::uint64_t bound)>;

  // Overlapping: batches are not all waited for, domains hold many small mappings and UNMAPs are large,
  // so that requests pile up behind those that are done in slices.
  ContractHistory(const DevicePair& pair, const DeviceConfig& config, Choose choose,
                  bool overlapping = false)
      : rig_(pair, config), oracle_(config), choose_(std::move(choose)), overlapping_(overlapping) {
    oracle_.negotiate(rig_.device->offered_features());
  }

  // Sends a few requests, polls until they are back, and compares. An empty string, or what differs.
  std::string batch() {
    if (choose_(64) == 0) reset();
    for (std::uint64_t count = 1 + choose_(8); count > 0; --count) send();
    for (int polls = 0; rig_.requests.completed() < expected_done_; ++polls) {
      if (polls > 10000) return "requests do not come back";
      if (overlapping_ && sent_.size() < kMostAtOnce && choose_(2) == 0) return {};
      rig_.device->poll(static_cast<unsigned>(1 + choose_(overlapping_ ? 2 : 8)));
    }
    if (auto problem = compare_answers(); !problem.empty()) return problem;
    sent_.clear();
    return compare_translations();
  }

  // The end: what is still under way comes back, and a reset gives everything back.
  std::string finish() {
    rig_.poll_until_idle();
    if (rig_.requests.completed() < expected_done_) return "requests do not come back";
    if (auto problem = compare_answers(); !problem.empty()) return problem;
    rig_.device->reset();
    rig_.poll_until_idle();
    return rig_.device->memory_used() == 0 ? "" : "memory is not given back by a reset";
  }

 private:
  struct Sent {
    std::uint32_t token;
    ContractOracle::Reply expected;
    std::vector<std::byte> bytes;
  };

  void reset() {
    rig_.device->reset();
    rig_.requests.forget();
    sent_.clear();
    expected_done_ = rig_.requests.completed();
    rig_.poll_until_idle();
    oracle_.reset();
    // Not every driver accepts everything.
    const std::uint64_t features = choose_(4) == 0 ? rig_.device->offered_features() & choose_(128)
                                                   : rig_.device->offered_features();
    rig_.device->negotiate(features);
    oracle_.negotiate(features);
  }

  void send() {
    std::vector<std::byte> bytes = overlapping_ ? crowded_request() : request();
    if (choose_(16) == 0) bytes[choose_(bytes.size())] = static_cast<std::byte>(choose_(256));
    if (choose_(32) == 0) bytes.resize(choose_(bytes.size() + 8));
    const bool probe = !bytes.empty() && bytes[0] == std::byte{5};
    std::uint32_t writable = probe ? 516 : 4;
    if (choose_(16) == 0) writable = static_cast<std::uint32_t>(choose_(600));
    const auto expected = oracle_.execute(bytes, writable);
    const auto token = rig_.requests.push(bytes, writable);
    ++expected_done_;
    sent_.push_back({token, expected, std::move(bytes)});
  }

  std::vector<std::byte> request() {
    const auto kind = choose_(16);
    if (kind == 0) return to_bytes(attach_wire(domain(), endpoint(), choose_(8) == 0 ? 1 : 0));
    if (kind == 1) return to_bytes(attach_wire(domain(), endpoint()));
    if (kind == 2) return to_bytes(detach_wire(domain(), endpoint()));
    if (kind == 3) return to_bytes(probe_wire(endpoint()));
    const auto [first, last] = range();
    if (kind < 10) {
      return to_bytes(map_wire(domain(), first, last, choose_(1 << 20) * kPage,
                               static_cast<std::uint32_t>(choose_(9))));
    }
    return to_bytes(unmap_wire(domain(), first, last));
  }

  // An endpoint is moved on while UNMAPs hold it up in both domains, and the others leave the first.
  void plan_removal() {
    const std::uint32_t from = domain(), to = domain(), who = endpoint();
    planned_.push_back(to_bytes(unmap_wire(from, 0, choose_(64) * kPage + kPage - 1)));
    planned_.push_back(to_bytes(unmap_wire(to, 0, ~std::uint64_t{0})));
    planned_.push_back(to_bytes(attach_wire(from, who)));
    planned_.push_back(to_bytes(attach_wire(to, who)));
    for (std::uint32_t other = 8; other <= 10; ++other) {
      planned_.push_back(to_bytes(detach_wire(from, other)));
    }
    planned_.push_back(to_bytes(unmap_wire(from, 0, ~std::uint64_t{0})));
  }

  std::vector<std::byte> crowded_request() {
    if (planned_.empty() && choose_(32) == 0) plan_removal();
    if (!planned_.empty()) {
      auto request = std::move(planned_.front());
      planned_.pop_front();
      return request;
    }
    const auto kind = choose_(16);
    if (kind < 3) return to_bytes(attach_wire(domain(), endpoint()));
    if (kind == 3) return to_bytes(detach_wire(domain(), endpoint()));
    const std::uint64_t first = choose_(64) * kPage;
    edges_ = {first, first + kPage - 1, first - 1, first + kPage};
    if (kind < 13) return to_bytes(map_wire(domain(), first, first + kPage - 1, 0));
    const std::uint64_t last = choose_(4) == 0 ? first + 8 * kPage - 1 : ~std::uint64_t{0};
    return to_bytes(unmap_wire(domain(), choose_(2) == 0 ? 0 : first, last));
  }

  template <class Wire>
  static std::vector<std::byte> to_bytes(const Wire& wire) {
    const auto bytes = std::as_bytes(std::span(&wire, 1));
    return {bytes.begin(), bytes.end()};
  }
  std::uint32_t domain() { return static_cast<std::uint32_t>(1 + choose_(3)); }
  std::uint32_t endpoint() { return static_cast<std::uint32_t>(8 + choose_(4)); }  // 11 is none.

  // Near the start, near the end of the space, or around the reserved regions; mostly aligned.
  std::pair<std::uint64_t, std::uint64_t> range() {
    constexpr std::array<std::uint64_t, 4> kBases = {0, 0x8000000 - 8 * kPage,
                                                     0xfee00000 - 4 * kPage, 0 - 24 * kPage};
    const std::uint64_t base = choose_(3) == 0 ? kBases[choose_(kBases.size())] : 0;
    std::uint64_t first = base + choose_(16) * kPage;
    std::uint64_t last = first + (1 + choose_(8)) * kPage - 1;
    if (choose_(24) == 0) first += choose_(kPage);
    if (choose_(24) == 0) last -= choose_(kPage);
    if (choose_(48) == 0) last = ~std::uint64_t{0};
    edges_ = {first, last, first - 1, last + 1};
    return {first, last};
  }

  std::string compare_answers() {
    for (const Sent& sent : sent_) {
      const Answer& answer = rig_.requests.answer(sent.token);
      if (sent.expected.silent != (answer.used == 0)) return describe(sent, answer);
      if (sent.expected.silent) continue;
      if (answer.used != sent.expected.tail_offset + 4) return describe(sent, answer);
      if (answer.status_at(sent.expected.tail_offset) != sent.expected.status) {
        return describe(sent, answer);
      }
    }
    return {};
  }

  std::string describe(const Sent& sent, const Answer& answer) const {
    std::string text = "request";
    for (const auto byte : sent.bytes) text += fmt::format(" {:02x}", std::to_integer<int>(byte));
    text +=
        fmt::format(": expected {}status {} at {}, used length is {}",
                    sent.expected.silent ? "silence, not " : "",
                    static_cast<int>(sent.expected.status), sent.expected.tail_offset, answer.used);
    const std::size_t at = sent.expected.tail_offset;
    if (answer.used > at)
      text += fmt::format(", byte there {}", std::to_integer<int>(answer.written[at]));
    return text;
  }

  std::string compare_translations() {
    for (std::uint32_t who = 8; who <= 10; ++who) {
      std::vector<BurstAccess> accesses;
      for (const std::uint64_t at :
           {edges_[0], edges_[1], edges_[2], edges_[3], choose_(24) * kPage}) {
        const auto access = choose_(2) == 0 ? Access::kRead : Access::kWrite;
        accesses.push_back({{at}, access});
      }
      // Singly and in a burst, in either order, so that each meets a cold and a warm IOTLB.
      const bool burst_first = choose_(2) == 0;
      for (int pass = 0; pass < 3; ++pass) {
        const bool burst = (pass % 2 == 0) == burst_first;
        if (auto problem = compare_pass(who, accesses, burst); !problem.empty()) return problem;
      }
    }
    return {};
  }

  std::string compare_pass(std::uint32_t who, const std::vector<BurstAccess>& accesses,
                           bool burst) {
    std::vector<TranslateResult> results;
    if (burst) results = rig_.translate_burst(who, accesses);
    for (std::size_t i = 0; i < accesses.size(); ++i) {
      const std::uint64_t at = accesses[i].iova.value;
      const auto expected = oracle_.reach(who, at, accesses[i].access);
      const auto got = burst ? results[i] : rig_.translate(who, at, accesses[i].access);
      const bool same = got.outcome == expected.outcome &&
                        (!got.reaches_memory() || got.phys.value == expected.phys) &&
                        (got.outcome != Outcome::kFault || got.reason == expected.reason);
      if (same) continue;
      return fmt::format("endpoint {} at {:#x}{}: outcome {} phys {:#x}, expected {} {:#x}", who,
                         at, burst ? " in a burst" : "", static_cast<int>(got.outcome),
                         got.phys.value, static_cast<int>(expected.outcome), expected.phys);
    }
    return {};
  }

  static constexpr std::size_t kMostAtOnce = 48;

  Rig rig_;
  ContractOracle oracle_;
  Choose choose_;
  bool overlapping_;
  std::deque<std::vector<std::byte>> planned_;  // What an overlapping history sends next.
  std::vector<Sent> sent_;
  std::size_t expected_done_ = 0;
  std::array<std::uint64_t, 4> edges_{};
};

// One domain with much to remove beside one with little: how many polls an UNMAP takes depends on what
// it removes itself. An empty string, or what was unfair.
inline std::string flood_is_fair(const DevicePair& pair, DeviceConfig config,
                                 const std::function<std::uint64_t(std::uint64_t bound)>& choose) {
  config.unmap_slice = static_cast<std::uint32_t>(1 + choose(3));
  config.limits.domains = 2;
  config.limits.mappings_per_domain = 512;
  Rig rig(pair, config);
  rig.attach(1, 8);
  rig.attach(2, 9);
  const std::uint64_t much = 300 + choose(200);
  const std::uint64_t little = 1 + choose(8);
  for (std::uint64_t i = 0; i < much; ++i) rig.map(1, i * kPage, i * kPage + kPage - 1, 0);
  for (std::uint64_t i = 0; i < little; ++i) rig.map(2, i * kPage, i * kPage + kPage - 1, 0);
  rig.requests.push_wire(unmap_wire(1, 0, ~std::uint64_t{0}));
  for (auto polls = choose(4); polls > 0; --polls) rig.device->poll(1);
  const auto token = rig.requests.push_wire(unmap_wire(2, 0, ~std::uint64_t{0}));
  const std::uint64_t most = little + 16;  // Holes cost something too.
  for (std::uint64_t polls = 0; !rig.requests.done(token); ++polls) {
    if (polls > most) return fmt::format("{} mappings are not removed in {} polls", little, most);
    rig.device->poll(static_cast<unsigned>(1 + choose(2)));
  }
  rig.poll_until_idle();
  return rig.requests.completed() == rig.requests.pushed() ? "" : "requests do not come back";
}

}  // namespace violet
