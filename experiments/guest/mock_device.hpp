// The mock device answers virtio-iommu requests in order from a real ring, out of plain maps, and remembers each
// of them: for tests of what sits above the queue.
//
// Threading: owner-only, the thread of the guest. It is the guest's transport, doorbell and spin hook
// at once: by default it polls when kicked and while the driver spins; with poll_by_itself off only
// when the test calls it.
// Invariants: it never answers out of order and never delays; a strict reference, not a fast one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/virtqueue/device_queue.hpp"
#include "engine/protocol/properties.hpp"
#include "engine/protocol/wire.hpp"
#include "engine/store/domain_store.hpp"
#include "experiments/guest/virtio_iommu_driver.hpp"

namespace violet {

class MockDevice final : public DeviceTransport, public Doorbell, public SpinHook {
 public:
  struct Options {
    std::uint64_t features = ~std::uint64_t{0};
    std::uint64_t page_size_mask = ~std::uint64_t{0xfff};
    IovaRange input_range = IovaRange::all();
    std::uint32_t endpoints = 2;  // Ids 0, 1, ...
    std::vector<protocol::ReservedRegion> reserved = {};
    bool suppress_kicks = false;  // As a polling engine does.
    bool poll_by_itself = true;
  };
  struct Logged {
    protocol::Type type;
    std::uint32_t id;
    IovaRange range;
    protocol::Status status;
  };

  explicit MockDevice(const Options& options) : options_(options) {}
  void connect(RingRequestQueue& queue);

  // Executes up to `budget` requests.
  unsigned poll(unsigned budget = ~0u);
  // The next request of that type is answered with `status` and not executed.
  void fail_next(protocol::Type type, protocol::Status status) {
    planned_.push_back({type, status});
  }
  // The next request comes back with used length 0.
  void answer_nothing_next() { silent_ = true; }
  // Takes nothing off the ring any more.
  void stop() { stopped_ = true; }
  void set_poll_by_itself(bool on) { options_.poll_by_itself = on; }

  // What an access would find; `bypass` and unattached endpoints included.
  std::optional<GuestPhys> translate(EndpointId endpoint, Iova iova, Access access) const;
  std::size_t mappings(DomainId domain) const;
  const std::vector<Logged>& log() const { return log_; }
  void clear_log() { log_.clear(); }
  std::uint64_t kicks() const { return kicks_; }

  std::uint64_t offered_features() override { return options_.features; }
  bool negotiate(std::uint64_t features) override { return (features & ~options_.features) == 0; }
  void read_config(std::size_t offset, std::span<std::byte> out) override;
  void write_config(std::size_t offset, std::span<const std::byte> bytes) override;
  void kick() override;
  void while_spinning() override;

 private:
  struct Domain {
    bool bypass = false;
    std::map<std::uint64_t, Mapping> mappings;
  };
  struct Planned {
    protocol::Type type;
    protocol::Status status;
  };

  void serve(const Request& request);
  protocol::Status run(const protocol::Attach& request, const Request& raw);
  protocol::Status run(const protocol::Detach& request, const Request& raw);
  protocol::Status run(const protocol::Map& request, const Request& raw);
  protocol::Status run(const protocol::Unmap& request, const Request& raw);
  protocol::Status run(const protocol::Probe& request, const Request& raw);
  protocol::Status run(const protocol::ShortRequest& request, const Request& raw);
  protocol::Status run(const protocol::UnknownRequest& request, const Request& raw);
  std::optional<protocol::Status> planned_for(protocol::Type type);
  void leave(EndpointId endpoint);

  static constexpr std::uint32_t kProbeSize = 256;

  Options options_;
  RingRequestQueue* queue_ = nullptr;
  std::map<std::uint32_t, Domain> domains_;
  std::map<std::uint32_t, std::uint32_t> attached_;  // Endpoint to domain.
  std::deque<Planned> planned_;
  std::vector<Logged> log_;
  bool silent_ = false;
  bool stopped_ = false;
  bool bypass_ = false;
  std::uint64_t kicks_ = 0;
};

}  // namespace violet
