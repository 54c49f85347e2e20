#include "dataplane/serve/iommu_device.hpp"

namespace violet::remote {

std::uint64_t IommuDevice::features() const {
  return engine_.offered_features() | feature::kIndirectDesc | (packed_ ? feature::kRingPacked : 0);
}

Status IommuDevice::open_queue(unsigned index, const GuestMemory& memory, const QueueSetup& setup) {
  if (index == 0) {
    auto queue = make_request_queue(memory, setup.layout, setup.features, setup.notifier);
    if (!queue) return tl::unexpected(queue.error());
    requests_ = std::move(*queue);
    requests_->suppress_kicks();
    return {};
  }
  auto queue = make_event_queue(memory, setup.layout, setup.features, setup.notifier);
  if (!queue) return tl::unexpected(queue.error());
  events_ = std::move(*queue);
  events_->suppress_kicks();
  return {};
}

void IommuDevice::memory_changed() {
  if (requests_) requests_->refresh_regions();
  if (events_) events_->refresh_regions();
}

void IommuDevice::reset(ResetKind kind) {
  engine_.attach_queues(nullptr, nullptr);
  if (kind == ResetKind::kSystem) {
    engine_.system_reset();
  } else {
    engine_.reset();
  }
  requests_.reset();
  events_.reset();
}

}  // namespace violet::remote
