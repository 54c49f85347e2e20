// Any bytes as an event trace: an error that names it, or blocks that lie inside it and sum up.
#include <cstdint>
#include <cstring>
#include <vector>

#include "engine/base/check.hpp"
#include "experiments/trace/event_trace.hpp"

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
    VIOLET_CHECK(block.count <= kMostBlockEvents);
    events += block.count;
    used += 32 + block.count * sizeof(Event);
    sum += block.first + block.last;
    const auto read = trace->read(i);
    VIOLET_CHECK(read ? read->size() == block.count
                      : read.error().message.starts_with("fuzz.events: offset"));
  }
  VIOLET_CHECK(events == trace->events());
  VIOLET_CHECK(trace->cut_short() ? used < size : used == size);
  asm volatile("" : : "r"(sum));  // Keeps the reads of the events.
  return 0;
}
