#include "experiments/lessons/numbers.hpp"

#include <fmt/format.h>

namespace violet::lessons {

std::string time_text(std::uint64_t ns) {
  const auto value = static_cast<double>(ns);
  if (ns < 1000) return fmt::format("{} ns", ns);
  if (ns < 1000000) return fmt::format("{:.3g} \u00b5s", value / 1e3);
  return fmt::format("{:.3g} ms", value / 1e6);
}

std::string count_text(std::uint64_t count) {
  if (count == 0) return "None";
  return count == 1 ? "One" : fmt::format("{}", count);
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  if (bytes < 1024 * 1024) return fmt::format("{} KiB", bytes / 1024);
  return fmt::format("{:.3g} MiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
}

std::vector<Number> numbers_of(const Snapshot& shot) {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  for (const EndpointView& endpoint : shot.machine.endpoints) {
    hits += endpoint.stats.hits;
    misses += endpoint.stats.misses;
  }
  const auto text = [](std::uint64_t value) { return fmt::format("{}", value); };
  return {
      {"clock", time_text(shot.now), "Simulated time since the scene began."},
      {"kicks", text(shot.guest.kicks),
       "Times the driver told the device to look. Each one leaves the guest: an exit."},
      {"kicks saved", text(shot.guest.kicks_suppressed),
       "Kicks that were not sent, because the engine polls and has switched them off."},
      {"waits", text(shot.guest.syncs), "Times the driver spun until its requests were back."},
      {"requests", text(shot.requests.size()), "Requests written into the virtqueue."},
      {"IOTLB hits", text(hits), "Of all endpoints."},
      {"IOTLB misses", text(misses), "Of all endpoints."},
      {"faults", text(shot.fault_count), "Accesses that were refused."},
      {"stale pages", text(shot.stale_pages()),
       "Given back by the driver and still reachable by "
       "a device."},
      {"copied", bytes_text(shot.guest.bytes_copied), "By the processor, for bouncing."},
  };
}

std::vector<Number> costs_of(const Snapshot& shot) {
  const Costs& costs = shot.costs;
  return {
      {"exit", time_text(costs.exit), "A kick that leaves the guest, and the way back."},
      {"write request", time_text(costs.queue), "By the driver."},
      {"poll", time_text(costs.poll), "Until the engine looks at the queue."},
      {"execute it", time_text(costs.execute), "By the engine."},
      {"IOTLB lookup", time_text(costs.lookup), "Hit or miss."},
      {"walk and fill", time_text(costs.walk), "After a miss."},
      {"DMA", time_text(costs.dma), "A device's access to memory."},
      {"copy 4 KiB", time_text(costs.copy_4k), "By the processor."},
  };
}

}  // namespace violet::lessons
