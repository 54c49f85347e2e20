// shadow (A. Markuze, A. Morrison, D. Tsafrir, "True IOMMU Protection from DMA Attacks", ASPLOS 2016): a buffer is copied to
// and from a shadow buffer that stays mapped, of 4 KiB or 64 KiB, of the CPU that maps and of exactly the buffer's rights.
// Of larger buffers only the first and the last page are copied when others may share them; what lies between is mapped.
#include <algorithm>
#include <array>
#include <cstring>

#include "engine/base/check.hpp"
#include "experiments/strategies/basic_strategy.hpp"

namespace violet {
namespace {

// Invariants: a shadow buffer has one user at a time, and is never unmapped; what it held of its last user the device could
// read then, or wrote itself. A hybrid's own mapping is gone, and waited for, before its shadow pages have another user.
// Limits: pools grow to `pool_mib` and do not shrink; beyond that, and for lists that need more, buffers are mapped as
// under strict. NUMA nodes are not modelled. Coherent memory is mapped directly.
class Shadow final : public MappedStrategy {
 public:
  Shadow(const StrategyContext& context, std::uint64_t hybrid_above, std::uint64_t most_bytes)
      : MappedStrategy(context),
        hybrid_above_(std::clamp(hybrid_above, kClassBytes[0], kClassBytes[1])),
        most_bytes_(most_bytes) {}

  void sync_for_device(const DmaMapping& mapping) override {
    if (shadowed(mapping)) copy_in(mapping);
  }
  void sync_for_cpu(const DmaMapping& mapping) override {
    if (shadowed(mapping)) copy_out(mapping);
  }
  std::uint64_t always_mapped_bytes() const override { return mapped_bytes_; }

 private:
  static constexpr std::array<std::uint64_t, 2> kClassBytes = {4096, 65536};
  static constexpr std::uint64_t kCopiesPerEvent = 32;
  using Id = std::uint32_t;
  static constexpr Id kNone = ~Id{0};

  struct Slot {
    Iova iova;
    GuestPhys phys;
    std::byte* host;
    std::uint32_t list;  // Of free_, where it goes back to.
  };
  // A buffer whose middle is mapped.
  struct Hybrid {
    Iova first;
    std::uint64_t granules;
    Id head, tail;  // Shadow pages; kNone: the page is the buffer's own.
  };

  // --- Mapping ---

  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (coherent) return MappedStrategy::do_map(out, cpu, coherent);
    if (context_.driver.broken()) return false;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (map_one(out[i], cpu)) continue;
      for (std::size_t back = 0; back < i; ++back) {
        release(out[back], cpu);
        out[back] = {{}, out[back].buffer, out[back].direction, out[back].endpoint};
      }
      if (context_.driver.broken()) return false;
      ++context_.counters.bounce_fallbacks;
      out[0].cookie = 0;
      return MappedStrategy::do_map(out, cpu, coherent);
    }
    return true;
  }

  bool map_one(DmaMapping& mapping, unsigned cpu) {
    const std::uint64_t offset = domain(mapping.endpoint).offset_of(mapping.buffer.phys.value);
    if (offset + mapping.buffer.bytes > hybrid_above_) return map_hybrid(mapping, cpu);
    const unsigned size = offset + mapping.buffer.bytes <= kClassBytes[0] ? 0 : 1;
    const Id id = take(mapping.endpoint, size, permissions_of(mapping.direction), cpu);
    if (id == kNone) return false;
    mapping.iova = {slots_[id].iova.value + offset};
    mapping.granted = permissions_of(mapping.direction);
    mapping.persistent = true;
    mapping.cookie = kSlot | id;
    copy_in(mapping);
    return true;
  }

  // The head's page, what lies between, the tail's page, at addresses that follow one another. Two pages at least, or
  // head and tail would be the same.
  bool map_hybrid(DmaMapping& mapping, unsigned cpu) {
    DmaDomain& domain = this->domain(mapping.endpoint);
    const std::uint64_t granule = domain.granule(), begin = mapping.buffer.phys.value;
    const std::uint64_t end = begin + mapping.buffer.bytes;
    const std::uint64_t head = begin % granule != 0, tail = end % granule != 0;
    const Permissions rights = permissions_of(mapping.direction);
    Hybrid hybrid{{}, domain.granules_of(mapping.buffer), kNone, kNone};
    if (granule != kClassBytes[0]) return false;
    VIOLET_CHECK(hybrid.granules >= head + tail);
    if (head != 0) hybrid.head = take(mapping.endpoint, 0, rights, cpu);
    if (tail != 0) hybrid.tail = take(mapping.endpoint, 0, rights, cpu);
    const auto first = domain.allocate_iova(hybrid.granules, cpu);
    if (!first || (head != 0 && hybrid.head == kNone) || (tail != 0 && hybrid.tail == kNone)) {
      if (first) domain.free_iova(*first, hybrid.granules, cpu);
      give_back(hybrid);
      return false;
    }
    hybrid.first = *first;
    const std::uint64_t middle = hybrid.granules - head - tail, page = begin & ~(granule - 1);
    const auto add = [&](std::uint64_t at, std::uint64_t granules, GuestPhys phys) {
      return granules == 0 ||
             domain.add_range(
                 {IovaRange::of(first->value + at * granule, granules * granule), phys, rights});
    };
    if (!add(0, head, head != 0 ? slots_[hybrid.head].phys : GuestPhys{}) ||
        !add(head, middle, {page + head * granule}) ||
        !add(head + middle, tail, tail != 0 ? slots_[hybrid.tail].phys : GuestPhys{}) ||
        !domain.sync()) {
      return false;  // Without an answer nothing is used again.
    }
    mapping.iova = {first->value + begin % granule};
    mapping.granted = rights;
    mapping.cookie = kHybrid | keep(hybrid);
    copy_in(mapping);
    return true;
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    if (!shadowed(mappings[0])) return MappedStrategy::do_unmap(mappings, cpu, coherent);
    for (const DmaMapping& mapping : mappings) {
      end_hybrid(mapping, cpu);
      copy_out(mapping);
      give_back_all(mapping);
    }
  }
  void release(const DmaMapping& mapping, unsigned cpu) {
    end_hybrid(mapping, cpu);
    give_back_all(mapping);
  }
  // After it nothing reaches the buffer, and what the device wrote is there to be copied.
  void end_hybrid(const DmaMapping& mapping, unsigned cpu) {
    if ((mapping.cookie & kHybrid) == 0) return;
    const Hybrid& hybrid = hybrids_[id_of(mapping)];
    const MappedRange range{mapping.endpoint, hybrid.first, hybrid.granules, cpu};
    unmap_range(range);
    retire_now({&range, 1});
  }
  void give_back_all(const DmaMapping& mapping) {
    if ((mapping.cookie & kSlot) != 0) return give_back(id_of(mapping));
    if (context_.driver.broken()) return;  // The device may still reach its pages.
    give_back(hybrids_[id_of(mapping)]);
    unused_hybrids_.push_back(id_of(mapping));
  }
  // In the low 32 bits of a cookie; none of the two: mapped as under strict.
  static constexpr std::uint64_t kSlot = 1u << 31, kHybrid = 1u << 30;
  static constexpr std::uint64_t kIds = kHybrid - 1;
  static bool shadowed(const DmaMapping& mapping) {
    return (mapping.cookie & (kSlot | kHybrid)) != 0;
  }
  static Id id_of(const DmaMapping& mapping) { return static_cast<Id>(mapping.cookie & kIds); }

  // --- Pools ---

  // A list for each domain, CPU, right and class.
  std::uint32_t list_of(std::uint16_t endpoint, unsigned size, Permissions rights,
                        unsigned cpu) const {
    const unsigned domain = context_.groups.empty() ? endpoint : context_.groups[endpoint];
    const auto right = static_cast<unsigned>(rights) & 3;
    return ((domain * context_.cpus + cpu) * 4 + right) * 2 + size;
  }
  Id take(std::uint16_t endpoint, unsigned size, Permissions rights, unsigned cpu) {
    const std::uint32_t list = list_of(endpoint, size, rights, cpu);
    if (free_.size() <= list) free_.resize(list + 1);
    if (!free_[list].empty()) {
      const Id id = free_[list].back();
      free_[list].pop_back();
      return id;
    }
    return grow(endpoint, size, rights, cpu, list);
  }
  Id grow(std::uint16_t endpoint, unsigned size, Permissions rights, unsigned cpu,
          std::uint32_t list) {
    const std::uint64_t bytes = kClassBytes[size];
    DmaDomain& domain = this->domain(endpoint);
    if (mapped_bytes_ + bytes > most_bytes_ || domain.granule() > bytes || slots_.size() > kIds)
      return kNone;
    const auto phys = context_.pages.allocate(size == 0 ? 0 : 4);
    if (!phys) return kNone;
    const auto first = domain.allocate_iova(bytes / domain.granule(), cpu);
    if (!first) {
      context_.pages.free(*phys, size == 0 ? 0 : 4);
      return kNone;
    }
    std::byte* host = context_.pages.host(*phys, bytes);
    std::memset(host, 0, bytes);
    if (!domain.add_range({IovaRange::of(first->value, bytes), *phys, rights}) || !domain.sync())
      return kNone;
    mapped_bytes_ += bytes;
    slots_.push_back({*first, *phys, host, list});
    return static_cast<Id>(slots_.size() - 1);
  }
  void give_back(Id id) {
    if (id != kNone) free_[slots_[id].list].push_back(id);
  }
  void give_back(const Hybrid& hybrid) {
    give_back(hybrid.head);
    give_back(hybrid.tail);
  }
  Id keep(const Hybrid& hybrid) {
    if (unused_hybrids_.empty()) {
      hybrids_.push_back(hybrid);
      return static_cast<Id>(hybrids_.size() - 1);
    }
    const Id id = unused_hybrids_.back();
    unused_hybrids_.pop_back();
    hybrids_[id] = hybrid;
    return id;
  }

  // --- Copies ---

  // Calls move(shadow, own, bytes) for each part of a buffer that has a shadow.
  template <class Move>
  void for_parts(const DmaMapping& mapping, Move&& move) const {
    std::byte* own = context_.memory.host(mapping.buffer.phys, mapping.buffer.bytes);
    VIOLET_CHECK(own != nullptr);  // The guest's own buffer.
    const std::uint64_t page = kClassBytes[0], offset = mapping.iova.value % page;
    if ((mapping.cookie & kSlot) != 0) {
      return move(slots_[id_of(mapping)].host + offset, own, std::uint64_t{mapping.buffer.bytes});
    }
    const Hybrid& hybrid = hybrids_[id_of(mapping)];
    if (hybrid.head != kNone) move(slots_[hybrid.head].host + offset, own, page - offset);
    const std::uint64_t last = (offset + mapping.buffer.bytes) % page;
    if (hybrid.tail != kNone)
      move(slots_[hybrid.tail].host, own + mapping.buffer.bytes - last, last);
  }
  void copy_in(const DmaMapping& mapping) {
    if (!allows(permissions_of(mapping.direction), Access::kRead)) return;
    const PhaseScope phase(WorkPhase::kCopy);
    for_parts(mapping, [&](std::byte* shadow, const std::byte* own, std::uint64_t bytes) {
      std::memcpy(shadow, own, bytes);
      note_copy(mapping, bytes);
    });
  }
  void copy_out(const DmaMapping& mapping) {
    if (!allows(permissions_of(mapping.direction), Access::kWrite)) return;
    const PhaseScope phase(WorkPhase::kCopy);
    for_parts(mapping, [&](const std::byte* shadow, std::byte* own, std::uint64_t bytes) {
      std::memcpy(own, shadow, bytes);
      note_copy(mapping, bytes);
    });
  }
  void note_copy(const DmaMapping& mapping, std::uint64_t bytes) {
    context_.counters.bytes_copied += bytes;
    // A sample: rings do not hold all of them.
    if (!context_.probe.on() || ++copies_ % kCopiesPerEvent != 1) return;
    context_.probe.record(CopyEvent{context_.endpoints[mapping.endpoint], mapping.iova,
                                    static_cast<std::uint32_t>(bytes)}
                              .event(context_.clock()));
  }

  std::uint64_t hybrid_above_;
  std::uint64_t most_bytes_;
  std::uint64_t mapped_bytes_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::vector<Id>> free_;  // By list_of().
  std::vector<Hybrid> hybrids_;
  std::vector<Id> unused_hybrids_;
  std::uint64_t copies_ = 0;
};

std::unique_ptr<Strategy> make_shadow(const StrategyContext& context) {
  const SettingValues& settings = context.settings;
  return std::make_unique<Shadow>(
      context, static_cast<std::uint64_t>(settings.integer("hybrid_above_bytes")),
      static_cast<std::uint64_t>(settings.integer("pool_mib")) << 20);
}

}  // namespace

StrategyInfo shadow_strategy() {
  return {{"shadow",
           "buffers are copied through shadow buffers that stay mapped (Markuze, ASPLOS 2016)",
           {{.name = "hybrid_above_bytes",
             .initial = std::int64_t{65536},
             .least = 4096,
             .most = 65536,
             .help = "of larger buffers the ends are copied and the pages between are mapped"},
            {.name = "pool_mib",
             .initial = std::int64_t{64},
             .least = 1,
             .most = 1 << 20,
             .help = "of all shadow buffers; beyond it buffers are mapped as under strict"}}},
          make_shadow,
          AfterUnmap::kCopies,
          true,
          {{"identity", "a slot is not at the address of whoever uses it"}}};
}

}  // namespace violet
