// registered (P. Begunkov, "Add dmabuf read/write via io_uring", 2025 and 2026): memory is mapped when it is first used, in
// blocks, and stays so; an operation on it sends nothing. Its owner may revoke a block: what is in flight drains, the
// block is unmapped, and the next use registers it again.
#include <algorithm>

#include "experiments/strategies/basic_strategy.hpp"
#include "experiments/strategies/memory_window.hpp"

namespace violet {
namespace {

struct RegisteredOptions {
  std::uint64_t block_bytes;
  std::uint64_t most_bytes;
  double revocations_per_s;  // 0: none.
};

// Invariants: a block in use is never unmapped. From the moment of its revocation nobody new uses a block; he gets a
// mapping of his own, as under strict, until the block is gone. Coherent memory is no registered buffer: a driver uses its
// rings as long as it works, and a block that held one would never drain.
// Limits: blocks are mapped for both directions. Where no more may be registered, and no block is idle, buffers are mapped
// as under strict; these are marked as what stays, too, so that a figure of exposure counts none of them. Pages of rings
// that lie in a block are reachable through it, too.
class Registered final : public MappedStrategy {
 public:
  Registered(const StrategyContext& context, const RegisteredOptions& options)
      : MappedStrategy(context),
        options_(options),
        period_(options.revocations_per_s > 0
                    ? std::max<Ticks>(1, ns_to_ticks(static_cast<std::uint64_t>(std::min(
                                             1e9 / options.revocations_per_s, kLongestPeriod))))
                    : 0) {}

  void tick(Ticks now) override {
    MappedStrategy::tick(now);
    if (period_ == 0 || now < next_revocation_) return;
    // The first tick only starts the clock.
    if (next_revocation_ != 0) revoke_next();
    next_revocation_ = now + period_;
  }
  void drain() override {
    for (const auto& table : tables_) {
      for (std::size_t block = 0; block < table->blocks.size(); ++block) {
        if (table->blocks[block].mapped && table->blocks[block].users == 0)
          unregister(*table, block);
      }
    }
    context_.driver.sync();
  }
  std::uint64_t always_mapped_bytes() const override { return mapped_bytes_; }

 private:
  struct Block {
    std::uint32_t users = 0;
    bool mapped = false;
    bool revoked = false;        // And to be unmapped when its last user has gone.
    Ticks revoked_at = 0;        // Of the clock, whatever timers go by.
    std::uint64_t last_use = 0;  // Numbers of uses.
  };
  struct Table {  // Of a domain.
    std::uint16_t endpoint;
    MemoryWindow window;
    std::uint64_t pages_a_block;
    std::vector<Block> blocks;
    std::size_t next_revoked = 0;
  };

  Status opened(std::uint16_t endpoint) override {
    if (joins_a_domain(endpoint)) {
      tables_.push_back(tables_[context_.groups[endpoint]]);
      return {};
    }
    DmaDomain& domain = this->domain(endpoint);
    VIOLET_TRY(const MemoryWindow window, MemoryWindow::reserve(domain, context_.memory));
    const std::uint64_t pages = std::max<std::uint64_t>(1, options_.block_bytes / domain.granule());
    tables_.push_back(std::make_shared<Table>(Table{
        endpoint, window, pages, std::vector<Block>((window.granules() + pages - 1) / pages)}));
    return {};
  }

  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (coherent) return MappedStrategy::do_map(out, cpu, coherent);
    if (context_.driver.broken()) return false;
    Table& table = *tables_[out[0].endpoint];
    if (!register_all(table, out)) {
      if (context_.driver.broken() || !MappedStrategy::do_map(out, cpu, coherent)) return false;
      out[0].cookie = kOwn;
    } else {
      for (DmaMapping& mapping : out) {
        for_blocks(table, mapping.buffer, [](Block& block) { ++block.users; });
        mapping.iova = table.window.address(mapping.buffer.phys);
        mapping.granted = Permissions::kReadWrite;
        mapping.persistent = true;
      }
      out[0].cookie = 0;
    }
    return true;
  }

  // False: one of the blocks is being revoked, or there is no room for it, or no answer.
  bool register_all(Table& table, std::span<const DmaMapping> list) {
    ++uses_;
    bool added = false, fine = true;
    for (const DmaMapping& mapping : list) {
      const std::size_t last = table.window.last_page(mapping.buffer) / table.pages_a_block;
      std::size_t at = table.window.page(mapping.buffer.phys) / table.pages_a_block;
      for (; fine && at <= last; ++at) {
        Block& block = table.blocks[at];
        fine = !block.revoked;
        block.last_use = uses_;
        if (!fine || block.mapped) continue;
        fine = has_room(pages_of(table, at)) && add(table, at);
        added = true;
      }
    }
    return (!added || context_.driver.sync()) && fine;
  }
  bool add(Table& table, std::size_t at) {
    DmaDomain& domain = this->domain(table.endpoint);
    const std::size_t first = at * table.pages_a_block;
    const std::uint64_t pages = pages_of(table, at);
    if (!domain.add_range({table.window.range(first, pages), table.window.phys(first),
                           Permissions::kReadWrite})) {
      return false;
    }
    table.blocks[at].mapped = true;
    mapped_bytes_ += pages * domain.granule();
    return true;
  }
  // The last block may be short.
  static std::uint64_t pages_of(const Table& table, std::size_t block) {
    return std::min(table.pages_a_block, table.window.granules() - block * table.pages_a_block);
  }

  // Makes room by the block that nobody has used for longest.
  bool has_room(std::uint64_t pages) {
    const std::uint64_t bytes = pages * domain(0).granule();
    while (mapped_bytes_ + bytes > options_.most_bytes) {
      Table* from = nullptr;
      std::size_t oldest = 0;
      for (const auto& table : tables_) {
        for (std::size_t i = 0; i < table->blocks.size(); ++i) {
          const Block& block = table->blocks[i];
          if (!block.mapped || block.users > 0 || block.last_use == uses_) continue;
          if (from != nullptr && from->blocks[oldest].last_use <= block.last_use) continue;
          from = table.get();
          oldest = i;
        }
      }
      if (from == nullptr) return false;
      unregister(*from, oldest);
    }
    return true;
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    if (coherent || static_cast<std::uint32_t>(mappings[0].cookie) == kOwn) {
      return MappedStrategy::do_unmap(mappings, cpu, coherent);
    }
    Table& table = *tables_[mappings[0].endpoint];
    for (const DmaMapping& mapping : mappings) {
      for_blocks(table, mapping.buffer, [&](Block& block) {
        if (--block.users == 0 && block.revoked) end_revocation(table, block);
      });
    }
  }
  template <class Visit>
  static void for_blocks(Table& table, DmaBuffer buffer, Visit&& visit) {
    const std::size_t last = table.window.last_page(buffer) / table.pages_a_block;
    for (std::size_t at = table.window.page(buffer.phys) / table.pages_a_block; at <= last; ++at) {
      visit(table.blocks[at]);
    }
  }

  // --- Revocation ---

  // The next mapped block; domains take turns, and in each the blocks do.
  void revoke_next() {
    for (std::size_t n = 0; n < tables_.size(); ++n) {
      const std::size_t turn = next_table_;
      next_table_ = (turn + 1) % tables_.size();
      if (joins_a_domain(static_cast<std::uint16_t>(turn))) continue;  // Its table had its turn.
      if (revoke_next_of(*tables_[turn])) return;
    }
  }
  bool revoke_next_of(Table& table) {
    for (std::size_t n = 0; n < table.blocks.size(); ++n) {
      const std::size_t at = (table.next_revoked + n) % table.blocks.size();
      Block& block = table.blocks[at];
      if (!block.mapped || block.revoked) continue;
      table.next_revoked = at + 1;
      block.revoked = true;
      block.revoked_at = context_.clock();
      if (block.users == 0) end_revocation(table, block);
      return true;
    }
    return false;
  }
  void end_revocation(Table& table, Block& block) {
    unregister(table, static_cast<std::size_t>(&block - table.blocks.data()));
    // Without an answer the device may still reach it: it stays revoked for good.
    if (!context_.driver.sync()) return;
    block.revoked = false;
    ++context_.counters.revocations;
    if (context_.revocation_ns != nullptr) {
      context_.revocation_ns->record(ticks_to_ns(context_.clock() - block.revoked_at));
    }
  }
  void unregister(Table& table, std::size_t at) {
    const std::uint64_t pages = pages_of(table, at);
    DmaDomain& domain = this->domain(table.endpoint);
    domain.remove_range(table.window.range(at * table.pages_a_block, pages).first,
                        pages * domain.granule());
    table.blocks[at].mapped = false;
    mapped_bytes_ -= pages * domain.granule();
  }

  static constexpr std::uint32_t kOwn = 1;        // In a cookie: not registered.
  static constexpr double kLongestPeriod = 1e18;  // In ns, 31 years: what ticks can be added to.

  RegisteredOptions options_;
  std::vector<std::shared_ptr<Table>> tables_;  // By endpoint; one for those of a group.
  std::uint64_t mapped_bytes_ = 0;
  std::uint64_t uses_ = 0;
  std::size_t next_table_ = 0;  // Whose turn it is to have a block revoked.
  Ticks period_;
  Ticks next_revocation_ = 0;
};

std::unique_ptr<Strategy> make_registered(const StrategyContext& context) {
  const SettingValues& settings = context.settings;
  return std::make_unique<Registered>(
      context, RegisteredOptions{
                   .block_bytes = static_cast<std::uint64_t>(settings.integer("block_kib")) << 10,
                   .most_bytes = static_cast<std::uint64_t>(settings.integer("pool_mib")) << 20,
                   .revocations_per_s = settings.real("revoke_per_s")});
}

}  // namespace

StrategyInfo registered_strategy() {
  return {
      {"registered",
       "memory is registered once, in blocks, and may be revoked (Begunkov, io_uring, 2025)",
       {{.name = "block_kib",
         .initial = std::int64_t{2048},
         .least = 4,
         .most = 1 << 20,
         .help = "of a block; the first use of any of its bytes registers all of it"},
        {.name = "pool_mib",
         .initial = std::int64_t{65536},
         .least = 1,
         .most = 1 << 24,
         .help = "registered at most; beyond it the block idle for longest goes"},
        {.name = "revoke_per_s",
         .initial = 0.0,
         .least = 0,
         .most = 1e6,
         .help = "blocks revoked a second, one after another; what is in flight drains first, and "
                 "the next use registers anew"}}},
      make_registered,
      AfterUnmap::kBuffers,
      true,
      no_choice_of_allocator("addresses are those of memory, in a window")};
}

}  // namespace violet
