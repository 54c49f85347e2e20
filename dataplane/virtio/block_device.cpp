#include "dataplane/virtio/block_device.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/protocol/wire.hpp"

namespace violet::virtio {
namespace {

using protocol::le32;
using protocol::le64;

// Section 5.2.3.
constexpr std::uint64_t kHasSizeMax = 1u << 1;
constexpr std::uint64_t kHasSegMax = 1u << 2;
constexpr std::uint64_t kHasBlkSize = 1u << 6;
constexpr std::uint64_t kHasFlush = 1u << 9;

enum class Type : std::uint32_t { kIn = 0, kOut = 1, kFlush = 4, kGetId = 8 };

struct Header {
  le32 type;
  le32 reserved;
  le64 sector;
};
static_assert(sizeof(Header) == 16);

struct Config {
  le64 capacity;  // In sectors.
  le32 size_max;
  le32 seg_max;
  std::uint8_t geometry[4];
  le32 blk_size;
};
static_assert(sizeof(Config) == 24);

constexpr std::uint32_t kSegmentBytes = 64u << 10;
constexpr std::uint32_t kSegments = DmaChain::kMaxSegments - 2;  // Header and status have one each.

}  // namespace

BlockDevice::BlockDevice(DmaPort& port, Disk& disk, std::string serial) : port_(port), disk_(disk) {
  serial.resize(serial_.size(), '\0');
  std::copy(serial.begin(), serial.end(), serial_.begin());
}

std::uint64_t BlockDevice::features() const {
  return kHasSizeMax | kHasSegMax | kHasBlkSize | kHasFlush | feature::kIndirectDesc |
         feature::kAccessPlatform;
}

// Section 6.1: who does not know of the IOMMU would give us addresses that are none.
bool BlockDevice::accept(std::uint64_t features) {
  return (features & feature::kAccessPlatform) != 0;
}

void BlockDevice::read_config(std::size_t offset, std::span<std::byte> out) const {
  const Config config{
      disk_.sectors(), kSegmentBytes, kSegments, {}, static_cast<std::uint32_t>(Disk::kSector)};
  std::fill(out.begin(), out.end(), std::byte{0});
  if (offset >= sizeof(config)) return;
  std::memcpy(out.data(), reinterpret_cast<const std::byte*>(&config) + offset,
              std::min(out.size(), sizeof(config) - offset));
}

Status BlockDevice::open_queue(unsigned /*index*/, const GuestMemory& /*memory*/,
                               const QueueSetup& setup) {
  if (!std::has_single_bit(setup.layout.size)) {
    return fail("a split virtqueue's size is a power of two, not {}", setup.layout.size);
  }
  queue_.emplace(port_, setup);
  if (!queue_->suppress_kicks()) return fail("the block device cannot reach its ring");
  return {};
}

void BlockDevice::reset(ResetKind /*kind*/) {
  queue_.reset();
  running_ = false;
}

unsigned BlockDevice::poll(unsigned budget) {
  if (!running_ || !queue_) return 0;
  unsigned done = 0;
  const std::uint64_t bytes = counters_.bytes.value(), flushes = counters_.flushes.value();
  // Others wait on this lcore, the IOMMU's driver with interrupts off.
  while (done < budget && counters_.bytes.value() - bytes < kPollBytes &&
         counters_.flushes.value() == flushes && queue_->take(chain_)) {
    queue_->give_back(chain_.head(), serve(chain_));
    ++done;
  }
  queue_->publish();
  return done;
}

bool BlockDevice::dma(const DmaChain& chain, Access access, std::uint64_t from, std::uint32_t bytes,
                      std::byte* buffer) {
  const std::size_t count = chain.plan(access, from, bytes, buffer, ops_);
  return port_.run(std::span(ops_).first(count)) == count;
}

// Returns the used length.
std::uint32_t BlockDevice::serve(const DmaChain& chain) {
  if (chain.writable() == 0) return 0;  // No room for a status: nothing can be said.
  const Outcome outcome = execute(chain);
  if (outcome.result != BlockResult::kOk) counters_.errors.add();
  auto status = static_cast<std::byte>(outcome.result);
  // Section 5.2.6: the status is the last byte.
  if (!dma(chain, Access::kWrite, chain.writable() - 1, 1, &status)) return 0;
  // The used length claims every byte before it (section 2.7.8.2), so a status behind a gap is not in it.
  return outcome.written + (outcome.written == chain.writable() - 1 ? 1 : 0);
}

BlockDevice::Outcome BlockDevice::execute(const DmaChain& chain) {
  Header header{};
  if (chain.readable() < sizeof(header) ||
      !dma(chain, Access::kRead, 0, sizeof(header), reinterpret_cast<std::byte*>(&header))) {
    return {BlockResult::kIoError, 0};
  }
  switch (static_cast<Type>(static_cast<std::uint32_t>(header.type))) {
    case Type::kIn:
      counters_.reads.add();
      return move(chain, Access::kWrite, header.sector, 0, chain.writable() - 1);
    case Type::kOut:
      counters_.writes.add();
      return move(chain, Access::kRead, header.sector, sizeof(header),
                  chain.readable() - sizeof(header));
    case Type::kFlush:
      counters_.flushes.add();
      return {disk_.flush() ? BlockResult::kOk : BlockResult::kIoError, 0};
    case Type::kGetId:
      return tell_serial(chain);
    default:
      return {BlockResult::kUnsupported, 0};
  }
}

BlockDevice::Outcome BlockDevice::move(const DmaChain& chain, Access access, std::uint64_t sector,
                                       std::uint64_t from, std::uint64_t bytes) {
  const std::uint64_t sectors = bytes / Disk::kSector;
  if (bytes % Disk::kSector != 0 || bytes > kMaxTransfer || sector > disk_.sectors() ||
      sectors > disk_.sectors() - sector) {
    return {BlockResult::kIoError, 0};
  }
  std::byte* const data = disk_.bytes().data() + sector * Disk::kSector;
  const auto count = static_cast<std::uint32_t>(bytes);
  if (!dma(chain, access, from, count, data)) return {BlockResult::kIoError, 0};
  counters_.bytes.add(bytes);
  return {BlockResult::kOk, access == Access::kWrite ? count : 0};
}

BlockDevice::Outcome BlockDevice::tell_serial(const DmaChain& chain) {
  const auto bytes =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(serial_.size(), chain.writable() - 1));
  auto* const text = reinterpret_cast<std::byte*>(serial_.data());
  if (!dma(chain, Access::kWrite, 0, bytes, text)) return {BlockResult::kIoError, 0};
  return {BlockResult::kOk, bytes};
}

}  // namespace violet::virtio
