#include "gui/observe/facts.hpp"

#include <cmath>
#include <limits>

#include "gui/model/text.hpp"

namespace violet::gui {

namespace {

QString exact_ns(double ns) { return QStringLiteral("%1 ns").arg(ns, 0, 'f', 0); }

Fact duration_fact(const QString& name, double ns) {
  return {name, durationText(ns), std::isfinite(ns) ? exact_ns(ns) : QString()};
}

Fact time_fact(const QString& name, Nanos at, Fact::Tone tone) {
  return {name, timeText(at), exact_ns(double(at)), tone};
}

// From the call's return to the moment when nothing could translate the page any more.
Fact window_fact(const PageLifetimes::Lifetime& life) {
  const Nanos window = *life.unreachable - *life.unmapped;
  if (window <= 0) {
    return {QStringLiteral("Unreachable"), QStringLiteral("before the call returned"),
            timeText(*life.unreachable)};
  }
  return {QStringLiteral("Stale for"), QStringLiteral("≤ ") + durationText(double(window)),
          exact_ns(double(window)), Fact::Tone::kStale};
}

void append_end(Facts& facts, const PageLifetimes::Lifetime& life) {
  if (!life.unmapped) {
    facts.push_back({QStringLiteral("Unmapped"),
                     QStringLiteral("not by the end of the trace"),
                     {},
                     Fact::Tone::kMuted});
    return;
  }
  facts.push_back(time_fact(QStringLiteral("Unmapped"), *life.unmapped, Fact::Tone::kUnmap));
  if (life.persistent) {
    facts.push_back({QStringLiteral("Unreachable"),
                     QStringLiteral("never, by design"),
                     {},
                     Fact::Tone::kStale});
  } else if (life.unreachable) {
    facts.push_back(window_fact(life));
  } else {
    facts.push_back({QStringLiteral("Unreachable"),
                     QStringLiteral("not by the end of the trace"),
                     {},
                     Fact::Tone::kStale});
  }
}

void append_life(Facts& facts, const PageLifetimes::Lifetime& life) {
  facts.push_back(time_fact(QStringLiteral("Mapped"), life.mapped, Fact::Tone::kMap));
  facts.push_back(
      {QStringLiteral("For"), QStringLiteral("%1, %2, endpoint 0x%3")
                                  .arg(permissionsText(life.granted), bytesText(double(life.bytes)))
                                  .arg(life.endpoint, 0, 16)});
  facts.push_back({QStringLiteral("Buffer page"), addressText(life.phys_page << 12)});
  facts.push_back({QStringLiteral("Accesses"),
                   life.translations == 0
                       ? QStringLiteral("none seen (sampled)")
                       : QStringLiteral("%1 seen (sampled)").arg(life.translations)});
  append_end(facts, life);
  if (life.map_ns != 0)
    facts.push_back(duration_fact(QStringLiteral("dma_map took"), double(life.map_ns)));
  if (life.unmap_ns != 0) {
    facts.push_back(duration_fact(QStringLiteral("dma_unmap took"), double(life.unmap_ns)));
  }
  if (life.probes != 0) {
    facts.push_back({QStringLiteral("Rogue probes"),
                     QStringLiteral("%1, %2 reached memory").arg(life.probes).arg(life.probe_hits),
                     {},
                     life.probe_hits != 0 ? Fact::Tone::kStale : Fact::Tone::kPlain});
  }
}

}  // namespace

Facts pageFacts(const PageLifetimes& life) {
  Facts facts{{QStringLiteral("Page"), addressText(life.page)}};
  if (life.lifetimes.empty()) {
    facts.push_back({QStringLiteral("Life"),
                     QStringLiteral("never mapped in this trace"),
                     {},
                     Fact::Tone::kMuted});
    return facts;
  }
  const std::size_t shown = life.current.value_or(life.lifetimes.size() - 1);
  facts.push_back(
      {QStringLiteral("Life"), QStringLiteral("%1 of %2%3")
                                   .arg(shown + 1)
                                   .arg(life.lifetimes.size())
                                   .arg(life.truncated ? QStringLiteral(" or more") : QString())});
  append_life(facts, life.lifetimes[shown]);
  return facts;
}

Facts latencyFacts(const LatencyGrid& grid) {
  if (grid.count == 0) {
    return {{QStringLiteral("Latency"),
             grid.because.empty()
                 ? QStringLiteral("nothing in this selection")
                 : QStringLiteral("not available: ") + QString::fromStdString(grid.because),
             {},
             Fact::Tone::kMuted}};
  }
  Facts facts{
      {QStringLiteral("Operations"), countText(double(grid.count)), QString::number(grid.count)}};
  facts.push_back(duration_fact(QStringLiteral("Shortest"), grid.min_ns));
  facts.push_back(duration_fact(QStringLiteral("Median"), grid.percentile(50)));
  facts.push_back(duration_fact(QStringLiteral("Mean"), grid.mean_ns));
  for (const double percent : {90.0, 99.0, 99.9, 99.99}) {
    facts.push_back(duration_fact(QStringLiteral("p%1").arg(percent), grid.percentile(percent)));
  }
  facts.push_back(duration_fact(QStringLiteral("Longest"), grid.max_ns));
  return facts;
}

double exposureWindowPercentile(const ExposureColumns& exposure, double percent) {
  if (exposure.unmaps == 0) return std::numeric_limits<double>::quiet_NaN();
  const double rank = std::ceil(percent / 100 * double(exposure.unmaps));
  double seen = double(exposure.zero_windows);
  if (seen >= rank) return 0;
  for (std::size_t bin = 0; bin < LatencyBins::kCount; ++bin) {
    seen += double(exposure.window_histogram[bin]);
    if (seen >= rank) return std::sqrt(LatencyBins::low(bin) * LatencyBins::low(bin + 1));
  }
  return LatencyBins::low(LatencyBins::kCount);
}

Facts exposureFacts(const ExposureColumns& exposure) {
  Facts facts;
  facts.push_back({QStringLiteral("Stale pages, mean"), countText(exposure.mean_stale_pages),
                   QString::number(exposure.mean_stale_pages),
                   exposure.peak_stale_pages > 0 ? Fact::Tone::kStale : Fact::Tone::kPlain});
  facts.push_back({QStringLiteral("Stale pages, peak"), countText(exposure.peak_stale_pages)});
  facts.push_back({QStringLiteral("Unmaps"), countText(double(exposure.unmaps)),
                   QString::number(exposure.unmaps)});
  if (exposure.unmaps > 0) {
    facts.push_back({QStringLiteral("Without a window"),
                     percentText(double(exposure.zero_windows) / double(exposure.unmaps)),
                     QString::number(exposure.zero_windows)});
    for (const double percent : {50.0, 99.0}) {
      facts.push_back(duration_fact(QStringLiteral("Window p%1").arg(percent),
                                    exposureWindowPercentile(exposure, percent)));
    }
  }
  if (exposure.persistent > 0) {
    facts.push_back({QStringLiteral("Mapped by design"), countText(double(exposure.persistent)),
                     QString::number(exposure.persistent)});
  }
  if (exposure.open > 0) {
    facts.push_back({QStringLiteral("Open at the end"), countText(double(exposure.open)),
                     QString::number(exposure.open), Fact::Tone::kStale});
  }
  facts.push_back(
      {QStringLiteral("Rogue probes"),
       exposure.probes == 0
           ? QStringLiteral("none in this window")
           : QStringLiteral("%1, %2 reached memory").arg(exposure.probes).arg(exposure.hits),
       {},
       exposure.hits > 0 ? Fact::Tone::kStale : Fact::Tone::kPlain});
  return facts;
}

void FactsModel::setFacts(Facts facts) {
  const int before = static_cast<int>(facts_.size()), now = static_cast<int>(facts.size());
  if (before == now) {  // The usual case while live: no row moves.
    facts_ = std::move(facts);
    if (now > 0) emit dataChanged(index(0, 0), index(now - 1, 1));
    return;
  }
  beginResetModel();
  facts_ = std::move(facts);
  endResetModel();
}

int FactsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(facts_.size());
}
int FactsModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : 2; }

QVariant FactsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const Fact& fact = facts_[static_cast<std::size_t>(index.row())];
  if (role == kToneRole) return static_cast<int>(fact.tone);
  if (role == Qt::ToolTipRole) return fact.exact;
  if (role == Qt::DisplayRole) return index.column() == 0 ? fact.name : fact.value;
  return {};
}

}  // namespace violet::gui
