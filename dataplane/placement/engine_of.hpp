// The device of one store and one IOTLB behind the Engine interface.
//
// Threading: as engine.hpp says.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/dma/engine_port.hpp"
#include "dataplane/placement/engine.hpp"
#include "engine/device/device.hpp"

namespace violet {

template <DomainStore S, Iotlb I>
class EngineOf final : public Engine {
 public:
  using Dev = Device<S, I>;

  static Result<std::unique_ptr<Engine>> make(const EngineParts& parts) {
    auto device = Dev::create(parts.config, parts.quiescence, {}, parts.probe);
    if (!device) return tl::unexpected<Error>(device.error());
    return std::unique_ptr<Engine>(new EngineOf(std::move(*device), parts.memory));
  }

  unsigned poll(unsigned budget) override { return device_->poll(budget); }
  std::uint64_t parked() const override { return device_->requests_in_hand(); }
  bool wants_poll() const override { return device_->wants_poll(); }
  void on_fault(void (*signal)(void* context), void* context) override {
    device_->on_fault(signal, context);
  }
  void attach_queues(RingRequestQueue* requests, RingEventQueue* events) override {
    requests_ = requests;
    device_->connect(requests, events);
  }
  RingRequestQueue* requests() const override { return requests_; }

  std::uint64_t offered_features() const override { return device_->offered_features(); }
  bool negotiate(std::uint64_t features) override { return device_->negotiate(features); }
  void read_config(std::size_t offset, std::span<std::byte> out) const override {
    device_->read_config(offset, out);
  }
  void write_config(std::size_t offset, std::span<const std::byte> bytes) override {
    device_->write_config(offset, bytes);
  }
  bool needs_reset() const override { return device_->needs_reset(); }
  void reset() override { device_->reset(); }
  void system_reset() override { device_->system_reset(); }
  bool resetting() const override { return device_->resetting(); }

  using Engine::open_port;
  Result<std::unique_ptr<DmaPort>> open_port(EndpointId id, std::string reader_name,
                                             Probe probe) override {
    return open_port(id, std::move(reader_name), probe, memory_);
  }
  Result<std::unique_ptr<DmaPort>> open_port(EndpointId id, std::string reader_name, Probe probe,
                                             const GuestMemory& memory) override {
    auto endpoint = device_->endpoint(id);
    if (!endpoint) return tl::unexpected<Error>(endpoint.error());
    auto reader = device_->add_reader(std::move(reader_name), probe);
    if (!reader) return tl::unexpected<Error>(reader.error());
    return std::unique_ptr<DmaPort>(
        std::make_unique<EnginePort<S, I>>(*device_, **reader, *endpoint, memory, probe));
  }
  const DeviceCounters& counters() const override { return device_->counters(); }
  std::uint64_t faults_dropped() const override { return device_->faults_dropped(); }
  std::vector<std::string> stalled_readers() const override {
    const std::lock_guard lock(stalls_mutex_);
    return stalls_;
  }
  std::size_t iotlb_bytes() const override { return device_->iotlb().resident_bytes(); }
  std::size_t store_bytes() const override { return device_->memory_used(); }

 private:
  EngineOf(std::unique_ptr<Dev> device, const GuestMemory& memory)
      : device_(std::move(device)), memory_(memory) {
    device_->on_stall(&EngineOf::note_stall, this);
  }

  // Once a stall, on the engine lcore: rare enough for a lock and a string.
  static void note_stall(void* self, const StallReport& report) {
    auto* engine = static_cast<EngineOf*>(self);
    const std::lock_guard lock(engine->stalls_mutex_);
    if (engine->stalls_.size() < kMaxStalls) engine->stalls_.push_back(report.name);
  }

  static constexpr std::size_t kMaxStalls = 1000;

  std::unique_ptr<Dev> device_;
  const GuestMemory& memory_;
  RingRequestQueue* requests_ = nullptr;
  mutable std::mutex stalls_mutex_;
  std::vector<std::string> stalls_;
};

}  // namespace violet
