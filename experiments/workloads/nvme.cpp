// nvme-4k: a block driver with a queue of random reads and writes, each buffer mapped for its command
// and unmapped at its completion. What is read is checked against what was written there last.
#include <optional>

#include "dataplane/dma/payload.hpp"
#include "engine/base/rng.hpp"
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
    for (std::uint32_t i = 0; i < depth_; ++i) {
      VIOLET_TRY(const auto buffer, guest.allocate(bytes_));
      slots_[i].buffer = {buffer, bytes_};
      if (bytes_ > 2 * kPage) {
        VIOLET_TRY(coherent(guest, slots_[i].list, kPage * list_pages()));
      }
      free_.push_back(static_cast<std::uint16_t>(i));
    }
    return {};
  }

  StepOutcome step(Guest& guest) override {
    BlockModel& disk = *guest.endpoint(0).block;
    while (!free_.empty() && submit(guest)) continue;
    disk.submit(tail_);
    if (free_.size() == depth_) {  // Nothing could be mapped.
      guest.pump();
      return StepOutcome::kDone;
    }
    if (!guest.pump_a_while([&] { return disk.completed() != reaped_; }))
      return StepOutcome::kWaits;
    reap(guest);
    guest.next_cpu();
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
      if (slot.mapping) guest.dma_unmap(*slot.mapping);
      slot.mapping.reset();
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
    DmaBuffer buffer{};
    Shared list;
    std::optional<DmaMapping> mapping;  // While its command is on its way.
    std::uint64_t block = 0;
    bool read = false;
  };

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

  // The stamp of a block's contents; version 0 is a block that was never written.
  std::uint64_t sequence_of(std::uint64_t block) const { return block << 32 | versions_[block]; }

  bool submit(Guest& guest) {
    const std::uint16_t id = free_.back();
    Slot& slot = slots_[id];
    do {
      slot.block = rng_.below(blocks_);
    } while (busy_[slot.block]);
    slot.read = rng_.below(100) < read_percent_;
    const auto data = guest.bytes_at(slot.buffer.phys, bytes_);
    if (!slot.read) {
      ++versions_[slot.block];
      stamp_payload(data, sequence_of(slot.block));
    }
    const auto mapping = guest.dma_map(
        0, slot.buffer, slot.read ? DmaDirection::kFromDevice : DmaDirection::kToDevice);
    if (!mapping) {
      if (!slot.read) --versions_[slot.block];
      return false;
    }
    slot.mapping = mapping;
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
    const std::uint64_t iova = slot.mapping->iova.value;
    command.prp1 = iova;
    const std::uint64_t second = (iova & ~std::uint64_t{kPage - 1}) + kPage;
    command.prp2 = second;
    if (slot.list.mapping && bytes_ > 2 * kPage) {
      auto* list = reinterpret_cast<protocol::le64*>(slot.list.host);
      for (std::uint64_t i = 0; i < bytes_ / kPage; ++i) list[i] = second + i * kPage;
      command.prp2 = slot.list.mapping->iova.value;
    }
    reinterpret_cast<BlockCommand*>(submission_.host)[tail_++ & (entries_ - 1)] = command;
  }

  void reap(Guest& guest) {
    const auto& done =
        reinterpret_cast<const BlockCompletion*>(completion_.host)[reaped_++ & (entries_ - 1)];
    Slot& slot = slots_[done.id % depth_];
    if (!slot.mapping) {  // The answer to nothing: the disk could not write a new one.
      ++data_errors_;
      return;
    }
    guest.dma_unmap(*slot.mapping);
    slot.mapping.reset();
    const auto data = guest.bytes_at(slot.buffer.phys, bytes_);
    if (done.status != static_cast<std::uint16_t>(BlockStatus::kGood)) {
      ++data_errors_;
    } else if (slot.read && versions_[slot.block] != 0 &&
               !payload_matches(data, sequence_of(slot.block))) {
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
