// nvme-4k: a block driver with a queue of random reads and writes, each buffer mapped for its command
// and unmapped at its completion, a burst of them in each interrupt. What is read is checked against what was written
// there last. Buffers of several pages are scattered pages, mapped as one list. Commands of a burst are drawn by the seed
// around `burst`: nvme-randrw-strict unmaps 1.6 on average before it maps again, blk-randread-strict 4.7.
#include <optional>

#include "dataplane/dma/payload.hpp"
#include "engine/base/rng.hpp"
#include "experiments/workloads/burst_sizes.hpp"
#include "experiments/workloads/scatter.hpp"
#include "experiments/workloads/workloads.hpp"

namespace violet {
namespace {

constexpr std::uint32_t kPage = BlockModel::kPage;

std::vector<Setting> nvme_settings() {
  return {
      {.name = "depth",
       .initial = std::int64_t{128},
       .least = 1,
       .most = 1024,
       .help = "commands in flight"},
      {.name = "io_bytes",
       .initial = std::int64_t{4096},
       .least = 512,
       .most = BlockModel::kMaxBytes,
       .help = "bytes of each command, a multiple of 512"},
      {.name = "read_percent",
       .initial = std::int64_t{50},
       .least = 0,
       .most = 100,
       .help = "share of reads"},
      {.name = "service_ns",
       .initial = std::int64_t{0},
       .least = 0,
       .most = 1e9,
       .help = "of the device, for each command, one after the other; 0: as fast as it is polled"},
      {.name = "burst",
       .initial = 1.6,
       .least = 1,
       .most = 64,
       .help = "commands unmapped in one interrupt, mean, at the most depth; as traced from nvme"},
      completion_cpu_setting(),
  };
}

std::optional<SettingProblem> nvme_problem(const SettingValues& settings) {
  const std::int64_t bytes = settings.integer("io_bytes"), depth = settings.integer("depth");
  if (bytes % 512 != 0) {
    return SettingProblem{"io_bytes", fmt::format("expected a multiple of 512, found {}", bytes)};
  }
  const std::int64_t most = static_cast<std::int64_t>(kDiskBytes) / (depth + 1) / 512 * 512;
  if (bytes <= most) return std::nullopt;
  return SettingProblem{"io_bytes", fmt::format("expected at most {} with {} commands in flight on "
                                                "a disk of {} MiB, found {}",
                                                most, depth, kDiskBytes >> 20, bytes)};
}

class Nvme final : public Workload {
 public:
  Nvme(const SettingValues& settings, std::uint64_t seed)
      : depth_(static_cast<std::uint32_t>(settings.integer("depth"))),
        bytes_(static_cast<std::uint32_t>(settings.integer("io_bytes"))),
        read_percent_(static_cast<std::uint32_t>(settings.integer("read_percent"))),
        service_(ns_to_ticks(static_cast<std::uint64_t>(settings.integer("service_ns")))),
        entries_(std::bit_ceil(depth_ + 1)),
        rng_(seed),
        bursts_(settings.real("burst"), depth_, rng_()),
        completion_cpu_(completion_cpu(settings)),
        slots_(depth_) {}

  Status prepare(Guest& guest) override {
    BlockModel& disk = *guest.endpoint(0).block;
    blocks_ = disk.disk_bytes() / bytes_;
    versions_.assign(blocks_, 0);
    busy_.assign(blocks_, false);
    VIOLET_TRY(coherent(guest, submission_, entries_ * sizeof(BlockCommand)));
    VIOLET_TRY(coherent(guest, completion_, entries_ * sizeof(BlockCompletion)));
    disk.set_service_time(service_);
    disk.set_rings(submission_.mapping->iova, completion_.mapping->iova, entries_);
    VIOLET_TRY(const auto buffers,
               scattered_buffers(guest, std::size_t{depth_} * data_pages(), kPage, rng_));
    auto next = buffers.begin();
    for (std::uint32_t i = 0; i < depth_; ++i) {
      for (std::uint32_t left = bytes_; left > 0; left -= slots_[i].pages.back().bytes) {
        slots_[i].pages.push_back({*next++, std::min(left, kPage)});
      }
      slots_[i].mappings.resize(slots_[i].pages.size());
      if (bytes_ > 2 * kPage) {
        VIOLET_TRY(coherent(guest, slots_[i].list, kPage * list_pages()));
      }
      free_.push_back(static_cast<std::uint16_t>(i));
    }
    return {};
  }

  StepOutcome step(Guest& guest) override {
    BlockModel& disk = *guest.endpoint(0).block;
    if (left_ == 0) {
      while (!free_.empty() && submit(guest)) continue;
      disk.submit(tail_);
      if (free_.size() == depth_) {  // Nothing could be mapped.
        guest.pump();
        return StepOutcome::kDone;
      }
      if (wanted_ == 0) wanted_ = bursts_.draw();
      const std::uint32_t wanted = std::min(wanted_, tail_ - reaped_);
      if (!guest.pump_a_while([&] { return disk.completed() - reaped_ >= wanted; }))
        return StepOutcome::kWaits;
      left_ = wanted;
      wanted_ = 0;
    }
    reap(guest);
    if (--left_ == 0) guest.next_cpu();
    return StepOutcome::kDone;
  }

  void finish(Guest& guest) override {
    const BlockModel& disk = *guest.endpoint(0).block;
    const auto answered = [&] { return disk.completed() != reaped_; };
    while (reaped_ != tail_) {
      if (!guest.pump_until([&] { return answered() || disk.ring_errors() > 0; })) return;
      if (!answered()) break;
      reap(guest);
    }
    for (auto& slot : slots_) {
      // Of a command that a disk which cannot reach its rings never answers.
      if (slot.mapped) unmap(guest, slot);
      release(guest, slot.list);
    }
    release(guest, submission_);
    release(guest, completion_);
  }

  std::string_view unit() const override { return "I/O"; }
  std::uint64_t data_errors() const override { return data_errors_; }

 private:
  struct Shared {
    std::optional<DmaMapping> mapping;
    std::byte* host = nullptr;
  };
  struct Slot {
    std::vector<DmaBuffer> pages;
    std::vector<DmaMapping> mappings;  // Of these.
    Shared list;
    std::uint64_t block = 0;
    unsigned cpu = 0;     // That mapped them.
    bool mapped = false;  // Its command is on its way.
    bool read = false;
  };

  std::uint64_t data_pages() const { return (bytes_ + kPage - 1) / kPage; }
  std::uint64_t list_pages() const { return ((bytes_ / kPage + 1) * 8 + kPage - 1) / kPage; }

  Status coherent(Guest& guest, Shared& shared, std::uint64_t bytes) {
    VIOLET_TRY(const auto at, guest.allocate(bytes));
    shared.host = guest.bytes_at(at, bytes).data();
    shared.mapping = guest.map_coherent(0, {at, static_cast<std::uint32_t>(bytes)});
    if (!shared.mapping) return fail("nvme-4k could not map {} bytes of queue memory", bytes);
    return {};
  }

  static void release(Guest& guest, Shared& shared) {
    if (shared.mapping) guest.unmap_coherent(*shared.mapping);
    shared.mapping.reset();
  }

  // The stamp of a page of a block's contents; version 0 is a block that was never written. A block is below 2^17, a
  // page below 2^8.
  std::uint64_t sequence_of(std::uint64_t block, std::uint64_t page) const {
    return page << 52 | block << 32 | versions_[block];
  }

  void stamp(const Guest& guest, const Slot& slot) const {
    for (std::size_t i = 0; i < slot.pages.size(); ++i) {
      const DmaBuffer& page = slot.pages[i];
      stamp_payload(guest.bytes_at(page.phys, page.bytes), sequence_of(slot.block, i));
    }
  }
  bool has_its_stamps(const Guest& guest, const Slot& slot) const {
    for (std::size_t i = 0; i < slot.pages.size(); ++i) {
      const DmaBuffer& page = slot.pages[i];
      const auto bytes = guest.bytes_at(page.phys, page.bytes);
      if (!payload_matches(bytes, sequence_of(slot.block, i))) return false;
    }
    return true;
  }

  static bool map(Guest& guest, Slot& slot) {
    const auto direction = slot.read ? DmaDirection::kFromDevice : DmaDirection::kToDevice;
    slot.cpu = guest.cpu();
    if (slot.pages.size() > 1) {
      slot.mapped = guest.dma_map_list(0, slot.pages, direction, slot.mappings);
      return slot.mapped;
    }
    const auto mapping = guest.dma_map(0, slot.pages.front(), direction);
    slot.mapped = mapping.has_value();
    if (mapping) slot.mappings.front() = *mapping;
    return slot.mapped;
  }

  void unmap(Guest& guest, Slot& slot) const {
    const Guest::OnCpu on(guest, completion_cpu_ == CompletionCpu::kFirst ? 0 : slot.cpu);
    if (slot.mappings.size() > 1) {
      guest.dma_unmap_list(slot.mappings);
    } else {
      guest.dma_unmap(slot.mappings.front());
    }
    slot.mapped = false;
  }

  bool submit(Guest& guest) {
    const std::uint16_t id = free_.back();
    Slot& slot = slots_[id];
    do {
      slot.block = rng_.below(blocks_);
    } while (busy_[slot.block]);
    slot.read = rng_.below(100) < read_percent_;
    if (!slot.read) {
      ++versions_[slot.block];
      stamp(guest, slot);
    }
    if (!map(guest, slot)) {
      if (!slot.read) --versions_[slot.block];
      return false;
    }
    busy_[slot.block] = true;
    free_.pop_back();
    post(id, slot);
    return true;
  }

  void post(std::uint16_t id, Slot& slot) {
    BlockCommand command{};
    command.opcode =
        static_cast<std::uint8_t>(slot.read ? BlockOpcode::kRead : BlockOpcode::kWrite);
    command.id = id;
    command.bytes = bytes_;
    command.offset = slot.block * bytes_;
    command.prp1 = slot.mappings.front().iova.value;
    if (slot.list.mapping) {
      auto* list = reinterpret_cast<protocol::le64*>(slot.list.host);
      for (std::size_t i = 1; i < slot.mappings.size(); ++i)
        list[i - 1] = slot.mappings[i].iova.value;
      command.prp2 = slot.list.mapping->iova.value;
    } else if (slot.mappings.size() > 1) {
      command.prp2 = slot.mappings[1].iova.value;
    }
    reinterpret_cast<BlockCommand*>(submission_.host)[tail_++ & (entries_ - 1)] = command;
  }

  void reap(Guest& guest) {
    const auto& done =
        reinterpret_cast<const BlockCompletion*>(completion_.host)[reaped_++ & (entries_ - 1)];
    Slot& slot = slots_[done.id % depth_];
    if (!slot.mapped) {  // The answer to nothing: the disk could not write a new one.
      ++data_errors_;
      return;
    }
    unmap(guest, slot);
    if (done.status != static_cast<std::uint16_t>(BlockStatus::kGood)) {
      ++data_errors_;
    } else if (slot.read && versions_[slot.block] != 0 && !has_its_stamps(guest, slot)) {
      ++data_errors_;
    }
    busy_[slot.block] = false;
    free_.push_back(static_cast<std::uint16_t>(done.id % depth_));
  }

  std::uint32_t depth_;
  std::uint32_t bytes_;
  std::uint32_t read_percent_;
  Ticks service_;
  std::uint32_t entries_;
  Rng rng_;
  BurstSizes bursts_;
  CompletionCpu completion_cpu_;
  std::uint32_t wanted_ = 0;  // Commands of the burst that is waited for; 0: not drawn.
  std::uint32_t left_ = 0;    // Of the burst in hand.
  std::vector<Slot> slots_;
  std::vector<std::uint16_t> free_;
  std::vector<std::uint32_t> versions_;
  std::vector<bool> busy_;
  std::uint64_t blocks_ = 0;
  Shared submission_;
  Shared completion_;
  std::uint32_t tail_ = 0;
  std::uint32_t reaped_ = 0;
  std::uint64_t data_errors_ = 0;
};

}  // namespace

WorkloadInfo nvme_workload() {
  return {{"nvme-4k", "random reads and writes of a block device, 128 in flight", nvme_settings()},
          EndpointKind::kBlock,
          [](const SettingValues& values, std::uint64_t seed) -> std::unique_ptr<Workload> {
            return std::make_unique<Nvme>(values, seed);
          },
          &nvme_problem,
          [](const SettingValues& values) {
            return static_cast<std::uint64_t>(values.integer("depth")) *
                   whole_pages(static_cast<std::uint64_t>(values.integer("io_bytes")));
          }};
}

}  // namespace violet
