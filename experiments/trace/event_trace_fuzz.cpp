// Any bytes as an event trace: an error that names it, or blocks that lie inside it and sum up.
#include <cstdint>
#include <cstring>
#include <vector>

#include "engine/base/check.hpp"
#include "experiments/trace/event_trace.hpp"

using namespace violet;
using namespace violet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<Event> aligned(size / sizeof(Event) + 1);
  if (size > 0) std::memcpy(aligned.data(), data, size);
  const auto bytes = std::as_bytes(std::span(aligned)).first(size);
  const auto trace = EventTrace::over(bytes, "fuzz.events");
  if (!trace) {
    VIOLET_CHECK(trace.error().message.starts_with("fuzz.events:"));
    return 0;
  }
  std::uint64_t events = 0;
  std::size_t used = 64;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < trace->blocks().size(); ++i) {
    const auto& block = trace->blocks()[i];
    VIOLET_CHECK(block.events.size() <= kMostBlockEvents);
    events += block.events.size();
    used += 32 + block.events.size_bytes();
    for (const Event& event : block.events) sum += event.at + event.a + unpack_ticks(event.took);
    const Status verified = trace->verify(i);
    VIOLET_CHECK(verified || verified.error().message.starts_with("fuzz.events: offset"));
  }
  VIOLET_CHECK(events == trace->events());
  VIOLET_CHECK(trace->cut_short() ? used < size : used == size);
  asm volatile("" : : "r"(sum));  // Keeps the reads of the events.
  return 0;
}
