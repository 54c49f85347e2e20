#include "experiments/scorecard/rings.hpp"

#include <cstring>
#include <numeric>

#include "engine/base/rng.hpp"

namespace violet::scorecard {

Result<std::unique_ptr<Rings>> Rings::make(RingFormat format) {
  auto rings = std::make_unique<Rings>();
  VIOLET_TRY(rings->memory_.allocate({0}, kMemoryBytes, GuestMemory::Backing::kAnonymous));
  rings->slots_ = rings->memory_.host({kSlotsAt}, kSlots * kStride);
  const auto layout = QueueLayout::at(format, 256, {kRingAt});
  VIOLET_TRY(auto driver, make_driver_queue(rings->memory_, layout, {}));
  VIOLET_TRY(auto requests, make_request_queue(rings->memory_, layout, {}));
  rings->driver_ = std::move(driver);
  rings->requests_ = std::move(requests);
  rings->driver_->suppress_interrupts();
  rings->requests_->suppress_kicks();
  return rings;
}

template <class R>
void Rings::put(unsigned slot, const R& request) {
  std::memcpy(slot_at(slot), &request, sizeof(R));
  *(slot_at(slot) + sizeof(R)) = std::byte{0xff};
  bytes_[slot] = sizeof(R);
}

void Rings::put_attach(unsigned slot) {
  protocol::Attach request{};
  request.head.type = static_cast<std::uint8_t>(protocol::Type::kAttach);
  request.domain = kDomain;
  request.endpoint = kEndpoint.value;
  put(slot, request);
}

void Rings::put_map(unsigned slot, std::uint64_t iova, std::uint64_t phys) {
  protocol::Map request{};
  request.head.type = static_cast<std::uint8_t>(protocol::Type::kMap);
  request.domain = kDomain;
  request.virt_start = iova;
  request.virt_end = iova + (kPage - 1);
  request.phys_start = phys;
  request.flags = protocol::kMapRead | protocol::kMapWrite;
  put(slot, request);
}

void Rings::put_unmap(unsigned slot, std::uint64_t iova) {
  protocol::Unmap request{};
  request.head.type = static_cast<std::uint8_t>(protocol::Type::kUnmap);
  request.domain = kDomain;
  request.virt_start = iova;
  request.virt_end = iova + (kPage - 1);
  put(slot, request);
}

Churn::Churn(std::size_t live, std::size_t spare, std::uint64_t seed)
    : order_(live + spare), live_(live), ahead_(live) {
  std::iota(order_.begin(), order_.end(), 0u);
  Rng rng(seed);
  for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[rng.below(i)]);
}

}  // namespace violet::scorecard
