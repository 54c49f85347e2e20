// The events that were taken and not yet merged: one queue a stream, each in order of time.
//
// Threading: owner-only.
// Invariants: U1 every queue is in order of time. U2 a batch that begins before its lcore's last one ended
// (two rings of one lcore) goes into a queue of its own, as far as kMostStreams reaches; beyond that its
// times are raised.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/trace/event_merge.hpp"

namespace violet {

class EventQueue {
 public:
  static constexpr std::size_t kMostStreams = 64;

  // Returns how many events came out of order.
  std::uint64_t take(std::uint16_t lcore, std::span<const Event> events);
  // visit(lcore, event) for all events before `until`, or all there are.
  template <class Visit>
  void merge(Ticks until, bool all, Visit&& visit) {
    cursors_.clear();
    for (Stream& stream : streams_) cursors_.push_back(stream.cursor());
    merge_events(
        std::span<MergeCursor>(cursors_), until, all, [](std::size_t, MergeCursor&) {},
        [&](std::size_t stream, const Event& event) {
          visit(streams_[stream].lcore, event);
          return true;
        });
    for (std::size_t i = 0; i < streams_.size(); ++i) streams_[i].drop_to(cursors_[i].at);
  }
  // Waiting to be merged.
  std::size_t size() const;

 private:
  struct Stream {
    std::uint16_t lcore = 0;
    Ticks last = 0;
    std::size_t head = 0;
    std::vector<Event> events;
    MergeCursor cursor() const { return {events.data() + head, events.data() + events.size()}; }
    void drop_to(const Event* at);
  };
  Stream& stream_for(std::uint16_t lcore, Ticks first);

  std::vector<Stream> streams_;
  std::vector<MergeCursor> cursors_;
};

}  // namespace violet
