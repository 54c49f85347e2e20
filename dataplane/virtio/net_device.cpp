#include "dataplane/virtio/net_device.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace violet::virtio {
namespace {

constexpr std::uint64_t kHasMac = 1u << 5;  // Section 5.1.3.
constexpr std::size_t kNumBuffers = 10;     // Section 5.1.6: its place in the header.

}  // namespace

NetDevice::NetDevice(DmaPort& port, NetPeer& peer, MacAddress mac)
    : port_(port), peer_(peer), mac_(mac) {}

std::uint64_t NetDevice::features() const {
  return kHasMac | feature::kIndirectDesc | feature::kAccessPlatform;
}

// Section 6.1: who does not know of the IOMMU would give us addresses that are none.
bool NetDevice::accept(std::uint64_t features) {
  return (features & feature::kAccessPlatform) != 0;
}

void NetDevice::read_config(std::size_t offset, std::span<std::byte> out) const {
  std::fill(out.begin(), out.end(), std::byte{0});
  if (offset >= mac_.size()) return;
  std::memcpy(out.data(), mac_.data() + offset, std::min(out.size(), mac_.size() - offset));
}

Status NetDevice::open_queue(unsigned index, const GuestMemory& /*memory*/,
                             const QueueSetup& setup) {
  if (!std::has_single_bit(setup.layout.size)) {
    return fail("a split virtqueue's size is a power of two, not {}", setup.layout.size);
  }
  auto& queue = queues_.at(index).emplace(port_, setup);
  if (!queue.suppress_kicks()) return fail("the network card cannot reach its ring {}", index);
  return {};
}

void NetDevice::reset(ResetKind /*kind*/) {
  for (auto& queue : queues_) queue.reset();
  peer_.reset();
  running_ = false;
}

bool NetDevice::broken() const {
  return std::any_of(queues_.begin(), queues_.end(),
                     [](const auto& queue) { return queue && queue->broken(); });
}

unsigned NetDevice::poll(unsigned budget) {
  if (!running_) return 0;
  const unsigned sent = transmit(budget);
  return sent + receive(budget);
}

bool NetDevice::dma(const DmaChain& chain, Access access, std::uint32_t bytes) {
  const std::size_t count = chain.plan(access, 0, bytes, packet_.data(), ops_);
  return port_.run(std::span(ops_).first(count)) == count;
}

unsigned NetDevice::transmit(unsigned budget) {
  auto& queue = queues_[kTransmit];
  if (!queue) return 0;
  unsigned done = 0;
  for (; done < budget && queue->take(chain_); ++done) {
    if (!send(chain_)) counters_.errors.add();
    queue->give_back(chain_.head(), 0);
  }
  queue->publish();
  return done;
}

bool NetDevice::send(const DmaChain& chain) {
  const std::uint64_t bytes = chain.readable();
  if (bytes <= kHeader || bytes > packet_.size()) return false;
  if (!dma(chain, Access::kRead, static_cast<std::uint32_t>(bytes))) return false;
  peer_.take(std::span(packet_).first(bytes).subspan(kHeader));
  counters_.sent.add();
  counters_.bytes.add(bytes - kHeader);
  return true;
}

unsigned NetDevice::receive(unsigned budget) {
  auto& queue = queues_[kReceive];
  if (!queue) return 0;
  unsigned done = 0;
  for (; done < budget && !peer_.front().empty() && queue->take(chain_); ++done) {
    queue->give_back(chain_.head(), deliver(chain_, peer_.front()));
    peer_.pop();
  }
  queue->publish();
  return done;
}

// Returns the used length.
std::uint32_t NetDevice::deliver(const DmaChain& chain, std::span<const std::byte> frame) {
  const auto bytes = static_cast<std::uint32_t>(kHeader + frame.size());
  std::fill_n(packet_.begin(), kHeader, std::byte{0});
  packet_[kNumBuffers] = std::byte{1};
  std::copy(frame.begin(), frame.end(), packet_.begin() + kHeader);
  if (chain.writable() < bytes || !dma(chain, Access::kWrite, bytes)) {
    counters_.errors.add();
    return 0;
  }
  counters_.received.add();
  counters_.bytes.add(frame.size());
  return bytes;
}

}  // namespace violet::virtio
