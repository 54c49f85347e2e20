#include "experiments/query/live_sorter.hpp"

#include <algorithm>
#include <utility>

namespace violet::query {
namespace {

// An lcore may be late by so much: it took the time, was preempted and recorded later.
constexpr double kSkewNs = 5e6;
constexpr std::size_t kMuch = 1 << 14;  // Events that were given and are still kept.
constexpr Ticks kEver = ~Ticks{0};

LiveSorter::CellKey key_of(const SegmentStatus& status) { return {status.cell, status.repetition}; }

}  // namespace

LiveSorter::LiveSorter(const SegmentInfo& info, std::vector<RingPlace> rings,
                       const std::vector<bool>& missed, NameCell name, void* context)
    : info_(info),
      rings_(std::move(rings)),
      name_(name),
      context_(context),
      waiting_(rings_.size()) {
  for (std::size_t i = 0; i < waiting_.size(); ++i) waiting_[i].missed = missed[i];
}

Ticks LiveSorter::skew() const { return static_cast<Ticks>(kSkewNs / info_.ns_per_tick); }

// --- What the rings gave ---

void LiveSorter::take(RingBatch part) {
  Waiting& waiting = waiting_[part.ring];
  const bool recorder = rings_[part.ring].role == RingRole::kRecorder;
  if (recorder && part.lost_before > 0 && !in_gap_) {
    in_gap_ = true;
    gap_from_ = recorder_;
    gap_end_.reset();
  }
  if (!part.events.empty()) {
    waiting.newest = std::max(waiting.newest, part.events.back().at);
    const Ticks first = part.events.front().at;
    if (!began_) gap_end_ = std::min(gap_end_.value_or(first), first);
  }
  waiting.behind = part.all ? std::nullopt : std::optional(waiting.newest);
  if (recorder) {
    for (const Event& event : part.events) note(event);
  }
  if (part.events.empty() && part.lost_before == 0) return;
  // A loss without events comes before whatever is next.
  if (part.lost_before > 0 || waiting.pieces.empty()) {
    waiting.pieces.push_back({{}, 0, part.lost_before});
  }
  auto& events = waiting.pieces.back().events;
  events.insert(events.end(), part.events.begin(), part.events.end());
}

// Of the recorder's ring.
void LiveSorter::note(const Event& event) {
  recorder_ = std::max(recorder_, event.at);
  if (in_gap_ && !gap_end_) gap_end_ = event.at;
  if (event.kind == EventKind::kMark) note_mark(event);
}

void LiveSorter::note_mark(const Event& event) {
  const MarkEvent mark = MarkEvent::of(event);
  const CellKey cell{mark.cell, mark.repetition};
  if (mark.phase == Phase::kStart) {
    // What went on before it in a gap said nothing of itself.
    end_gap(std::nullopt);
    borders_.push_back({Border::Kind::kBegins, event.at, cell});
    newest_ = cell;
    open_ = true;
    return;
  }
  end_gap(cell);
  if (cell != newest_) {
    borders_.push_back({Border::Kind::kBeginsUnseen, event.at, cell});
    newest_ = cell;
    open_ = true;
  }
  if (mark.phase != Phase::kEnd || !open_) return;
  borders_.push_back({Border::Kind::kEnds, event.at + 1, cell});  // The mark is the cell's.
  open_ = false;
}

// `cell` goes on behind the gap; nothing: none of which more is known.
void LiveSorter::end_gap(const std::optional<CellKey>& cell) {
  if (!std::exchange(in_gap_, false)) return;
  began_ = true;
  if (open_ && cell == newest_) return;
  // Whose the events within the gap are nobody knows.
  if (open_) borders_.push_back({Border::Kind::kEnds, gap_from_ + 1, *newest_});
  open_ = cell.has_value();
  if (!cell) return;
  borders_.push_back({Border::Kind::kBeginsUnseen, gap_end_.value_or(recorder_), *cell});
  newest_ = cell;
}

void LiveSorter::sort(std::vector<RingBatch> taken, const std::optional<SegmentStatus>& now,
                      Cells& fresh) {
  bool recorder_read = true;
  for (RingBatch& part : taken) take(std::move(part));
  Ticks known = recorder_;
  bool all_read = true;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (!waiting_[i].behind) continue;
    all_read = false;
    known = std::min(known, *waiting_[i].behind);
    if (rings_[i].role == RingRole::kRecorder) recorder_read = false;
  }
  if (now) said_ = now;
  // Marks that are still to be read know better than the run's word.
  if (in_gap_ && recorder_ > 0 && gap_end_ && now && recorder_read) end_gap(key_of(*now));
  Ticks until = known - std::min(known, skew());
  if (in_gap_) until = std::min(until, gap_from_);
  cross(all_read && !in_gap_, until, fresh);
  if (recorder_ == 0) return;
  const bool idle = all_read && !in_gap_ && !open_;
  shown_until_ = std::max(shown_until_.value_or(0), idle ? recorder_ : until);
}

void LiveSorter::end(const std::string& why_cut, Cells& fresh) {
  if (in_gap_ && gap_end_) {
    end_gap(said_ ? std::optional(key_of(*said_)) : newest_);
  }
  cross(true, kEver, fresh);
  if (current_ != nullptr) current_->end(why_cut);
  current_ = nullptr;
  open_ = false;
}

// --- Who gets it ---

void LiveSorter::cross(bool all_read, Ticks until, Cells& fresh) {
  while (!borders_.empty() && (all_read || borders_.front().at < until)) {
    const Border border = borders_.front();
    borders_.pop_front();
    give(border.at, true);
    if (current_ != nullptr) current_->end({});
    current_ = nullptr;
    if (border.kind != Border::Kind::kEnds) begin(border, fresh);
  }
  give(until, false);
}

void LiveSorter::begin(const Border& border, Cells& fresh) {
  current_ = std::make_shared<LiveCell>(name_(context_, border.cell), border.at, info_.ns_per_tick,
                                        border.kind == Border::Kind::kBegins);
  current_start_ = border.at;
  fresh.push_back(current_);
}

// To the current cell, or to nobody: all that waits and is older than `until`; `ends`: a border lies there.
void LiveSorter::give(Ticks until, bool ends) {
  std::vector<LiveCell::Batch> batches;
  for (std::size_t i = 0; i < waiting_.size(); ++i) give_ring(i, until, ends, batches);
  if (current_ != nullptr) current_->advance(batches, until);
  forget_given();
}

void LiveSorter::give_ring(std::size_t ring, Ticks until, bool ends,
                           std::vector<LiveCell::Batch>& batches) {
  Waiting& waiting = waiting_[ring];
  for (Piece& piece : waiting.pieces) {
    const auto begin = piece.events.begin() + static_cast<std::ptrdiff_t>(piece.given);
    auto end = until == kEver
                   ? piece.events.end()
                   : std::find_if(begin, piece.events.end(),
                                  [until](const Event& event) { return event.at >= until; });
    if (current_ == nullptr) {
      // Between two cells. A loss of which nothing followed yet may be the next one's.
      if (piece.lost > 0 && piece.events.empty()) waiting.missed = true;
      if (begin != end || piece.events.empty()) piece.lost = 0;
    } else {
      if (piece.lost > 0 && end == begin && end != piece.events.end()) {
        // Nothing of the piece is due, but of the loss before it. The event that ends the gap goes with it,
        // so that it is known how long it lasts; or it is the next cell's, and the gap both cells'.
        if (ends || (!borders_.empty() && begin->at >= borders_.front().at)) {
          waiting.missed = true;
          piece.lost = 0;
        } else {
          ++end;
        }
      }
      // How many of a ring's missed events were this cell's nobody knows.
      bool missed = end == begin && ends && waiting.missed;  // The next one's as well, perhaps.
      if (end != begin) missed = std::exchange(waiting.missed, false) && begin->at > current_start_;
      const std::uint64_t lost = std::exchange(piece.lost, 0);
      if (begin != end || lost > 0 || missed) {
        batches.push_back({rings_[ring].lcore, {begin, end}, lost, missed});
      }
    }
    piece.given += static_cast<std::size_t>(end - begin);
    if (end != piece.events.end()) return;
  }
}

void LiveSorter::forget_given() {
  for (Waiting& waiting : waiting_) {
    while (!waiting.pieces.empty() &&
           waiting.pieces.front().given == waiting.pieces.front().events.size()) {
      waiting.pieces.pop_front();
    }
    if (waiting.pieces.empty()) continue;
    // A ring that is never quiet would keep everything: what is given goes once it is the larger part.
    Piece& front = waiting.pieces.front();
    if (front.given <= kMuch || front.given <= front.events.size() / 2) continue;
    front.events.erase(front.events.begin(),
                       front.events.begin() + static_cast<std::ptrdiff_t>(front.given));
    front.given = 0;
  }
}

}  // namespace violet::query
