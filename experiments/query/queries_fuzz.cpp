// Any bytes as the events of a trace, and any bytes as a trace file: every question is answered, within
// bounds, or the file is refused by name.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "engine/base/check.hpp"
#include "experiments/query/recorded_run.hpp"
#include "experiments/trace/event_trace.hpp"

using namespace violet;
using namespace violet::query;

namespace {

constexpr std::size_t kMostBytes = 1 << 14;
constexpr std::size_t kHeader = 64;

// A trace file around raw events: a header, and blocks of up to 16 events of lcores in turn.
std::string trace_around(std::span<const std::uint8_t> bytes) {
  std::string file("VIOLEVT1", 8);
  const auto put = [&](auto value) {
    file.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  put(kEventTraceVersion);
  put(static_cast<std::uint32_t>(sizeof(Event)));
  put(0.5);
  file.resize(kHeader);
  const std::size_t events = bytes.size() / sizeof(Event);
  for (std::size_t at = 0; at < events;) {
    const std::uint8_t shape = bytes[at * sizeof(Event)];
    const std::size_t count = std::min<std::size_t>(1 + shape % 16, events - at);
    file += "BLCK";
    put(static_cast<std::uint32_t>(count));
    put(std::uint64_t{shape % 7 == 0});
    put(std::uint32_t{0});  // Its checksum is not looked at.
    put(static_cast<std::uint16_t>(shape % 5 == 0 ? kRecorderLcore : shape % 3));
    put(std::uint16_t{0});
    put(std::uint64_t{shape % 11 == 0});
    std::vector<Event> block(count);
    std::memcpy(block.data(), bytes.data() + at * sizeof(Event), count * sizeof(Event));
    for (Event& event : block) {
      event.kind = static_cast<EventKind>(static_cast<unsigned>(event.kind) % (kEventKinds + 1));
      // Mostly near each other, so that something happens between them.
      if (shape % 4 != 0) event.at %= 1 << 20;
      if (shape % 4 == 1) event.id %= 3;
      if (shape % 4 != 2) {
        event.a = event.a % (1 << 20) << 6;
        event.b = event.kind == EventKind::kDmaMap || event.kind == EventKind::kDmaUnmap
                      ? event.b % (1 << 15)
                      : event.a | (event.b & 0x7fff);
      }
    }
    file.append(reinterpret_cast<const char*>(block.data()), count * sizeof(Event));
    at += count;
  }
  return file;
}

void ask_everything(const CellQueries& cell, TimeWindow window, const Filter& filter) {
  const std::uint32_t columns = 9;
  const bool counts_stale = cell.info().stays != CellInfo::Stays::kBuffers;
  VIOLET_CHECK(cell.overview(window, columns).stale_pages.size() == (counts_stale ? columns : 0));
  const auto grid =
      cell.churn({window, filter.range.value_or(IovaRange::all()), columns, 7, filter});
  for (const float share : grid.live) VIOLET_CHECK(share >= 0 && share <= 1);
  for (const float share : grid.stale) VIOLET_CHECK(share >= 0 && share <= 1);
  for (unsigned i = 0; i < kOperations; ++i) {
    const auto latency = cell.latency({window, static_cast<Operation>(i), columns, filter});
    const auto median = latency.percentile(50), high = latency.percentile(99);
    VIOLET_CHECK(median.has_value() == (latency.count >= operations_for(50)));
    VIOLET_CHECK(!high || (median && *median <= *high));
    VIOLET_CHECK(latency.counts.size() == latency.query.columns * LatencyBins::kCount);
    for (const PercentileLine& line : latency.lines) {
      for (const Column& step : line.steps) {
        VIOLET_CHECK(!step.known() || step.count >= operations_for(line.percent));
      }
    }
  }
  const auto exposure = cell.exposure({window, columns, filter});
  VIOLET_CHECK(!exposure.unmaps || exposure.unmaps->zero_windows <= exposure.unmaps->count);
  VIOLET_CHECK((exposure.unmaps && exposure.pages) || !exposure.because.empty());
  VIOLET_CHECK(cell.engine(window, columns).queue_depth.size() == columns);
  VIOLET_CHECK(cell.faults(window, 5).lines.size() <= 5);
  const std::uint64_t count = cell.count_events(window, filter);
  VIOLET_CHECK(count <= cell.info().kept_events);
  VIOLET_CHECK(cell.events(window, filter, count / 2, 20).size() <= 20);
  cell.topology(window.from, 20);
  const auto ranges = cell.used_ranges().ranges;
  const Iova page = ranges.empty() ? Iova{4096} : ranges.front().first;
  VIOLET_CHECK(cell.page_lifetimes(page, window.from, 6).lifetimes.size() <= 6);
}

void open_and_ask(const std::string& file) {
  std::vector<std::uint64_t> aligned(file.size() / 8 + 1);
  if (!file.empty()) std::memcpy(aligned.data(), file.data(), file.size());
  auto trace = EventTrace::over(std::as_bytes(std::span(aligned)).first(file.size()), "fuzz.events",
                                EventTrace::Checksums::kIgnored);
  if (!trace) {
    VIOLET_CHECK(trace.error().message.starts_with("fuzz.events"));
    return;
  }
  const auto run = RecordedRun::over(std::move(*trace), "fuzz.events");
  run->bound_pyramids({.most_buckets = 256, .most_cells = 512});
  for (std::size_t i = 0; i < run->cells().size() && i < 4; ++i) {
    const auto cell = run->open_cell(i, {});
    VIOLET_CHECK(cell.has_value());
    const CellInfo info = (*cell)->info();
    VIOLET_CHECK(info.whole.from <= info.measured.from && info.measured.to <= info.whole.to);
    ask_everything(**cell, info.whole, {});
    const Filter narrow{IovaRange{{0x1000}, {0x3ffffff}}, {EndpointId{1}}, {Operation::kMap}};
    ask_everything(**cell, {info.whole.to / 3, info.whole.to / 2 + 1}, narrow);
    ask_everything(**cell, {std::numeric_limits<Nanos>::min(), std::numeric_limits<Nanos>::max()},
                   {});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  size = std::min(size, kMostBytes);
  open_and_ask(std::string(reinterpret_cast<const char*>(data), size));
  open_and_ask(trace_around({data, size}));
  return 0;
}
