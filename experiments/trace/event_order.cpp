#include "experiments/trace/event_order.hpp"

#include <algorithm>

namespace violet {
namespace {

bool earlier(const Event& a, const Event& b) { return a.at < b.at; }

}  // namespace

EventMerger::Stream& EventMerger::stream_for(std::uint16_t lcore, Ticks first) {
  Stream* latest = nullptr;
  for (Stream& stream : streams_) {
    if (stream.lcore != lcore) continue;
    if (stream.last <= first) return stream;
    latest = &stream;
  }
  if (latest != nullptr && streams_.size() >= kMostStreams) return *latest;
  // The last place is everybody's.
  if (streams_.size() > kMostStreams) return streams_.back();
  Stream& stream = streams_.emplace_back();
  stream.lcore = lcore;
  return stream;
}

std::uint64_t EventMerger::take(std::uint16_t lcore, std::span<const Event> events) {
  if (events.empty()) return 0;
  const bool sorted = std::is_sorted(events.begin(), events.end(), earlier);
  const Ticks first =
      sorted ? events.front().at : std::min_element(events.begin(), events.end(), earlier)->at;
  Stream& stream = stream_for(lcore, first);
  const auto before = static_cast<std::ptrdiff_t>(stream.events.size());
  stream.events.insert(stream.events.end(), events.begin(), events.end());
  std::uint64_t reordered = 0;
  const auto fresh = stream.events.begin() + before;
  if (!sorted) {
    std::stable_sort(fresh, stream.events.end(), earlier);
    ++reordered;
  }
  for (auto event = fresh; event != stream.events.end() && event->at < stream.last; ++event) {
    event->at = stream.last;
    ++reordered;
  }
  stream.last = stream.events.back().at;
  return reordered;
}

void EventMerger::Stream::drop_to(const Event* at) {
  head = static_cast<std::size_t>(at - events.data());
  if (head < events.size() / 2) return;
  events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(head));
  head = 0;
}

std::size_t EventMerger::size() const {
  std::size_t total = 0;
  for (const Stream& stream : streams_) total += stream.events.size() - stream.head;
  return total;
}

}  // namespace violet
