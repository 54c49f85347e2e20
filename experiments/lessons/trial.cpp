#include "experiments/lessons/trial.hpp"

namespace violet::lessons {
namespace {

void one_buffer(Scene& scene, const Trial& trial, GuestPhys page) {
  const Iova iova = scene.guest().map(page, trial.bytes, DmaDirection::kFromDevice);
  scene.stage().dma(kNic, iova, Access::kWrite, "data");
  scene.guest().unmap(iova);
  scene.stage().spend(scene.stage().costs().think);
  scene.guest().tick();
}

// Until nothing that was given back is reachable; a strategy whose timers do not see to that is given up.
void let_timers_run_out(Scene& scene) {
  constexpr std::uint64_t kStepNs = 100'000;
  constexpr std::uint64_t kMostNs = 2'000'000'000;
  for (std::uint64_t waited = 0; waited < kMostNs && scene.guest().any_stale(); waited += kStepNs) {
    scene.stage().spend(kStepNs);
    scene.guest().tick();
  }
}

GuestCounters less(GuestCounters counters, const GuestCounters& before) {
  counters.kicks -= before.kicks;
  counters.kicks_suppressed -= before.kicks_suppressed;
  counters.syncs -= before.syncs;
  counters.map_requests -= before.map_requests;
  counters.unmap_requests -= before.unmap_requests;
  counters.other_requests -= before.other_requests;
  return counters;
}

}  // namespace

const char* to_text(Placement placement) {
  return placement == Placement::kSamecore ? "samecore" : "sidecore";
}

TrialResult run_trial(Scene& scene, const Trial& trial) {
  scene.restart(trial.placement, {trial.strategy, trial.settings});
  std::vector<GuestPhys> places;
  for (unsigned i = 0; i < trial.pages; ++i) {
    places.push_back(scene.memory().add("NIC buffer", trial.bytes / kPageBytes));
  }
  scene.guest().start();
  if (trial.placement == Placement::kSidecore) scene.stage().let_engine_run(true);
  const Ticks start = scene.stage().now();
  const GuestCounters before = scene.guest().counters();
  const std::size_t requests_before = scene.stage().requests().size();
  for (unsigned i = 0; i < trial.buffers; ++i) one_buffer(scene, trial, places[i % trial.pages]);
  TrialResult result;
  result.busy_ns = scene.stage().now() - start;
  result.ns_a_buffer = static_cast<double>(result.busy_ns) / trial.buffers -
                       static_cast<double>(scene.stage().costs().think);
  let_timers_run_out(scene);
  result.guest = less(scene.guest().counters(), before);
  result.requests = scene.stage().requests().size() - requests_before;
  result.exposure = scene.guest().exposure(start);
  result.never_closed =
      scene.stage().machine().reaches(kNic, scene.guest().newest(), Access::kWrite) ==
      places[(trial.buffers - 1) % trial.pages];
  return result;
}

}  // namespace violet::lessons
