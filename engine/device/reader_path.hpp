// A reader's path leads from an endpoint's access to a guest-physical address. It is a template on the
// IOTLB alone, so that a hit is inlined into its caller; a miss asks the domain's store by a virtual call.
//
//     ReaderPath<I> path(reader);                               // a reader of the device whose IOTLB is an I
//     ReaderPath<I>::Section section(path);                     // online, for one burst
//     auto result = path.translate(endpoint, iova, Access::kWrite);
//     if (result.outcome == Outcome::kMapped) ... result.phys, result.bytes_left ...
//     path.translate_burst(endpoint, count, ask, take);         // the same for many, cheaper
//
// translate() is the composition of route (reader.hpp), lookup, begin_fill, walk, fill and grant, which
// are public so that the simulation can stop between any two of them.
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
// Threading: owner-only, the reader's lcore, inside a section. Several readers run at once.
// Invariants: C3 one result comes from one mapping and grants what it grants. C4 a hit is wait-free:
// loads, and what the IOTLB does. D47 an address in a reserved region is never kMapped or kBypass.
// Limits: a result is valid until the section ends or quiescent() is called.
#pragma once

#include <algorithm>
#include <optional>

#include "engine/device/reader.hpp"
#include "engine/iotlb/iotlb.hpp"

namespace violet {

template <IotlbCache I>
class ReaderPath {
 public:
  using FillTicket = typename I::FillTicket;

  // The reader outlives the path. One path a reader.
  explicit ReaderPath(DeviceReader& reader)
      : ReaderPath(design_cast<I>(reader.context().iotlb), reader) {}
  // The same over a type that the design's name does not tell, as a test's variant of a design.
  ReaderPath(I& iotlb, DeviceReader& reader)
      : iotlb_(iotlb),
        cache_(static_cast<typename I::Reader&>(reader.cache())),
        quiescence_(reader.context().quiescence),
        reader_(reader) {}

  TranslateResult translate(EndpointHandle endpoint, Iova iova, Access access) noexcept {
    return reported(endpoint, iova, access, translate_quietly(endpoint, iova, access));
  }

  // Access i is ask(i), its result goes to take(i, result), for each i below `count` in order. ask() may be
  // called more than once. Neither may use the path otherwise, which means: no translation, no quiescent().
  template <class Ask, class Take>
  [[gnu::always_inline]] void translate_burst(EndpointHandle endpoint, std::size_t count, Ask&& ask,
                                              Take&& take) noexcept {
    // acquire: as in DeviceReader::route().
    const Domain* const domain = endpoint->attachment.load(std::memory_order_acquire);
    const bool translated = domain != nullptr && !domain->bypass;
    // Misses come in a row, after an invalidation: a run is tried again behind a hit only.
    bool run = translated;
    for (std::size_t i = 0; i < count; ++i) {
      bool missed = false;
      if (run) [[likely]] {
        i = translate_hits(endpoint, *domain, i, count, ask, take, missed);
        if (i == count) break;
      }
      const TranslateResult result =
          missed ? translate_miss(endpoint, domain, ask(i)) : translate_alone(endpoint, ask(i));
      run = translated && result.hit;
      take(i, result);
    }
  }

  // The same without a fault report: for the endpoint that only asks.
  TranslateResult translate_quietly(EndpointHandle endpoint, Iova iova, Access access) noexcept {
    const Route to = reader_.route(endpoint, iova);
    if (to.domain == nullptr) [[unlikely]]
      return to.result;
    if (const auto hit = lookup(*to.domain, iova)) [[likely]]
      return grant(*hit, access, true);
    return translate_by_walk(*to.domain, iova, access);
  }

  std::optional<IotlbHit> lookup(const Domain& domain, Iova iova) noexcept {
    return iotlb_.lookup(cache_, domain.tag, iova);
  }
  FillTicket begin_fill(const Domain& domain, Iova iova) noexcept {
    return iotlb_.begin_fill(cache_, domain.tag, iova);
  }
  static std::optional<Translation> walk(const Domain& domain, Iova iova) noexcept {
    return domain.with_store([iova](const auto& store) { return store.translate(iova); });
  }
  void fill(const Domain& domain, const FillTicket& ticket, Iova iova,
            const Translation& translation) noexcept {
    iotlb_.fill(cache_, ticket, domain.tag, iova, translation);
  }

  void online() { quiescence_.online(reader_.id()); }
  // Between two bursts of one section.
  void quiescent() {
    iotlb_.quiescent(cache_);
    quiescence_.quiescent(reader_.id());
  }
  void offline() {
    iotlb_.quiescent(cache_);
    quiescence_.offline(reader_.id());
  }
  // Keeps the reader online for a burst.
  class Section {
   public:
    explicit Section(ReaderPath& path) : path_(path) { path_.online(); }
    ~Section() { path_.offline(); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;
    // Lets go of every result so far.
    void quiescent() { path_.quiescent(); }

   private:
    ReaderPath& path_;
  };

  DeviceReader& reader() const { return reader_; }
  IotlbReaderStats stats() const { return cache_.stats(); }

 private:
  // From access `i` on, as long as the IOTLB answers. Returns the access that it stopped at: one that
  // `missed`, or one whose reserved regions need a closer look.
  template <class Ask, class Take>
  [[gnu::always_inline]] std::size_t translate_hits(EndpointHandle endpoint, const Domain& domain,
                                                    std::size_t i, std::size_t count, Ask& ask,
                                                    Take& take, bool& missed) noexcept {
    const Hull guarded = endpoint->reserved;
    auto burst = iotlb_.burst(cache_, domain.tag);
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
      take(i, grant_or_report(endpoint, *hit, ask(i)));
    }
    return i;
  }

  // What a burst does rarely, out of line so that the loop over its hits keeps its registers.
  [[gnu::noinline]] TranslateResult translate_miss(EndpointHandle endpoint, const Domain* domain,
                                                   BurstAccess next) noexcept {
    return reported(endpoint, next.iova, next.access,
                    translate_by_walk(*domain, next.iova, next.access));
  }
  [[gnu::noinline]] TranslateResult translate_alone(EndpointHandle endpoint,
                                                    BurstAccess next) noexcept {
    return translate(endpoint, next.iova, next.access);
  }
  [[gnu::noinline]] TranslateResult grant_or_report(EndpointHandle endpoint, const IotlbHit& hit,
                                                    BurstAccess next) noexcept {
    return reported(endpoint, next.iova, next.access, grant(hit, next.access, true));
  }

  // A fault on its way to the caller goes to the engine as well.
  [[gnu::always_inline]] TranslateResult reported(EndpointHandle endpoint, Iova iova, Access access,
                                                  const TranslateResult& result) noexcept {
    if (result.outcome == Outcome::kFault) [[unlikely]] {
      reader_.report(endpoint, iova, access, result.reason);
    }
    return result;
  }

  TranslateResult translate_by_walk(const Domain& domain, Iova iova, Access access) noexcept {
    const auto ticket = begin_fill(domain, iova);
    const auto translation = walk(domain, iova);
    if (translation) fill(domain, ticket, iova, *translation);
    return grant(translation, iova, access);
  }

  I& iotlb_;
  typename I::Reader& cache_;
  Quiescence& quiescence_;
  DeviceReader& reader_;
};

}  // namespace violet
