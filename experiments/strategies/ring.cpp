// ring (M. Malka et al., "rIOMMU: Efficient IOMMU for I/O Devices that Employ Ring Buffers", ASPLOS 2015): addresses are entries
// of a flat table for each ring, taken in order. Unmaps are collected, and one invalidation at the end of a burst ends them.
#include <algorithm>
#include <bit>

#include "experiments/guest/iova_in_order.hpp"
#include "experiments/strategies/basic_strategy.hpp"
#include "experiments/strategies/gather.hpp"

namespace violet {
namespace {

struct RingOptions {
  std::uint64_t table_pages;
  std::uint32_t burst;
  Ticks idle_ticks;
};

// Invariants: an entry is used again only after the end of the burst that it was unmapped in. A burst ends after `burst`
// unmaps, when none came for a while, or when the table is full. Entries that are in use for long are passed over.
// Limits: a device of virtio-iommu has no flat tables: each map is a MAP, and within a burst nothing is invalidated, where
// rIOMMU's single cached entry is replaced by the ring's next. A table that is full of what is in use, and coherent memory,
// leave buffers to the allocator, as under strict.
class Ring final : public MappedStrategy {
 public:
  Ring(const StrategyContext& context, const RingOptions& options)
      : MappedStrategy(context), options_(options) {}

  void tick(Ticks now) override {
    MappedStrategy::tick(now);
    if (!burst_.empty() && now >= last_unmap_ + options_.idle_ticks) end_burst();
  }
  void drain() override {
    end_burst();
    context_.driver.sync();
  }

 private:
  Status opened(std::uint16_t endpoint) override {
    if (joins_a_domain(endpoint)) {
      tables_.push_back(tables_[context_.groups[endpoint]]);
      return {};
    }
    const DmaDomain& domain = this->domain(endpoint);
    const auto base = this->domain(endpoint).allocate_iova(options_.table_pages, 0);
    if (!base) {
      return fail("the device's address space has no room for a table of {} pages",
                  options_.table_pages);
    }
    IovaConfig config;
    config.granule_shift = static_cast<unsigned>(std::countr_zero(domain.granule()));
    config.aperture = IovaRange::of(base->value, options_.table_pages * domain.granule());
    tables_.push_back(std::make_shared<IovaRing>(config));
    return {};
  }

  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (coherent) return MappedStrategy::do_map(out, cpu, coherent);
    DmaDomain& domain = this->domain(out[0].endpoint);
    const std::uint64_t granules = domain.granules_of(out);
    IovaRing& table = *tables_[out[0].endpoint];
    auto entry = table.allocate(granules, kAnywhere, cpu, false);
    if (!entry && !burst_.empty()) {
      end_burst();
      entry = table.allocate(granules, kAnywhere, cpu, false);
    }
    if (!entry) {
      if (!MappedStrategy::do_map(out, cpu, coherent)) return false;
      out[0].cookie = kNoEntry;
      return true;
    }
    out[0].cookie = 0;
    // A device that gave no answer may have kept some: the entry stays taken.
    return domain.map_each({*entry * domain.granule()}, out);
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    if (coherent || static_cast<std::uint32_t>(mappings[0].cookie) == kNoEntry) {
      return MappedStrategy::do_unmap(mappings, cpu, coherent);
    }
    burst_.add(range_of(mappings, cpu));
    last_unmap_ = context_.timer_now();
    if (burst_.ranges().size() >= options_.burst) end_burst();
  }
  void end_burst() {
    if (burst_.empty()) return;
    ++context_.counters.flushes;
    burst_.unmap([this](std::uint16_t endpoint) -> DmaDomain& { return domain(endpoint); });
    // Without an answer the device may still translate the entries: then they stay taken.
    if (context_.driver.sync()) {
      for (const auto& range : burst_.ranges()) {
        tables_[range.endpoint]->free(range.first.value / domain(range.endpoint).granule(),
                                      range.granules, range.cpu);
      }
    }
    burst_.clear();
  }

  static constexpr std::uint32_t kNoEntry = 1;                       // In a cookie.
  static constexpr std::uint64_t kAnywhere = ~std::uint64_t{0} - 1;  // In the table.

  RingOptions options_;
  std::vector<std::shared_ptr<IovaRing>> tables_;  // By endpoint; one for those of a group.
  Gather burst_;
  Ticks last_unmap_ = 0;
};

std::unique_ptr<Strategy> make_ring(const StrategyContext& context) {
  const SettingValues& settings = context.settings;
  const auto idle_ns = static_cast<std::uint64_t>(settings.real("idle_us") * 1e3);
  return std::make_unique<Ring>(
      context,
      RingOptions{.table_pages = static_cast<std::uint64_t>(settings.integer("table_pages")),
                  .burst = static_cast<std::uint32_t>(settings.integer("burst")),
                  .idle_ticks = std::max<Ticks>(1, ns_to_ticks(idle_ns))});
}

}  // namespace

StrategyInfo ring_strategy() {
  return {{"ring",
           "addresses are entries of a table, invalidated at a burst's end (rIOMMU, ASPLOS 2015)",
           {{.name = "table_pages",
             .initial = std::int64_t{4096},
             .least = 16,
             .most = 1 << 20,
             .help = "of the table of each endpoint; entries take as many as their buffers"},
            {.name = "burst",
             .initial = std::int64_t{200},
             .least = 1,
             .most = 65536,
             .help = "unmaps that share one invalidation"},
            {.name = "idle_us",
             .initial = 50.0,
             .least = 0.1,
             .most = 1e6,
             .help = "without an unmap the burst is over"}}},
          make_ring,
          AfterUnmap::kUntilTimer,
          true,
          {{"ring", "the strategy has tables of its own"},
           {"chunk", "the strategy has tables of its own"},
           {"identity", "a table's entry is not at the address of its memory"}}};
}

}  // namespace violet
