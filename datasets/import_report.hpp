// An import report says what an import met and made: as text for a person, as JSON beside the trace.
//
// Threading: plain values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "datasets/trace_format.hpp"

namespace violet::datasets {

struct BrokenLine {
  std::uint64_t number;  // from 1
  std::uint64_t column;  // from 1: where reading stopped
  std::string reason;
  std::string excerpt;  // printable, shortened
};

// Things in a source that a complete log of a Linux guest would not contain, or not say.
struct ImportAnomalies {
  std::uint64_t translates_unmapped = 0;    // no live mapping at the address
  std::uint64_t translates_msi = 0;         // in x86's MSI window, which needs no mapping
  std::uint64_t translates_undirected = 0;  // neither read nor write
  std::uint64_t translations_differ = 0;    // the source's result is not what its maps say
  std::uint64_t faults = 0;                 // faults that the source reported
  std::uint64_t maps_over_live = 0;         // so an unmap is missing; implied
  std::uint64_t unmaps_of_nothing = 0;
  std::uint64_t unmaps_of_part = 0;       // would split a mapping; removed nothing of it
  std::uint64_t unmaps_across_calls = 0;  // one request removed mappings of several calls
  std::uint64_t unmaps_unconfirmed = 0;   // an unmap_done without its unmap
  std::uint64_t ended_by_detach = 0;      // mappings that went with their domain; implied
  std::uint64_t ended_by_reset = 0;       // mappings that went with a reset; implied
  std::uint64_t ends_unknown = 0;         // mapped when events were lost, and not unmapped since
  std::uint64_t unmaps_of_unknown =
      0;  // behind lost events: of what was mapped there, or of nothing
  std::uint64_t domains_unattached = 0;  // no attach seen before the first map
  std::uint64_t attaches_inferred = 0;   // endpoint known only from its accesses
  std::uint64_t times_back = 0;          // time went back; read as the time before
  std::uint64_t times_jumped = 0;        // a time far off; see TraceClock
  std::uint64_t times_missing = 0;       // lines without a time
};

// Events that the source says it lost. It does not always say how many.
struct LostEvents {
  std::uint64_t counted = 0;    // of which it says the number
  std::uint64_t uncounted = 0;  // places where it does not
  bool any() const { return counted > 0 || uncounted > 0; }
};
// "2,795 events lost"; "events lost at 2 places that do not say how many"; or both.
std::string to_text(const LostEvents& lost);

struct ImportReport {
  std::string source;    // path as given
  std::string importer;  // which one read it
  std::string trace;     // path written
  std::uint64_t lines = 0;
  std::uint64_t text_bytes = 0;
  double seconds = 0;
  std::uint64_t events = 0;  // lines that were understood
  std::uint64_t blank_lines = 0;
  std::map<std::string, std::uint64_t, std::less<>> ignored;  // events of other kinds, by name
  std::uint64_t broken = 0;
  std::vector<BrokenLine> broken_lines;  // the first few
  LostEvents lost;
  std::string damage;              // why reading ended before the end of the source
  std::vector<std::string> notes;  // for the reader: what is approximate and why

  TraceMode mode = TraceMode::kUnknown;
  std::string mode_evidence;
  ImportAnomalies anomalies;
  std::uint64_t merged_cuts = 0;       // MAP requests joined to the one before them
  std::uint64_t chained_segments = 0;  // further segments of scatter lists
  std::uint64_t joins_assumed = 0;     // of both: joined without an unmap that proves it

  TraceHeader header{};                              // of the trace written
  std::uint64_t reused_buffers = 0;                  // maps of an address that was mapped before
  std::uint64_t shared_buffers = 0;                  // of these: while it was still mapped
  std::array<std::uint64_t, 4> maps_by_direction{};  // index: the two direction bits
  std::array<std::uint64_t, 4> accesses_by_direction{};
  std::array<std::uint64_t, 33> maps_by_size{};  // index: ceil(log2(bytes))

  double lines_per_second() const { return seconds > 0 ? static_cast<double>(lines) / seconds : 0; }
};

// Fills the fields of a report that are about the records of the trace.
class RecordStatistics {
 public:
  explicit RecordStatistics(ImportReport& report) : report_(report) {}
  void add(const TraceRecord& record);

 private:
  ImportReport& report_;
  std::unordered_map<std::uint64_t, std::uint32_t> live_;  // mappings of each address
};

std::string report_text(const ImportReport& report);
std::string report_json(const ImportReport& report);  // pretty-printed, ends in a newline

// `text` with everything that is not printable ASCII escaped, cut at `max_bytes`.
std::string printable(std::string_view text, std::size_t max_bytes);

}  // namespace violet::datasets
