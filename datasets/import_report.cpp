#include "datasets/import_report.hpp"

#include <fmt/format.h>

#include <bit>
#include <iterator>
#include <nlohmann/json.hpp>

#include "datasets/trace_reader.hpp"

namespace violet::datasets {
namespace {

using Json = nlohmann::ordered_json;

struct AnomalyName {
  const char* key;
  const char* text;
  std::uint64_t ImportAnomalies::*count;
};

constexpr AnomalyName kAnomalies[] = {
    {"translates_unmapped", "translations of an address without a mapping",
     &ImportAnomalies::translates_unmapped},
    {"translates_msi", "interrupt messages (no mapping needed)", &ImportAnomalies::translates_msi},
    {"translates_undirected", "translations that neither read nor write",
     &ImportAnomalies::translates_undirected},
    {"translations_differ", "translations with another result than the maps give",
     &ImportAnomalies::translations_differ},
    {"faults", "faults reported by the source", &ImportAnomalies::faults},
    {"maps_over_live", "maps over a live mapping (an unmap is missing)",
     &ImportAnomalies::maps_over_live},
    {"unmaps_of_nothing", "unmaps that met no mapping", &ImportAnomalies::unmaps_of_nothing},
    {"unmaps_of_part", "unmaps that would split a mapping", &ImportAnomalies::unmaps_of_part},
    {"unmaps_across_calls", "mappings removed together but not made together",
     &ImportAnomalies::unmaps_across_calls},
    {"unmaps_unconfirmed", "unmap_done without its unmap", &ImportAnomalies::unmaps_unconfirmed},
    {"ended_by_detach", "mappings that went with their domain", &ImportAnomalies::ended_by_detach},
    {"ended_by_reset", "mappings that went with a reset", &ImportAnomalies::ended_by_reset},
    {"ends_unknown", "mappings whose end may be among the lost events",
     &ImportAnomalies::ends_unknown},
    {"unmaps_of_unknown", "unmaps that met no mapping, whose map may be among the lost events",
     &ImportAnomalies::unmaps_of_unknown},
    {"domains_unattached", "domains without an attach before their first map",
     &ImportAnomalies::domains_unattached},
    {"attaches_inferred", "attaches inferred from accesses", &ImportAnomalies::attaches_inferred},
    {"times_back", "small steps back in time", &ImportAnomalies::times_back},
    {"times_jumped", "times far off", &ImportAnomalies::times_jumped},
    {"times_missing", "lines without a time", &ImportAnomalies::times_missing}};

constexpr const char* kDirections[] = {"none", "to_device", "from_device", "bidirectional"};
constexpr const char* kAccesses[] = {"none", "read", "write", "read_write"};

std::string size_name(std::size_t log2) {
  if (log2 >= 30) return fmt::format("{}G", 1U << (log2 - 30));
  if (log2 >= 20) return fmt::format("{}M", 1U << (log2 - 20));
  return log2 >= 10 ? fmt::format("{}K", 1U << (log2 - 10)) : fmt::format("{}", 1U << log2);
}

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0;
}

// 2,795
std::string with_separators(std::uint64_t value) {
  auto text = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

using Out = std::back_insert_iterator<std::string>;

void add_source(Out out, const ImportReport& r) {
  fmt::format_to(out, "read     {} as {}\n", r.source, r.importer);
  if (r.lines > 0) {
    fmt::format_to(out, "lines    {} in {:.2f} s ({:.2f} M lines/s), {} understood, {} broken\n",
                   r.lines, r.seconds, r.lines_per_second() / 1e6, r.events, r.broken);
  }
  for (const auto& line : r.broken_lines) {
    fmt::format_to(out, "         line {}, column {}: {}: {}\n", line.number, line.column,
                   line.reason, line.excerpt);
  }
  if (r.broken > r.broken_lines.size() && !r.broken_lines.empty()) {
    fmt::format_to(out, "         and {} more broken lines\n", r.broken - r.broken_lines.size());
  }
  for (const auto& [name, count] : r.ignored) {
    fmt::format_to(out, "ignored  {} x {}\n", count, name);
  }
  if (r.lost.any()) fmt::format_to(out, "LOST     {}\n", to_text(r.lost));
  if (!r.damage.empty())
    fmt::format_to(out, "DAMAGED  {}; what came before is imported\n", r.damage);
  fmt::format_to(out, "mode     {}", to_string(r.mode));
  if (!r.mode_evidence.empty()) fmt::format_to(out, ": {}", r.mode_evidence);
  fmt::format_to(out, "\n");
}

void add_trace(Out out, const ImportReport& r) {
  const auto& h = r.header;
  fmt::format_to(out, "maps     {} calls, {} buffers; {} MAPs merged, {} scatter segments\n",
                 h.map_calls, h.map_records, r.merged_cuts, r.chained_segments);
  fmt::format_to(out, "unmaps   {} calls, {} buffers; {} live at the end\n", h.unmap_calls,
                 h.unmap_records, h.live_at_end);
  fmt::format_to(out, "accesses {} (read {}, write {})\n", h.access_records,
                 r.accesses_by_direction[1], r.accesses_by_direction[2]);
  fmt::format_to(out,
                 "buffers  {} addresses in {} pages; {:.1f} % of maps reuse one, {:.1f} % "
                 "while it is still mapped\n",
                 h.distinct_buffers, h.covered_pages, percent(r.reused_buffers, h.map_records),
                 percent(r.shared_buffers, h.map_records));
  fmt::format_to(out, "sizes   ");
  for (std::size_t i = 0; i < r.maps_by_size.size(); ++i) {
    if (r.maps_by_size[i] > 0) fmt::format_to(out, " <={}: {}", size_name(i), r.maps_by_size[i]);
  }
  fmt::format_to(out, "\nmaps are");
  for (std::size_t i = 0; i < r.maps_by_direction.size(); ++i) {
    if (r.maps_by_direction[i] > 0) {
      fmt::format_to(out, " {}: {}", kDirections[i], r.maps_by_direction[i]);
    }
  }
  if (h.time_resolution_ns == 0) {
    fmt::format_to(out, "\nspan     not known: the source tells no times\n");
  } else {
    fmt::format_to(out, "\nspan     {:.6f} s\n", static_cast<double>(h.time_span_ns) / 1e9);
  }
}

template <std::size_t N, class Name>
Json histogram(const std::array<std::uint64_t, N>& counts, Name name) {
  Json json = Json::object();
  for (std::size_t i = 0; i < N; ++i) {
    if (counts[i] > 0) json[name(i)] = counts[i];
  }
  return json;
}

Json source_json(const ImportReport& r) {
  Json json{{"source", r.source},
            {"importer", r.importer},
            {"trace", r.trace},
            {"lines", r.lines},
            {"text_bytes", r.text_bytes},
            {"seconds", r.seconds},
            {"lines_per_second", r.lines_per_second()},
            {"events", r.events},
            {"blank_lines", r.blank_lines},
            {"broken", r.broken},
            {"damage", r.damage},
            {"lost_events", r.lost.uncounted > 0 ? Json() : Json(r.lost.counted)},
            {"lost_events_at_least", r.lost.counted}};
  json["broken_lines"] = Json::array();
  for (const auto& line : r.broken_lines) {
    json["broken_lines"].push_back({{"line", line.number},
                                    {"column", line.column},
                                    {"reason", line.reason},
                                    {"text", line.excerpt}});
  }
  json["ignored"] = Json::object();
  for (const auto& [name, count] : r.ignored) json["ignored"][name] = count;
  json["mode"] = to_string(r.mode);
  json["mode_evidence"] = r.mode_evidence;
  json["notes"] = r.notes;
  for (const auto& anomaly : kAnomalies) {
    json["anomalies"][anomaly.key] = r.anomalies.*anomaly.count;
  }
  return json;
}

}  // namespace

void RecordStatistics::add(const TraceRecord& record) {
  const auto direction = static_cast<std::size_t>(record.flags & (kDeviceReads | kDeviceWrites));
  if (record.op == TraceOp::kAccess) {
    ++report_.accesses_by_direction[direction];
  } else if (record.op == TraceOp::kMap) {
    ++report_.maps_by_direction[direction];
    ++report_.maps_by_size[static_cast<std::size_t>(std::bit_width(record.bytes - 1))];
    const auto [buffer, first_time] = live_.try_emplace(record.page, 0);
    if (!first_time) ++report_.reused_buffers;
    if (buffer->second++ > 0) ++report_.shared_buffers;
  } else {
    --live_[record.page];
  }
}

std::string to_text(const LostEvents& lost) {
  std::string text;
  if (lost.counted > 0) text = fmt::format("{} events lost", with_separators(lost.counted));
  if (lost.uncounted > 0) {
    text +=
        fmt::format("{}events lost at {} place{} not say how many", text.empty() ? "" : ", and ",
                    lost.uncounted, lost.uncounted == 1 ? " that does" : "s that do");
  }
  return text;
}

std::string report_text(const ImportReport& report) {
  std::string text;
  const Out out(text);
  add_source(out, report);
  add_trace(out, report);
  for (const auto& anomaly : kAnomalies) {
    const auto count = report.anomalies.*anomaly.count;
    if (count > 0) fmt::format_to(out, "odd      {} {}\n", count, anomaly.text);
  }
  for (const auto& note : report.notes) fmt::format_to(out, "note     {}\n", note);
  fmt::format_to(out, "wrote    {} ({} bytes)\n", report.trace, report.header.file_bytes);
  return text;
}

std::string report_json(const ImportReport& report) {
  const auto& h = report.header;
  Json json = source_json(report);
  json["merged_cuts"] = report.merged_cuts;
  json["chained_segments"] = report.chained_segments;
  json["joins_assumed"] = report.joins_assumed;
  json["records"] = h.record_count;
  json["map_calls"] = h.map_calls;
  json["unmap_calls"] = h.unmap_calls;
  json["maps"] = h.map_records;
  json["unmaps"] = h.unmap_records;
  json["accesses"] = h.access_records;
  json["live_at_end"] = h.live_at_end;
  json["peak_live_bytes"] = h.peak_live_bytes;
  json["distinct_buffers"] = h.distinct_buffers;
  json["covered_pages"] = h.covered_pages;
  json["reused_buffers"] = report.reused_buffers;
  json["shared_buffers"] = report.shared_buffers;
  json["time_span_ns"] = h.time_resolution_ns > 0 ? Json(h.time_span_ns) : Json();
  json["maps_by_direction"] =
      histogram(report.maps_by_direction, [](std::size_t i) { return kDirections[i]; });
  json["accesses_by_direction"] =
      histogram(report.accesses_by_direction, [](std::size_t i) { return kAccesses[i]; });
  json["maps_by_size"] = histogram(report.maps_by_size, size_name);
  json["file_bytes"] = h.file_bytes;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string shown;
  for (const char c : text.substr(0, max_bytes)) {
    if (c >= ' ' && c <= '~') {
      shown += c;
    } else {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return text.size() > max_bytes ? shown + "..." : shown;
}

}  // namespace violet::datasets
