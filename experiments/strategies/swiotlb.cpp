// swiotlb (kernel/dma/swiotlb.c with swiotlb=force): one pool for all devices, in slots of 2 KiB that are looked for from a
// rotating index. Every buffer is copied; when no run of free slots is long enough, the map fails.
#include <algorithm>
#include <cstring>

#include "engine/base/check.hpp"
#include "experiments/strategies/basic_strategy.hpp"

namespace violet {
namespace {

// Invariants: a slot has one user at a time. A buffer's slots follow one another in a segment of 128, and keep its offset
// in its page (swiotlb's min_align_mask), so that two buffers may share a page of the pool, never a slot.
// Limits: one area, as before Linux 6.0; the cost of its lock is not modelled. The pool is at most a quarter of the
// guest's memory and is mapped for both directions, once for each domain, and with it what others have in their slots.
// Larger buffers than a segment are mapped as under strict, because Linux' drivers never make them
// (dma_max_mapping_size()). Coherent memory is mapped directly.
class Swiotlb final : public MappedStrategy {
 public:
  Swiotlb(const StrategyContext& context, std::uint64_t pool_bytes, bool fails_when_full)
      : MappedStrategy(context), pool_bytes_(pool_bytes), fails_when_full_(fails_when_full) {}

  Status start() override {
    const std::uint64_t pages =
        std::min(pool_bytes_ / GuestPages::kPageBytes, context_.pages.total_pages() / 4);
    const auto run = pages == 0 ? std::nullopt : context_.pages.allocate_run(pages);
    if (!run)
      return fail("the guest has no {} contiguous pages for swiotlb: give it more memory", pages);
    pool_bytes_ = pages * GuestPages::kPageBytes;
    phys_ = *run;
    host_ = context_.pages.host(phys_, pool_bytes_);
    std::memset(host_, 0, pool_bytes_);
    free_after_.resize(pool_bytes_ / kSlotBytes);
    for (std::size_t i = 0; i < free_after_.size(); ++i) {
      free_after_[i] =
          static_cast<std::uint8_t>(std::min(kSegment - i % kSegment, free_after_.size() - i));
    }
    return MappedStrategy::start();
  }

  void sync_for_device(const DmaMapping& mapping) override {
    if (mapping.persistent && allows(permissions_of(mapping.direction), Access::kRead))
      copy_in(mapping);
  }
  void sync_for_cpu(const DmaMapping& mapping) override {
    if (mapping.persistent && allows(permissions_of(mapping.direction), Access::kWrite))
      copy_out(mapping);
  }
  std::uint64_t always_mapped_bytes() const override { return pool_bytes_; }

 private:
  static constexpr std::uint64_t kSlotBytes = 2048;  // IO_TLB_SIZE
  static constexpr std::size_t kSegment = 128;       // IO_TLB_SEGSIZE
  static constexpr std::uint64_t kMostBytes = kSegment * kSlotBytes;
  static constexpr std::uint64_t kPage = 4096;
  static constexpr std::uint64_t kCopiesPerEvent = 32;

  Status opened(std::uint16_t endpoint) override {
    if (joins_a_domain(endpoint)) {
      bases_.push_back(bases_[context_.groups[endpoint]]);
      return {};
    }
    DmaDomain& domain = this->domain(endpoint);
    const std::uint64_t bytes = (pool_bytes_ + domain.granule() - 1) & ~(domain.granule() - 1);
    const auto base = domain.allocate_iova(bytes / domain.granule(), 0);
    if (!base) return fail("the device's address space has no room for swiotlb's {} bytes", bytes);
    if (domain.granule() != kPage) return fail("swiotlb needs a device with granules of 4 KiB");
    if (!domain.add_range({IovaRange::of(base->value, bytes), phys_, Permissions::kReadWrite}) ||
        !domain.sync()) {
      return context_.driver.health();
    }
    bases_.push_back(*base);
    return {};
  }

  bool do_map(std::span<DmaMapping> out, unsigned cpu, bool coherent) override {
    if (coherent) return MappedStrategy::do_map(out, cpu, coherent);
    if (context_.driver.broken()) return false;
    const bool fits = std::all_of(out.begin(), out.end(), [](const DmaMapping& mapping) {
      return slots_for(mapping.buffer) <= kSegment;
    });
    if (fits && bounce(out)) return true;
    if (fits && fails_when_full_) return false;
    ++context_.counters.bounce_fallbacks;
    return MappedStrategy::do_map(out, cpu, coherent);
  }

  bool bounce(std::span<DmaMapping> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto slot = find_slots(out[i].buffer);
      if (!slot) {
        for (DmaMapping& taken : out.first(i)) {
          give_back(taken);
          taken = {{}, taken.buffer, taken.direction, taken.endpoint};  // Of the pool no more.
        }
        return false;
      }
      out[i].iova = {bases_[out[i].endpoint].value + *slot * kSlotBytes +
                     out[i].buffer.phys.value % kSlotBytes};
      out[i].granted = Permissions::kReadWrite;
      out[i].persistent = true;
    }
    // Also what the device will write: bytes that it leaves alone must not be those of the slot's last user.
    for (const DmaMapping& mapping : out) copy_in(mapping);
    return true;
  }

  void do_unmap(std::span<const DmaMapping> mappings, unsigned cpu, bool coherent) override {
    if (!mappings[0].persistent) return MappedStrategy::do_unmap(mappings, cpu, coherent);
    for (const DmaMapping& mapping : mappings) {
      if (allows(permissions_of(mapping.direction), Access::kWrite)) copy_out(mapping);
      give_back(mapping);
    }
  }
  // --- Slots ---

  static std::size_t slots_for(DmaBuffer buffer) {
    return static_cast<std::size_t>(
        (buffer.phys.value % kSlotBytes + buffer.bytes + kSlotBytes - 1) / kSlotBytes);
  }
  std::size_t slot_of(const DmaMapping& mapping) const {
    return static_cast<std::size_t>((mapping.iova.value - bases_[mapping.endpoint].value) /
                                    kSlotBytes);
  }

  // From the rotating index once around. free_after_[i] counts the free slots from i on, to the segment's end at most.
  std::optional<std::size_t> find_slots(DmaBuffer buffer) {
    const std::size_t count = slots_for(buffer);
    const std::size_t parity = static_cast<std::size_t>(buffer.phys.value / kSlotBytes % 2);
    const std::size_t total = free_after_.size();
    std::size_t at = next_;
    for (std::size_t looked = 0; looked < total; ++looked) {
      if (at % 2 == parity && free_after_[at] >= count) {
        take(at, count);
        next_ = at + count < total ? at + count : 0;
        return at;
      }
      at = at + 1 < total ? at + 1 : 0;
    }
    return std::nullopt;
  }
  void take(std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) free_after_[i] = 0;
    recount_before(first, 0);
  }
  void give_back(const DmaMapping& mapping) {
    const std::size_t first = slot_of(mapping), count = slots_for(mapping.buffer);
    const std::size_t end = first + count;
    std::uint8_t free = end < free_after_.size() && end % kSegment != 0 ? free_after_[end] : 0;
    for (std::size_t i = end; i-- > first;) free_after_[i] = ++free;
    recount_before(first, free);
  }
  void recount_before(std::size_t first, std::uint8_t free) {
    for (std::size_t i = first; i % kSegment != 0 && free_after_[i - 1] != 0; --i) {
      free_after_[i - 1] = ++free;
    }
  }

  // --- Copies ---

  std::byte* bounced(const DmaMapping& mapping) const {
    return host_ + (mapping.iova.value - bases_[mapping.endpoint].value);
  }
  std::byte* own(const DmaMapping& mapping) const {
    std::byte* bytes = context_.memory.host(mapping.buffer.phys, mapping.buffer.bytes);
    VIOLET_CHECK(bytes != nullptr);  // The guest's own buffer.
    return bytes;
  }
  void copy_in(const DmaMapping& mapping) {
    const PhaseScope phase(WorkPhase::kCopy);
    std::memcpy(bounced(mapping), own(mapping), mapping.buffer.bytes);
    note_copy(mapping);
  }
  void copy_out(const DmaMapping& mapping) {
    const PhaseScope phase(WorkPhase::kCopy);
    std::memcpy(own(mapping), bounced(mapping), mapping.buffer.bytes);
    note_copy(mapping);
  }
  void note_copy(const DmaMapping& mapping) {
    context_.counters.bytes_copied += mapping.buffer.bytes;
    // A sample: rings do not hold all of them.
    if (!context_.probe.on() || ++copies_ % kCopiesPerEvent != 1) return;
    context_.probe.record(
        CopyEvent{context_.endpoints[mapping.endpoint], mapping.iova, mapping.buffer.bytes}.event(
            context_.clock()));
  }

  std::uint64_t pool_bytes_;
  bool fails_when_full_;
  GuestPhys phys_{};
  std::byte* host_ = nullptr;
  std::vector<Iova> bases_;               // Of the pool, by endpoint.
  std::vector<std::uint8_t> free_after_;  // By slot; 0: taken.
  std::size_t next_ = 0;
  std::uint64_t copies_ = 0;
};

std::unique_ptr<Strategy> make_swiotlb(const StrategyContext& context) {
  const SettingValues& settings = context.settings;
  return std::make_unique<Swiotlb>(context,
                                   static_cast<std::uint64_t>(settings.integer("pool_kib")) << 10,
                                   settings.text("when_full") == "fail");
}

}  // namespace

StrategyInfo swiotlb_strategy() {
  return {{"swiotlb",
           "every buffer is copied through one pool of 2 KiB slots (Linux, swiotlb=force)",
           {{.name = "pool_kib",
             .initial = std::int64_t{65536},
             .least = 256,
             .most = 1 << 20,
             .help = "of the pool, and a quarter of the guest's memory at most (swiotlb=SLOTS)"},
            {.name = "when_full",
             .initial = std::string("fail"),
             .choices = {"fail", "strict"},
             .help = "fail: the map fails, as in Linux; strict: the buffer gets a mapping"}}},
          make_swiotlb,
          AfterUnmap::kCopies,
          true,
          no_choice_of_allocator("addresses are those of the slots in its pool")};
}

}  // namespace violet
