// Kept events are those of a cell that can be read one by one, in the blocks in which they were recorded: in memory,
// or in a source that brings a block when it is read.
//
// Threading: add() and drop() by one thread while nobody else looks; everything else from any thread.
// Invariants: streams are in order of time as far as the recorded blocks are. The number of an
// event (see number_of) counts all events with an earlier time, and those of the same time by stream and
// place.
// Limits: events in memory and the source outlive the object; a block costs 48 bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "experiments/trace/event_order.hpp"

namespace violet::query {

// Events that stay where they are while this lives.
struct HeldEvents {
  std::span<const Event> events;
  std::shared_ptr<const void> holder;
};

class EventSource {
 public:
  virtual ~EventSource() = default;
  // As many as the block has. A source that cannot bring them any more gives others and says so to whoever asked: what
  // was made of them is no answer then.
  virtual HeldEvents hold(std::size_t block) const = 0;
};

class KeptEvents {
 public:
  struct Block {
    const Event* events;  // Null: with the source,
    std::size_t stored;   // under this number.
    std::uint64_t count;
    std::uint64_t before;  // Events of the stream before it, dropped ones included.
    Ticks first, last;
  };
  struct Stream {
    std::uint16_t lcore = 0;
    std::deque<Block> blocks;
    std::uint64_t lost = 0;  // Since its last events.
    std::uint64_t end = 0;   // Position after the last event.
    std::uint64_t begin() const { return blocks.empty() ? end : blocks.front().before; }
  };

  // A time in which events of an lcore were lost.
  struct Gap {
    Ticks from, to;
    std::uint64_t lost;
  };

  // `source` is for add_stored().
  explicit KeptEvents(const EventSource* source = nullptr) : source_(source) {}

  // Without events it only notes what was lost.
  void add(std::uint16_t lcore, std::span<const Event> events, std::uint64_t lost_before);
  // Block `stored` of the source: `count` events, the first and the last of them at those times.
  void add_stored(std::uint16_t lcore, std::size_t stored, std::uint64_t count, Ticks first,
                  Ticks last, std::uint64_t lost_before);
  // Forgets the block whose events begin there, its stream's oldest.
  void drop(const Event* events);

  const std::vector<Stream>& streams() const { return streams_; }
  const std::vector<Gap>& gaps() const { return gaps_; }
  std::uint64_t size() const;
  // Position of the first event at or after `at`.
  std::uint64_t lower_bound(const Stream& stream, Ticks at) const;
  // How many lie in [from, to).
  std::uint64_t count(Ticks from, Ticks to) const;
  // How many came before it.
  std::uint64_t number_of(std::size_t stream, std::uint64_t position) const;
  Event at(const Stream& stream, std::uint64_t position) const;
  HeldEvents hold(const Block& block) const {
    if (block.events == nullptr) return source_->hold(block.stored);
    return {{block.events, static_cast<std::size_t>(block.count)}, nullptr};
  }
  // Index of the block that has it.
  static std::size_t block_of(const Stream& stream, std::uint64_t position);

  // visit(lcore, span) for the pieces of [from, to), stream by stream; false ends it.
  template <class Visit>
  void for_pieces(Ticks from, Ticks to, Visit&& visit) const {
    for (const Stream& stream : streams_) {
      const std::uint64_t begin = lower_bound(stream, from), end = lower_bound(stream, to);
      for (std::uint64_t position = begin; position < end;) {
        const HeldEvents piece = piece_at(stream, position, end);
        if (!visit(stream.lcore, piece.events)) return;
        position += piece.events.size();
      }
    }
  }
  // visit(lcore, event) for [from, to) in order of time; false ends it.
  template <class Visit>
  void merge(Ticks from, Ticks to, Visit&& visit) const {
    merge_places(from, to, [&](std::size_t i, std::uint64_t, const Event& event) {
      return visit(streams_[i].lcore, event);
    });
  }
  // The same with visit(stream, position, event).
  template <class Visit>
  void merge_places(Ticks from, Ticks to, Visit&& visit) const {
    std::vector<MergeCursor> cursors(streams_.size());
    std::vector<std::uint64_t> next, end;
    for (const Stream& stream : streams_) {
      next.push_back(lower_bound(stream, from));
      end.push_back(std::max(next.back(), lower_bound(stream, to)));
    }
    std::vector<std::uint64_t> place = next;
    std::vector<HeldEvents> held(streams_.size());
    merge_events(
        std::span<MergeCursor>(cursors), 0, true,
        [&](std::size_t i, MergeCursor& cursor) {
          if (next[i] >= end[i]) return;
          held[i] = piece_at(streams_[i], next[i], end[i]);
          const std::span<const Event> piece = held[i].events;
          cursor = {piece.data(), piece.data() + piece.size()};
          next[i] += piece.size();
        },
        [&](std::size_t i, const Event& event) { return visit(i, place[i]++, event); });
  }

 private:
  static constexpr std::size_t kMostStreams = 64;
  Stream& stream_for(std::uint16_t lcore, Ticks first);
  void add_block(std::uint16_t lcore, const Block& block, std::uint64_t lost_before);
  HeldEvents piece_at(const Stream& stream, std::uint64_t position, std::uint64_t end) const;
  const EventSource* source_;
  std::vector<Stream> streams_;
  std::vector<Gap> gaps_;
};

}  // namespace violet::query
