#include "experiments/lessons/guest.hpp"

#include <algorithm>

#include "engine/base/check.hpp"
#include "experiments/trace/exposure_ledger.hpp"

namespace violet::lessons {
namespace {

using Use = BufferView::Use;

constexpr unsigned kProcessors = 2;
// A device that does not answer for so long never will.
constexpr std::uint64_t kDriverTimeoutNs = 10'000'000;

// The driver's time is in ticks of this machine's counter, because that is what its timers are set in.
Ticks simulated_ticks(void* stage) noexcept {
  return ns_to_ticks(static_cast<const Stage*>(stage)->now());
}

}  // namespace

Guest::Guest(Stage& stage, const GuestOptions& options) : stage_(stage), options_(options) {
  const TickSource clock{simulated_ticks, &stage_};
  const StrategyInfo* info = strategies().find(options_.strategy);
  VIOLET_CHECK(info != nullptr);
  settings_ = SettingValues::resolve(info->settings, options_.settings).value();
  driver_ = std::move(VirtioIommuDriver::create({.pages = stage_.memory().allocator(),
                                                 .queue = stage_.ring(),
                                                 .transport = stage_.machine(),
                                                 .doorbell = stage_,
                                                 .spin_hook = &stage_,
                                                 .counters = stage_.counters(),
                                                 .clock = clock,
                                                 .timeout_ns = kDriverTimeoutNs})
                          .value());
  const StrategyContext context{.driver = *driver_,
                                .memory = stage_.memory().guest(),
                                .pages = stage_.memory().allocator(),
                                .counters = stage_.counters(),
                                .clock = clock,
                                .cpus = kProcessors,
                                .endpoints = {kEndpointIds[kNic]}};
  strategy_ = std::move(make_strategy(options_.strategy, context, options_.settings).value());
}

// --- the DMA API

void Guest::start() {
  begin_call();
  VIOLET_CHECK(strategy_->start());
  finish_call();
}

Iova Guest::map(GuestPhys phys, std::uint64_t bytes, DmaDirection direction) {
  return map(phys, bytes, direction, 0);
}

Iova Guest::map(GuestPhys phys, std::uint64_t bytes, DmaDirection direction, unsigned processor) {
  begin_call();
  const std::uint64_t requests = counters().map_requests;
  const auto mapping =
      strategy_->map(0, {phys, static_cast<std::uint32_t>(bytes)}, direction, processor);
  VIOLET_CHECK(mapping.has_value());
  silent_maps_ += counters().map_requests == requests ? 1 : 0;
  record(EventKind::kDmaMap, *mapping);
  const IovaRange range = IovaRange::of(mapping->iova.value, bytes);
  for (BufferView& older : buffers_) {
    if (older.range.overlaps(range)) older.use = Use::kGone;
  }
  stage_.watch(range);
  buffers_.push_back({*mapping, range});
  finish_call();
  return range.first;
}

void Guest::unmap(Iova iova) {
  begin_call();
  BufferView& buffer = live(iova);
  buffer.use = Use::kUnmapping;
  const DmaMapping mapping = buffer.mapping;
  strategy_->unmap(mapping, 0);
  stage_.settle_copies();
  record(EventKind::kDmaUnmap, mapping);
  live(iova).use = Use::kGivenBack;
  finish_call();
}

void Guest::map_on_another_processor(GuestPhys phys, std::uint64_t bytes, DmaDirection direction) {
  VIOLET_CHECK(stage_.held());
  waiting_.push_back({phys, bytes, direction});
}

void Guest::tick() {
  begin_call();
  strategy_->tick(ticks());
  finish_call();
}

// Steps that run while a call is held must not begin another: in the kernel it would wait for the lock.
void Guest::begin_call() { VIOLET_CHECK(!std::exchange(busy_, true)); }

void Guest::finish_call() {
  stage_.settle_copies();
  busy_ = false;
  if (!driver_->health()) VIOLET_CHECK(false && "the engine did not answer the driver");
  while (!waiting_.empty()) {
    const Waiting next = waiting_.front();
    waiting_.erase(waiting_.begin());
    map(next.phys, next.bytes, next.direction, 1);
  }
}

BufferView& Guest::live(Iova iova) {
  const auto found = std::find_if(buffers_.begin(), buffers_.end(), [&](const BufferView& one) {
    return (one.use == Use::kLive || one.use == Use::kUnmapping) && one.range.contains(iova);
  });
  VIOLET_CHECK(found != buffers_.end());
  return *found;
}

// --- what was given back

std::vector<BufferView> Guest::buffers() const {
  std::vector<BufferView> views = buffers_;
  for (BufferView& view : views) {
    view.reachable = view.use == Use::kGivenBack && !view.mapping.persistent &&
                     !stage_.is_dead(view.range.first);
  }
  return views;
}

bool Guest::given_back(Iova iova) const {
  return std::any_of(buffers_.begin(), buffers_.end(), [&](const BufferView& one) {
    return one.use == Use::kGivenBack && !one.mapping.persistent && one.range.contains(iova);
  });
}

bool Guest::any_stale() const {
  const std::vector<BufferView> views = buffers();
  return std::any_of(views.begin(), views.end(),
                     [](const BufferView& one) { return one.reachable; });
}

void Guest::record(EventKind kind, const DmaMapping& mapping) {
  events_.push_back(dma_event(mapping, kEndpointIds[kNic]).event(kind, stage_.now()));
}

Exposure Guest::exposure(Ticks begin) const {
  const ExposureReport report = judge_exposure({.engine = stage_.machine().recorded(),
                                                .guest = events_,
                                                .begin = begin,
                                                .end = stage_.now()});
  Exposure sum;
  sum.windows = report.unmaps - report.window.upper.zero + report.censored_unmaps;
  sum.longest_ns =
      static_cast<std::uint64_t>(std::max(report.window.upper.max_ns, report.oldest_censored_ns));
  sum.mean_stale_pages = report.mean_stale_pages.upper;
  sum.always_mapped_bytes = strategy_->always_mapped_bytes();
  VIOLET_CHECK(report.iova_reuse_violations == 0);
  return sum;
}

}  // namespace violet::lessons
