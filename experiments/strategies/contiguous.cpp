// contiguous (B. Rubin et al., "Fast & Safe IO Memory Protection", SOSP 2024): strict, with addresses from chunks of 64 pages, so
// that buffers in use together share the upper levels of a walk, and with one UNMAP for a list.
#include <bit>

#include "engine/base/check.hpp"
#include "engine/base/flat_table.hpp"
#include "experiments/strategies/basic_strategy.hpp"

namespace violet {
namespace {

// Invariants: after unmap() nothing reaches the buffer. A chunk goes back to the allocator when it was used up and all that
// was taken of it is unmapped; until then no page of it is used twice.
// Limits: larger lists than a chunk, and coherent memory, come from the allocator itself. That an invalidation keeps the
// caches of a walk is the engine's matter: it has none.
class Contiguous final : public MappedStrategy {
 public:
  Contiguous(const StrategyContext& context, std::uint64_t chunk_granules)
      : MappedStrategy(context),
        chunk_granules_(chunk_granules),
        current_(context.endpoints.size() * context.cpus) {}

 private:
  struct Chunk {
    Iova first;
    std::uint64_t taken = 0;   // Of its granules, from its end downwards.
    std::uint64_t mapped = 0;  // Of those.
    unsigned cpu = 0;
    bool is_current = false;
  };

  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    DmaDomain& domain = this->domain(out[0].endpoint);
    const std::uint64_t granules = domain.granules_of(out);
    if (coherent || granules > chunk_granules_) {
      if (!MappedStrategy::do_map(out, cpu, coherent)) return false;
      out[0].cookie = kNoChunk;
      return true;
    }
    const auto first = take(out[0].endpoint, granules, cpu);
    if (!first) return false;
    out[0].cookie = 0;
    // Without an answer the device may have kept some: then its addresses are not used again.
    return domain.map_each(*first, out);
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    const MappedRange range = range_of(mappings, cpu);
    domain(range.endpoint).unmap_at_once(range.first, range.granules);
    if (coherent || static_cast<std::uint32_t>(mappings[0].cookie) == kNoChunk) {
      return retire_now({&range, 1});
    }
    if (context_.driver.sync()) put(range);
  }

  // --- Chunks ---

  unsigned first_of_group(std::uint16_t endpoint) const {
    return context_.groups.empty() ? endpoint : context_.groups[endpoint];
  }
  // A chunk is aligned to its size, so that any of its addresses names it.
  std::uint64_t key_of(std::uint16_t endpoint, Iova at) const {
    const std::uint64_t bytes = chunk_granules_ * domain(endpoint).granule();
    return std::uint64_t{first_of_group(endpoint)} << 52 | at.value / bytes;
  }

  std::optional<Iova> take(std::uint16_t endpoint, std::uint64_t granules, unsigned cpu) {
    std::uint64_t& current = current_[first_of_group(endpoint) * context_.cpus + cpu];
    Chunk* chunk = current == 0 ? nullptr : chunks_.find(current - 1);
    if (chunk != nullptr && chunk_granules_ - chunk->taken < granules) {
      chunk->is_current = false;
      free_if_done(endpoint, current - 1);
      chunk = nullptr;
    }
    DmaDomain& domain = this->domain(endpoint);
    if (chunk == nullptr) {
      current = 0;
      const auto first = domain.allocate_iova(chunk_granules_, cpu);
      if (!first) return std::nullopt;
      const std::uint64_t key = key_of(endpoint, *first);
      current = key + 1;
      chunk = chunks_.insert(key, {*first, 0, 0, cpu, true}).first;
    }
    chunk->taken += granules;
    chunk->mapped += granules;
    return Iova{chunk->first.value + (chunk_granules_ - chunk->taken) * domain.granule()};
  }
  void put(const MappedRange& range) {
    const std::uint64_t key = key_of(range.endpoint, range.first);
    Chunk* chunk = chunks_.find(key);
    VIOLET_CHECK(chunk != nullptr && chunk->mapped >= range.granules);
    chunk->mapped -= range.granules;
    free_if_done(range.endpoint, key);
  }
  void free_if_done(std::uint16_t endpoint, std::uint64_t key) {
    const Chunk chunk = *chunks_.find(key);
    if (chunk.is_current || chunk.mapped > 0) return;
    chunks_.erase(key);
    domain(endpoint).free_iova(chunk.first, chunk_granules_, chunk.cpu);
  }

  static constexpr std::uint32_t kNoChunk = 1;  // In a cookie.

  std::uint64_t chunk_granules_;
  FlatTable<Chunk> chunks_;             // By key_of().
  std::vector<std::uint64_t> current_;  // By domain and CPU: key + 1; 0: none.
};

std::unique_ptr<Strategy> make_contiguous(const StrategyContext& context) {
  return std::make_unique<Contiguous>(
      context, std::bit_ceil(static_cast<std::uint64_t>(context.settings.integer("chunk_pages"))));
}

}  // namespace

StrategyInfo contiguous_strategy() {
  return {{"contiguous",
           "strict, with addresses from chunks and one UNMAP for a list (F&S, SOSP 2024)",
           {{.name = "chunk_pages",
             .initial = std::int64_t{64},
             .least = 2,
             .most = 65536,
             .help = "of a chunk, rounded up to a power of two"}}},
          make_contiguous,
          AfterUnmap::kNothing,
          true,
          {{"chunk", "the strategy cuts chunks of its own"},
           {"ring", "the strategy cuts chunks of its own"},
           {"identity", "a chunk is not at the address of its buffers"}}};
}

}  // namespace violet
