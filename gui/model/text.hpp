// A number's text is what people read: addresses grouped, times with SI units, three significant
// digits.
//
// Threading: pure functions.
#pragma once

#include <QString>
#include <cstdint>
#include <optional>
#include <string>

#include "experiments/query/queries.hpp"

namespace violet::gui {
using namespace query;

QString addressText(std::uint64_t address);  // 0x0000_ffff_e000
QString idText(std::uint32_t id);            // "0x28": of an endpoint.
QString rangeText(const IovaRange& range);
QString durationText(double ns);  // "621 ns", "2.07 µs", "1.25 s"
QString timeText(Nanos at);       // "00:01.284 031" since the repetition began
QString countText(double value);  // "1.23 M", "841"
// "1 call", "12,345 calls": one of a thing has no "s".
QString countedText(std::uint64_t count, const char* thing);
// What a cell lost: "0 events", "12 events", "12 events, and nobody knows how many more".
QString lostText(const CellInfo& cell);
QString rateText(double per_second);  // "4.10 M/s"
QString bytesText(double bytes);      // "4 KiB"
// 0..1 -> "99.2 %"; "< 0.01 %" and "> 99.9 %" are neither nothing nor all.
QString percentText(double share);
// ", buckets of 9 %": how wide those are that percentiles of a picture are read from.
QString bucketsNote();
// Of what was spun on purpose, in per cent of the measured time: "61.2 %"; "not known".
QString injectedText(const std::optional<double>& percent);
// "1.23 ms" for a value of a metric of a run's results.
QString quantityText(double value, const std::string& unit);
QString permissionsText(Permissions permissions);  // "R/W", "R", "W", "-"
// Behind a title, of an answer that is coarser than `visible_ns`: ", in steps of 51.2 µs", or that nothing is
// said of so short a window. Empty: finer than that.
QString resolutionNote(const Resolution& resolution, TimeWindow asked, double visible_ns);
// "in this window", or "in the 102 µs around it" where the answer is about more than was asked for, or "in 64.0 ms of
// this window" where it is about less.
QString aboutText(const Resolution& resolution, TimeWindow asked);
// The same behind a comma, for the end of a title; nothing where the answer is about the window.
QString aboutNote(const Resolution& resolution, TimeWindow asked);
// Of a run without cells, for who has nothing else to show: "no trace was kept: --no-trace; its results are in Compare
// and Experiment, and in ./violet report".
QString noEventsText(const RunQueries& run);
// "repetition 2", "repetition 2 (disturbed by the host, not counted)": people count from one.
QString repetitionText(const CellInfo& cell);
// "256 mappings", "1 mapping", "mappings not known, 12 seen".
QString mappingsText(const TopologyState::Domain& domain);
// "1", "not attached", or "not known": the number of a domain.
QString attachmentText(const std::optional<TopologyState::Attachment>& attachment);
// A whole 64-bit space has one byte more than 64 bits count.
double bytesIn(const IovaRange& range);
// A text of a room without Qt, which is UTF-8.
inline QString qt(const std::string& text) { return QString::fromStdString(text); }

}  // namespace violet::gui
