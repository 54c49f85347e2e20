// pool (page_pool of Linux' network stack; A. Markuze et al., "DAMN", ASPLOS 2018): a driver's recycled pages are mapped once
// and stay so while they recycle. Pages that find no room in the pool are mapped as under strict.
#include "experiments/strategies/basic_strategy.hpp"
#include "experiments/strategies/mapping_cache.hpp"

namespace violet {
namespace {

// Invariants: the first pages that come make up the pool, and none leaves it before drain(), so that what the device
// reaches is bounded from the start. Pool pages are mapped for both directions, whoever uses them next.
// Limits: a list is of the pool as a whole, by its pages in their order. What the pool has no room for is marked as what
// stays, too: a figure of exposure counts none of it.
class Pool final : public MappedStrategy {
 public:
  Pool(const StrategyContext& context, std::uint64_t most_granules)
      : MappedStrategy(context), most_granules_(most_granules) {}

  void drain() override {
    for (auto id = cache_.oldest(); id != MappingCache::kNone; id = cache_.oldest()) {
      const MappedRange range = cache_.at(id);
      cache_.erase(id);
      unmap_range(range);
      retire_now({&range, 1});
    }
  }
  std::uint64_t always_mapped_bytes() const override {
    return cache_.granules_in_all() * domain(0).granule();
  }

 private:
  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (context_.driver.broken()) return false;
    if (!map_in_pool(out, cpu)) {
      if (!MappedStrategy::do_map(out, cpu, coherent)) return false;
      out[0].cookie = MappingCache::kNone;
    }
    for (DmaMapping& mapping : out) mapping.persistent = true;
    return true;
  }

  // False: there is no room, or no answer.
  bool map_in_pool(std::span<DmaMapping> out, unsigned cpu) {
    DmaDomain& domain = this->domain(out[0].endpoint);
    cache_.describe(domain, out, Permissions::kReadWrite);
    if (const auto id = cache_.find(); id != MappingCache::kNone) {
      cache_.use(id);
      take_places(domain, cache_.at(id).first, Permissions::kReadWrite, out);
      out[0].cookie = id;
      return true;
    }
    if (cache_.granules_in_all() + domain.granules_of(out) > most_granules_) return false;
    const DmaDirection direction = out[0].direction;
    for (DmaMapping& mapping : out) mapping.direction = DmaDirection::kBidirectional;
    const bool mapped = domain.map(out, cpu);
    for (DmaMapping& mapping : out) mapping.direction = direction;
    if (!mapped) return false;
    out[0].cookie = cache_.insert(range_of(out, cpu));
    return true;
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    const auto id = static_cast<MappingCache::Id>(mappings[0].cookie);
    if (id == MappingCache::kNone) return MappedStrategy::do_unmap(mappings, cpu, coherent);
    cache_.release(id);
  }
  std::uint64_t most_granules_;
  MappingCache cache_;
};

std::unique_ptr<Strategy> make_pool(const StrategyContext& context) {
  return std::make_unique<Pool>(context,
                                static_cast<std::uint64_t>(context.settings.integer("pages")));
}

}  // namespace

StrategyInfo pool_strategy() {
  return {{"pool",
           "recycled pages are mapped once and stay (Linux' page_pool; DAMN, ASPLOS 2018)",
           {{.name = "pages",
             .initial = std::int64_t{4096},
             .least = 1,
             .most = 1 << 24,
             .help = "room of the pool; pages beyond it are mapped as under strict"}}},
          make_pool,
          AfterUnmap::kBuffers};
}

}  // namespace violet
