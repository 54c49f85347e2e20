#include "gui/model/text.hpp"

#include <algorithm>
#include <cmath>

#include "experiments/results/table.hpp"

namespace violet::gui {

namespace {

// Three significant digits: 0.00123, 1.23, 12.3, 123. What is small keeps its digits, and is no zero.
QString three_digits(double value) {
  constexpr double kShortest = 1e-5;
  const double magnitude = std::abs(value);
  if (magnitude != 0 && magnitude < kShortest) return QString::number(value, 'g', 3);
  int decimals = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2;
  for (double least = 0.9995; magnitude != 0 && magnitude < least; least /= 10) ++decimals;
  QString text = QString::number(value, 'f', decimals);
  if (text.contains(QLatin1Char(
          '.'))) {  // "2.00" says no more than "2" where the value is exact (as a float).
    QString shorter = text;
    while (shorter.endsWith(QLatin1Char('0'))) shorter.chop(1);
    if (shorter.endsWith(QLatin1Char('.'))) shorter.chop(1);
    if (std::abs(shorter.toDouble() - value) <= magnitude * 1e-6) return shorter;
  }
  return text;
}

// "1.23 k" with a prefix of `base`: 1000 or 1024.
QString prefixed(double value, double base, const char* const* prefixes, int count) {
  int step = 0;
  double scaled = value;
  // 999.6 would round up to "1000".
  while (std::abs(scaled) >= base * (base == 1000 ? 0.9995 : 1.0) && step + 1 < count) {
    scaled /= base;
    ++step;
  }
  QString text = three_digits(scaled);
  if (prefixes[step][0] != '\0') text += QLatin1Char(' ') + QString::fromUtf8(prefixes[step]);
  return text;
}

}  // namespace

QString addressText(std::uint64_t address) {
  QString digits = QStringLiteral("%1").arg(address, 16, 16, QLatin1Char('0'));
  digits.insert(12, QLatin1Char('_')).insert(8, QLatin1Char('_')).insert(4, QLatin1Char('_'));
  // A device's 48 bits in three groups; the fourth only where it says something.
  return QStringLiteral("0x") + (address >> 48 == 0 ? digits.mid(5) : digits);
}

QString idText(std::uint32_t id) { return QStringLiteral("0x%1").arg(id, 0, 16); }

double bytesIn(const IovaRange& range) { return static_cast<double>(range.size_minus_one()) + 1; }

QString rangeText(const IovaRange& range) {
  return addressText(range.first.value) + QStringLiteral(" to ") + addressText(range.last.value);
}

QString durationText(double ns) {
  if (!std::isfinite(ns)) return QStringLiteral("not available");
  static const char* const kUnits[] = {"ns", "µs", "ms", "s"};
  return ns == 0 ? QStringLiteral("0 ns") : prefixed(ns, 1000, kUnits, 4);
}

QString timeText(Nanos at) {
  const QLatin1Char zero('0');
  const bool negative = at < 0;
  const Nanos magnitude = negative ? -at : at;
  const Nanos micros = magnitude / 1000;
  QString text = QStringLiteral("%1:%2.%3 %4")
                     .arg(micros / 60'000'000, 2, 10, zero)
                     .arg(micros / 1'000'000 % 60, 2, 10, zero)
                     .arg(micros / 1000 % 1000, 3, 10, zero)
                     .arg(micros % 1000, 3, 10, zero);
  if (magnitude % 1000 != 0) text += QStringLiteral(" %1").arg(magnitude % 1000, 3, 10, zero);
  return negative ? QLatin1Char('-') + text : text;
}

QString countText(double value) {
  if (!std::isfinite(value)) return QStringLiteral("not available");
  static const char* const kUnits[] = {"", "k", "M", "G", "T"};
  return prefixed(value, 1000, kUnits, 5);
}

QString countedText(std::uint64_t count, const char* thing) {
  const QString text = QStringLiteral("%L1 %2").arg(count).arg(QLatin1String(thing));
  return count == 1 ? text : text + QLatin1Char('s');
}

QString lostText(const CellInfo& cell) {
  if (!cell.lost_unknown) return countedText(cell.lost, "event");
  if (cell.lost == 0) return QStringLiteral("events, and nobody knows how many");
  return countedText(cell.lost, "event") + QStringLiteral(", and nobody knows how many more");
}

QString rateText(double per_second) {
  if (!std::isfinite(per_second)) return QStringLiteral("not available");
  const QString count = countText(per_second);
  return count + (count.contains(QLatin1Char(' ')) ? QStringLiteral("/s") : QStringLiteral(" /s"));
}

QString bytesText(double bytes) {
  if (!std::isfinite(bytes)) return QStringLiteral("not available");
  static const char* const kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  return prefixed(bytes, 1024, kUnits, 7);
}

QString percentText(double share) {
  constexpr double kLeast = 1e-4, kMost = 0.9995;
  if (!std::isfinite(share)) return QStringLiteral("not available");
  if (share > 0 && share < kLeast) return QStringLiteral("< 0.01 %");
  if (share >= kMost && share < 1) return QStringLiteral("> 99.9 %");
  return three_digits(share * 100) + QStringLiteral(" %");
}

QString bucketsNote() {
  return QStringLiteral(", buckets of %1 %").arg(std::round(100 * LatencyBins::width()));
}

QString injectedText(const std::optional<double>& percent) {
  return percent ? percentText(*percent / 100) : QStringLiteral("not known");
}

QString quantityText(double value, const std::string& unit) {
  if (unit == "%")
    return percentText(value / 100);  // Short: a number that is cut in its middle is another one.
  return QString::fromStdString(unit == "1" ? results::three_digits(value)
                                            : results::with_unit(value, unit));
}

QString permissionsText(Permissions permissions) {
  return QString::fromLatin1(to_text(permissions));
}

QString resolutionNote(const Resolution& resolution, TimeWindow asked, double visible_ns) {
  if (!resolution.bin || double(*resolution.bin) <= visible_ns) return {};
  const QString bin = durationText(double(*resolution.bin));
  return resolution.hides(asked.length()) ? QStringLiteral(", no statement below %1 here").arg(bin)
                                          : QStringLiteral(", in steps of %1").arg(bin);
}

QString aboutText(const Resolution& resolution, TimeWindow asked) {
  constexpr double kAlike = 1.1;
  const double about = double(resolution.about.length()), window = double(asked.length());
  if (about > 0 && kAlike * about < window) {
    return QStringLiteral("in %1 of this window").arg(durationText(about));
  }
  if (resolution.exact() || about <= kAlike * window) return QStringLiteral("in this window");
  return QStringLiteral("in the %1 around it").arg(durationText(about));
}

QString aboutNote(const Resolution& resolution, TimeWindow asked) {
  const QString where = aboutText(resolution, asked);
  return where == QStringLiteral("in this window") ? QString() : QStringLiteral(", ") + where;
}

QString noEventsText(const RunQueries& run) {
  return QStringLiteral("%1; its results are in Compare and Experiment, and in ./violet report")
      .arg(qt(run.no_cells_because()));
}

QString repetitionText(const CellInfo& cell) {
  const QString number = QStringLiteral("repetition %1").arg(cell.repetition + 1);
  return cell.standing.words.empty()
             ? number
             : QStringLiteral("%1 (%2)").arg(number, qt(cell.standing.words));
}

QString mappingsText(const TopologyState::Domain& domain) {
  if (!domain.mapping_count) {
    return domain.truncated
               ? QStringLiteral("mappings not known, more than %L1 seen")
                     .arg(domain.mappings.size())
               : QStringLiteral("mappings not known, %L1 seen").arg(domain.mappings.size());
  }
  return countedText(*domain.mapping_count, "mapping");
}

QString attachmentText(const std::optional<TopologyState::Attachment>& attachment) {
  if (!attachment) return QStringLiteral("not known");
  return attachment->domain ? QString::number(*attachment->domain) : QStringLiteral("not attached");
}

}  // namespace violet::gui
