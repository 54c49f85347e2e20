// ring (M. Malka et al., "rIOMMU: Efficient IOMMU for I/O Devices that Employ Ring Buffers", ASPLOS 2015): addresses are entries
// of a flat table for each ring, taken in order. Unmaps are collected, and one invalidation at the end of a burst ends them.
#include <algorithm>
#include <deque>

#include "engine/base/check.hpp"
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
// unmaps, when none came for a while, or when the table is full.
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
  enum class State : std::uint8_t { kMapped, kUnmapped, kFree };
  struct Entry {
    std::uint64_t first;  // Page of the table.
    std::uint64_t granules;
    State state;
  };
  struct Table {  // Of a domain.
    Iova base;
    std::uint64_t head = 0;     // Page that the next entry begins at.
    std::deque<Entry> entries;  // From the oldest that is not free to the newest.
    std::uint32_t oldest = 0;   // Its number.
  };

  Status opened(std::uint16_t endpoint) override {
    if (joins_a_domain(endpoint)) {
      tables_.push_back(tables_[context_.groups[endpoint]]);
      return {};
    }
    const auto base = domain(endpoint).allocate_iova(options_.table_pages, 0);
    if (!base) {
      return fail("the device's address space has no room for a table of {} pages",
                  options_.table_pages);
    }
    tables_.push_back(std::make_shared<Table>(Table{*base, 0, {}, 0}));
    return {};
  }

  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (coherent) return MappedStrategy::do_map(out, cpu, coherent);
    const std::uint16_t endpoint = out[0].endpoint;
    DmaDomain& domain = this->domain(endpoint);
    std::uint64_t granules = 0;
    for (const DmaMapping& mapping : out) granules += domain.granules_of(mapping.buffer);
    Table& table = *tables_[endpoint];
    auto first = place(table, granules);
    if (!first && !burst_.empty()) {
      end_burst();
      first = place(table, granules);
    }
    if (!first) {
      if (!MappedStrategy::do_map(out, cpu, coherent)) return false;
      out[0].cookie = kNoEntry;
      return true;
    }
    // A device that gave no answer may have kept some: the entry stays taken.
    table.entries.push_back({*first, granules, State::kMapped});
    table.head = *first + granules;
    out[0].cookie = static_cast<std::uint32_t>(table.oldest + table.entries.size() - 1) & kNumbers;
    return domain.map_each({table.base.value + *first * domain.granule()}, out);
  }

  // Behind the newest entry, or at the table's beginning when there is no room to its end.
  std::optional<std::uint64_t> place(const Table& table, std::uint64_t granules) const {
    const std::uint64_t end = options_.table_pages;
    if (table.entries.empty())
      return granules <= end ? std::optional<std::uint64_t>(0) : std::nullopt;
    const std::uint64_t tail = table.entries.front().first;
    if (table.head <= tail) {
      return granules <= tail - table.head ? std::optional(table.head) : std::nullopt;
    }
    if (granules <= end - table.head) return table.head;
    return granules <= tail ? std::optional<std::uint64_t>(0) : std::nullopt;
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    const auto number = static_cast<std::uint32_t>(mappings[0].cookie);
    if (coherent || number == kNoEntry) return MappedStrategy::do_unmap(mappings, cpu, coherent);
    const std::uint16_t endpoint = mappings[0].endpoint;
    Table& table = *tables_[endpoint];
    Entry& entry = table.entries[(number - table.oldest) & kNumbers];
    VIOLET_DCHECK(entry.state == State::kMapped);
    entry.state = State::kUnmapped;
    burst_.add({endpoint,
                {table.base.value + entry.first * domain(endpoint).granule()},
                entry.granules,
                cpu});
    last_unmap_ = context_.clock();
    if (burst_.ranges().size() >= options_.burst) end_burst();
  }
  // Of coherent memory, and of what the table had no room for.
  void retire(std::uint16_t endpoint, Iova first, std::uint64_t granules, unsigned cpu) override {
    retire_now(endpoint, first, granules, cpu);
  }

  void end_burst() {
    if (burst_.empty()) return;
    ++context_.counters.flushes;
    burst_.unmap([this](std::uint16_t endpoint) -> DmaDomain& { return domain(endpoint); });
    burst_.clear();
    // Without an answer the device may still translate the entries: then they stay taken.
    if (!context_.driver.sync()) return;
    for (const auto& table : tables_) {
      auto& entries = table->entries;
      for (Entry& entry : entries) {
        if (entry.state == State::kUnmapped) entry.state = State::kFree;
      }
      while (!entries.empty() && entries.front().state == State::kFree) {
        entries.pop_front();
        table->oldest = (table->oldest + 1) & kNumbers;
      }
    }
  }

  static constexpr std::uint32_t kNoEntry = ~std::uint32_t{0};  // In a cookie.
  static constexpr std::uint32_t kNumbers = kNoEntry >> 1;

  RingOptions options_;
  std::vector<std::shared_ptr<Table>> tables_;  // By endpoint; one for those of a group.
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
