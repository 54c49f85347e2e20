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
  add_block(lcore, {events.data(), 0, events.size(), 0, events.front().at, events.back().at},
            lost_before);
}

void KeptEvents::add_stored(std::uint16_t lcore, std::size_t stored, std::uint64_t count,
                            Ticks first, Ticks last, std::uint64_t lost_before) {
  if (count == 0) return add(lcore, {}, lost_before);
  add_block(lcore, {nullptr, stored, count, 0, first, last}, lost_before);
}

void KeptEvents::add_block(std::uint16_t lcore, const Block& block, std::uint64_t lost_before) {
  Stream& stream = stream_for(lcore, block.first);
  stream.lost += lost_before;
  if (stream.lost > 0) {
    const Ticks from = stream.blocks.empty() ? 0 : stream.blocks.back().last;
    gaps_.push_back({from, block.first, std::exchange(stream.lost, 0)});
  }
  stream.blocks.push_back(block);
  stream.blocks.back().before = stream.end;
  stream.end += block.count;
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

std::uint64_t KeptEvents::lower_bound(const Stream& stream, Ticks at) const {
  // Nothing comes after the last moment there is.
  if (at == ~Ticks{0}) return stream.end;
  const auto block = std::partition_point(stream.blocks.begin(), stream.blocks.end(),
                                          [at](const Block& one) { return one.last < at; });
  if (block == stream.blocks.end()) return stream.end;
  // Nobody has to look into a block that lies behind.
  if (block->first >= at) return block->before;
  const HeldEvents held = hold(*block);
  const auto found = std::partition_point(held.events.begin(), held.events.end(),
                                          [at](const Event& event) { return event.at < at; });
  return block->before + static_cast<std::uint64_t>(found - held.events.begin());
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

Event KeptEvents::at(const Stream& stream, std::uint64_t position) const {
  const Block& block = stream.blocks[block_of(stream, position)];
  return hold(block).events[position - block.before];
}

HeldEvents KeptEvents::piece_at(const Stream& stream, std::uint64_t position,
                                std::uint64_t end) const {
  const Block& block = stream.blocks[block_of(stream, position)];
  const std::uint64_t skip = position - block.before;
  HeldEvents held = hold(block);
  held.events = held.events.subspan(skip, std::min(end - position, block.count - skip));
  return held;
}

std::uint64_t KeptEvents::number_of(std::size_t stream, std::uint64_t position) const {
  const Ticks at = this->at(streams_[stream], position).at;
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
