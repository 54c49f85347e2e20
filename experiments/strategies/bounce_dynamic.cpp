// bounce-dynamic (D. Stevens, "Dynamic IOMMU-backed bounce buffers", 2021): small buffers are copied to
// and from slots that stay mapped; the rest is mapped as under strict.
#include <algorithm>
#include <cstring>

#include "engine/base/check.hpp"
#include "experiments/strategies/basic_strategy.hpp"
#include "experiments/strategies/bounce_pool.hpp"

namespace violet {
namespace {

struct BounceOptions {
  std::uint32_t slots;
  std::uint64_t limit_bytes;
  Ticks evict_ticks;
};

class BounceDynamic final : public MappedStrategy {
 public:
  BounceDynamic(const StrategyContext& context, const BounceOptions& options)
      : MappedStrategy(context), options_(options) {}

  void sync_for_device(const DmaMapping& mapping) override {
    if (!mapping.persistent) return;
    if (allows(permissions_of(mapping.direction), Access::kRead))
      copy_in(mapping, slot_of(mapping));
  }
  void sync_for_cpu(const DmaMapping& mapping) override {
    if (!mapping.persistent) return;
    if (allows(permissions_of(mapping.direction), Access::kWrite)) {
      copy_out(mapping, slot_of(mapping));
    }
  }

  void tick(Ticks now) override {
    MappedStrategy::tick(now);
    if (now < next_eviction_) return;
    // The first tick only starts the clock.
    if (next_eviction_ != 0) {
      for (const auto& pool : pools_) pool->evict();
    }
    next_eviction_ = now + options_.evict_ticks;
  }

  std::uint64_t always_mapped_bytes() const override {
    std::uint64_t bytes = 0;
    for (const auto& pool : pools_) bytes += pool->mapped_bytes();
    return bytes;
  }

 private:
  Status opened(std::uint16_t endpoint) override {
    VIOLET_TRY(auto pool, BouncePool::create(domain(endpoint), context_.pages, options_.slots, 0));
    pools_.push_back(std::move(pool));
    return {};
  }

  // A list shares one slot, one buffer behind the other; the slot keeps the first one's offset.
  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    std::uint64_t bytes = 0;
    for (const DmaMapping& mapping : out) bytes += mapping.buffer.bytes;
    if (coherent || bytes > options_.limit_bytes) return MappedStrategy::do_map(out, cpu, coherent);
    if (const auto done = bounce(out, bytes)) return *done;
    ++context_.counters.bounce_fallbacks;
    return MappedStrategy::do_map(out, cpu, coherent);
  }

  // Nothing when there is no slot for it; false when the device does not answer.
  std::optional<bool> bounce(std::span<DmaMapping> out, std::uint64_t bytes) {
    BouncePool& pool = *pools_[out[0].endpoint];
    const std::uint64_t offset = domain(out[0].endpoint).offset_of(out[0].buffer.phys.value);
    const unsigned size_class = pool.class_for(offset + bytes);
    if (size_class >= BouncePool::kClasses) return std::nullopt;
    const Permissions permissions = permissions_of(out[0].direction);
    const auto slot = pool.acquire(size_class, permissions);
    if (!slot) return std::nullopt;
    // Whoever had this memory before left bytes that the device has no business to see.
    if (slot->fresh) std::memset(slot->host, 0, pool.slot_bytes(size_class));
    std::uint64_t at = slot->iova.value + offset;
    for (DmaMapping& mapping : out) {
      mapping.iova = {at};
      mapping.granted = permissions;
      mapping.persistent = true;
      at += mapping.buffer.bytes;
      if (allows(permissions, Access::kRead)) copy_in(mapping, *slot);
    }
    return !slot->fresh || pool.map_fresh(*slot);
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    if (!mappings[0].persistent) return MappedStrategy::do_unmap(mappings, cpu, coherent);
    const BouncePool::Slot slot = slot_of(mappings[0]);
    if (allows(permissions_of(mappings[0].direction), Access::kWrite)) {
      for (const DmaMapping& mapping : mappings) copy_out(mapping, slot);
    }
    pools_[mappings[0].endpoint]->release(slot);
  }

  BouncePool::Slot slot_of(const DmaMapping& mapping) const {
    const auto slot = pools_[mapping.endpoint]->find(mapping.iova);
    VIOLET_CHECK(slot.has_value());
    return *slot;
  }

  void copy_in(const DmaMapping& mapping, const BouncePool::Slot& slot) {
    const PhaseScope phase(WorkPhase::kCopy);
    std::memcpy(slot.host + (mapping.iova.value - slot.iova.value), host(mapping.buffer),
                mapping.buffer.bytes);
    note_copy(mapping);
  }
  void copy_out(const DmaMapping& mapping, const BouncePool::Slot& slot) {
    const PhaseScope phase(WorkPhase::kCopy);
    std::memcpy(host(mapping.buffer), slot.host + (mapping.iova.value - slot.iova.value),
                mapping.buffer.bytes);
    note_copy(mapping);
  }
  std::byte* host(DmaBuffer buffer) const {
    std::byte* bytes = context_.memory.host(buffer.phys, buffer.bytes);
    VIOLET_CHECK(bytes != nullptr);  // The guest's own buffer.
    return bytes;
  }
  void note_copy(const DmaMapping& mapping) {
    context_.counters.bytes_copied += mapping.buffer.bytes;
    // Copies come by the million a second, more than event rings hold: the counter has them all.
    if (!context_.probe.on() || ++copies_ % kCopiesPerEvent != 1) return;
    context_.probe.record(
        CopyEvent{context_.endpoints[mapping.endpoint], mapping.iova, mapping.buffer.bytes}.event(
            context_.clock()));
  }

  static constexpr std::uint64_t kCopiesPerEvent = 32;

  BounceOptions options_;
  std::uint64_t copies_ = 0;
  std::vector<std::unique_ptr<BouncePool>> pools_;  // One a domain.
  Ticks next_eviction_ = 0;
};

std::unique_ptr<Strategy> make_bounce_dynamic(const StrategyContext& context) {
  const SettingValues& settings = context.settings;
  const auto evict_ns = static_cast<std::uint64_t>(settings.real("evict_s") * 1e9);
  return std::make_unique<BounceDynamic>(
      context,
      BounceOptions{.slots = static_cast<std::uint32_t>(settings.integer("slots")),
                    .limit_bytes = static_cast<std::uint64_t>(settings.integer("limit_bytes")),
                    .evict_ticks = std::max<Ticks>(1, ns_to_ticks(evict_ns))});
}

}  // namespace

StrategyInfo bounce_dynamic_strategy() {
  return {{"bounce-dynamic",
           "small buffers are copied through a pool that stays mapped; others are strict (Stevens, "
           "2021)",
           {{.name = "slots",
             .initial = std::int64_t{1024},
             .least = 1,
             .most = 65536,
             .help = "of each of the eight size classes (buffer_pool_size)"},
            {.name = "limit_bytes",
             .initial = std::int64_t{4096},
             .least = 0,
             .most = 512 << 10,
             .help = "larger buffers and lists are mapped as under strict (always_bounce_limit)"},
            {.name = "evict_s",
             .initial = 5.0,
             .least = 0.001,
             .most = 3600,
             .help = "period of eviction; a slot idle for two rounds is unmapped"}}},
          make_bounce_dynamic,
          AfterUnmap::kCopies,
          true,
          {{"identity", "a slot is not at the address of whoever uses it"}}};
}

}  // namespace violet
