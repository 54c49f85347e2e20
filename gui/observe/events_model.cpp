#include "gui/observe/events_model.hpp"

#include <algorithm>
#include <limits>

#include "experiments/query/event_text.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {

QString eventKindText(EventKind kind) { return QString::fromUtf8(to_text(kind)); }
QString eventDetail(const Event& event) { return qt(detail_text(event)); }
std::optional<std::uint64_t> eventAddress(const Event& event) {
  const auto iova = address_of(event);
  return iova ? std::optional(iova->value) : std::nullopt;
}

EventsModel::EventsModel(QObject* parent)
    : QAbstractTableModel(parent),
      counting_([this](std::uint64_t count) { hold(count); }),
      paging_([this](Answer answer) { arrived(std::move(answer)); }) {}

void EventsModel::setSource(std::shared_ptr<const CellQueries> cell, TimeWindow window,
                            const Filter& filter) {
  const bool another = cell != cell_;
  cell_ = std::move(cell);
  window_ = window;
  filter_ = filter;
  ++source_;
  counting_.cancel();
  paging_.cancel();
  wanted_.reset();
  if (another || !cell_) hold(std::nullopt);  // Rows of another cell are none of this one's.
  if (!cell_) return;
  counting_.ask([trace = cell_, window, filter] { return trace->count_events(window, filter); });
}

void EventsModel::hold(std::optional<std::uint64_t> count) {
  const auto most = static_cast<std::uint64_t>(std::numeric_limits<int>::max());
  beginResetModel();
  pages_.clear();
  is_counted_ = count.has_value();
  rows_ = static_cast<int>(std::min(count.value_or(0), most));
  endResetModel();
}

void EventsModel::want(std::uint64_t page) const {
  if (wanted_ == page || !cell_) return;
  wanted_ = page;
  paging_.ask([trace = cell_, window = window_, filter = filter_, page, source = source_] {
    return Answer{source, {page, trace->events(window, filter, page * kPageLines, kPageLines)}};
  });
}

void EventsModel::arrived(Answer answer) {
  if (answer.source != source_) return;
  const std::uint64_t number = answer.page.number;
  if (wanted_ == number) wanted_.reset();
  const auto lines = static_cast<int>(answer.page.lines.size());
  pages_.push_front(std::move(answer.page));
  if (pages_.size() > kPages) pages_.pop_back();
  const int first = static_cast<int>(number * kPageLines);
  const int last = std::min(rows_, first + lines) - 1;
  if (last >= first) emit dataChanged(index(first, 0), index(last, kColumns - 1));
}

std::optional<EventLine> EventsModel::line(int row) const {
  if (row < 0 || row >= rows_) return std::nullopt;
  const auto at = static_cast<std::uint64_t>(row);
  const auto page = std::find_if(pages_.begin(), pages_.end(),
                                 [&](const Page& one) { return one.number == at / kPageLines; });
  if (page == pages_.end()) {
    want(at / kPageLines);
    return std::nullopt;
  }
  pages_.splice(pages_.begin(), pages_, page);
  const std::size_t within = at % kPageLines;
  if (within >= pages_.front().lines.size()) return std::nullopt;
  return pages_.front().lines[within];
}

int EventsModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : rows_; }
int EventsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(kColumns);
}

QVariant EventsModel::display(const EventLine& line, int column) const {
  switch (column) {
    case kTime:
      return timeText(line.at);
    case kKind:
      return eventKindText(line.event.kind);
    case kOwner:
      return qt(owner_text(line.event));
    case kAddress: {
      const auto address = eventAddress(line.event);
      return address ? addressText(*address) : QString();
    }
    case kTook:
      return line.took_ns == 0 ? QString() : durationText(double(line.took_ns));
    case kDetail:
      return eventDetail(line.event);
    case kLcore:
      return line.lcore == kRecorderLcore ? QStringLiteral("rec.") : QString::number(line.lcore);
    default:
      return {};
  }
}

QVariant EventsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rows_) return {};
  if (role == Qt::TextAlignmentRole) {
    const bool right = index.column() == kTook || index.column() == kLcore;
    return QVariant::fromValue(Qt::Alignment(right ? Qt::AlignRight : Qt::AlignLeft) |
                               Qt::AlignVCenter);
  }
  if (role != Qt::DisplayRole && role != kKindRole && role != Qt::ToolTipRole) return {};
  const auto found = line(index.row());
  if (role == kKindRole) return found ? static_cast<int>(found->event.kind) : 0;
  if (!found) return role == Qt::DisplayRole ? QVariant(QStringLiteral("…")) : QVariant();
  if (role == Qt::ToolTipRole && index.column() == kTook && found->took_ns != 0) {
    return QStringLiteral("%1 ns").arg(found->took_ns);
  }
  return display(*found, index.column());
}

QVariant EventsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (role != Qt::DisplayRole || orientation != Qt::Horizontal) return {};
  static const char* const kNames[] = {"Time (min:s)", "Event",  "Owner", "Address",
                                       "Took",         "Detail", "lcore"};
  return section >= 0 && section < kColumns ? QString::fromLatin1(kNames[section]) : QString();
}

}  // namespace violet::gui
