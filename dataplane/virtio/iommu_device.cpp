#include "dataplane/virtio/iommu_device.hpp"

namespace violet::virtio {
namespace {

constexpr unsigned kKickBudget = 64;
// Of polls within one kick: more than a full queue needs.
constexpr unsigned kKickPolls = 2 * IommuDevice::kRequestEntries / kKickBudget;

}  // namespace

IommuDevice::IommuDevice(Device& engine, bool packed, Served served)
    : engine_(engine), packed_(packed), served_(served) {}

void IommuDevice::kicked(unsigned queue) {
  if (queue != 0) return;  // Buffers for faults are taken when there are faults.
  if (watch_ != nullptr) watch_->kicked();
  if (served_ == Served::kByPolling) return;
  unsigned polls = 0;
  while (poll_engine(kKickBudget) > 0 && ++polls < kKickPolls) continue;
  unfinished_ = polls == kKickPolls;
}

unsigned IommuDevice::poll(unsigned budget) {
  if (served_ == Served::kByKicks) {
    if (!unfinished_ && !engine_.wants_poll()) return 0;
    const unsigned done = poll_engine(budget);
    unfinished_ = unfinished_ && done > 0;
    return done;
  }
  return poll_engine(budget);
}

unsigned IommuDevice::poll_engine(unsigned budget) {
  if (watch_ != nullptr) watch_->before_poll();
  return engine_.poll(budget);
}

std::uint64_t IommuDevice::features() const {
  return engine_.offered_features() | feature::kIndirectDesc | (packed_ ? feature::kRingPacked : 0);
}

Status IommuDevice::open_queue(unsigned index, const GuestMemory& memory, const QueueSetup& setup) {
  if (index == 0) {
    VIOLET_TRY(auto queue,
               make_request_queue(memory, setup.layout, setup.features, setup.notifier));
    requests_ = std::move(queue);
    if (served_ == Served::kByPolling) requests_->suppress_kicks();
    return {};
  }
  VIOLET_TRY(auto queue, make_event_queue(memory, setup.layout, setup.features, setup.notifier));
  events_ = std::move(queue);
  events_->suppress_kicks();
  return {};
}

void IommuDevice::memory_changed() {
  if (requests_) requests_->refresh_regions();
  if (events_) events_->refresh_regions();
}

void IommuDevice::reset(ResetKind kind) {
  engine_.connect(nullptr, nullptr);
  if (kind == ResetKind::kSystem) {
    engine_.system_reset();
  } else {
    engine_.reset();
  }
  requests_.reset();
  events_.reset();
}

}  // namespace violet::virtio
