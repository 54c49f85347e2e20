#include "experiments/lessons/trial.hpp"

namespace violet::lessons {
namespace {

void one_buffer(Scene& scene, const Trial& trial, GuestPhys page) {
  const Iova iova = scene.guest().map(page, trial.bytes, Permissions::kWrite);
  scene.stage().dma(kNic, iova, Access::kWrite, "data");
  scene.guest().unmap(iova);
  scene.stage().spend(scene.stage().costs().think);
  scene.guest().tick();
}

void let_timers_run_out(Scene& scene) {
  const GuestOptions& options = scene.guest().options();
  if (options.strategy == Strategy::kLazy) scene.stage().spend(options.flush_timer_ns);
  if (options.strategy == Strategy::kOptimistic) scene.stage().spend(options.keep_ns);
  scene.guest().tick();
}

}  // namespace

const char* placement_name(Placement placement) {
  return placement == Placement::kSamecore ? "samecore" : "sidecore";
}

TrialResult run_trial(Scene& scene, const Trial& trial) {
  scene.restart(trial.placement, {.strategy = trial.strategy, .keep_quota = trial.keep_quota});
  const std::uint64_t pages = trial.bytes / kPageBytes;
  for (unsigned i = 0; i < trial.pages; ++i) scene.memory().add("NIC buffer", pages);
  scene.guest().attach(kNic);
  if (trial.strategy == Strategy::kDirect) {
    scene.guest().map_everything(trial.pages * trial.bytes);
  }
  if (trial.placement == Placement::kSidecore) scene.stage().let_engine_run(true);
  const Ticks start = scene.stage().now();
  const GuestNumbers before = scene.guest().numbers();
  const std::size_t requests_before = scene.stage().requests().size();
  for (unsigned i = 0; i < trial.buffers; ++i) {
    one_buffer(scene, trial, {Memory::kFirstPage + (i % trial.pages) * trial.bytes});
  }
  TrialResult result;
  result.busy_ns = scene.stage().now() - start;
  result.ns_a_buffer = static_cast<double>(result.busy_ns) / trial.buffers -
                       static_cast<double>(scene.stage().costs().think);
  let_timers_run_out(scene);
  result.guest = scene.guest().numbers();
  result.guest.kicks -= before.kicks;
  result.guest.exits -= before.exits;
  result.guest.waits -= before.waits;
  result.requests = scene.stage().requests().size() - requests_before;
  result.exposure = scene.guest().exposure();
  result.mean_stale_pages = static_cast<double>(result.exposure.total_ns) /
                            static_cast<double>(scene.stage().now() - start);
  return result;
}

}  // namespace violet::lessons
