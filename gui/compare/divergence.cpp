#include "gui/compare/divergence.hpp"

#include <utility>
#include <vector>

#include "engine/telemetry/event_bodies.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

constexpr std::size_t kChunk = 16384;

// The DMA-API calls of a cell, one after another.
class CallStream {
 public:
  explicit CallStream(const CellQueries& cell) : cell_(cell), window_(compared(cell.info())) {
    filter_.operations = {Operation::kMap, Operation::kUnmap};
  }

  std::optional<DmaCall> next() {
    for (;;) {
      if (at_ == lines_.size() && !refill()) return std::nullopt;
      const EventLine& line = lines_[at_++];
      const EventKind kind = line.event.kind;
      if (kind != EventKind::kDmaMap && kind != EventKind::kDmaUnmap) continue;
      const auto call = DmaEvent::of(line.event);
      thinned_ |= call.persistent;
      return DmaCall{kind == EventKind::kDmaMap, call.endpoint.value, call.bytes,
                     static_cast<std::uint8_t>(call.needed), line.at};
    }
  }

  // Saw a call on a mapping that stays: of those the trace holds a share only.
  bool thinned() const { return thinned_; }

 private:
  // What is unmapped to take the testbed down is no part of the workload. The end is exclusive, the last
  // event counts.
  static TimeWindow compared(const CellInfo& info) {
    const Nanos end = info.measured.length() > 0 ? info.measured.to : info.whole.to;
    return {info.whole.from, end + 1};
  }
  bool refill() {
    if (ended_) return false;
    lines_ = cell_.events(window_, filter_, taken_, kChunk);
    taken_ += lines_.size();
    at_ = 0;
    ended_ = lines_.size() < kChunk;
    return !lines_.empty();
  }

  const CellQueries& cell_;
  TimeWindow window_;
  Filter filter_;
  std::vector<EventLine> lines_;
  std::size_t at_ = 0;
  std::uint64_t taken_ = 0;
  bool ended_ = false, thinned_ = false;
};

QString whyItEnded(const CellInfo& info) {
  if (info.lossy()) {
    return QStringLiteral("it lost %1, so that its calls cannot be counted").arg(lostText(info));
  }
  if (info.kept_until < info.whole.to) {
    return QStringLiteral("its events are kept until %1 only").arg(timeText(info.kept_until));
  }
  return QStringLiteral("its measurement is over");
}

Divergence unknown(const QString& because) {
  Divergence none;
  none.because = because;
  return none;
}

}  // namespace

QString callText(const DmaCall& call) {
  static const char* const directions[] = {"without direction", "to the device", "from the device",
                                           "both ways"};
  return QStringLiteral("%1 %2 %3 (0x%4)")
      .arg(call.map ? QStringLiteral("map") : QStringLiteral("unmap"), bytesText(call.bytes),
           QString::fromLatin1(directions[call.direction]))
      .arg(call.endpoint, 0, 16);
}

Divergence findDivergence(const CellQueries& first, const CellQueries& second, std::uint64_t most,
                          const std::function<bool()>& cancelled) {
  if (first.info().lossy()) return unknown(whyItEnded(first.info()));
  if (second.info().lossy()) return unknown(whyItEnded(second.info()));
  CallStream a(first), b(second);
  Divergence found;
  for (; found.compared < most; ++found.compared) {
    if (found.compared % kChunk == 0 && cancelled && cancelled()) return unknown({});
    found.first = a.next();
    found.second = b.next();
    if (a.thinned() || b.thinned()) {
      return unknown(QStringLiteral("the trace samples the calls on mappings that stay"));
    }
    if (!found.first || !found.second) {
      found.kind = Divergence::Kind::kEnds;
      found.because = whyItEnded(found.first ? second.info() : first.info());
      if (found.compared == 0)
        return unknown(QStringLiteral("there are no DMA calls among the kept events"));
      return found;
    }
    if (!found.first->same_as(*found.second)) {
      found.kind = Divergence::Kind::kDiffers;
      return found;
    }
  }
  found.kind = Divergence::Kind::kNone;
  found.because = QStringLiteral("more were not compared");
  return found;
}

QString divergenceText(const Divergence& divergence, const QString& first, const QString& second) {
  switch (divergence.kind) {
    case Divergence::Kind::kUnknown:
      return QStringLiteral("%1 and %2: not available, because %3")
          .arg(first, second, divergence.because);
    case Divergence::Kind::kDiffers:
      return QStringLiteral("%1 and %2 first differ at call %L3: %4 against %5")
          .arg(first, second)
          .arg(divergence.compared + 1)
          .arg(callText(*divergence.first), callText(*divergence.second));
    case Divergence::Kind::kNone:
      return QStringLiteral("%1 and %2: the same in the first %3")
          .arg(first, second, countedText(divergence.compared, "call"));
    case Divergence::Kind::kEnds:
      break;
  }
  const bool first_ended = !divergence.first;
  return QStringLiteral("%1 and %2: the same %3; then %4 ends: %5")
      .arg(first, second, countedText(divergence.compared, "call"), first_ended ? first : second,
           divergence.because);
}

}  // namespace violet::gui
