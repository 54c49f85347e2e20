// A machine holds the devices of a guest: the engine as its IOMMU, a disk and a network card as endpoints behind it,
// and what they count.
//
// Threading: create() and everything it makes belong to the main thread until DeviceLoops run the functions: one for
// all, or one for the IOMMU and one for the endpoints. Counters may be read from anywhere.
// Invariants: firmware may use the disk before there is a driver of the IOMMU (bypass after a system reset).
// Limits: one IOMMU, one disk, one network card.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/dma/recording_port.hpp"
#include "dataplane/eal/rcu_quiescence.hpp"
#include "dataplane/qemu/qtest.hpp"
#include "dataplane/qemu/remote_function.hpp"
#include "dataplane/virtio/block_device.hpp"
#include "dataplane/virtio/iommu_device.hpp"
#include "dataplane/virtio/net_device.hpp"
#include "dataplane/virtio/virtio_pci.hpp"
#include "engine/protocol/viot.hpp"
#include "experiments/linux_guest/guest_calls.hpp"
#include "experiments/linux_guest/linux_guest.hpp"
#include "experiments/runner/recorded.hpp"

namespace violet::linux_guest {

// Which functions are behind the IOMMU, and as which endpoints.
protocol::ViotTable guest_viot();

// A function with what belongs to it.
struct Function {
  const char* name;
  PciAddress at;
  qemu::RemoteMemory memory;
  std::unique_ptr<virtio::VirtioDevice> device;
  std::unique_ptr<virtio::VirtioPci> pci;
  std::unique_ptr<qemu::RemoteFunction> remote;
};

class Machine final : public Recorded {
 public:
  // `recording`: everything leaves events in rings(), which are private unless `rings` are given.
  static Result<std::unique_ptr<Machine>> create(const GuestSetup& setup, bool recording,
                                                 const LcoreRings& rings = {});

  const LcoreRings& rings() const override { return rings_; }
  const std::vector<EndpointConfig>& endpoints() const override { return endpoints_; }
  GuestHistograms& histograms() override { return histograms_; }
  // Without the queue's depth, which only the guest knows.
  GaugeReadings gauges() const override;

  // In the order in which QEMU gets them.
  std::vector<Function*> functions() { return {&iommu_, &block_, &net_}; }
  qemu::QtestMessages* messages() { return messages_.get(); }
  FileDescriptor take_messages_peer() { return std::move(messages_peer_); }
  const Device& engine() const { return *engine_; }
  virtio::IommuDevice& iommu() { return static_cast<virtio::IommuDevice&>(*iommu_.device); }
  // Null without recording.
  GuestCalls* calls() { return calls_.get(); }
  std::map<std::string, std::uint64_t> counts() const;
  // The lcore of the endpoints while that of the IOMMU stands still, with recording: each endpoint tries what it must
  // not reach (intrusion.hpp).
  void intrude();

 private:
  Machine() = default;
  Status add_messages();
  Status add_engine(const GuestSetup& setup);
  Status add_functions(const GuestSetup& setup);
  Status open_peer(const GuestSetup& setup);
  Result<std::unique_ptr<DmaPort>> open_port(EndpointId endpoint, const char* name,
                                             const Function& function);
  Probe probe(RingIndex ring) const { return recording_ ? Probe(rings_[ring]) : Probe(); }
  const virtio::BlockCounters& disk_counters() const;
  const virtio::NetCounters& nic_counters() const;

  bool recording_ = false;
  std::unique_ptr<PrivateRings> own_rings_;
  LcoreRings rings_{};
  GuestHistograms histograms_;
  std::vector<EndpointConfig> endpoints_;
  std::unique_ptr<RcuQuiescence> quiescence_;
  Function iommu_{"iommu0", {3}, {}, {}, {}, {}};
  Function block_{"disk0", {5}, {}, {}, {}, {}};
  Function net_{"nic0", {6}, {}, {}, {}, {}};
  std::unique_ptr<Device> engine_;
  std::unique_ptr<virtio::Disk> disk_;
  std::unique_ptr<virtio::NetPeer> peer_;
  std::unique_ptr<DmaPort> disk_port_;
  std::unique_ptr<DmaPort> nic_port_;
  std::vector<const RecordingPort*> recording_ports_;
  std::unique_ptr<qemu::QtestMessages> messages_;
  FileDescriptor messages_peer_;
  std::unique_ptr<GuestCalls> calls_;
  std::map<std::string, std::uint64_t> intrusions_;
};

}  // namespace violet::linux_guest
