#include "dataplane/dma/rogue_endpoint.hpp"

namespace violet {
RogueEndpoint::RogueEndpoint(DmaPort& port, Probe probe, std::uint32_t endpoint_id,
                             std::size_t lanes, std::size_t queue)
    : port_(port), probe_(probe), endpoint_id_(endpoint_id) {
  for (std::size_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<Lane>(queue));
}

void RogueEndpoint::aim(Iova iova, Access access, Ticks not_before, std::size_t lane) {
  if (!lanes_[lane]->targets.push({iova, access, not_before})) dropped_.add();
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
    probe_.record(ProbeEvent{{endpoint_id_}, lane.next.iova, lane.next.access, hit}.event(
        before + took / 2, took));
    probes_.add();
    if (hit) hits_.add();
  }
  return done;
}

}  // namespace violet
