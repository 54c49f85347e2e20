// A reader of a simulation: an endpoint lcore cut at every step between which the engine could run.
//
//     offline -> online -> lookup -> [begin_fill -> walk -> fill] -> copy first half -> second half -> online
//
// Threading: owner-only.
// Invariants: what it checks at each copy is C1 and C3, at each translation C2, before each use of a
// domain C6.
#pragma once

#include <optional>
#include <string>

#include "engine/base/rng.hpp"
#include "engine/device/device.hpp"
#include "engine/sim/canary_memory.hpp"
#include "engine/sim/sim_guest.hpp"
#include "engine/sim/watched_store.hpp"

namespace violet {

struct SimReaderCounts {
  std::uint64_t accesses = 0;
  std::uint64_t hits = 0;
  std::uint64_t walks = 0;
  std::uint64_t faults = 0;
  std::uint64_t copies = 0;
  std::uint64_t certain = 0;    // Accesses whose outcome was certain, and right (C2).
  std::uint64_t overtaken = 0;  // Copies of pages whose removal was under way: C1's hard case.
};

template <DomainStore S, Iotlb I>
class SimReader {
 public:
  using Dev = Device<WatchedStore<S>, I>;
  struct World {
    Dev& device;
    SimGuest& guest;
    CanaryMemory& memory;
    StoreWatch& watch;
    Rng& rng;
    StepHistory& history;
  };

  SimReader(const World& world, std::uint64_t number, typename Dev::Reader* reader,
            std::uint64_t pages)
      : w_(world), number_(number), reader_(reader), pages_(pages) {}

  // A message when a promise was broken.
  std::string step(std::uint64_t now) {
    now_ = now;
    switch (state_) {
      case State::kOffline:
        return go_online();
      case State::kOnline:
        return stalled_ ? std::string() : choose_next();
      case State::kMissed:
        return take_ticket();
      case State::kTicket:
        return walk();
      case State::kWalked:
        return fill();
      case State::kCopyFirst:
        return copy(0, length_ / 2, State::kCopySecond);
      case State::kCopySecond:
        return copy(length_ / 2, length_, State::kOnline);
    }
    return {};
  }

  // Stays online and acknowledges nothing until released.
  void stall() { stalled_ = true; }
  void release() { stalled_ = false; }
  // For good: whatever it was doing.
  void leave() {
    if (online()) w_.device.path().offline(*reader_);
    state_ = State::kOffline;
  }
  bool online() const { return state_ != State::kOffline; }
  const SimReaderCounts& counts() const { return counts_; }

 private:
  enum class State { kOffline, kOnline, kMissed, kTicket, kWalked, kCopyFirst, kCopySecond };

  std::string go_online() {
    w_.device.path().online(*reader_);
    state_ = State::kOnline;
    note("online");
    return {};
  }

  std::string choose_next() {
    const auto pick = w_.rng.below(8);
    if (pick == 0) {
      w_.device.path().offline(*reader_);
      state_ = State::kOffline;
      note("offline");
      return {};
    }
    if (pick == 1) {
      w_.device.path().quiescent(*reader_);
      note("quiescent");
      return {};
    }
    return lookup();
  }

  std::string lookup() {
    const auto& endpoints = w_.device.config().endpoints;
    const EndpointId id = endpoints[w_.rng.below(endpoints.size())].id;
    endpoint_ = w_.device.endpoint(id).value();
    iova_ = {w_.rng.below(pages_) * CanaryMemory::kPageBytes + w_.rng.below(2) * 100};
    access_ = w_.rng.below(2) == 0 ? Access::kRead : Access::kWrite;
    certain_ = w_.guest.certain(id.value, iova_.value);
    ++counts_.accesses;
    route_ = w_.device.path().route(endpoint_, iova_);
    if (route_.domain == nullptr) return finish(route_.result);
    serial_ = route_.domain->store->serial();
    note("lookup", iova_.value, id.value);
    if (const auto hit = w_.device.path().lookup(*reader_, route_, iova_)) {
      ++counts_.hits;
      return finish(Dev::Path::grant(*hit, access_, true));
    }
    state_ = State::kMissed;
    return {};
  }

  std::string take_ticket() {
    if (!alive()) return freed("begin_fill");
    ticket_.emplace(w_.device.path().begin_fill(*reader_, route_, iova_));
    state_ = State::kTicket;
    note("begin_fill");
    return {};
  }

  std::string walk() {
    if (!alive()) return freed("walk");
    translation_ = w_.device.path().walk(route_, iova_);
    ++counts_.walks;
    state_ = State::kWalked;
    note("walk", translation_ ? translation_->at(iova_).value : ~std::uint64_t{0});
    return {};
  }

  std::string fill() {
    if (!alive()) return freed("fill");
    if (translation_) {
      w_.device.path().fill(*reader_, route_, *ticket_, iova_, *translation_);
      note("fill");
    }
    return finish(Dev::Path::grant(translation_, iova_, access_));
  }

  std::string finish(const TranslateResult& result) {
    state_ = State::kOnline;
    result_ = result;
    note("translated", result.phys.value, static_cast<std::uint64_t>(result.outcome));
    if (auto problem = check_certain(); !problem.empty()) return problem;
    if (!result.reaches_memory()) {
      ++counts_.faults;
      if (result.outcome == Outcome::kFault) {
        w_.device.path().report(*reader_, endpoint_, iova_, access_, result.reason);
      }
      return {};
    }
    length_ = std::min<std::uint64_t>(result.bytes_left, 1 + w_.rng.below(6000));
    state_ = State::kCopyFirst;
    return {};
  }

  // C2: what was mapped before the access began, and still is, is found.
  std::string check_certain() {
    if (certain_.mapping == 0) return {};
    if (w_.guest.certain(endpoint_->id.value, iova_.value) != certain_) return {};
    ++counts_.certain;
    const bool allowed = allows(static_cast<Permissions>(certain_.permissions), access_);
    if (allowed != (result_.outcome == Outcome::kMapped)) {
      return fmt::format("C2: mapping {} at {:#x} was {}", certain_.mapping, iova_.value,
                         allowed ? "not found" : "used beyond its permissions");
    }
    if (allowed && result_.phys.value != certain_.phys) {
      return fmt::format("C2: {:#x} led to {:#x} instead of {:#x}", iova_.value, result_.phys.value,
                         certain_.phys);
    }
    return {};
  }

  std::string copy(std::uint64_t from, std::uint64_t to, State next) {
    state_ = next;
    ++counts_.copies;
    note("copy", result_.phys.value + from, to - from);
    if (result_.outcome == Outcome::kBypass) {
      if (w_.guest.may_bypass(endpoint_->id.value)) return {};
      return fmt::format("C1: endpoint {} bypasses after its DETACH", endpoint_->id.value);
    }
    const std::uint64_t mapping = mapping_at(result_.phys.value);
    for (std::uint64_t at = from; at < to; at = next_page(at)) {
      if (auto problem = check_page(at, mapping); !problem.empty()) return problem;
    }
    return {};
  }

  std::string check_page(std::uint64_t offset, std::uint64_t mapping) {
    const std::uint64_t phys = result_.phys.value + offset;
    const auto* page = w_.memory.page_at(phys);
    if (page == nullptr) return fmt::format("C3: {:#x} was never mapped", phys);
    if (page->poisoned) {
      return fmt::format(
          "C1: endpoint {} touches {:#x} of mapping {} after its removal was answered",
          endpoint_->id.value, phys, page->mapping);
    }
    if (!w_.guest.may_use(endpoint_->id.value, page->domain_life)) {
      return fmt::format("C1: endpoint {} touches {:#x} after its DETACH was answered",
                         endpoint_->id.value, phys);
    }
    const bool right_place =
        page->iova / CanaryMemory::kPageBytes == (iova_.value + offset) / CanaryMemory::kPageBytes;
    if (page->mapping != mapping || !right_place) {
      return fmt::format("C3: {:#x} mixes mappings {} and {}", phys, mapping, page->mapping);
    }
    if (!allows(static_cast<Permissions>(page->permissions), access_)) {
      return fmt::format("C3: mapping {} does not allow this access", mapping);
    }
    if (certain_.mapping != 0 && w_.guest.certain(endpoint_->id.value, iova_.value) != certain_) {
      ++counts_.overtaken;
    }
    return {};
  }

  std::uint64_t next_page(std::uint64_t offset) const {
    const std::uint64_t at = result_.phys.value + offset;
    return offset + CanaryMemory::kPageBytes - at % CanaryMemory::kPageBytes;
  }
  std::uint64_t mapping_at(std::uint64_t phys) const {
    const auto* page = w_.memory.page_at(phys);
    return page != nullptr ? page->mapping : 0;
  }

  bool alive() const { return w_.watch.alive.count(serial_) != 0; }
  static std::string freed(const char* where) {
    return fmt::format("C6: the domain was freed under a reader before {}", where);
  }
  void note(const char* what, std::uint64_t a = 0, std::uint64_t b = 0) {
    w_.history.note(now_, "reader", number_, what, a, b);
  }

  World w_;
  std::uint64_t number_;
  typename Dev::Reader* reader_;
  std::uint64_t pages_;
  std::uint64_t now_ = 0;
  State state_ = State::kOffline;
  bool stalled_ = false;
  SimReaderCounts counts_;

  // The access under way.
  typename Dev::EndpointHandle endpoint_ = nullptr;
  Iova iova_{};
  Access access_ = Access::kRead;
  SimGuest::Certain certain_;
  typename Dev::Path::Route route_;
  std::uint64_t serial_ = 0;
  std::optional<typename I::FillTicket> ticket_;
  std::optional<Translation> translation_;
  TranslateResult result_;
  std::uint64_t length_ = 0;
};

}  // namespace violet
