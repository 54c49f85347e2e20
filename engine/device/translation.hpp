// The readers' half of a device: from an endpoint's access to a guest-physical address.
//
//     Device::Section section(device, reader);                 // online, for one burst
//     auto result = device.translate(reader, endpoint, iova, Access::kWrite);
//     if (result.outcome == Outcome::kMapped) ... result.phys, result.bytes_left ...
//     device.translate_burst(reader, endpoint, count, ask, take);     // the same for many, cheaper
//
// translate() is the composition of route, lookup, begin_fill, walk, fill and grant, which are public
// so that the simulation can stop between any two of them.
//
// translate_burst() gives what translate() gives for each access in turn, but reads the attachment once
// a burst, and the domain's generation and context once for each run of hits. Per address remain the
// reserved regions (D47), the compare of the entry and the permissions (D29). Why an old value may serve:
// a burst lies inside one section without a quiescent state, so no grace period that opens after its
// start passes before its end.
//   C1, C6 DETACH, ATTACH, UNMAP and reset are answered, and domains freed, after such a period: what the
//     burst uses of an old attachment or generation it uses before that answer, as a single call that
//     was overtaken does.
//   C2 a MAP that completes during the burst is found: nothing says "not mapped" but a walk of the store at
//     that moment. An entry of an earlier mapping cannot stand in its way: a MAP over an address whose
//     invalidation is in flight is answered after that UNMAP, which waits for this section.
//   ATTACH in the middle: the endpoint's accesses are with either domain until it is answered, which
//     is after the section. An access that begins later belongs to another burst.
//   Bypass: an endpoint that was unattached or bypassing at the start goes through translate() each time,
//     so a write to config.bypass, which waits for nobody, takes effect at the next access.
//   C3 each result still comes from one entry or one walk.
//
// Threading: add_reader() before anything runs; everything that takes a Reader belongs to the thread
// that owns it, inside a section. Several threads read at once.
// Invariants: C3 one result comes from one mapping and grants what it grants. C4 a hit is wait-free:
// loads, and what the IOTLB does. D47 an address in a reserved region is never kMapped or kBypass.
// Limits: a result is valid until the section ends or quiescent() is called.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/quiescence.hpp"
#include "engine/base/spsc_ring.hpp"
#include "engine/device/config_space.hpp"
#include "engine/device/domain.hpp"
#include "engine/iotlb/iotlb.hpp"
#include "engine/protocol/fault.hpp"
#include "engine/telemetry/counter.hpp"
#include "engine/telemetry/event_ring.hpp"

namespace violet {

enum class Outcome : std::uint8_t {
  kMapped,
  kBypass,    // Identity, everything allowed.
  kReserved,  // A RESERVED or MSI region: not guest memory.
  kFault,
};

struct TranslateResult {
  GuestPhys phys{};              // With kMapped and kBypass.
  std::uint64_t bytes_left = 0;  // From the address on, contiguous and of the same mapping; >= 1.
  Outcome outcome = Outcome::kFault;
  protocol::FaultReason reason = protocol::FaultReason::kUnknown;
  bool hit = false;  // The IOTLB answered.

  bool reaches_memory() const { return outcome <= Outcome::kBypass; }
};

template <DomainStore S, Iotlb I>
class TranslationPath {
 public:
  using EndpointHandle = const Endpoint<S>*;

  class Reader {
   public:
    Reader(ReaderId id, typename I::Reader* cache, std::size_t fault_ring, Probe probe)
        : id_(id), cache_(cache), probe_(probe), faults_(fault_ring) {}
    ReaderId id() const { return id_; }
    // Faults that found the ring to the engine full.
    std::uint64_t faults_dropped() const { return faults_dropped_.value(); }

   private:
    friend TranslationPath;
    ReaderId id_;
    typename I::Reader* cache_;
    Probe probe_;
    Counter faults_dropped_;
    SpscRing<protocol::FaultReport> faults_;
  };

  struct BurstAccess {
    Iova iova;
    Access access;
  };

  // Where an access goes: into `domain`, or nowhere further and `result` says why.
  struct Route {
    const Domain<S>* domain = nullptr;
    TranslateResult result;
  };

  TranslationPath(const ConfigSpace& config, I& iotlb, Quiescence& quiescence,
                  std::size_t fault_ring, TickSource ticks)
      : config_(config),
        iotlb_(iotlb),
        quiescence_(quiescence),
        fault_ring_(fault_ring),
        ticks_(ticks) {}

  Result<Reader*> add_reader(ReaderId id, Probe probe) {
    auto cache = iotlb_.add_reader(id);
    if (!cache) return tl::unexpected<Error>(cache.error());
    readers_.push_back(std::make_unique<Reader>(id, *cache, fault_ring_, probe));
    return readers_.back().get();
  }

  TranslateResult translate(Reader& reader, EndpointHandle endpoint, Iova iova,
                            Access access) noexcept {
    return reported(reader, endpoint, iova, access,
                    translate_quietly(reader, endpoint, iova, access));
  }

  // Access i is ask(i), its result goes to take(i, result), for each i below `count` in order. ask() may be
  // called more than once. Neither may use `reader` otherwise, which means: no translation, no quiescent().
  template <class Ask, class Take>
  [[gnu::always_inline]] void translate_burst(Reader& reader, EndpointHandle endpoint,
                                              std::size_t count, Ask&& ask, Take&& take) noexcept {
    // acquire: as in route().
    const Domain<S>* const domain = endpoint->attachment.load(std::memory_order_acquire);
    const bool translated = domain != nullptr && !domain->bypass;
    // Misses come in a row, after an invalidation: a run is tried again behind a hit only.
    bool run = translated;
    for (std::size_t i = 0; i < count; ++i) {
      bool missed = false;
      if (run) [[likely]] {
        i = translate_hits(reader, endpoint, *domain, i, count, ask, take, missed);
        if (i == count) break;
      }
      const TranslateResult result = missed ? translate_miss(reader, endpoint, domain, ask(i))
                                            : translate_alone(reader, endpoint, ask(i));
      run = translated && result.hit;
      take(i, result);
    }
  }

  // The same without a fault report: for the endpoint that only asks.
  TranslateResult translate_quietly(Reader& reader, EndpointHandle endpoint, Iova iova,
                                    Access access) noexcept {
    const Route to = route(endpoint, iova);
    if (to.domain == nullptr) [[unlikely]]
      return to.result;
    if (const auto hit = lookup(reader, to, iova)) [[likely]]
      return grant(*hit, access, true);
    return translate_by_walk(reader, to, iova, access);
  }

  Route route(EndpointHandle endpoint, Iova iova) const noexcept {
    if (endpoint->reserved.may_contain(iova)) [[unlikely]] {
      for (const auto& region : endpoint->regions) {
        if (region.range.contains(iova)) return {nullptr, reserved()};  // D47
      }
    }
    // acquire: partner is the engine's release store of the attachment.
    const Domain<S>* domain = endpoint->attachment.load(std::memory_order_acquire);
    if (domain == nullptr) [[unlikely]]
      return {nullptr, unattached(endpoint, iova)};
    if (domain->bypass) [[unlikely]]
      return {nullptr, identity(endpoint, iova)};
    return {domain, {}};
  }

  std::optional<IotlbHit> lookup(Reader& reader, const Route& route, Iova iova) noexcept {
    return iotlb_.lookup(*reader.cache_, route.domain->tag, iova);
  }
  typename I::FillTicket begin_fill(Reader& reader, const Route& route, Iova iova) noexcept {
    return iotlb_.begin_fill(*reader.cache_, route.domain->tag, iova);
  }
  std::optional<Translation> walk(const Route& route, Iova iova) const noexcept {
    return route.domain->store->translate(iova);
  }
  void fill(Reader& reader, const Route& route, const typename I::FillTicket& ticket, Iova iova,
            const Translation& translation) noexcept {
    iotlb_.fill(*reader.cache_, ticket, route.domain->tag, iova, translation);
  }

  // D29: nothing beyond the mapping's permissions; a write-only mapping is not readable.
  static TranslateResult grant(const IotlbHit& hit, Access access, bool from_iotlb) noexcept {
    if (!allows(hit.permissions, access)) [[unlikely]]
      return no_mapping(from_iotlb);
    return {hit.phys, hit.bytes_left, Outcome::kMapped, {}, from_iotlb};
  }
  static TranslateResult grant(const std::optional<Translation>& translation, Iova iova,
                               Access access) noexcept {
    if (!translation) return no_mapping(false);
    return grant(hit_of(*translation, iova), access, false);
  }

  void report(Reader& reader, EndpointHandle endpoint, Iova iova, Access access,
              protocol::FaultReason reason) noexcept {
    if (!reader.faults_.push({iova, endpoint->id, access, reason})) reader.faults_dropped_.add();
    if (fault_signal_ != nullptr) fault_signal_(fault_context_);
    if (reader.probe_.on()) {
      reader.probe_.record(ticks_(), EventKind::kFault, endpoint->id.value, iova.value, 0,
                           static_cast<std::uint8_t>(reason));
    }
  }

  void online(const Reader& reader) { quiescence_.online(reader.id_); }
  // Between two bursts of one section.
  void quiescent(Reader& reader) {
    iotlb_.quiescent(*reader.cache_);
    quiescence_.quiescent(reader.id_);
  }
  void offline(Reader& reader) {
    iotlb_.quiescent(*reader.cache_);
    quiescence_.offline(reader.id_);
  }

  IotlbReaderStats stats(Reader& reader) const { return iotlb_.stats(*reader.cache_); }
  std::uint64_t faults_dropped() const {
    std::uint64_t sum = 0;
    for (const auto& reader : readers_) sum += reader->faults_dropped();
    return sum;
  }

  std::size_t reader_count() const { return readers_.size(); }

  // The signal is called by a reader after it left a fault. Set-up.
  void on_fault(void (*signal)(void* context), void* context) {
    fault_signal_ = signal;
    fault_context_ = context;
  }
  // The engine's.
  bool has_faults() const {
    return std::any_of(readers_.begin(), readers_.end(),
                       [](const auto& reader) { return !reader->faults_.empty(); });
  }

  // The engine's end of the fault rings: hands at most `limit` reports to `post`.
  template <class Post>
  unsigned take_faults(unsigned limit, Post&& post) {
    unsigned taken = 0;
    for (std::size_t i = 0; i < readers_.size() && taken < limit; ++i) {
      next_reader_ = next_reader_ + 1 < readers_.size() ? next_reader_ + 1 : 0;
      protocol::FaultReport fault;
      while (taken < limit && readers_[next_reader_]->faults_.pop(fault)) {
        post(fault);
        ++taken;
      }
    }
    return taken;
  }

 private:
  // From access `i` on, as long as the IOTLB answers. Returns the access that it stopped at: one that
  // `missed`, or one whose reserved regions need a closer look.
  template <class Ask, class Take>
  [[gnu::always_inline]] std::size_t translate_hits(Reader& reader, EndpointHandle endpoint,
                                                    const Domain<S>& domain, std::size_t i,
                                                    std::size_t count, Ask& ask, Take& take,
                                                    bool& missed) noexcept {
    const Hull guarded = endpoint->reserved;
    auto burst = iotlb_.burst(*reader.cache_, domain.tag);
    for (; i < count; ++i) {
      // The common case: no call, so everything that the loop needs stays in registers.
      const std::size_t begin = i;
      for (; i < count; ++i) {
        const BurstAccess next = ask(i);
        if (guarded.may_contain(next.iova)) [[unlikely]]
          break;
        const auto hit = burst.lookup_home(next.iova);
        if (!hit || !allows(hit->permissions, next.access)) [[unlikely]]
          break;
        take(i, grant(*hit, next.access, true));
      }
      burst.count_hits(i - begin);
      if (i == count || guarded.may_contain(ask(i).iova)) break;
      const auto hit = burst.lookup(ask(i).iova);
      missed = !hit;
      if (missed) break;
      take(i, grant_or_report(reader, endpoint, *hit, ask(i)));
    }
    return i;
  }

  // What a burst does rarely, out of line so that the loop over its hits keeps its registers.
  [[gnu::noinline]] TranslateResult translate_miss(Reader& reader, EndpointHandle endpoint,
                                                   const Domain<S>* domain,
                                                   BurstAccess next) noexcept {
    return reported(reader, endpoint, next.iova, next.access,
                    translate_by_walk(reader, {domain, {}}, next.iova, next.access));
  }
  [[gnu::noinline]] TranslateResult translate_alone(Reader& reader, EndpointHandle endpoint,
                                                    BurstAccess next) noexcept {
    return translate(reader, endpoint, next.iova, next.access);
  }
  [[gnu::noinline]] TranslateResult grant_or_report(Reader& reader, EndpointHandle endpoint,
                                                    const IotlbHit& hit,
                                                    BurstAccess next) noexcept {
    return reported(reader, endpoint, next.iova, next.access, grant(hit, next.access, true));
  }

  // A fault on its way to the caller goes to the engine as well.
  [[gnu::always_inline]] TranslateResult reported(Reader& reader, EndpointHandle endpoint,
                                                  Iova iova, Access access,
                                                  const TranslateResult& result) noexcept {
    if (result.outcome == Outcome::kFault) [[unlikely]] {
      report(reader, endpoint, iova, access, result.reason);
    }
    return result;
  }

  TranslateResult translate_by_walk(Reader& reader, const Route& to, Iova iova,
                                    Access access) noexcept {
    const auto ticket = begin_fill(reader, to, iova);
    const auto translation = walk(to, iova);
    if (translation) fill(reader, to, ticket, iova, *translation);
    return grant(translation, iova, access);
  }

  static IotlbHit hit_of(const Translation& translation, Iova iova) noexcept {
    const std::uint64_t beyond = translation.extent.last.value - iova.value;
    return {translation.at(iova), translation.permissions, beyond + (beyond != ~std::uint64_t{0})};
  }

  static TranslateResult no_mapping(bool from_iotlb) noexcept {
    return {{}, 0, Outcome::kFault, protocol::FaultReason::kMapping, from_iotlb};
  }

  static TranslateResult reserved() noexcept {
    return {{}, 0, Outcome::kReserved, protocol::FaultReason::kMapping, false};
  }

  TranslateResult unattached(EndpointHandle endpoint, Iova iova) const noexcept {
    if (config_.unattached_bypass()) return identity(endpoint, iova);
    return {{}, 0, Outcome::kFault, protocol::FaultReason::kDomain, false};  // D11
  }

  // Up to the next reserved region (D47) or the end of the space.
  static TranslateResult identity(EndpointHandle endpoint, Iova iova) noexcept {
    std::uint64_t left = ~iova.value;
    if (left != ~std::uint64_t{0}) ++left;
    for (const auto& region : endpoint->regions) {
      if (region.range.first > iova) left = std::min(left, region.range.first.value - iova.value);
    }
    return {{iova.value}, left, Outcome::kBypass, {}, false};
  }

  const ConfigSpace& config_;
  I& iotlb_;
  Quiescence& quiescence_;
  std::size_t fault_ring_;
  TickSource ticks_;
  std::vector<std::unique_ptr<Reader>> readers_;
  std::size_t next_reader_ = 0;
  void (*fault_signal_)(void* context) = nullptr;
  void* fault_context_ = nullptr;
};

}  // namespace violet
