#include "experiments/scorecard/pipeline.hpp"

#include <array>

namespace violet::scorecard {

bool run_pipeline(Sidecore& sidecore, Churn& churn, std::size_t requests) {
  Rings& rings = *sidecore.rings;
  std::array<UsedBuffer, kInFlight> used;
  std::array<unsigned, kInFlight> idle{};
  std::size_t idle_count = kInFlight;
  for (unsigned i = 0; i < kInFlight; ++i) idle[i] = i;
  Churn::Step step{};
  bool right = true;
  for (std::size_t sent = 0, back = 0; back < requests;) {
    for (std::size_t i = 0; i < idle_count && sent < requests; ++i, ++sent) {
      if (sent % 2 == 0) {
        step = churn.next();
        rings.put_unmap(idle[i], Churn::iova(step.unmap));
      } else {
        rings.put_map(idle[i], Churn::iova(step.map), Churn::phys(step.map));
      }
      rings.add(idle[i]);
    }
    if (idle_count > 0) rings.publish();
    idle_count = rings.take(used);
    back += idle_count;
    for (std::size_t i = 0; i < idle_count; ++i) {
      right &= rings.ok(used[i].cookie);
      idle[i] = used[i].cookie;
    }
  }
  return right;
}

}  // namespace violet::scorecard
