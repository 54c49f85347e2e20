// persistent (P. Willmann et al., "Protection Strategies for Direct Access to Virtualized I/O Devices", USENIX ATC 2008): a
// mapping outlives its use, and whoever maps the same pages with the same rights uses it again. Only want of room ends it.
#include "experiments/strategies/basic_strategy.hpp"
#include "experiments/strategies/mapping_cache.hpp"

namespace violet {
namespace {

// Invariants: a mapping in use is never reclaimed; an address is freed only after the UNMAP of its mapping is back.
// Beyond the cap the mappings idle for longest go, one wait for a batch of them.
// Limits: what is in use may exceed the cap. That its pages change hands reclaims no mapping here: the guest's page
// allocator tells nobody.
class Persistent final : public MappedStrategy {
 public:
  Persistent(const StrategyContext& context, std::uint64_t most_bytes)
      : MappedStrategy(context), most_bytes_(most_bytes) {}

  void drain() override { reclaim(0); }
  std::uint64_t always_mapped_bytes() const override {
    return cache_.granules_in_all() * domain(0).granule();
  }

 private:
  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (context_.driver.broken()) return false;
    const std::uint16_t endpoint = out[0].endpoint;
    const Permissions rights = permissions_of(out[0].direction);
    cache_.describe(domain(endpoint), out, rights);
    MappingCache::Id id = cache_.find();
    if (id != MappingCache::kNone) {
      cache_.use(id);
      take_places(domain(endpoint), cache_.at(id).first, rights, out);
    } else {
      if (!map_fresh(out, cpu, coherent)) return false;
      id = cache_.insert(range_of(out, cpu));
      reclaim(most_bytes_);
    }
    for (DmaMapping& mapping : out) mapping.persistent = true;
    out[0].cookie = id;
    return true;
  }
  bool map_fresh(std::span<DmaMapping> out, unsigned cpu, bool coherent) {
    if (MappedStrategy::do_map(out, cpu, coherent)) return true;
    // What is idle may hold the last address.
    if (cache_.oldest() == MappingCache::kNone) return false;
    reclaim(0);
    return MappedStrategy::do_map(out, cpu, coherent);
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned /*cpu*/,
                bool /*coherent*/) override {
    cache_.release(static_cast<MappingCache::Id>(mappings[0].cookie));
  }

  // Down to `bytes`, and a sixteenth below what is allowed, so that not every map reclaims.
  void reclaim(std::uint64_t bytes) {
    if (always_mapped_bytes() <= bytes) return;
    while (always_mapped_bytes() > bytes - bytes / 16 || bytes == 0) {
      const MappingCache::Id oldest = cache_.oldest();
      if (oldest == MappingCache::kNone) break;
      doomed_.push_back(cache_.at(oldest));
      unmap_range(doomed_.back());
      cache_.erase(oldest);
    }
    if (doomed_.empty()) return;
    retire_now(doomed_);
    doomed_.clear();
  }

  std::uint64_t most_bytes_;
  MappingCache cache_;
  std::vector<MappedRange> doomed_;
};

std::unique_ptr<Strategy> make_persistent(const StrategyContext& context) {
  return std::make_unique<Persistent>(
      context, static_cast<std::uint64_t>(context.settings.integer("cap_mib")) << 20);
}

}  // namespace

StrategyInfo persistent_strategy() {
  return {{"persistent",
           "mappings outlive their use and are used again (Willmann, ATC 2008)",
           {{.name = "cap_mib",
             .initial = std::int64_t{256},
             .least = 1,
             .most = 1 << 20,
             .help = "mapped at most, in use or not; beyond it what is idle for longest goes"}}},
          make_persistent,
          AfterUnmap::kBuffers};
}

}  // namespace violet
