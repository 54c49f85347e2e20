#include "experiments/runner/testbed.hpp"

#include <algorithm>
#include <set>

#include "dataplane/dma/engine_port.hpp"
#include "datasets/manifest.hpp"
#include "engine/base/huge_pages.hpp"
#include "engine/iotlb/iotlbs.hpp"
#include "engine/store/stores.hpp"
#include "experiments/runner/cell_check.hpp"
#include "experiments/runner/cell_device.hpp"

namespace violet {
namespace {

constexpr std::uint32_t kFirstEndpointId = 0x28;
constexpr std::uint32_t kEventBuffers = 64;
// The doorbell window of x86, which every endpoint reports.
constexpr IovaRange kMsiWindow{{0xfee00000}, {0xfeefffff}};

Status possible(const std::optional<plans::CellProblem>& problem) {
  if (!problem) return {};
  return fail(ErrorKind::kUsage, "key '{}': {}", problem->key, problem->message);
}

std::string endpoint_label(EndpointKind kind, std::uint16_t index) {
  constexpr std::array<const char*, 3> kNames = {"nic", "blk", "replay"};
  return fmt::format("{}{}", kNames[static_cast<std::size_t>(kind)], index);
}

}  // namespace

Testbed::Testbed(const TestbedSetup& setup)
    : setup_(setup), phase_(setup.stop), costs_(setup.stop, 0), rings_(setup.rings) {
  if (rings_.front() != nullptr) return;
  own_rings_ = std::make_unique<PrivateRings>();
  rings_ = own_rings_->all();
}

Result<std::unique_ptr<Testbed>> Testbed::create(const TestbedSetup& setup) {
  std::unique_ptr<Testbed> testbed(new Testbed(setup));
  for (const auto step : {&Testbed::make_workload, &Testbed::make_memory, &Testbed::make_engine,
                          &Testbed::make_queues}) {
    VIOLET_TRY((testbed.get()->*step)());
  }
  for (std::size_t i = 0; i < testbed->kinds_.size(); ++i) {
    VIOLET_TRY(testbed->add_device(testbed->kinds_[i], static_cast<std::uint16_t>(i)));
  }
  return testbed;
}

Testbed::~Testbed() {
  costs_.set(0);
  if (placement_) placement_->stop();
  if (endpoints_running_) {
    stop_endpoints_.store(true, std::memory_order_relaxed);
    setup_.eal.join(kEndpointLcore);
  }
}

Status Testbed::make_workload() {
  const plans::Cell& cell = setup_.cell;
  if (!cell.dataset.empty()) {
    VIOLET_TRY(auto trace, datasets::open_by_name(setup_.dataset_dir, cell.dataset));
    kinds_.assign(std::max<std::size_t>(trace.endpoints().size(), 1), EndpointKind::kReplay);
    groups_ = replay_groups(trace);
    no_accesses_ = trace.header().access_records == 0;
    trace_check_ = check_of_trace(trace);
    // The plan was checked; the file may be another one by now.
    VIOLET_TRY(possible(trace_problem(cell, setup_.limits, facts_of(trace))));
    workload_ =
        make_trace_replay(std::move(trace), {cell.pace == plans::Pace::kPaced, cell.pace_scale});
    return {};
  }
  VIOLET_TRY(const WorkloadInfo* info, workloads().require(cell.workload));
  VIOLET_TRY(possible(generator_problem(cell, setup_.limits)));
  kinds_ = {info->endpoint};
  workload_ = info->make(cell.workload_settings, setup_.seed);
  counts_time_ = timers_on_workloads_time();
  if (workload_->unit() == "packet") stack_ticks_ = ns_to_ticks(cell.costs.packet_ns);
  if (workload_->unit() == "I/O") stack_ticks_ = ns_to_ticks(cell.costs.io_ns);
  return {};
}

Status Testbed::make_memory() {
  const std::uint64_t mib = setup_.limits.guest_memory_mib;
  const std::uint64_t bytes = ((mib << 20) + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  VIOLET_TRY(memory_.allocate({0}, bytes, GuestMemory::Backing::kHugePages));
  if (!guest_on_huge_pages()) {
    // The run's head says of DPDK's memory why; here it takes no warning of its own.
    warnings_.push_back(fmt::format("the guest's {} MiB{} lie on {}, because {}", mib,
                                    eal_on_huge_pages() ? "" : " and DPDK's own memory",
                                    memory_.backing_name(), memory_.against_huge_pages()));
  } else if (!eal_on_huge_pages()) {
    warnings_.push_back(fmt::format("DPDK's own memory lies on 4 KiB pages, because {}",
                                    setup_.eal.against_huge_pages()));
  }
  pages_ = std::make_unique<GuestPages>(memory_);
  return {};
}

Status Testbed::make_engine() {
  VIOLET_TRY(quiescence_, RcuQuiescence::create(kMostEndpoints));
  const plans::Cell& cell = setup_.cell;
  VIOLET_TRY(auto config, device_config_of(cell, setup_.limits));
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    config.endpoints.push_back({{kFirstEndpointId + static_cast<std::uint32_t>(i)},
                                endpoint_label(kinds_[i], static_cast<std::uint16_t>(i)),
                                {{kMsiWindow, protocol::RegionKind::kMsi}}});
  }
  endpoints_ = config.endpoints;
  host_costs_.map = ns_to_ticks(cell.costs.host_map_ns);
  host_costs_.unmap = ns_to_ticks(cell.costs.host_unmap_ns);
  host_costs_.until = &costs_;
  if (!host_costs_.any()) {
    VIOLET_TRY(engine_,
               make_device(cell.store, cell.iotlb, config, *quiescence_, {}, probe(kEngineRing)));
    return {};
  }
  VIOLET_TRY(const StoreInfo* const store, stores().require(cell.store));
  VIOLET_TRY(const IotlbInfo* const iotlb, iotlbs().require(cell.iotlb));
  VIOLET_TRY(engine_,
             Device::create(config, {with_host_costs(store->make, host_costs_), iotlb->make},
                            *quiescence_, {}, probe(kEngineRing)));
  return {};
}

Status Testbed::make_queues() {
  const plans::Cell& cell = setup_.cell;
  const RingFormat format = cell.queue;
  const RingFeatures features{cell.indirect, cell.event_idx};
  const auto place = [&](std::uint32_t size) -> Result<QueueLayout> {
    const std::uint64_t bytes = QueueLayout::bytes(format, size);
    const auto at = pages_->allocate_run((bytes + GuestPages::kPageBytes - 1) >> 12);
    if (!at) return fail("no guest memory for a ring of {} descriptors", size);
    return QueueLayout::at(format, size, *at);
  };
  VIOLET_TRY(auto request_layout, place(cell.queue_size));
  VIOLET_TRY(auto event_layout, place(kEventBuffers));

  VIOLET_TRY(request_driver_,
             make_driver_queue(memory_, request_layout, {features, cell.indirect, false}));
  VIOLET_TRY(event_driver_, make_driver_queue(memory_, event_layout, {features, false, true}));
  VIOLET_TRY(requests_, make_request_queue(memory_, request_layout, features));
  VIOLET_TRY(events_, make_event_queue(memory_, event_layout, features));
  engine_->connect(requests_.get(), events_.get());
  return {};
}

Status Testbed::add_device(EndpointKind kind, std::uint16_t index) {
  auto device = std::make_unique<Attached>();
  device->endpoint.id = {kFirstEndpointId + index};
  const Probe reader = probe(endpoints_shared() ? kGuestRing : kEndpointRing);
  VIOLET_TRY(device->port, open_port(*engine_, device->endpoint.id, endpoint_label(kind, index),
                                     memory_, reader));
  if (const auto cost = setup_.cell.costs.iotlb_miss_ns; cost > 0) {
    auto port = std::make_unique<MissCostPort>(std::move(device->port), cost, &costs_);
    miss_costs_.push_back(port.get());
    device->port = std::move(port);
  }
  GuestEndpoint& endpoint = device->endpoint;
  if (kind == EndpointKind::kNic) {
    auto nic = std::make_unique<NicModel>(*device->port);
    endpoint.nic = nic.get();
    device->model = std::move(nic);
  } else if (kind == EndpointKind::kBlock) {
    auto block = std::make_unique<BlockModel>(*device->port, kDiskBytes);
    endpoint.block = block.get();
    device->model = std::move(block);
  } else {
    auto replay = std::make_unique<ReplayEndpoint>(*device->port);
    endpoint.replay = replay.get();
    device->model = std::move(replay);
  }
  endpoint.model = device->model.get();
  endpoint.shared = endpoints_shared();
  if (setup_.rogue_every > 0) {
    device->rogue = std::make_unique<RogueEndpoint>(*device->port, reader, endpoint.id.value,
                                                    Guest::kProbeDecadesNs.size());
    endpoint.rogue = device->rogue.get();
  }
  devices_.push_back(std::move(device));
  return {};
}

Status Testbed::start() {
  const plans::Cell& cell = setup_.cell;
  VIOLET_TRY(const auto* const chosen, placements().require(cell.placement));
  const PlacementKind kind = chosen->kind;
  placement_ = std::make_unique<Placement>(
      setup_.eal, *engine_, *requests_, kind,
      InjectedCosts{.exit_ns = cell.costs.exit_ns,
                    .entry_ns = cell.costs.entry_ns,
                    .pollution_bytes = cell.costs.exit_pollution_kib << 10,
                    .wake_ns = cell.costs.wake_ns,
                    .until = &costs_},
      kEngineLcore);
  bell_ = std::make_unique<Bell>(*placement_);
  const bool samecore = kind == PlacementKind::kSamecore;
  transport_ = std::make_unique<Transport>(*placement_, *engine_);
  VIOLET_TRY(placement_->start());
  VIOLET_TRY(driver_, VirtioIommuDriver::create({.pages = *pages_,
                                                 .queue = *request_driver_,
                                                 .transport = *transport_,
                                                 .doorbell = *bell_,
                                                 .spin_hook = samecore ? bell_.get() : nullptr,
                                                 .counters = counters_,
                                                 .probe = probe(kGuestRing)}));
  return make_guest();
}

Status Testbed::make_guest() {
  const plans::Cell& cell = setup_.cell;
  StrategyContext context{.driver = *driver_,
                          .memory = memory_,
                          .pages = *pages_,
                          .counters = counters_,
                          .probe = probe(kGuestRing),
                          .cpus = cell.cpus,
                          .groups = groups_,
                          .iova_allocator = cell.iova,
                          .settings = cell.strategy_settings,
                          .revocation_ns = &histograms_.revocation_ns};
  if (timers_on_workloads_time()) context.timers = workload_timers(workload_time_);
  for (const auto& device : devices_) context.endpoints.push_back(device->endpoint.id);
  VIOLET_TRY(strategy_info_, strategies().require(cell.strategy));
  strategy_ = strategy_info_->make(context);
  VIOLET_TRY(strategy_->start());

  GuestParts parts{.strategy = *strategy_,
                   .memory = memory_,
                   .pages = *pages_,
                   .counters = counters_,
                   .histograms = histograms_,
                   .probe = probe(kGuestRing),
                   .cpus = cell.cpus,
                   .rogue_every = setup_.rogue_every,
                   .seed = setup_.seed,
                   .workload_time = timers_on_workloads_time() ? &workload_time_ : nullptr,
                   .deadline = phase_,
                   .endpoints = {}};
  for (const auto& device : devices_) parts.endpoints.push_back(device->endpoint);
  guest_ = std::make_unique<Guest>(std::move(parts));
  VIOLET_TRY(workload_->prepare(*guest_));
  if (endpoints_shared()) return {};
  endpoints_running_ = true;
  return setup_.eal.launch(kEndpointLcore, [this] { run_endpoints(); });
}

void Testbed::run_endpoints() {
  constexpr unsigned kBudget = 32;
  while (!stop_endpoints_.load(std::memory_order_relaxed)) {
    for (const auto& device : devices_) {
      device->model->poll(kBudget);
      if (device->rogue) device->rogue->poll(kBudget);
    }
  }
}

Ticks Testbed::costs_end(Ticks until) {
  const Ticks second = ns_to_ticks(1'000'000'000);
  return until > Deadline::kNever - second ? Deadline::kNever : until + second;
}

void Testbed::begin_phase(Ticks until) {
  phase_.set(until);
  costs_.set(costs_end(until));
}

Status Testbed::finish() {
  phase_.set(Deadline::kNever);
  costs_.set(costs_end(now_ticks()));
  workload_->finish(*guest_);
  strategy_->drain();
  if (endpoints_running_) {
    stop_endpoints_.store(true, std::memory_order_relaxed);
    setup_.eal.join(kEndpointLcore);
    endpoints_running_ = false;
  }
  placement_->stop();
  if (engine_->needs_reset()) {
    return fail("the device wants a reset: its request ring broke ({})",
                to_text(requests_->fault()));
  }
  VIOLET_TRY(rings_reached());
  return driver_->health();
}

Status Testbed::rings_reached() const {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const std::uint64_t errors = devices_[i]->model->ring_errors();
    if (errors == 0) [[likely]]
      continue;
    return fail(
        "the IOMMU refused {} accesses of {} to the rings of its driver, which are mapped as long "
        "as it works: look at "
        "map_coherent() of the strategy '{}'",
        errors, endpoints_[i].name, setup_.cell.strategy);
  }
  return {};
}

IotlbReaderStats Testbed::iotlb_stats() const {
  IotlbReaderStats sum;
  for (const auto& device : devices_) {
    const auto stats = device->port->stats();
    sum.hits += stats.hits;
    sum.misses += stats.misses;
    sum.fills += stats.fills;
    sum.refused_fills += stats.refused_fills;
  }
  return sum;
}

const char* Testbed::why_no_lookup() const {
  if (no_accesses_) return "the trace has no accesses";
  if (!strategy_info_->translates) return "the endpoints bypass the IOMMU";
  return "no device accessed memory through the IOMMU";
}

std::uint64_t Testbed::dma_errors() const {
  std::uint64_t sum = 0;
  for (const auto& device : devices_) sum += device->model->dma_errors();
  return sum;
}

InjectedTicks Testbed::injected() const {
  const SpunCosts& spun = placement_->spun();
  InjectedTicks out;
  out[InjectedKind::kExit] = spun.exit.value();
  out[InjectedKind::kEntry] = spun.entry.value();
  out[InjectedKind::kPollution] = spun.pollution.value();
  out[InjectedKind::kWake] = spun.wake.value();
  out[InjectedKind::kHostMap] = host_costs_.map_spun.value();
  out[InjectedKind::kHostUnmap] = host_costs_.unmap_spun.value();
  for (const MissCostPort* port : miss_costs_) out[InjectedKind::kIotlbMiss] += port->spun_ticks();
  out[InjectedKind::kStack] = stack_spun_.value();
  out[InjectedKind::kDelay] = guest_->spun_ticks();
  return out;
}

std::size_t Testbed::cpus_used() const {
  std::set<unsigned> cpus = {setup_.cores.guest};
  if (!engine_on_guest_lcore()) cpus.insert(setup_.cores.engine);
  if (setup_.cores.endpoint) cpus.insert(*setup_.cores.endpoint);
  return cpus.size();
}

Testbed::RogueTotals Testbed::rogue() const {
  RogueTotals sum;
  for (const auto& device : devices_) {
    if (!device->rogue) continue;
    sum.probes += device->rogue->probes();
    sum.hits += device->rogue->hits();
    sum.dropped += device->rogue->dropped_targets();
  }
  return sum;
}

std::uint64_t Testbed::Transport::offered_features() {
  std::uint64_t features = 0;
  placement_.control([&] { features = engine_.offered_features(); });
  return features;
}

bool Testbed::Transport::negotiate(std::uint64_t features) {
  bool accepted = false;
  placement_.control([&] { accepted = engine_.negotiate(features); });
  return accepted;
}

void Testbed::Transport::read_config(std::size_t offset, std::span<std::byte> out) {
  placement_.control([&] { engine_.read_config(offset, out); });
}

void Testbed::Transport::write_config(std::size_t offset, std::span<const std::byte> bytes) {
  placement_.control([&] { engine_.write_config(offset, bytes); });
}

GaugeReadings Testbed::gauges() const {
  const DeviceCounters& device = engine_->counters();
  const IotlbReaderStats iotlb = iotlb_stats();
  const std::uint16_t readers = endpoints_shared() ? kGuestLcore : kEndpointLcore;
  GaugeReadings out;
  add_device_gauges(out, device, iotlb, readers);
  out.add(Gauge::kQueueDepth, kGuestLcore, driver_->in_flight());
  out.add(Gauge::kOperations, kGuestLcore, operations());
  return out;
}

}  // namespace violet
