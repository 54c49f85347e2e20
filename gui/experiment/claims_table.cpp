#include "gui/experiment/claims_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "engine/base/counted.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

using results::Evidence;
using results::Fulfilment;

namespace {

constexpr std::size_t kVerdicts = 4;

// Three digits, however small.
std::string shortNumber(double value) {
  constexpr double kShort = 1e-3;
  return value != 0 && std::abs(value) < kShort ? fmt::format("{:.3g}", value)
                                                : results::three_digits(value);
}

std::string withInterval(const results::Estimate& estimate, std::string_view unit) {
  const auto words = [&](double value) {
    return unit.empty() ? shortNumber(value) : results::with_unit(value, unit);
  };
  if (!estimate.interval) return words(estimate.value);
  return fmt::format("{} (95 %: {} .. {})", words(estimate.value), words(estimate.interval->low),
                     words(estimate.interval->high));
}

// No test is made of a value alone.
std::string valueEvidence(const Evidence& said) {
  if (!said.measured) return said.what + ": no value";
  const results::MetricInfo* info = results::find_metric(said.what);
  return fmt::format("{}: {}, median of {}", said.what,
                     withInterval(*said.measured, info == nullptr ? "" : info->unit),
                     counted(said.samples, "repetition"));
}

std::string comparisonEvidence(const Evidence& said) {
  if (said.side == "not known") return said.what + ": not known";
  std::string words = said.what + ": ";
  words += said.measured ? "×" + withInterval(*said.measured, "") : std::string("no ratio");
  if (said.limit) {
    const std::string limit = fmt::format("{:.3g}", *said.limit);  // Not measured: no zeros behind.
    words += said.side == "unclear" ? fmt::format(", neither above nor below {}", limit)
                                    : fmt::format(", {} {}", said.side, limit);
  }
  if (said.test.empty()) return words + "; no test was made";
  return words + fmt::format("\n    {}, n = {}, p = {} after Holm, A12 = {}", said.test,
                             said.samples, shortNumber(said.adjusted_p), shortNumber(said.a12));
}

QStringList evidenceOf(const results::JudgedExpectation& one) {
  QStringList lines;
  for (const Evidence& said : one.evidence) {
    const bool alone = one.expectation.kind == results::ExpectationKind::kValue;
    std::string words = said.group.empty() ? "" : said.group + ": ";
    words += alone ? valueEvidence(said) : comparisonEvidence(said);
    if (!said.reason.empty()) words += "; " + said.reason;
    lines << qt(words);
  }
  return lines;
}

QString cellText(const results::Table& table, std::size_t row, std::size_t column) {
  return qt(std::get<results::Text>(table.rows[row][column]).text);
}

// "1 holds", "2 hold", "3 not judged".
QString countedVerdict(Fulfilment verdict, std::ptrdiff_t count) {
  QString word = qt(std::string(results::to_text(verdict)));
  const bool verb = verdict == Fulfilment::kHolds || verdict == Fulfilment::kFails;
  if (verb && count != 1) word.chop(1);
  return QStringLiteral("%1 %2").arg(count).arg(word);
}

bool sameExpectations(const std::vector<Claim>& a, const std::vector<Claim>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Claim& one, const Claim& two) {
    return one.claim == two.claim && one.expected == two.expected;
  });
}

}  // namespace

Claims judgeClaims(const results::RunData& run) {
  Claims claims;
  claims.plan_hash = qt(run.manifest.plan_hash);
  claims.so_far = run.manifest.outcome == "running" || run.manifest.outcome == "interrupted";
  const auto judged = results::judge_expectations(run);
  const results::Table table = results::expectations_table(judged);
  for (const std::string& note : table.notes) claims.rule += qt(note);
  for (std::size_t i = 0; i < judged.size(); ++i) {
    const results::JudgedExpectation& one = judged[i];
    claims.rows.push_back({one.fulfilment, one.expectation.importance, cellText(table, i, 0),
                           cellText(table, i, 1), cellText(table, i, 2), qt(one.expectation.source),
                           evidenceOf(one)});
  }
  return claims;
}

ClaimsTable::ClaimsTable(QObject* parent) : QAbstractTableModel(parent) {}

void ClaimsTable::setClaims(Claims claims) {
  if (claims == claims_) return;
  if (sameExpectations(claims.rows, claims_.rows)) {
    claims_ = std::move(claims);
    if (claims_.rows.empty()) return;
    emit dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
    return;
  }
  beginResetModel();
  claims_ = std::move(claims);
  endResetModel();
}

QString ClaimsTable::heading() const {
  std::array<std::ptrdiff_t, kVerdicts> counts = {};
  for (const Claim& row : claims_.rows) ++counts[static_cast<std::size_t>(row.verdict)];
  QStringList words;
  for (std::size_t i = 0; i < kVerdicts; ++i) {
    if (counts[i] > 0) words << countedVerdict(static_cast<Fulfilment>(i), counts[i]);
  }
  return tr("Expectations (%1)%2: %3")
      .arg(claims_.rows.size())
      .arg(claims_.so_far ? tr(" so far") : QString(), words.join(QStringLiteral(", ")));
}

QString ClaimsTable::line(int row) const {
  const Claim& one = claims_.rows[static_cast<std::size_t>(row)];
  QStringList fields;
  for (int column = 0; column < kColumns; ++column) fields << text(one, column);
  fields << one.source << one.evidence.join(QStringLiteral(" | "));
  for (QString& field : fields) field = field.simplified();
  return fields.join(QLatin1Char('\t'));
}

int ClaimsTable::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(claims_.rows.size());
}
int ClaimsTable::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

QString ClaimsTable::text(const Claim& row, int column) const {
  switch (column) {
    case kVerdict:
      return qt(std::string(results::to_text(row.verdict)));
    case kClass:
      return qt(std::string(results::to_text(row.importance)));
    case kClaim:
      return row.claim;
    case kExpected:
      return row.expected;
    default:
      return row.measured;
  }
}

// A screen holds some comparisons of a plan with hundreds.
QString ClaimsTable::tip(const Claim& row) const {
  constexpr qsizetype kMost = 14;
  QStringList lines = row.evidence.mid(0, kMost);
  if (row.evidence.size() > kMost) {
    lines << tr("and %1 more; Ctrl+C copies the row with all of them")
                 .arg(row.evidence.size() - kMost);
  }
  lines << tr("source: %1").arg(row.source);
  return lines.join(QLatin1Char('\n'));
}

QVariant ClaimsTable::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount() || index.column() >= kColumns) return {};
  const Claim& row = claims_.rows[static_cast<std::size_t>(index.row())];
  switch (role) {
    case Qt::DisplayRole:
      return text(row, index.column());
    case Qt::ToolTipRole:
    case Qt::AccessibleDescriptionRole:
      return tip(row);
    case kVerdictRole:
      return static_cast<int>(row.verdict);
    case Qt::TextAlignmentRole:
      return static_cast<int>(Qt::AlignLeft | Qt::AlignTop);
    default:
      return {};
  }
}

QVariant ClaimsTable::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= kColumns) return {};
  static const char* const names[] = {"Verdict", "Class", "Claim", "Expected", "Measured"};
  static const char* const tips[] = {
      "", "A must that fails ends the run with exit code 3; a should or report never does",
      "What the plan's author claims", "The same, as it is judged",
      "Of the cells that decided, with the reason where the claim does not hold"};
  if (role == Qt::DisplayRole) return QString::fromLatin1(names[section]);
  if (role == Qt::ToolTipRole) {
    return section == kVerdict ? claims_.rule : QString::fromLatin1(tips[section]);
  }
  if (role == Qt::TextAlignmentRole) return static_cast<int>(Qt::AlignLeft | Qt::AlignVCenter);
  return {};
}

}  // namespace violet::gui
