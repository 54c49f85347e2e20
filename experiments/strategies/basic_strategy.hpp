// BasicStrategy counts calls and splits lists; MappedStrategy, on top of it, is the zero-copy path of dma-iommu:
// a domain for each IOMMU group, map and sync, and a hook for what happens to an address after its UNMAP was
// queued: that of strict, unless a strategy has its own.
//
// Threading: as strategy.hpp.
// Invariants: those of strategy.hpp, as far as the hooks keep them. A driver that gave up makes every
// map fail, and no address is used again.
#pragma once

#include <memory>
#include <vector>

#include "experiments/strategies/strategies.hpp"

namespace violet {

class BasicStrategy : public Strategy {
 public:
  explicit BasicStrategy(const StrategyContext& context) : context_(context) {}

  std::optional<DmaMapping> map(std::uint16_t endpoint, DmaBuffer buffer, DmaDirection direction,
                                unsigned cpu) final;
  bool map_list(std::uint16_t endpoint, std::span<const DmaBuffer> buffers, DmaDirection direction,
                unsigned cpu, std::span<DmaMapping> out) final;
  std::optional<DmaMapping> map_coherent(std::uint16_t endpoint, DmaBuffer buffer,
                                         unsigned cpu) final;
  void unmap(const DmaMapping& mapping, unsigned cpu) final;
  void unmap_list(std::span<const DmaMapping> mappings, unsigned cpu) override;
  void unmap_coherent(const DmaMapping& mapping, unsigned cpu) final;

  void sync_for_device(const DmaMapping&) override {}
  void sync_for_cpu(const DmaMapping&) override {}
  void tick(Ticks) override {}
  void drain() override {}
  std::uint64_t always_mapped_bytes() const override { return 0; }

 protected:
  // Fill in iova, granted, persistent and, if need be, cookie of `out`; the rest is filled in. False:
  // nothing was mapped. `out` has several elements for a list only. Coherent memory must not be copied.
  virtual bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) = 0;
  // All that one do_map() made.
  virtual void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) = 0;

  // Of a list: its first element's cookie says how many there are. The low 32 bits are the strategy's.
  static constexpr std::uint64_t kListShift = 32;
  static std::size_t length_of(const DmaMapping& first);

  StrategyContext context_;

 private:
  bool counted(bool mapped);
};

// The addresses that one map() took of its domain.
struct MappedRange {
  std::uint16_t endpoint;
  Iova first;
  std::uint64_t granules;
  unsigned cpu;  // To whose magazine they go.
};

class MappedStrategy : public BasicStrategy {
 public:
  using BasicStrategy::BasicStrategy;

  // PROBE (R5), an allocator without the reserved regions, ATTACH; then opened() for each endpoint.
  Status start() override;
  void tick(Ticks now) override;
  void drain() override { context_.driver.sync(); }
  // Of an endpoint that shares its domain with none.
  Status reassign(std::uint16_t endpoint) override;

  DmaDomain& domain(std::uint16_t endpoint) { return *domains_[endpoint]; }
  const DmaDomain& domain(std::uint16_t endpoint) const { return *domains_[endpoint]; }
  // Whether an endpoint before it has the same domain.
  bool joins_a_domain(std::uint16_t endpoint) const;

 protected:
  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override;
  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override;

  // An endpoint has been attached to its domain.
  virtual Status opened(std::uint16_t /*endpoint*/) { return {}; }
  // That of what one do_map() made.
  MappedRange range_of(std::span<const DmaMapping> mappings, unsigned cpu) const;
  // Queues the UNMAPs.
  void unmap_range(const MappedRange& range) {
    domain(range.endpoint).unmap(range.first, range.granules);
  }
  // The UNMAPs of a range are queued: see to it that its addresses are freed, and not before they are back.
  virtual void retire(const MappedRange& range) { retire_now({&range, 1}); }

  // strict: wait, once for all of them, then free. Without an answer the device may still translate them: then they are
  // not freed.
  void retire_now(std::span<const MappedRange> ranges);

 private:
  Status open(std::uint16_t endpoint);
  // The device's domain of that number, to which nothing is attached.
  Result<std::shared_ptr<DmaDomain>> make_domain(std::uint16_t endpoint,
                                                 std::uint32_t number) const;

  std::vector<std::shared_ptr<DmaDomain>> domains_;  // By endpoint; one for those of a group.
};

}  // namespace violet
