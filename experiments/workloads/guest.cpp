#include "experiments/workloads/guest.hpp"

#include <utility>

#include "engine/base/check.hpp"

namespace violet {

void GuestHistograms::reset() {
  for (results::LiveHistogram* one :
       {&map_ns, &unmap_ns, &lag_ns, &map_response_ns, &unmap_response_ns, &revocation_ns}) {
    one->reset();
  }
  lag_trend.reset();
}

Guest::Guest(GuestParts parts)
    : parts_(std::move(parts)),
      ns_per_tick_(ns_per_tick()),
      a_while_(ns_to_ticks(kAWhileNs)),
      rng_(parts_.seed),
      until_probe_(draw_until_probe()) {}

std::optional<DmaMapping> Guest::dma_map(std::uint16_t endpoint, DmaBuffer buffer,
                                         DmaDirection direction) {
  PhaseScope phase(WorkPhase::kStrategy);
  ++calls_;
  const Ticks start = now_ticks();
  auto mapping = parts_.strategy.map(endpoint, buffer, direction, cpu_);
  const Ticks end = now_ticks();
  phase.next(WorkPhase::kTelemetry);
  if (!mapping) return std::nullopt;
  parts_.histograms.map_ns.record(
      static_cast<std::uint64_t>(static_cast<double>(end - start) * ns_per_tick_));
  note_map(*mapping, end, end - start);
  return mapping;
}

bool Guest::dma_map_list(std::uint16_t endpoint, std::span<const DmaBuffer> buffers,
                         DmaDirection direction, std::span<DmaMapping> out) {
  PhaseScope phase(WorkPhase::kStrategy);
  calls_ += buffers.size();
  const Ticks start = now_ticks();
  const bool mapped = parts_.strategy.map_list(endpoint, buffers, direction, cpu_, out);
  const Ticks end = now_ticks();
  phase.next(WorkPhase::kTelemetry);
  if (!mapped) return false;
  parts_.histograms.map_ns.record(
      static_cast<std::uint64_t>(static_cast<double>(end - start) * ns_per_tick_));
  // One call, one duration: the first event has it.
  Ticks duration = end - start;
  for (const auto& mapping : out) note_map(mapping, end, std::exchange(duration, 0));
  return true;
}

void Guest::dma_unmap(const DmaMapping& mapping) {
  PhaseScope phase(WorkPhase::kStrategy);
  ++calls_;
  const Ticks start = now_ticks();
  parts_.strategy.unmap(mapping, cpu_);
  const Ticks end = now_ticks();
  phase.next(WorkPhase::kTelemetry);
  parts_.histograms.unmap_ns.record(
      static_cast<std::uint64_t>(static_cast<double>(end - start) * ns_per_tick_));
  note_unmap(mapping, end, end - start);
  probe_at_once();
}

void Guest::dma_unmap_list(std::span<const DmaMapping> mappings) {
  PhaseScope phase(WorkPhase::kStrategy);
  calls_ += mappings.size();
  const Ticks start = now_ticks();
  parts_.strategy.unmap_list(mappings, cpu_);
  const Ticks end = now_ticks();
  phase.next(WorkPhase::kTelemetry);
  parts_.histograms.unmap_ns.record(
      static_cast<std::uint64_t>(static_cast<double>(end - start) * ns_per_tick_));
  Ticks duration = end - start;
  for (const auto& mapping : mappings) note_unmap(mapping, end, std::exchange(duration, 0));
  probe_at_once();
}

std::optional<DmaMapping> Guest::map_coherent(std::uint16_t endpoint, DmaBuffer buffer) {
  const PhaseScope phase(WorkPhase::kStrategy);
  auto mapping = parts_.strategy.map_coherent(endpoint, buffer, cpu_);
  if (mapping) note_map(*mapping, now_ticks(), 0);
  return mapping;
}

void Guest::unmap_coherent(const DmaMapping& mapping) {
  const PhaseScope phase(WorkPhase::kStrategy);
  parts_.strategy.unmap_coherent(mapping, cpu_);
  const Ticks end = now_ticks();
  if (mapping.persistent && !persistent_.unmap(mapping, end)) return;
  parts_.probe.record(
      dma_event(mapping, parts_.endpoints[mapping.endpoint].id).event(EventKind::kDmaUnmap, end));
}

void Guest::note_map(const DmaMapping& mapping, Ticks at, Ticks duration) {
  if (mapping.persistent && !persistent_.map(mapping, at)) return;
  parts_.probe.record(dma_event(mapping, parts_.endpoints[mapping.endpoint].id)
                          .event(EventKind::kDmaMap, at, duration));
}

void Guest::note_unmap(const DmaMapping& mapping, Ticks at, Ticks duration) {
  auto& endpoint = parts_.endpoints[mapping.endpoint];
  if (mapping.persistent && !persistent_.unmap(mapping, at)) return;
  parts_.probe.record(dma_event(mapping, endpoint.id).event(EventKind::kDmaUnmap, at, duration));
  if (endpoint.rogue == nullptr || until_probe_ == 0 || --until_probe_ > 0) return;
  until_probe_ = draw_until_probe();
  aim_at(mapping, endpoint, at);
}

// Uniform around what was asked for: a fixed step would meet the same slots of a ring again and again.
std::uint32_t Guest::draw_until_probe() {
  if (parts_.rogue_every == 0) return 0;
  return static_cast<std::uint32_t>(1 + rng_.below(2 * std::uint64_t{parts_.rogue_every} - 1));
}

void Guest::aim_at(const DmaMapping& mapping, GuestEndpoint& endpoint, Ticks unmapped_at) {
  const std::uint64_t least_ns = kProbeDecadesNs[next_decade_];
  const std::uint64_t delay_ns = least_ns == 0 ? 0 : least_ns + rng_.below(9 * least_ns);
  const bool readable = allows(permissions_of(mapping.direction), Access::kRead);
  endpoint.rogue->aim(mapping.iova, readable ? Access::kRead : Access::kWrite,
                      unmapped_at + ns_to_ticks(delay_ns), next_decade_);
  if (endpoint.shared && delay_ns == 0) at_once_ = endpoint.rogue;
  next_decade_ = next_decade_ + 1 == kProbeDecadesNs.size() ? 0 : next_decade_ + 1;
}

// On a shared lcore nobody else polls the rogue endpoint before the next map's sync has closed every
// window of lazy unmapping: it would never see one.
void Guest::probe_at_once() {
  if (at_once_ == nullptr) return;
  const PhaseScope phase(WorkPhase::kRogue);
  at_once_->poll(1);
  at_once_ = nullptr;
}

Result<GuestPhys> Guest::allocate(std::uint64_t bytes) {
  const std::uint64_t pages = (bytes + GuestPages::kPageBytes - 1) / GuestPages::kPageBytes;
  const auto at = parts_.pages.allocate_run(pages);
  if (at) return *at;
  return fail("the guest has no {} contiguous pages left of {}: raise limits.guest_memory_mib",
              pages, parts_.pages.total_pages());
}

std::span<std::byte> Guest::bytes_at(GuestPhys at, std::uint64_t bytes) const {
  std::byte* host = parts_.memory.host(at, bytes);
  VIOLET_CHECK(host != nullptr);
  return {host, static_cast<std::size_t>(bytes)};
}

Ticks Guest::pump() {
  poll_shared();
  const Ticks now = now_ticks();
  const PhaseScope phase(WorkPhase::kStrategy);  // Its timers.
  run_timers(now);
  return now;
}

Ticks Guest::pump_while_waiting() {
  poll_shared();
  const Ticks now = now_ticks();
  run_timers(now);  // What they do has phases of its own; that there is nothing to do is waiting.
  return now;
}

// A poll that finds nothing is the time of who polls.
void Guest::poll_shared() {
  constexpr unsigned kBudget = 32;
  for (auto& endpoint : parts_.endpoints) {
    if (!endpoint.shared) continue;
    {
      PhaseScope phase(WorkPhase::kEndpoints);
      if (endpoint.model->poll(kBudget) == 0) phase.was_nothing();
    }
    if (endpoint.rogue == nullptr) continue;
    PhaseScope phase(WorkPhase::kRogue);
    if (endpoint.rogue->poll(kBudget) == 0) phase.was_nothing();
  }
}

void Guest::run_timers(Ticks now) {
  parts_.strategy.tick(parts_.workload_time == nullptr ? now : *parts_.workload_time);
}

// At once, not with the next pump(): how often a device is polled must not decide what comes before a timer.
void Guest::run_timers_at(std::uint64_t workload_ns) {
  const PhaseScope phase(WorkPhase::kStrategy);
  *parts_.workload_time = ns_to_ticks(workload_ns);
  parts_.strategy.tick(*parts_.workload_time);
}

}  // namespace violet
