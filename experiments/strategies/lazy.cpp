#include "experiments/strategies/lazy.hpp"

namespace violet {

bool Lazy::Parking::flush_all() {
  const StrategyContext& context = lazy_.context_;
  ++context.counters.flushes;
  const bool answered = context.driver.sync();
  if (context.probe.on()) {
    context.probe.record(
        FlushEvent{lazy_.domain(endpoint_).id(), queue.queued()}.event(context.clock()));
  }
  return answered;
}

void Lazy::Parking::release(Iova first, std::uint64_t granules, unsigned cpu) {
  lazy_.domain(endpoint_).free_iova(first, granules, cpu);
}

Status Lazy::opened(std::uint16_t endpoint) {
  queues_.push_back(std::make_unique<Parking>(*this, endpoint));
  return {};
}

void Lazy::retire(const MappedRange& range) {
  FlushQueue& queue = queues_[range.endpoint]->queue;
  // The time only matters to the entry that arms the timer.
  queue.queue(range.first, range.granules, range.cpu, queue.timer_on() ? 0 : context_.timer_now());
}

void Lazy::tick(Ticks now) {
  for (const auto& parking : queues_) parking->queue.tick(now);
  MappedStrategy::tick(now);
}

void Lazy::drain() {
  for (const auto& parking : queues_) parking->queue.drain();
}

std::vector<Setting> lazy_settings(std::int64_t entries, double timer_ms) {
  return {{.name = "entries",
           .initial = entries,
           .least = 2,
           .most = 1 << 20,
           .help = "slots of each flush queue; one stays empty"},
          {.name = "timer_ms",
           .initial = timer_ms,
           .least = 0.01,
           .most = 100'000,
           .help = "from the first parked address to the flush"}};
}

std::unique_ptr<Strategy> make_lazy(const StrategyContext& context, bool per_cpu) {
  return std::make_unique<Lazy>(
      context,
      FlushQueueOptions{
          .per_cpu = per_cpu,
          .entries = static_cast<std::uint32_t>(context.settings.integer("entries")),
          .timeout_ns = static_cast<std::uint64_t>(context.settings.real("timer_ms") * 1e6),
          .cpus = context.cpus});
}

}  // namespace violet
