// shared (P. Willmann et al., "Protection Strategies for Direct Access to Virtualized I/O Devices", USENIX ATC 2008; N. Amit
// et al., ATC 2011): buffers in use at the same time that have the same pages and rights share one mapping. It goes
// with its last user, as under strict.
#include "engine/base/check.hpp"
#include "experiments/strategies/basic_strategy.hpp"
#include "experiments/strategies/mapping_cache.hpp"

namespace violet {
namespace {

// Invariants: exact: a mapping is shared whenever it could be; with `found` above 0 approximate, as a bounded look-up of the
// newest mappings has it. Who joins a mapping ends nothing with an unmap
// (DmaMapping::persistent); who made it leaves it reachable until its last user has gone, and that is what it exposes.
// Limits: coherent memory is mapped apart.
class Shared final : public MappedStrategy {
 public:
  Shared(const StrategyContext& context, std::size_t found)
      : MappedStrategy(context), cache_(found) {}

 private:
  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (coherent) return MappedStrategy::do_map(out, cpu, coherent);
    if (context_.driver.broken()) return false;
    const std::uint16_t endpoint = out[0].endpoint;
    const Permissions rights = permissions_of(out[0].direction);
    cache_.describe(domain(endpoint), out, rights);
    MappingCache::Id id = cache_.find();
    if (id != MappingCache::kNone) {
      cache_.use(id);
      take_places(domain(endpoint), cache_.at(id).first, rights, out);
      for (DmaMapping& mapping : out) mapping.persistent = true;
    } else {
      if (!MappedStrategy::do_map(out, cpu, coherent)) return false;
      id = cache_.insert(range_of(out, cpu));
    }
    out[0].cookie = id;
    return true;
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    if (coherent) return MappedStrategy::do_unmap(mappings, cpu, coherent);
    const auto id = static_cast<MappingCache::Id>(mappings[0].cookie);
    if (!cache_.release(id)) return;
    MappedRange range = cache_.at(id);
    range.cpu = cpu;
    cache_.erase(id);
    unmap_range(range);
    retire_now({&range, 1});
  }
  MappingCache cache_;
};

std::unique_ptr<Strategy> make_shared_mappings(const StrategyContext& context) {
  return std::make_unique<Shared>(context,
                                  static_cast<std::size_t>(context.settings.integer("found")));
}

}  // namespace

StrategyInfo shared_strategy() {
  return {{"shared",
           "buffers of the same pages in use at a time share a mapping (Willmann, ATC 2008)",
           {{.name = "found",
             .initial = std::int64_t{0},
             .least = 0,
             .most = 1 << 20,
             .help = "approximate: only so many of the newest mappings are found; 0: all, exact"}}},
          make_shared_mappings,
          AfterUnmap::kUntilNeeded};
}

}  // namespace violet
