// link-kept (Linux since 6.16: dma_iova_link() and dma_iova_unlink() in an address range that its driver keeps, as RDMA's
// on-demand paging and HMM do): pages come and go at addresses that stay theirs. An unlink waits for the device, also where
// iommu.strict=0, because its address never passes through the flush queue.
#include <algorithm>

#include "engine/base/check.hpp"
#include "experiments/strategies/basic_strategy.hpp"
#include "experiments/strategies/memory_window.hpp"

namespace violet {
namespace {

// Invariants: a page is linked while it has users, for both directions; its last user's unmap ends it and waits. Who finds
// a page linked, by another buffer of it, ends nothing with an unmap (DmaMapping::persistent); who linked it leaves it
// reachable until the last of them has gone.
// Limits: a buffer that finds one of its pages linked counts as having found all. Coherent memory comes from the allocator.
class LinkKept final : public MappedStrategy {
 public:
  using MappedStrategy::MappedStrategy;

 private:
  struct Table {  // Of a domain.
    MemoryWindow window;
    std::vector<std::uint32_t> users;  // By page.
  };

  Status opened(std::uint16_t endpoint) override {
    if (joins_a_domain(endpoint)) {
      tables_.push_back(tables_[context_.groups[endpoint]]);
      return {};
    }
    VIOLET_TRY(const MemoryWindow window, MemoryWindow::reserve(domain(endpoint), context_.memory));
    tables_.push_back(
        std::make_shared<Table>(Table{window, std::vector<std::uint32_t>(window.granules())}));
    return {};
  }

  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (coherent) return MappedStrategy::do_map(out, cpu, coherent);
    if (context_.driver.broken()) return false;
    const std::uint16_t endpoint = out[0].endpoint;
    Table& table = *tables_[endpoint];
    bool added = false;
    for (DmaMapping& mapping : out) {
      const std::size_t last = table.window.last_page(mapping.buffer);
      for (std::size_t page = table.window.page(mapping.buffer.phys); page <= last; ++page) {
        if (table.users[page]++ > 0) {
          mapping.persistent = true;
          continue;
        }
        added = true;
        // A page each: it goes by itself.
        if (!domain(endpoint).add_range(
                {table.window.range(page, 1), table.window.phys(page), Permissions::kReadWrite})) {
          return false;
        }
      }
      mapping.iova = table.window.address(mapping.buffer.phys);
      mapping.granted = Permissions::kReadWrite;
    }
    return !added || context_.driver.sync();
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    if (coherent) return MappedStrategy::do_unmap(mappings, cpu, coherent);
    const std::uint16_t endpoint = mappings[0].endpoint;
    DmaDomain& domain = this->domain(endpoint);
    Table& table = *tables_[endpoint];
    bool removed = false;
    for (const DmaMapping& mapping : mappings) {
      const std::size_t last = table.window.last_page(mapping.buffer);
      std::size_t from = table.window.page(mapping.buffer.phys);
      while (from <= last) {  // Runs of pages that lost their last user: an UNMAP each.
        std::size_t end = from;
        while (end <= last && --table.users[end] == 0) ++end;
        if (end > from) {
          domain.unmap_at_once(table.window.range(from, 1).first, end - from);
          removed = true;
        }
        from = end + 1;
      }
    }
    if (removed) domain.sync();
  }
  std::vector<std::shared_ptr<Table>> tables_;  // By endpoint; one for those of a group.
};

std::unique_ptr<Strategy> make_link_kept(const StrategyContext& context) {
  return std::make_unique<LinkKept>(context);
}

}  // namespace

StrategyInfo link_kept_strategy() {
  return {{"link-kept",
           "pages come and go at addresses that are kept; an unlink always waits (Linux 6.16)"},
          make_link_kept,
          AfterUnmap::kUntilNeeded,
          true,
          no_choice_of_allocator("addresses are those of memory, in a window")};
}

}  // namespace violet
