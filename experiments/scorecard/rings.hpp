// Rings are a guest's request ring for the benches: memory, driver and device side, and slots for requests.
//
// Threading: set-up once; then requests() belongs to the engine's thread, everything else to the guest's.
// Limits: kSlots requests in flight; one domain, one endpoint.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "dataplane/virtqueue/device_queue.hpp"
#include "dataplane/virtqueue/driver_queue.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"
#include "engine/base/check.hpp"
#include "engine/protocol/wire.hpp"

namespace violet::scorecard {

inline constexpr std::uint64_t kPage = 4096;
inline constexpr EndpointId kEndpoint{0x10};
inline constexpr std::uint32_t kDomain = 1;

class Rings {
 public:
  static constexpr unsigned kSlots = 64;
  static constexpr std::uint64_t kMemoryBytes = std::uint64_t{2} << 20;
  static constexpr std::uint64_t kData = std::uint64_t{1} << 20;  // Free for the endpoint's use.

  static Result<std::unique_ptr<Rings>> make(RingFormat format);

  void put_attach(unsigned slot);
  void put_map(unsigned slot, std::uint64_t iova, std::uint64_t phys);
  void put_unmap(unsigned slot, std::uint64_t iova);

  void add(unsigned slot) {
    const DriverBuffer buffer = buffer_of(slot);
    VIOLET_CHECK(driver_->add({&buffer, 1}) == 1);
  }
  // As the Linux driver does, the barrier of the look at the notification flag included.
  void publish() {
    driver_->publish();
    (void)driver_->needs_kick();
  }
  std::size_t take(std::span<UsedBuffer> out) { return driver_->pop_used(out); }
  bool ok(unsigned slot) const {
    return *(slot_at(slot) + bytes_[slot]) == std::byte{0};  // protocol::Status::kOk
  }
  // One synchronous request; `wait` runs between two looks at the used ring.
  template <class Wait>
  [[nodiscard]] bool call(unsigned slot, Wait&& wait) {
    add(slot);
    publish();
    UsedBuffer used{};
    while (driver_->pop_used({&used, 1}) == 0) wait();
    return used.cookie == slot && used.bytes != 0 && ok(slot);
  }

  const GuestMemory& memory() const { return memory_; }
  DriverQueue& driver() { return *driver_; }
  RingRequestQueue& requests() { return *requests_; }

 private:
  static constexpr std::uint64_t kRingAt = 0x10000;
  static constexpr std::uint64_t kSlotsAt = 0x80000;
  static constexpr std::uint64_t kStride = 64;

  std::byte* slot_at(unsigned slot) const { return slots_ + slot * kStride; }
  template <class R>
  void put(unsigned slot, const R& request);
  DriverBuffer buffer_of(unsigned slot) const {
    const std::uint64_t at = kSlotsAt + slot * kStride;
    return {{at}, {at + bytes_[slot]}, bytes_[slot], 4, slot};
  }

  GuestMemory memory_;
  std::byte* slots_ = nullptr;
  std::array<std::uint32_t, kSlots> bytes_{};
  std::unique_ptr<DriverQueue> driver_;
  std::unique_ptr<RingRequestQueue> requests_;
};

// Live pages of a population in a random order that comes round: step(i) names one page to unmap and one,
// unmapped `spare` steps ago, to map, so that the number of live ones stays.
class Churn {
 public:
  Churn(std::size_t live, std::size_t spare, std::uint64_t seed);
  struct Step {
    std::uint32_t unmap;
    std::uint32_t map;
  };
  Step next() {
    const Step step{order_[at_], order_[ahead_]};
    at_ = at_ + 1 < order_.size() ? at_ + 1 : 0;
    ahead_ = ahead_ + 1 < order_.size() ? ahead_ + 1 : 0;
    return step;
  }
  std::span<const std::uint32_t> live_at_first() const { return std::span(order_).first(live_); }
  std::size_t live() const { return live_; }
  static std::uint64_t iova(std::uint32_t page) { return kBase + page * kPage; }
  static std::uint64_t phys(std::uint32_t page) { return (std::uint64_t{page} * 7 + 3) * kPage; }

 private:
  static constexpr std::uint64_t kBase = std::uint64_t{1} << 32;
  std::vector<std::uint32_t> order_;
  std::size_t live_;
  std::size_t at_ = 0;
  std::size_t ahead_;
};

}  // namespace violet::scorecard
