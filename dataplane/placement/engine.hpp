// The device with its store and IOTLB chosen at run time: one virtual call a poll, none an item.
//
// Threading: poll(), reset() and the queue calls belong to the thread that the placement runs
// the engine on (before start and after stop: to anyone). open_port() is set-up; each port then
// belongs to one endpoint lcore. Counters may be read from anywhere.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/dma/dma_port.hpp"
#include "dataplane/virtqueue/device_queue.hpp"
#include "dataplane/virtqueue/guest_memory.hpp"
#include "engine/base/quiescence.hpp"
#include "engine/device/config.hpp"
#include "engine/device/counters.hpp"
#include "engine/telemetry/event_ring.hpp"

namespace violet {

class Engine {
 public:
  virtual ~Engine() = default;

  // Runs the device once; returns how much it did (0: there was nothing to do).
  virtual unsigned poll(unsigned budget) = 0;
  // Requests taken from the queue and not given back yet.
  virtual std::uint64_t parked() const = 0;
  // Something is unfinished that only further polls can finish, even if no request arrives.
  virtual bool wants_poll() const = 0;
  // Called on an endpoint's lcore after it left a fault; null to stop. Not while endpoints run.
  virtual void on_fault(void (*signal)(void* context), void* context) = 0;
  // The queues outlive the engine or the next call.
  virtual void attach_queues(RingRequestQueue* requests, RingEventQueue* events) = 0;
  virtual RingRequestQueue* requests() const = 0;

  // The transport: features and config space, between two polls (Placement::control()).
  virtual std::uint64_t offered_features() const = 0;
  virtual bool negotiate(std::uint64_t features) = 0;
  virtual void read_config(std::size_t offset, std::span<std::byte> out) const = 0;
  virtual void write_config(std::size_t offset, std::span<const std::byte> bytes) = 0;
  virtual bool needs_reset() const = 0;
  // A device reset. The queues are to be replaced (attach_queues()); it has ended, and the driver may
  // be told so, when resetting() is false, which poll() brings about.
  virtual void reset() = 0;
  // The same, and config.bypass returns to its boot value.
  virtual void system_reset() = 0;
  virtual bool resetting() const = 0;

  // A DMA port of the endpoint for the lcore that calls itself `reader_name`. `probe` is that lcore's:
  // faults and samples of the translations go there. `memory` is the endpoint's view of guest memory and
  // outlives the port.
  virtual Result<std::unique_ptr<DmaPort>> open_port(EndpointId endpoint, std::string reader_name,
                                                     Probe probe, const GuestMemory& memory) = 0;
  // The same over the engine's own view.
  virtual Result<std::unique_ptr<DmaPort>> open_port(EndpointId endpoint, std::string reader_name,
                                                     Probe probe) = 0;
  Result<std::unique_ptr<DmaPort>> open_port(EndpointId endpoint, std::string reader_name) {
    return open_port(endpoint, std::move(reader_name), Probe());
  }
  virtual const DeviceCounters& counters() const = 0;
  // Faults for which a reader's ring had no room: they were never reported.
  virtual std::uint64_t faults_dropped() const = 0;
  // Names of readers that were reported as stalled (C5), oldest first.
  virtual std::vector<std::string> stalled_readers() const = 0;
  virtual std::size_t iotlb_bytes() const = 0;
  // Memory held for domains and mappings.
  virtual std::size_t store_bytes() const = 0;
};

struct EngineParts {
  DeviceConfig config;
  Quiescence& quiescence;
  const GuestMemory& memory;
  Probe probe;
};

// `store` and `iotlb` are names of the registries in engine/store/stores.hpp and engine/iotlb/iotlbs.hpp.
// Error for a name that neither has (the known names are in it) or a configuration that is impossible.
Result<std::unique_ptr<Engine>> make_engine(std::string_view store, std::string_view iotlb,
                                            const EngineParts& parts);
std::vector<std::string> store_names();
std::vector<std::string> iotlb_names();

}  // namespace violet
