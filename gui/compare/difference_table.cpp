#include "gui/compare/difference_table.hpp"

#include <cmath>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/table.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

using results::Difference;

namespace {

// "map latency, p99" of "map.p99": the tool tip has the name that results and plans use.
QString metricText(const std::string& name) {
  static const std::pair<const char*, const char*> parts[] = {
      {".p50", ", median"}, {".p99", ", p99"}, {".mean", ", mean"}, {".max", ", longest"}};
  QString text = QString::fromStdString(name);
  if (name.starts_with("map.") || name.starts_with("unmap.")) {
    text.replace(QLatin1Char('.'), QStringLiteral(" latency."));
  }
  for (const auto& [from, to] : parts) text.replace(QLatin1String(from), QLatin1String(to));
  text.replace(QLatin1String("_per_s"), QLatin1String(" per second"));
  return text.replace(QLatin1Char('_'), QLatin1Char(' '));
}

// Three digits, however small: a column has no room for zeros.
QString numberText(double value) {
  constexpr double kShort = 1e-3;
  if (value != 0 && std::abs(value) < kShort) return QString::number(value, 'g', 3);
  return QString::fromStdString(results::three_digits(value));
}

// What nothing ever ends has no number (results::kStaysReachable).
QString estimateText(const results::Estimate& estimate, const results::Samples& samples,
                     const std::string& unit) {
  if (samples.values.empty() && samples.because == results::kStaysReachable)
    return QStringLiteral("always");
  if (estimate.samples == 0 || !std::isfinite(estimate.value)) {
    return QStringLiteral("n/a");
  }
  // "221 k/s": the metric's name says of what.
  if (unit.ends_with("/s")) return rateText(estimate.value);
  if (unit == "pages") return numberText(estimate.value);  // The metric's name says it.
  return quantityText(estimate.value, unit);
}

}  // namespace

DifferenceTable::DifferenceTable(QObject* parent) : QAbstractTableModel(parent) {}

void DifferenceTable::setDifferences(std::vector<NamedDifference> differences) {
  beginResetModel();
  rows_ = std::move(differences);
  endResetModel();
}

int DifferenceTable::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}
int DifferenceTable::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

QString DifferenceTable::text(const NamedDifference& row, int column) const {
  const Difference& d = row.difference;
  switch (column) {
    case kMetric:
      return metricText(d.metric);
    case kContender:
      return QString::fromStdString(row.contender);
    case kBefore:
      return estimateText(d.baseline, d.baseline_samples, d.unit);
    case kAfter:
      return estimateText(d.contender, d.contender_samples, d.unit);
    case kRatio:
      return d.ratio ? numberText(d.ratio->value) : QStringLiteral("n/a");
    case kInterval:
      if (!d.ratio || !d.ratio->interval) return QStringLiteral("n/a");
      return QStringLiteral("%1 to %2")
          .arg(numberText(d.ratio->interval->low), numberText(d.ratio->interval->high));
    case kInjected:
      return d.baseline_injected == d.contender_injected
                 ? injectedText(d.baseline_injected)
                 : QStringLiteral("%1 → %2").arg(injectedText(d.baseline_injected),
                                                 injectedText(d.contender_injected));
    case kVerdict:
      return QString::fromLatin1(results::to_text(d.verdict));
    default:  // The whole sentence is in the tool tip.
      return QString::fromStdString(d.reason);
  }
}

QString DifferenceTable::exact(const NamedDifference& row, int column) const {
  const Difference& d = row.difference;
  const QString why = QString::fromStdString(d.reason);
  const auto interval = [](const results::Estimate& e) {
    if (!e.interval) return QStringLiteral("\ntoo few repetitions for an interval");
    return QStringLiteral("\n95 % interval %1 to %2")
        .arg(QString::number(e.interval->low, 'g', 12), QString::number(e.interval->high, 'g', 12));
  };
  const auto estimate = [&](const results::Estimate& e, const results::Estimate& mean,
                            const results::Samples& of) {
    if (e.samples == 0)
      return QStringLiteral("not available: %1").arg(of.because.empty() ? why : qt(of.because));
    const QString value = QStringLiteral("%1 %2, median of %3 repetitions")
                              .arg(QString::number(e.value, 'g', 12),
                                   QString::fromStdString(d.unit == "1" ? "" : d.unit))
                              .arg(e.samples);
    return value + interval(e) + QStringLiteral("\nmean %1").arg(mean.value, 0, 'g', 12) +
           interval(mean);
  };
  if (column == kMetric) return QString::fromStdString(d.metric);
  if (column == kBefore) return estimate(d.baseline, d.baseline_mean, d.baseline_samples);
  if (column == kAfter) return estimate(d.contender, d.contender_mean, d.contender_samples);
  if (column == kInjected) {
    return QStringLiteral(
               "what was spun on purpose, of the measured time: baseline %1, contender %2")
        .arg(injectedText(d.baseline_injected), injectedText(d.contender_injected));
  }
  QString text =
      QStringLiteral("%1\n%2: p = %3, %4 after Holm for %5\nA12 = %6, of %7 and %8")
          .arg(why, QString::fromLatin1(d.test), numberText(d.p), numberText(d.adjusted_p))
          .arg(countedText(d.tests, "test"), numberText(d.a12))
          .arg(d.baseline.samples)
          .arg(countedText(d.contender.samples, "repetition"));
  if (d.how.noise && d.noise_floor) {
    text += QStringLiteral("\nequal runs differ by up to %1 % (%2)")
                .arg(numberText(100 * *d.noise_floor), QString::fromStdString(d.how.noise->source));
  }
  return text;
}

QVariant DifferenceTable::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount() || index.column() >= kColumns) return {};
  const NamedDifference& row = rows_[static_cast<std::size_t>(index.row())];
  switch (role) {
    case Qt::DisplayRole:
      return text(row, index.column());
    case Qt::ToolTipRole:
      return exact(row, index.column());
    case kVerdictRole:
      return static_cast<int>(row.difference.verdict);
    case kSortRole:
      if (index.column() == kRatio && row.difference.ratio) return row.difference.ratio->value;
      return text(row, index.column());
    case Qt::TextAlignmentRole:
      if (index.column() < kBefore || index.column() > kInjected) return {};
      return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
    default:
      return {};
  }
}

QVariant DifferenceTable::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= kColumns) return {};
  static const char* const names[] = {"Metric",        "Contender", "Baseline", "Median", "Ratio",
                                      "95 % interval", "Injected",  "Verdict",  "Why"};
  if (role == Qt::DisplayRole) return QString::fromLatin1(names[section]);
  if (role == Qt::TextAlignmentRole) {
    const bool number = section >= kBefore && section <= kInjected;
    return static_cast<int>((number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
  }
  return {};
}

}  // namespace violet::gui
