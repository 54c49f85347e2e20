#include "experiments/query/kept_events.hpp"

#include <utility>

namespace violet::query {

KeptEvents::Stream& KeptEvents::stream_for(std::uint16_t lcore, Ticks first) {
  Stream* latest = nullptr;
  for (Stream& stream : streams_) {
    if (stream.lcore != lcore) continue;
    if (stream.blocks.empty() || stream.blocks.back().last <= first) return stream;
    latest = &stream;
  }
  if (streams_.size() >= kMostStreams) return latest != nullptr ? *latest : streams_.back();
  Stream& stream = streams_.emplace_back();
  stream.lcore = lcore;
  return stream;
}

void KeptEvents::add(std::uint16_t lcore, std::span<const Event> events,
                     std::uint64_t lost_before) {
  if (events.empty()) {
    if (lost_before > 0) stream_for(lcore, ~Ticks{0}).lost += lost_before;
    return;
  }
  Stream& stream = stream_for(lcore, events.front().at);
  stream.lost += lost_before;
  if (stream.lost > 0) {
    const Ticks from = stream.blocks.empty() ? 0 : stream.blocks.back().last;
    gaps_.push_back({from, events.front().at, std::exchange(stream.lost, 0)});
  }
  stream.blocks.push_back(
      {events.data(), events.size(), stream.end, events.front().at, events.back().at});
  stream.end += events.size();
}

void KeptEvents::drop(const Event* events) {
  for (Stream& stream : streams_) {
    if (stream.blocks.empty() || stream.blocks.front().events != events) continue;
    stream.blocks.pop_front();
    return;
  }
}

std::uint64_t KeptEvents::size() const {
  std::uint64_t total = 0;
  for (const Stream& stream : streams_) total += stream.end - stream.begin();
  return total;
}

std::uint64_t KeptEvents::lower_bound(const Stream& stream, Ticks at) {
  // Nothing comes after the last moment there is.
  if (at == ~Ticks{0}) return stream.end;
  const auto block = std::partition_point(stream.blocks.begin(), stream.blocks.end(),
                                          [at](const Block& one) { return one.last < at; });
  if (block == stream.blocks.end()) return stream.end;
  const auto* end = block->events + block->count;
  const auto* found =
      std::partition_point(block->events, end, [at](const Event& event) { return event.at < at; });
  return block->before + static_cast<std::uint64_t>(found - block->events);
}

std::uint64_t KeptEvents::count(Ticks from, Ticks to) const {
  std::uint64_t total = 0;
  for (const Stream& stream : streams_) {
    const std::uint64_t begin = lower_bound(stream, from), end = lower_bound(stream, to);
    if (end > begin) total += end - begin;
  }
  return total;
}

std::size_t KeptEvents::block_of(const Stream& stream, std::uint64_t position) {
  const auto after =
      std::partition_point(stream.blocks.begin(), stream.blocks.end(),
                           [position](const Block& block) { return block.before <= position; });
  return static_cast<std::size_t>(after - stream.blocks.begin()) - 1;
}

const Event& KeptEvents::at(const Stream& stream, std::uint64_t position) {
  const Block& block = stream.blocks[block_of(stream, position)];
  return block.events[position - block.before];
}

std::span<const Event> KeptEvents::piece_at(const Stream& stream, std::uint64_t position,
                                            std::uint64_t end) {
  const Block& block = stream.blocks[block_of(stream, position)];
  const std::uint64_t skip = position - block.before;
  return {block.events + skip,
          static_cast<std::size_t>(std::min(end - position, block.count - skip))};
}

std::uint64_t KeptEvents::number_of(std::size_t stream, std::uint64_t position) const {
  const Ticks at = KeptEvents::at(streams_[stream], position).at;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    if (i == stream) {
      number += position;
    } else if (i < stream && at != ~Ticks{0}) {
      number += lower_bound(streams_[i], at + 1);
    } else {
      number += lower_bound(streams_[i], at);
    }
  }
  return number;
}

}  // namespace violet::query
