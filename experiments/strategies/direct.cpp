// direct: all guest memory is mapped once, one to one, with holes where the device has reserved regions
// (viommu_domain_map_identity()). Requests at start only; no protection, but translation has its cost.
#include <algorithm>

#include "experiments/strategies/basic_strategy.hpp"

namespace violet {
namespace {

// Half-open.
struct Piece {
  std::uint64_t from;
  std::uint64_t to;
};

// The pieces of `whole`, in whole granules, that no reserved region touches.
std::vector<Piece> without_reserved(Piece whole, std::vector<IovaRange> reserved,
                                    std::uint64_t granule) {
  std::sort(reserved.begin(), reserved.end(),
            [](const IovaRange& a, const IovaRange& b) { return a.first < b.first; });
  std::vector<Piece> pieces;
  const auto add = [&](std::uint64_t from, std::uint64_t to) {
    const Piece piece{(from + granule - 1) & ~(granule - 1), to & ~(granule - 1)};
    if (piece.from < piece.to) pieces.push_back(piece);
  };
  for (const IovaRange& region : reserved) {
    if (region.last.value < whole.from) continue;
    if (region.first.value >= whole.to) break;
    add(whole.from, std::max(whole.from, region.first.value));
    whole.from = region.last.value + 1;
    if (whole.from >= whole.to || whole.from == 0) return pieces;
  }
  add(whole.from, whole.to);
  return pieces;
}

class Direct final : public MappedStrategy {
 public:
  using MappedStrategy::MappedStrategy;

  std::uint64_t always_mapped_bytes() const override { return mapped_bytes_; }

 private:
  Status opened(std::uint16_t endpoint) override {
    std::vector<Piece>& pieces = pieces_.emplace_back();
    if (joins_a_domain(endpoint)) {  // All is mapped there.
      pieces = pieces_[context_.groups[endpoint]];
      return {};
    }
    VIOLET_TRY(const auto properties, context_.driver.probe(context_.endpoints[endpoint]));
    std::vector<IovaRange> reserved;
    for (const auto& region : properties.regions) reserved.push_back(region.range);
    for (const auto& region : context_.memory.regions()) {
      const Piece whole{region.start.value, region.start.value + region.bytes};
      const auto some = without_reserved(whole, reserved, domain(endpoint).granule());
      pieces.insert(pieces.end(), some.begin(), some.end());
    }
    return map_identity(endpoint, pieces);
  }

  // One MAP a piece, as the kernel does, and each is waited for.
  Status map_identity(std::uint16_t endpoint, const std::vector<Piece>& pieces) {
    std::uint64_t bytes = 0;
    for (const auto& [from, to] : pieces) {
      const auto range = IovaRange::of(from, to - from);
      if (!context_.driver.facts().input_range.contains(range)) {
        return fail("guest memory at {:#x} lies outside the device's input range", from);
      }
      VIOLET_TRY(
          context_.driver.map_now(domain(endpoint).id(), {range, {from}, Permissions::kReadWrite}));
      bytes += to - from;
    }
    mapped_bytes_ = std::max(mapped_bytes_, bytes);
    return {};
  }

  bool reachable(std::uint16_t endpoint, DmaBuffer buffer) const {
    for (const Piece& piece : pieces_[endpoint]) {
      if (piece.from <= buffer.phys.value && buffer.phys.value + buffer.bytes <= piece.to) {
        return true;
      }
    }
    return false;
  }

  bool do_map(std::span<DmaMapping> out, unsigned, bool) override {
    for (DmaMapping& mapping : out) {
      if (!reachable(mapping.endpoint, mapping.buffer)) return false;
      mapping.iova = {mapping.buffer.phys.value};
      mapping.granted = Permissions::kReadWrite;
      mapping.persistent = true;
    }
    return true;
  }
  void do_unmap(std::span<const DmaMapping>, unsigned, bool) override {}

  std::vector<std::vector<Piece>> pieces_;  // Of each endpoint.
  std::uint64_t mapped_bytes_ = 0;
};

std::unique_ptr<Strategy> make_direct(const StrategyContext& context) {
  return std::make_unique<Direct>(context);
}

}  // namespace

StrategyInfo direct_strategy() {
  return {{"direct", "all guest memory is mapped one to one, once (Willmann, ATC 2008)"},
          make_direct,
          AfterUnmap::kBuffers,
          true,
          no_choice_of_allocator("every address is that of its memory")};
}

}  // namespace violet
