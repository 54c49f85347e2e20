// dma-tracking (K. Tian et al., "coIOMMU: A Virtual IOMMU with Cooperative DMA Buffer Tracking", USENIX ATC 2020): the guest
// notes in a table which pages its devices use, so that the host pins no others. A page is pinned when it is used for
// the first time, by a request; further uses are notes. What was not used for a while is unpinned.
#include <algorithm>

#include "experiments/strategies/basic_strategy.hpp"
#include "experiments/strategies/memory_window.hpp"

namespace violet {
namespace {

// Invariants: a page in use is never unpinned; a page that was used since the last round gets a second chance.
// Limits: no protection within the guest: a pinned page is reachable, for both directions. The host reads the table and
// unpins by itself in coIOMMU; here the guest's timer looks, and sends the UNMAPs. Without its older generation of pages
// that are looked at less often.
class DmaTracking final : public MappedStrategy {
 public:
  DmaTracking(const StrategyContext& context, Ticks interval)
      : MappedStrategy(context), interval_(interval) {}

  void tick(Ticks now) override {
    MappedStrategy::tick(now);
    if (now < next_round_) return;
    // The first tick only starts the clock.
    if (next_round_ != 0) unpin(false);
    next_round_ = now + interval_;
  }
  void drain() override { unpin(true); }
  std::uint64_t always_mapped_bytes() const override {
    std::uint64_t pages = 0;
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      if (!joins_a_domain(static_cast<std::uint16_t>(i))) pages += tables_[i]->pinned.size();
    }
    return pages * domain(0).granule();
  }

 private:
  struct Page {  // A leaf of the DMA tracking table.
    std::uint32_t users = 0;
    bool pinned = false;
    bool used = false;  // Since the last round.
  };
  struct Table {  // Of a domain.
    std::uint16_t endpoint;
    MemoryWindow window;
    std::vector<Page> pages;
    std::vector<std::size_t> pinned = {};
  };

  Status opened(std::uint16_t endpoint) override {
    if (joins_a_domain(endpoint)) {
      tables_.push_back(tables_[context_.groups[endpoint]]);
      return {};
    }
    VIOLET_TRY(const MemoryWindow window, MemoryWindow::reserve(domain(endpoint), context_.memory));
    tables_.push_back(
        std::make_shared<Table>(Table{endpoint, window, std::vector<Page>(window.granules())}));
    return {};
  }

  bool do_map(std::span<DmaMapping> out, unsigned /*cpu*/, bool /*coherent*/) override {
    if (context_.driver.broken()) return false;
    Table& table = *tables_[out[0].endpoint];
    bool added = false;
    for (DmaMapping& mapping : out) {
      const std::size_t last = table.window.last_page(mapping.buffer);
      for (std::size_t at = table.window.page(mapping.buffer.phys); at <= last; ++at) {
        Page& page = table.pages[at];
        ++page.users;
        page.used = true;
        if (page.pinned) continue;
        if (!pin(table, at)) return false;
        added = true;
      }
      mapping.iova = table.window.address(mapping.buffer.phys);
      mapping.granted = Permissions::kReadWrite;
      mapping.persistent = true;
    }
    return !added || context_.driver.sync();
  }
  bool pin(Table& table, std::size_t at) {
    if (!domain(table.endpoint)
             .add_range(
                 {table.window.range(at, 1), table.window.phys(at), Permissions::kReadWrite})) {
      return false;
    }
    table.pages[at].pinned = true;
    table.pinned.push_back(at);
    return true;
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned /*cpu*/,
                bool /*coherent*/) override {
    Table& table = *tables_[mappings[0].endpoint];
    for (const DmaMapping& mapping : mappings) {
      const std::size_t last = table.window.last_page(mapping.buffer);
      for (std::size_t at = table.window.page(mapping.buffer.phys); at <= last; ++at) {
        --table.pages[at].users;
      }
    }
  }

  // What nobody uses and, unless `all`, nobody used since the last round. One wait for all of it.
  void unpin(bool all) {
    bool removed = false;
    for (const auto& table : tables_) {
      auto& pinned = table->pinned;
      for (std::size_t i = 0; i < pinned.size();) {
        Page& page = table->pages[pinned[i]];
        const bool spared = page.users > 0 || (page.used && !all);
        page.used = false;
        if (spared) {
          ++i;
          continue;
        }
        domain(table->endpoint).unmap_at_once(table->window.range(pinned[i], 1).first, 1);
        page.pinned = false;
        pinned[i] = pinned.back();
        pinned.pop_back();
        removed = true;
      }
    }
    if (removed) context_.driver.sync();
  }

  Ticks interval_;
  Ticks next_round_ = 0;
  std::vector<std::shared_ptr<Table>> tables_;  // By endpoint; one for those of a group.
};

std::unique_ptr<Strategy> make_dma_tracking(const StrategyContext& context) {
  const auto interval_ns = static_cast<std::uint64_t>(context.settings.real("interval_s") * 1e9);
  return std::make_unique<DmaTracking>(context, std::max<Ticks>(1, ns_to_ticks(interval_ns)));
}

}  // namespace

StrategyInfo dma_tracking_strategy() {
  return {{"dma-tracking",
           "pages are pinned at their first use, unpinned when unused (coIOMMU, ATC 2020)",
           {{.name = "interval_s",
             .initial = 60.0,
             .least = 0.001,
             .most = 86'400,
             .help = "between two rounds; what was not used in one is unpinned"}}},
          make_dma_tracking,
          AfterUnmap::kBuffers,
          true,
          no_choice_of_allocator("addresses are those of memory, in a window")};
}

}  // namespace violet
