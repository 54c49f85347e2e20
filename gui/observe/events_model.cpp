#include "gui/observe/events_model.hpp"

#include <algorithm>
#include <limits>

#include "gui/model/text.hpp"

namespace violet::gui {

QString eventKindText(EventKind kind) {
  switch (kind) {
    case EventKind::kNone:
      break;
    case EventKind::kMapDone:
      return QStringLiteral("MAP done");
    case EventKind::kUnmapExecuted:
      return QStringLiteral("UNMAP executed");
    case EventKind::kUnmapCompleted:
      return QStringLiteral("UNMAP completed");
    case EventKind::kAttach:
      return QStringLiteral("ATTACH");
    case EventKind::kDetach:
      return QStringLiteral("DETACH");
    case EventKind::kFault:
      return QStringLiteral("fault");
    case EventKind::kInvalidationStalled:
      return QStringLiteral("invalidation waits");
    case EventKind::kDmaMap:
      return QStringLiteral("dma_map");
    case EventKind::kDmaUnmap:
      return QStringLiteral("dma_unmap");
    case EventKind::kFlush:
      return QStringLiteral("flush");
    case EventKind::kKick:
      return QStringLiteral("kick");
    case EventKind::kTranslate:
      return QStringLiteral("translate");
    case EventKind::kRogueProbe:
      return QStringLiteral("rogue probe");
    case EventKind::kCopy:
      return QStringLiteral("copy");
    case EventKind::kMark:
      return QStringLiteral("mark");
    case EventKind::kSample:
      return QStringLiteral("sample");
    case EventKind::kEndpoint:
      return QStringLiteral("endpoint");
    case EventKind::kMapTarget:
      return QStringLiteral("MAP target");
    case EventKind::kAccess:
      return QStringLiteral("DMA");
  }
  return QStringLiteral("unknown");
}

std::optional<std::uint64_t> eventAddress(const Event& event) {
  switch (event.kind) {
    case EventKind::kMapDone:
    case EventKind::kUnmapExecuted:
    case EventKind::kUnmapCompleted:
    case EventKind::kFault:
    case EventKind::kDmaMap:
    case EventKind::kDmaUnmap:
    case EventKind::kTranslate:
    case EventKind::kRogueProbe:
    case EventKind::kCopy:
    case EventKind::kMapTarget:
    case EventKind::kAccess:
      return event.a;
    default:
      return std::nullopt;
  }
}

namespace {

// How kDmaMap and kDmaUnmap carry a mapping: see EventKind.
QString dma_detail(const Event& event) {
  const auto granted = static_cast<Permissions>(event.status >> 2 & 3);
  const bool persistent = (event.status & 1u << 5) != 0;
  return QStringLiteral("%1, %2, buffer page 0x%3%4")
      .arg(bytesText(double(event.b & 0xffffffffu)), permissionsText(granted))
      .arg(event.b >> 32, 0, 16)
      .arg(persistent ? QStringLiteral(", stays mapped") : QString());
}

QString extent_detail(const Event& event) { return bytesText(double(event.b - event.a) + 1); }

QString word_of(std::uint8_t status, std::initializer_list<const char*> words) {
  return status < words.size() ? QString::fromLatin1(words.begin()[status])
                               : QStringLiteral("status %1").arg(status);
}

// "1.2 M polls (lcore 1)": a total since the run began, or a level.
QString sample_detail(const Event& event) {
  static const char* const kGauges[] = {"polls",
                                        "useful polls",
                                        "requests in flight",
                                        "ATTACH requests",
                                        "DETACH requests",
                                        "MAP requests",
                                        "UNMAP requests",
                                        "PROBE requests",
                                        "IOTLB hits",
                                        "IOTLB misses",
                                        "invalidations",
                                        "grace periods",
                                        "requests that waited",
                                        "faults",
                                        "operations of the workload"};
  static_assert(std::size(kGauges) == static_cast<std::size_t>(Gauge::kCount));
  const SampleEvent sample = SampleEvent::of(event);
  const auto gauge = static_cast<std::size_t>(sample.gauge);
  if (gauge >= std::size(kGauges))
    return QStringLiteral("gauge %1: %2").arg(gauge).arg(sample.value);
  return QStringLiteral("%1 %2 (lcore %3)")
      .arg(countText(double(sample.value)), QString::fromLatin1(kGauges[gauge]))
      .arg(sample.lcore);
}

bool owned_by_endpoint(EventKind kind) {
  switch (kind) {
    case EventKind::kAttach:
    case EventKind::kDetach:
    case EventKind::kFault:
    case EventKind::kDmaMap:
    case EventKind::kDmaUnmap:
    case EventKind::kTranslate:
    case EventKind::kRogueProbe:
    case EventKind::kEndpoint:
    case EventKind::kAccess:
      return true;
    default:
      return false;
  }
}

QString owner_text(const Event& event) {
  if (owned_by_endpoint(event.kind)) return QStringLiteral("endpoint 0x%1").arg(event.id, 0, 16);
  switch (event.kind) {
    case EventKind::kMapDone:
    case EventKind::kUnmapExecuted:
    case EventKind::kUnmapCompleted:
    case EventKind::kMapTarget:
      return QStringLiteral("domain %1").arg(event.id);
    case EventKind::kInvalidationStalled:
      return QStringLiteral("reader %1").arg(event.id);
    default:
      return {};
  }
}

}  // namespace

QString eventDetail(const Event& event) {
  switch (event.kind) {
    case EventKind::kMapDone:
      return extent_detail(event) + QStringLiteral(", ") +
             permissionsText(static_cast<Permissions>(event.status));
    case EventKind::kUnmapExecuted:
    case EventKind::kUnmapCompleted:
      return extent_detail(event);
    case EventKind::kAttach:
    case EventKind::kDetach:
      return QStringLiteral("domain %1").arg(event.a);
    case EventKind::kFault:
      return word_of(event.status, {"reason unknown", "no domain", "no mapping"});
    case EventKind::kDmaMap:
    case EventKind::kDmaUnmap:
      return dma_detail(event);
    case EventKind::kFlush:
      return QStringLiteral("%1 entries released").arg(event.a);
    case EventKind::kTranslate:
      return word_of(event.status, {"hit", "miss", "fault"}) + QStringLiteral(", ") +
             bytesText(double(event.b));
    case EventKind::kRogueProbe:
      return word_of(event.status, {"denied", "reached memory"});
    case EventKind::kCopy:
      return bytesText(double(event.b));
    case EventKind::kMapTarget:
      return QStringLiteral("guest memory at 0x%1").arg(event.b, 0, 16);
    case EventKind::kAccess:
      return word_of(event.status & 3, {"", "read", "written"}) +
             QStringLiteral(" %1, ").arg(bytesText(double(event.b))) +
             word_of(event.status >> 2,
                     {"done", "no domain", "no mapping", "no memory there", "reserved"});
    case EventKind::kSample:
      return sample_detail(event);
    case EventKind::kMark:
      return word_of(event.status, {"start", "measuring", "taking down", "end"});
    default:
      return {};
  }
}

EventsModel::EventsModel(QObject* parent)
    : QAbstractTableModel(parent),
      counting_([this](std::uint64_t count) { counted(count); }),
      paging_([this](Answer answer) { arrived(std::move(answer)); }) {}

void EventsModel::setSource(std::shared_ptr<const CellQueries> cell, TimeWindow window,
                            const Filter& filter) {
  cell_ = std::move(cell);
  window_ = window;
  filter_ = filter;
  ++source_;
  counting_.cancel();
  paging_.cancel();
  wanted_.reset();
  if (!cell_) return counted(0);
  counting_.ask([trace = cell_, window, filter] { return trace->count_events(window, filter); });
}

void EventsModel::counted(std::uint64_t count) {
  const auto most = static_cast<std::uint64_t>(std::numeric_limits<int>::max());
  beginResetModel();
  pages_.clear();
  rows_ = static_cast<int>(std::min(count, most));
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
      return owner_text(line.event);
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
