// A block model behaves in the manner of NVMe: commands in a submission ring, data pages named by PRP-like
// entries, completions in a completion ring, all in guest memory and all reached through the IOTLB.
// It is backed by memory of its own, so what is read back is what was written.
//
//   prp1               first page (its offset in the page counts)
//   prp2               <= 2 pages: the second page; more: IOVA of a list of page addresses
//
// Threading: as endpoint_model.hpp says. Registers are free-running counters.
// Invariants: a command outside the disk, with a size of 0 or above kMaxBytes, an unknown opcode,
// or whose DMA faults completes with a status other than kGood; it never stops the queue. Limits: 4
// KiB pages; transfers up to kMaxBytes, so that one list page suffices.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/dma/dma_port.hpp"
#include "dataplane/dma/endpoint_model.hpp"
#include "dataplane/dma/service_time.hpp"
#include "engine/protocol/wire.hpp"

namespace violet {

enum class BlockOpcode : std::uint8_t { kWrite = 1, kRead = 2 };
enum class BlockStatus : std::uint16_t { kGood = 0, kInvalidField = 2, kDataTransferError = 4 };

struct BlockCommand {
  std::uint8_t opcode;
  std::uint8_t reserved0;
  protocol::le16 id;  // Given back in the completion.
  protocol::le32 bytes;
  protocol::le64 offset;  // In bytes, on the disk.
  protocol::le64 prp1;
  protocol::le64 prp2;
  std::uint8_t reserved[32];
};
static_assert(sizeof(BlockCommand) == 64);

struct BlockCompletion {
  protocol::le16 id;
  protocol::le16 status;
  protocol::le32 reserved0;
  protocol::le64 reserved;
};
static_assert(sizeof(BlockCompletion) == 16);

class BlockModel final : public EndpointModel {
 public:
  static constexpr std::uint32_t kPage = 4096;
  static constexpr std::uint32_t kMaxBytes = 1u << 20;

  // `port` outlives the model. The disk starts zeroed.
  BlockModel(DmaPort& port, std::uint64_t disk_bytes);

  // Driver side. Both rings have `entries` (a power of two) slots.
  void set_rings(Iova submission, Iova completion, std::uint32_t entries);
  // The device serves one command after the other, and each takes so long at least; 0: as fast as it is polled. Called
  // as set_rings(), before the first submit().
  void set_service_time(Ticks ticks) { service_.set(ticks); }
  void submit(std::uint32_t tail) { tail_.write(tail); }
  std::uint32_t completed() const { return completed_.read(); }
  std::uint64_t disk_bytes() const { return disk_.size(); }

  unsigned poll(unsigned budget) override;
  std::uint64_t dma_errors() const override { return dma_errors_.value(); }
  std::uint64_t ring_errors() const override { return ring_errors_.value(); }

 private:
  static constexpr unsigned kBurst = 32;
  static constexpr unsigned kMaxPages = kMaxBytes / kPage + 1;

  unsigned fetch(unsigned budget);
  BlockStatus execute(const BlockCommand& command);
  bool valid(const BlockCommand& command) const;
  // Fills ops_ with one op a page; false when the PRP list cannot be read.
  bool gather(const BlockCommand& command, unsigned& ops);
  void complete(unsigned count);
  bool dma(Iova iova, std::uint32_t bytes, Access access, void* buffer);
  bool dma_on_ring(Iova iova, std::size_t bytes, Access access, void* buffer);

  DmaPort& port_;
  std::vector<std::byte> disk_;
  Iova submission_;
  Iova completion_;
  std::uint32_t entries_ = 0;
  Register tail_;
  Register completed_;
  std::uint32_t head_ = 0;
  ServiceTime service_;
  std::array<BlockCommand, kBurst> commands_{};
  std::array<BlockCompletion, kBurst> completions_{};
  std::array<protocol::le64, kMaxPages> list_{};
  std::array<DmaOp, kMaxPages> ops_{};
  Counter dma_errors_;
  Counter ring_errors_;
};

}  // namespace violet
