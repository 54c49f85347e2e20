// optimistic (N. Amit et al., "vIOMMU: Efficient IOMMU Emulation", USENIX ATC 2011): an unmap leaves the mapping in
// place for a few milliseconds. A map of the same pages with the same rights takes it over without a request; what
// nobody takes over goes when it is too old, or when too many are kept.
#include <algorithm>

#include "engine/base/check.hpp"
#include "engine/base/flat_table.hpp"
#include "experiments/strategies/basic_strategy.hpp"

namespace violet {
namespace {

struct OptimisticOptions {
  std::uint32_t quota;
  std::uint32_t batch;
  Ticks keep_ticks;
};

// Invariants: a kept mapping has no UNMAP in flight, so that whoever takes it over finds it valid; it is taken over
// whole, by the same endpoint, for the same pages in the same order and with exactly the same permissions. At most
// `quota` are kept between two calls. An address is freed only after the UNMAP of its mapping is back.
// Limits: coherent memory is unmapped as under strict.
class Optimistic final : public MappedStrategy {
 public:
  Optimistic(const StrategyContext& context, const OptimisticOptions& options)
      : MappedStrategy(context), options_(options) {}

  void tick(Ticks now) override {
    MappedStrategy::tick(now);
    if (!too_old(now)) return;
    while (too_old(now)) doom_oldest();
    free_doomed();
  }
  void drain() override { tear_down(count_); }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // A run of pages of memory.
  struct Piece {
    std::uint64_t phys_pfn;
    std::uint64_t granules;
    bool operator==(const Piece&) const = default;
  };
  // What a mapping is of: only its equal takes it over.
  struct Shape {
    std::uint16_t endpoint = 0;
    Permissions permissions = Permissions::kNone;
    std::vector<Piece> pieces;
    bool operator==(const Shape&) const = default;

    std::uint64_t granules() const {
      std::uint64_t sum = 0;
      for (const Piece& piece : pieces) sum += piece.granules;
      return sum;
    }
    std::uint64_t key() const {
      std::uint64_t key = std::uint64_t{endpoint} << 8 | static_cast<std::uint64_t>(permissions);
      for (const Piece& piece : pieces) {
        key = (key ^ piece.phys_pfn) * 0x9e3779b97f4a7c15ull;
        key = (key ^ key >> 29 ^ piece.granules) * 0xbf58476d1ce4e5b9ull;
      }
      return key == FlatTable<std::uint32_t>::kNoKey ? 0 : key;
    }
  };
  struct Kept {
    Shape shape;
    Iova first;
    unsigned cpu = 0;  // That unmapped it, and to whose magazine its address goes.
    Ticks since = 0;
    std::uint32_t older = kNone, newer = kNone;
    std::uint32_t same = kNone;  // The next older one under the same key.
  };

  bool too_old(Ticks now) const {
    return oldest_ != kNone && now >= kept_[oldest_].since + options_.keep_ticks;
  }

  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (coherent) return MappedStrategy::do_map(out, cpu, coherent);
    if (context_.driver.broken()) return false;
    describe(out);
    if (take_over(out)) return true;
    if (MappedStrategy::do_map(out, cpu, coherent)) return true;
    // What is kept may hold the last address.
    if (count_ == 0) return false;
    tear_down(count_);
    return MappedStrategy::do_map(out, cpu, coherent);
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    if (coherent) return MappedStrategy::do_unmap(mappings, cpu, coherent);
    describe(mappings);
    const std::uint64_t granule = domain(shape_.endpoint).granule();
    keep({mappings[0].iova.value & ~(granule - 1)}, cpu);
    if (count_ > options_.quota) tear_down(std::min(count_, options_.batch));
  }
  void describe(std::span<const DmaMapping> mappings) {
    shape_.endpoint = mappings[0].endpoint;
    shape_.permissions = permissions_of(mappings[0].direction);
    shape_.pieces.clear();
    const DmaDomain& domain = this->domain(shape_.endpoint);
    for (const DmaMapping& mapping : mappings) {
      shape_.pieces.push_back(
          {mapping.buffer.phys.value / domain.granule(), domain.granules_of(mapping.buffer)});
    }
  }

  bool take_over(std::span<DmaMapping> out) {
    const std::uint32_t* newest = by_key_.find(shape_.key());
    std::uint32_t index = newest == nullptr ? kNone : *newest;
    while (index != kNone && kept_[index].shape != shape_) index = kept_[index].same;
    if (index == kNone) return false;
    const DmaDomain& domain = this->domain(shape_.endpoint);
    std::uint64_t at = kept_[index].first.value;
    for (DmaMapping& mapping : out) {
      mapping.iova = {at + domain.offset_of(mapping.buffer.phys.value)};
      mapping.granted = shape_.permissions;
      mapping.kept = true;
      at += domain.granules_of(mapping.buffer) * domain.granule();
    }
    forget(index);
    return true;
  }

  void keep(Iova first, unsigned cpu) {
    std::uint32_t index = static_cast<std::uint32_t>(kept_.size());
    if (unused_.empty()) {
      kept_.emplace_back();
    } else {
      index = unused_.back();
      unused_.pop_back();
    }
    Kept& kept = kept_[index];
    kept.shape = shape_;
    kept.first = first;
    kept.cpu = cpu;
    kept.since = context_.timer_now();
    kept.older = std::exchange(newest_, index);
    kept.newer = kNone;
    (kept.older == kNone ? oldest_ : kept_[kept.older].newer) = index;
    const auto [head, fresh] = by_key_.insert(shape_.key(), index);
    kept.same = fresh ? kNone : std::exchange(*head, index);
    ++count_;
  }

  // Takes it off the lists.
  void forget(std::uint32_t index) {
    Kept& kept = kept_[index];
    (kept.older == kNone ? oldest_ : kept_[kept.older].newer) = kept.newer;
    (kept.newer == kNone ? newest_ : kept_[kept.newer].older) = kept.older;
    const std::uint64_t key = kept.shape.key();
    std::uint32_t* link = by_key_.find(key);
    VIOLET_DCHECK(link != nullptr);
    if (*link == index && kept.same == kNone) {
      by_key_.erase(key);
    } else {
      while (*link != index) link = &kept_[*link].same;
      *link = kept.same;
    }
    unused_.push_back(index);
    --count_;
  }

  // Queues the UNMAP of the oldest.
  void doom_oldest() {
    const Kept& oldest = kept_[oldest_];
    doomed_.push_back({oldest.shape.endpoint, oldest.first, oldest.shape.granules(), oldest.cpu});
    unmap_range(doomed_.back());
    forget(oldest_);
  }
  // One wait for all of them.
  void free_doomed() {
    retire_now(doomed_);
    doomed_.clear();
  }
  void tear_down(std::uint32_t count) {
    for (; count > 0; --count) doom_oldest();
    free_doomed();
  }

  OptimisticOptions options_;
  Shape shape_;  // Of the call in hand.
  std::vector<Kept> kept_;
  std::vector<std::uint32_t> unused_;  // Of kept_.
  std::uint32_t oldest_ = kNone, newest_ = kNone;
  std::uint32_t count_ = 0;
  FlatTable<std::uint32_t> by_key_;  // The newest one of each key.
  std::vector<MappedRange> doomed_;
};

std::unique_ptr<Strategy> make_optimistic(const StrategyContext& context) {
  const SettingValues& settings = context.settings;
  const auto keep_ns = static_cast<std::uint64_t>(settings.real("keep_ms") * 1e6);
  return std::make_unique<Optimistic>(
      context, OptimisticOptions{.quota = static_cast<std::uint32_t>(settings.integer("quota")),
                                 .batch = static_cast<std::uint32_t>(settings.integer("batch")),
                                 .keep_ticks = std::max<Ticks>(1, ns_to_ticks(keep_ns))});
}

}  // namespace

StrategyInfo optimistic_strategy() {
  return {{"optimistic",
           "an unmap keeps the mapping; a map of the same pages takes it over (vIOMMU, ATC 2011)",
           {{.name = "quota",
             .initial = std::int64_t{256},
             .least = 1,
             .most = 65536,
             .help = "mappings kept at most; beyond it the oldest are torn down"},
            {.name = "batch",
             .initial = std::int64_t{16},
             .least = 1,
             .most = 65536,
             .help = "mappings torn down together, with one wait, when the quota is full"},
            {.name = "keep_ms",
             .initial = 10.0,
             .least = 0.01,
             .most = 100'000,
             .help = "from the unmap to the teardown of what nobody took over"}}},
          make_optimistic,
          AfterUnmap::kUntilTimer};
}

}  // namespace violet
