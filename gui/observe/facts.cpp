#include "gui/observe/facts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gui/model/text.hpp"

namespace violet::gui {

namespace {

QString exact_ns(double ns) { return QStringLiteral("%1 ns").arg(ns, 0, 'f', 0); }

Fact duration_fact(const QString& name, double ns) {
  return {name, durationText(ns), std::isfinite(ns) ? exact_ns(ns) : QString()};
}

// What a percentile is known to lie in, as exactly as it is known.
QString bucket_text(double ns) {
  if (ns <= 0) return QStringLiteral("of no length");
  const std::size_t bin = LatencyBins::of(ns);
  return QStringLiteral("between %1 and %2: read from buckets")
      .arg(durationText(LatencyBins::low(bin)), durationText(LatencyBins::low(bin + 1)));
}

// Below the percentiles.
Fact buckets_fact() {
  return {QStringLiteral("Percentiles"),
          QStringLiteral("from buckets of %1 %").arg(std::round(100 * LatencyBins::width())),
          QStringLiteral("a percentile is known to a bucket; the tips say which"),
          Fact::Tone::kMuted};
}

Fact clock_fact(const LatencyGrid& grid) {
  const QString name = QStringLiteral("Clock step");
  if (!grid.clock_step_ns) {
    return {name, QStringLiteral("not known"),
            QStringLiteral("no less than a tick, %1").arg(durationText(grid.tick_ns)),
            Fact::Tone::kMuted};
  }
  return {name, durationText(*grid.clock_step_ns),
          QStringLiteral("as the recorded durations show; smaller differences are none"),
          Fact::Tone::kMuted};
}

Fact time_fact(const QString& name, Nanos at, Fact::Tone tone) {
  return {name, timeText(at), exact_ns(double(at)), tone};
}

// "p99", or how many operations are too few for it.
Fact percentile_fact(const QString& name, double percent, std::optional<double> ns,
                     std::uint64_t of) {
  if (ns) return {name, durationText(*ns), bucket_text(*ns)};
  return {name, QStringLiteral("not known of %1").arg(countText(double(of))),
          QStringLiteral("%1 are needed for it").arg(operations_for(percent)), Fact::Tone::kMuted};
}

// What numbers of the summary are about; nothing where it is what was asked for.
void append_about(Facts& facts, const Resolution& resolution) {
  if (!resolution.bin) return;
  facts.push_back({QStringLiteral("Of"),
                   QStringLiteral("%1 to %2")
                       .arg(timeText(resolution.about.from), timeText(resolution.about.to)),
                   QStringLiteral("from the summary, in steps of %1")
                       .arg(durationText(double(*resolution.bin))),
                   Fact::Tone::kMuted});
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

// Until when it is known that something has not happened.
QString not_by(const PageLifetimes& page) {
  const bool all = page.searched.to == std::numeric_limits<Nanos>::max();
  return all ? QStringLiteral("not by the end of the trace")
             : QStringLiteral("not by %1").arg(timeText(page.searched.to));
}

void append_end(Facts& facts, const PageLifetimes& page, const PageLifetimes::Lifetime& life) {
  if (!life.unmapped) {
    facts.push_back({QStringLiteral("Unmapped"), not_by(page), {}, Fact::Tone::kMuted});
    return;
  }
  facts.push_back(time_fact(QStringLiteral("Unmapped"), *life.unmapped, Fact::Tone::kUnmap));
  if (life.copied) {
    facts.push_back(
        {QStringLiteral("Unreachable"), QStringLiteral("the buffer always; its slot stays mapped"),
         QStringLiteral("the device reads and writes a copy, in a pool that stays mapped "
                        "by design")});
  } else if (life.persistent) {
    facts.push_back({QStringLiteral("Unreachable"),
                     QStringLiteral("never, by design"),
                     {},
                     Fact::Tone::kStale});
  } else if (life.unreachable) {
    facts.push_back(window_fact(life));
  } else {
    facts.push_back({QStringLiteral("Unreachable"), not_by(page), {}, Fact::Tone::kStale});
  }
}

void append_life(Facts& facts, const PageLifetimes& page, const PageLifetimes::Lifetime& life) {
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
  append_end(facts, page, life);
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

Facts pageFacts(const PageLifetimes& page) {
  Facts facts{{QStringLiteral("Page"), addressText(page.page)}};
  const bool all = page.searched.to == std::numeric_limits<Nanos>::max() && page.searched.from <= 0;
  const QString where =
      QStringLiteral("%1 to %2").arg(timeText(page.searched.from), timeText(page.searched.to));
  if (page.lifetimes.empty()) {
    facts.push_back({QStringLiteral("Life"),
                     all ? QStringLiteral("never mapped in this trace")
                         : QStringLiteral("not known: single events are kept from %1").arg(where),
                     {},
                     Fact::Tone::kMuted});
    return facts;
  }
  const bool known = page.searched.contains(page.at), later = page.at >= page.searched.to;
  const std::size_t shown = page.current.value_or(later ? page.lifetimes.size() - 1 : 0);
  facts.push_back(
      {QStringLiteral("Life"), QStringLiteral("%1 of %2%3")
                                   .arg(shown + 1)
                                   .arg(page.lifetimes.size())
                                   .arg(page.truncated ? QStringLiteral(" or more") : QString())});
  if (!page.current) {
    facts.push_back(
        {QStringLiteral("At this time"),
         known ? QStringLiteral("not mapped yet; below is its first page")
               : QStringLiteral("not known; below is the nearest page that is"),
         all ? QString() : QStringLiteral("single events were looked through from %1").arg(where),
         Fact::Tone::kMuted});
  }
  append_life(facts, page, page.lifetimes[shown]);
  return facts;
}

bool isLossy(const LatencyGrid& grid) {
  return std::find(grid.gap.begin(), grid.gap.end(), true) != grid.gap.end();
}

bool isLossy(const ExposureColumns& exposure) {
  return std::any_of(exposure.stale_pages.begin(), exposure.stale_pages.end(),
                     [](const Column& column) { return column.gap; });
}

namespace {

Fact lost_fact() {
  return {QStringLiteral("Events lost"),
          QStringLiteral("these are of what was seen"),
          {},
          Fact::Tone::kFault};
}

}  // namespace

Facts pendingFacts(const QString& of, bool asked) {
  return {{of,
           asked ? QStringLiteral("being read") : QStringLiteral("not read: its panel is hidden"),
           {},
           Fact::Tone::kMuted}};
}

Facts latencyFacts(const LatencyGrid& grid, bool sampled) {
  if (grid.count == 0 && isLossy(grid)) {
    return {{QStringLiteral("Latency"),
             QStringLiteral("not known: events were lost"),
             {},
             Fact::Tone::kMuted}};
  }
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
  append_about(facts, grid.resolution);
  if (isLossy(grid)) facts.push_back(lost_fact());
  if (sampled) {
    facts.push_back({QStringLiteral("Sampled"), QStringLiteral("of mappings that stay a sample"),
                     QStringLiteral("what is counted here is not all that was called"),
                     Fact::Tone::kMuted});
  }
  if (grid.below_clock(grid.min_ns)) {
    facts.push_back({QStringLiteral("Shortest"), QStringLiteral("below a clock step"),
                     QStringLiteral("how much shorter, the clock does not show")});
  } else {
    facts.push_back(duration_fact(QStringLiteral("Shortest"), grid.min_ns));
  }
  facts.push_back(percentile_fact(QStringLiteral("Median"), 50, grid.percentile(50), grid.count));
  facts.push_back(duration_fact(QStringLiteral("Mean"), grid.mean_ns));
  for (const double percent : {90.0, 99.0, 99.9, 99.99}) {
    facts.push_back(percentile_fact(QStringLiteral("p%1").arg(percent), percent,
                                    grid.percentile(percent), grid.count));
  }
  facts.push_back(duration_fact(QStringLiteral("Longest"), grid.max_ns));
  if (grid.percentile(50)) facts.push_back(buckets_fact());
  facts.push_back(clock_fact(grid));
  return facts;
}

QString clockNote(const LatencyGrid& grid) {
  const auto median = grid.percentile(50);
  if (!median || !grid.clock_step_ns || *median * LatencyBins::width() > *grid.clock_step_ns)
    return {};
  return QStringLiteral(", clock step %1").arg(durationText(*grid.clock_step_ns));
}

namespace {

void append_unmaps(Facts& facts, const ExposureUnmaps& unmaps) {
  facts.push_back(
      {QStringLiteral("Unmaps"), countText(double(unmaps.count)), QString::number(unmaps.count)});
  if (unmaps.count > 0) {
    facts.push_back({QStringLiteral("Without a window"),
                     percentText(double(unmaps.zero_windows) / double(unmaps.count)),
                     QString::number(unmaps.zero_windows)});
    for (const double percent : {50.0, 99.0}) {
      facts.push_back(percentile_fact(QStringLiteral("Window p%1").arg(percent), percent,
                                      unmaps.percentile(percent), unmaps.count));
    }
    if (unmaps.percentile(50)) facts.push_back(buckets_fact());
  }
  if (unmaps.persistent > 0) {
    facts.push_back({QStringLiteral("Mapped by design"), countText(double(unmaps.persistent)),
                     QString::number(unmaps.persistent)});
  }
  if (unmaps.open > 0) {
    facts.push_back({QStringLiteral("Open at the end"), countText(double(unmaps.open)),
                     QString::number(unmaps.open), Fact::Tone::kStale});
  }
}

}  // namespace

Facts exposureFacts(const ExposureColumns& exposure) {
  Facts facts;
  const Fact unknown{QStringLiteral("Exposure"),
                     QStringLiteral("not available: ") + QString::fromStdString(exposure.because),
                     {},
                     Fact::Tone::kMuted};
  if (!exposure.pages || !exposure.unmaps) facts.push_back(unknown);
  // How many unmaps and probes went with them nobody knows, nor what they left.
  const bool lossy = isLossy(exposure);
  if (lossy) facts.push_back(lost_fact());
  const bool none_known = std::none_of(exposure.stale_pages.begin(), exposure.stale_pages.end(),
                                       [](const Column& column) { return column.known(); });
  if (exposure.pages && lossy && none_known) {
    facts.push_back({QStringLiteral("Stale pages"),
                     QStringLiteral("not known: events were lost"),
                     {},
                     Fact::Tone::kMuted});
  } else if (exposure.pages) {
    const ExposurePages& pages = *exposure.pages;
    append_about(facts, pages.resolution);
    facts.push_back({QStringLiteral("Stale pages, mean"), countText(pages.mean_stale),
                     QString::number(pages.mean_stale),
                     pages.peak_stale > 0 ? Fact::Tone::kStale : Fact::Tone::kPlain});
    facts.push_back({QStringLiteral("Stale pages, peak"), countText(pages.peak_stale)});
  }
  if (exposure.unmaps) append_unmaps(facts, *exposure.unmaps);
  const QString probes = QStringLiteral("Rogue probes");
  if (!exposure.probes) {
    facts.push_back({probes,
                     QStringLiteral("not available: ") + QString::fromStdString(exposure.because),
                     {},
                     Fact::Tone::kMuted});
  } else if (exposure.probes->count == 0) {
    facts.push_back({probes, lossy ? QStringLiteral("none seen; events were lost")
                                   : QStringLiteral("none in this window")});
  } else {
    facts.push_back({probes,
                     QStringLiteral("%1, %2 reached memory")
                         .arg(exposure.probes->count)
                         .arg(exposure.probes->hits),
                     {},
                     exposure.probes->hits > 0 ? Fact::Tone::kStale : Fact::Tone::kPlain});
  }
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
