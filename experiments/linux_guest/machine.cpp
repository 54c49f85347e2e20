#include "experiments/linux_guest/machine.hpp"

#include <fcntl.h>
#include <poll.h>

#include "dataplane/dma/engine_port.hpp"
#include "dataplane/virtio/tap_peer.hpp"
#include "experiments/linux_guest/intrusion.hpp"

namespace violet::linux_guest {
namespace {

constexpr EndpointId kDisk{0x28};
constexpr EndpointId kNic{0x30};
constexpr virtio::MacAddress kMac = {0x52, 0x56, 0x00, 0x00, 0x00, 0x01};
constexpr std::uint32_t kReaders = 8;
constexpr std::uint32_t kIotlbEntries = 4096;
// Where x86 guests send interrupt messages.
constexpr IovaRange kMsiWindow{{virtio::MsixTable::kFirstAddress},
                               {virtio::MsixTable::kLastAddress}};
constexpr PciAddress kIommuAt{3};
constexpr PciAddress kDiskAt{5};
constexpr PciAddress kNicAt{6};

}  // namespace

protocol::ViotTable guest_viot() {
  const auto bdf = [](PciAddress at, unsigned function) {
    return protocol::PciBdf::of(0, at.device, function);
  };
  protocol::ViotTable table;
  table.nodes.push_back({protocol::ViotPciIommu{0, bdf(kIommuAt, 0)}});
  for (const auto& [at, endpoint] : {std::pair(kDiskAt, kDisk), std::pair(kNicAt, kNic)}) {
    protocol::ViotPciRange range;
    range.endpoint_start = endpoint.value;
    range.bdf_start = bdf(at, 0);
    range.bdf_end = bdf(at, 7);
    table.nodes.push_back({range});
  }
  return table;
}

Result<std::unique_ptr<Machine>> Machine::create(const GuestSetup& setup, bool recording,
                                                 const LcoreRings& rings) {
  std::unique_ptr<Machine> machine(new Machine());
  machine->iommu_.at = kIommuAt;
  machine->block_.at = kDiskAt;
  machine->net_.at = kNicAt;
  machine->recording_ = recording;
  machine->rings_ = rings;
  if (recording && rings[kEngineRing] == nullptr) {
    machine->own_rings_ = std::make_unique<PrivateRings>();
    machine->rings_ = machine->own_rings_->all();
  }
  if (setup.qtest) {
    VIOLET_TRY(machine->add_messages());
  }
  for (const auto step : {&Machine::add_engine, &Machine::add_functions}) {
    VIOLET_TRY((machine.get()->*step)(setup));
  }
  return machine;
}

Status Machine::add_messages() {
  VIOLET_TRY(auto pair, qemu::QtestMessages::open());
  messages_ = std::move(pair.ours);
  messages_peer_ = std::move(pair.peers);
  return {};
}

Status Machine::add_engine(const GuestSetup& setup) {
  VIOLET_TRY(auto quiescence, RcuQuiescence::create(kReaders));
  quiescence_ = std::move(quiescence);
  endpoints_ = {{kDisk, "disk", {{kMsiWindow, protocol::RegionKind::kMsi}}},
                {kNic, "nic", {{kMsiWindow, protocol::RegionKind::kMsi}}}};
  DeviceConfig config;
  config.boot_bypass = true;  // Firmware reads the disk before there is a driver of the IOMMU.
  config.endpoints = endpoints_;
  config.iotlb.entries = kIotlbEntries;
  config.record_targets = recording_;
  if (setup.topology) {
    config.features |= protocol::feature_bit(protocol::kTopology);
    config.topology = protocol::topology_of(guest_viot(), 0);
  }
  VIOLET_TRY(engine_,
             make_device(setup.store, setup.iotlb, config, *quiescence_, {}, probe(kEngineRing)));
  return {};
}

Result<std::unique_ptr<DmaPort>> Machine::open_port(EndpointId endpoint, const char* name,
                                                    const Function& function) {
  const Probe endpoints = probe(kEndpointRing);
  auto port = violet::open_port(*engine_, endpoint, name, function.memory.table(), endpoints);
  if (!port || !recording_) return port;
  auto recording = std::make_unique<RecordingPort>(std::move(*port), endpoint, endpoints);
  recording_ports_.push_back(recording.get());
  return std::unique_ptr<DmaPort>(std::move(recording));
}

Status Machine::add_functions(const GuestSetup& setup) {
  VIOLET_TRY(auto disk, setup.disk_file.empty()
                            ? virtio::Disk::in_memory(std::uint64_t{setup.disk_mib} << 20)
                            : virtio::Disk::of_file(setup.disk_file));
  disk_ = std::move(disk);
  VIOLET_TRY(auto disk_port, open_port(kDisk, "disk", block_));
  disk_port_ = std::move(disk_port);
  VIOLET_TRY(auto nic_port, open_port(kNic, "nic", net_));
  nic_port_ = std::move(nic_port);
  using Served = virtio::IommuDevice::Served;
  iommu_.device = std::make_unique<virtio::IommuDevice>(
      *engine_, setup.packed,
      setup.placement == "samecore" ? Served::kByKicks : Served::kByPolling);
  block_.device = std::make_unique<virtio::BlockDevice>(*disk_port_, *disk_, "violet-disk-0");
  VIOLET_TRY(open_peer(setup));
  net_.device = std::make_unique<virtio::NetDevice>(*nic_port_, *peer_, kMac);
  for (Function* function : functions()) {
    function->pci = std::make_unique<virtio::VirtioPci>(*function->device, messages_.get(),
                                                        function->memory.table());
    function->remote = std::make_unique<qemu::RemoteFunction>(*function->pci, function->memory);
  }
  if (!recording_) return {};
  calls_ = std::make_unique<GuestCalls>(
      *engine_, *rings_[kEngineRing], *rings_[kGuestRing],
      setup.mode == "lazy" ? UnmapReturns::kOnceQueued : UnmapReturns::kAfterCompletion);
  iommu().set_watch(calls_.get());
  return {};
}

Status Machine::open_peer(const GuestSetup& setup) {
  if (setup.tap.empty()) {
    peer_ = std::make_unique<virtio::MirrorPeer>();
    return {};
  }
  VIOLET_TRY(auto tap, virtio::TapPeer::open(setup.tap));
  peer_ = std::move(tap);
  return {};
}

void Machine::intrude() {
  calls_->before_poll();
  const auto disks = calls_->mapped_for(kDisk), nics = calls_->mapped_for(kNic);
  intrusions_ = linux_guest::intrude("disk", {disk_port_.get(), disks, nics});
  intrusions_.merge(linux_guest::intrude("nic", {nic_port_.get(), nics, disks}));
}

const virtio::BlockCounters& Machine::disk_counters() const {
  return static_cast<const virtio::BlockDevice&>(*block_.device).counters();
}

const virtio::NetCounters& Machine::nic_counters() const {
  return static_cast<const virtio::NetDevice&>(*net_.device).counters();
}

GaugeReadings Machine::gauges() const {
  IotlbReaderStats iotlb = disk_port_->stats();
  const IotlbReaderStats nic = nic_port_->stats();
  iotlb.hits += nic.hits;
  iotlb.misses += nic.misses;
  GaugeReadings out;
  add_device_gauges(out, engine_->counters(), iotlb, kEndpointLcore);
  const auto& disk = disk_counters();
  out.add(Gauge::kOperations, kGuestLcore,
          disk.reads.value() + disk.writes.value() + disk.flushes.value() +
              nic_counters().sent.value() + nic_counters().received.value());
  return out;
}

std::map<std::string, std::uint64_t> Machine::counts() const {
  const DeviceCounters& device = engine_->counters();
  const auto& block = disk_counters();
  const auto& net = nic_counters();
  const IotlbReaderStats disk_iotlb = disk_port_->stats();
  const IotlbReaderStats nic_iotlb = nic_port_->stats();
  std::map<std::string, std::uint64_t> counts = {
      {"attach", device.requests_of(protocol::Type::kAttach).value()},
      {"map", device.requests_of(protocol::Type::kMap).value()},
      {"unmap", device.requests_of(protocol::Type::kUnmap).value()},
      {"probe", device.requests_of(protocol::Type::kProbe).value()},
      {"faults",
       device.faults_posted.value() + device.faults_no_buffer.value() + engine_->faults_dropped()},
      {"iommu_kicks", iommu_.pci->kicks()},
      {"disk_kicks", block_.pci->kicks()},
      {"nic_kicks", net_.pci->kicks()},
      {"interrupts", iommu_.pci->interrupts() + block_.pci->interrupts() + net_.pci->interrupts()},
      {"disk_iotlb_hits", disk_iotlb.hits},
      {"disk_iotlb_misses", disk_iotlb.misses},
      {"nic_iotlb_hits", nic_iotlb.hits},
      {"nic_iotlb_misses", nic_iotlb.misses},
      {"disk_reads", block.reads.value()},
      {"disk_writes", block.writes.value()},
      {"disk_flushes", block.flushes.value()},
      {"disk_bytes", block.bytes.value()},
      {"disk_errors", block.errors.value()},
      {"nic_sent", net.sent.value()},
      {"nic_received", net.received.value()},
      {"nic_bytes", net.bytes.value()},
      {"nic_errors", net.errors.value()},
      {"wire_drops", peer_->dropped()},
  };
  counts.insert(intrusions_.begin(), intrusions_.end());
  if (recording_) {
    std::uint64_t polls = 0;
    for (const RecordingPort* port : recording_ports_) polls += port->polls();
    counts["polls_not_recorded"] = polls;
  }
  return counts;
}

}  // namespace violet::linux_guest
