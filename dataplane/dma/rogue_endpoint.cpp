#include "dataplane/dma/rogue_endpoint.hpp"

namespace violet {
RogueEndpoint::RogueEndpoint(DmaPort& port, Probe probe, std::uint32_t endpoint_id,
                             std::span<const std::uint64_t> delays_ns, std::size_t queue)
    : port_(port), probe_(probe), endpoint_id_(endpoint_id) {
  for (const std::uint64_t delay : delays_ns) {
    lanes_.push_back(std::make_unique<Lane>(ns_to_ticks(delay), queue));
  }
}

void RogueEndpoint::aim(Iova iova, Access access, Ticks from, std::size_t delay) {
  Lane& lane = *lanes_[delay];
  if (!lane.targets.push({iova, access, from + lane.delay})) dropped_.add();
}

unsigned RogueEndpoint::poll(unsigned budget) {
  unsigned done = 0;
  for (auto& lane : lanes_) done += poll_lane(*lane, budget - done);
  return done;
}

unsigned RogueEndpoint::poll_lane(Lane& lane, unsigned budget) {
  unsigned done = 0;
  for (; done < budget; ++done) {
    if (!lane.has_next && !lane.targets.pop(lane.next)) break;
    lane.has_next = true;
    const Ticks before = now_ticks();
    if (before < lane.next.not_before) break;
    const bool hit = port_.probe(lane.next.iova, lane.next.access);
    lane.has_next = false;
    const Ticks took = now_ticks() - before;
    if (took > longest_) {  // Preempted on the way: nobody knows when the translation was made.
      dropped_.add();
      continue;
    }
    probe_.record(
        ProbeEvent{{endpoint_id_}, lane.next.iova, lane.next.access, hit}.event(before + took / 2));
    probes_.add();
    if (hit) hits_.add();
  }
  return done;
}

}  // namespace violet
