#include "experiments/runner/time_breakdown.hpp"

#include <fmt/format.h>

#include <cmath>

#include "engine/base/clock.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/runner/testbed.hpp"

namespace violet {
namespace {

using results::measured;
using results::not_measured;

// Why a phase is in no sampled round.
std::string why_absent(WorkPhase phase, const TimeFacts& facts) {
  const auto none = [](std::uint64_t count, const char* because) -> std::string {
    return count == 0 ? because : "it is in none of the sampled rounds";
  };
  switch (phase) {
    case WorkPhase::kIovaAllocate:
    case WorkPhase::kIovaFree:
      return none(facts.iova_allocations, "no I/O virtual address was allocated");
    case WorkPhase::kRequest:
    case WorkPhase::kAnswers:
    case WorkPhase::kDecode:
    case WorkPhase::kStore:
    case WorkPhase::kComplete:
    case WorkPhase::kEngineTelemetry:
      return none(facts.requests, "there was no request");
    case WorkPhase::kKick:
      return none(facts.kicks, "no kick was sent");
    case WorkPhase::kSpin:
      if (!facts.times.engine) return "the engine answers on this lcore: there is no spinning";
      return none(facts.syncs, "nothing was waited for");
    case WorkPhase::kCopy:
      return none(facts.bytes_copied, "nothing was copied");
    case WorkPhase::kEndpoints:
    case WorkPhase::kRogue:
      return none(facts.endpoints_shared ? 1 : 0, "the endpoints have an lcore of their own");
    case WorkPhase::kInvalidate:
      return none(facts.invalidations, "nothing was invalidated");
    case WorkPhase::kGrace:
      return none(facts.grace_periods, "no grace period was opened");
    case WorkPhase::kInjected:
      return none(facts.injected, "nothing was injected on the guest's lcore");
    case WorkPhase::kEngineInjected:
      return none(facts.engine_injected, "nothing was injected into the engine");
    case WorkPhase::kPace:
      return none(facts.paced ? 1 : 0, "the workload is not paced");
    case WorkPhase::kAsleep:
      return none(facts.kick_thread ? 1 : 0, "this placement does not sleep");
    default:
      return none(1, "");
  }
}

// In nanoseconds of one operation.
class PerOperation {
 public:
  explicit PerOperation(std::uint64_t operations)
      : factor_(ns_per_tick() / static_cast<double>(operations)) {}
  double operator()(double ticks) const { return ticks * factor_; }

 private:
  double factor_;
};

void add_phases(std::vector<results::Metric>& metrics, const TimeFacts& facts, bool engines,
                const PhaseTally& tally, const PhaseEstimate& whole) {
  const PerOperation ns(facts.operations);
  for (std::size_t i = 0; i < kWorkPhases; ++i) {
    const auto phase = static_cast<WorkPhase>(i);
    if (is_engines(phase) != engines) continue;
    const std::string name = results::time_metric(to_text(phase));
    if (whole.of[i]) {
      metrics.push_back(measured(name, ns(*whole.of[i])));
    } else if (const std::uint64_t met = tally.rounds_with(phase); met > 0) {
      metrics.push_back(
          not_measured(name, fmt::format("met too rarely: in {} of the sampled rounds", met)));
    } else {
      metrics.push_back(not_measured(name, why_absent(phase, facts)));
    }
  }
}

// What an lcore's phases add up to, and how well.
void add_sums(std::vector<results::Metric>& metrics, const TimeFacts& facts,
              const results::TimeSide& side, const PhaseTally& tally, const PhaseEstimate& whole) {
  const PerOperation ns(facts.operations);
  metrics.push_back(measured(side.wall, ns(whole.wall)));
  metrics.push_back(measured(side.own, ns(whole.own)));
  metrics.push_back(facts.times.waits_known
                        ? measured(side.waited, ns(whole.waited))
                        : not_measured(side.waited,
                                       "this kernel does not say how long threads "
                                       "wait for a CPU"));
  metrics.push_back(measured(side.longs, ns(whole.longs)));
  metrics.push_back(measured(side.rest, ns(whole.rest)));
  const auto percent = [](std::string_view name, const std::optional<double>& of_one) {
    return of_one ? measured(name, 100 * *of_one)
                  : not_measured(
                        name, "of the rounds below 250 us too few were sampled, or left unsampled");
  };
  metrics.push_back(percent(side.sum, whole.sum));
  metrics.push_back(percent(side.sum_error, whole.sum_error));
  metrics.push_back(results::measured_ratio(side.sum_share, 100 * whole.shorts,
                                            whole.wall - whole.waited, "it did not run"));
  metrics.push_back(tally.price.is_learned
                        ? measured(side.mark, tally.price.mark * ns_per_tick())
                        : not_measured(side.mark,
                                       "too few rounds, or marks, to tell: rather what a mark "
                                       "costs in a loop of marks was taken"));
  metrics.push_back(measured(side.rounds, static_cast<double>(tally.rounds)));
  metrics.push_back(measured(side.sampled_rounds, static_cast<double>(tally.sampled_rounds)));
}

void add_nothing(std::vector<results::Metric>& metrics, const results::TimeSide& side,
                 const std::string& because) {
  for (const auto name :
       {side.wall, side.own, side.waited, side.longs, side.rest, side.sum, side.sum_error,
        side.sum_share, side.mark, side.rounds, side.sampled_rounds}) {
    metrics.push_back(not_measured(name, because));
  }
}

std::vector<results::Metric> no_metrics(const std::string& because) {
  std::vector<results::Metric> metrics;
  for (const WorkPhaseInfo& info : kWorkPhaseInfos) {
    metrics.push_back(not_measured(results::time_metric(info.name), because));
  }
  for (const auto& side : {results::kGuestTime, results::kEngineTime}) {
    add_nothing(metrics, side, because);
  }
  return metrics;
}

}  // namespace

std::vector<results::Metric> time_metrics(const TimeFacts& facts) {
  if (!facts.times.guest) return no_metrics("the plan has run.breakdown = false");
  if (facts.operations == 0) return no_metrics("no operation finished");
  std::vector<results::Metric> metrics;
  const PhaseTally& guest = *facts.times.guest;
  const PhaseEstimate guest_whole = estimate(guest);
  add_phases(metrics, facts, false, guest, guest_whole);
  const PhaseTally& engine = facts.times.engine ? *facts.times.engine : guest;
  const PhaseEstimate engine_whole = facts.times.engine ? estimate(engine) : guest_whole;
  add_phases(metrics, facts, true, engine, engine_whole);
  add_sums(metrics, facts, results::kGuestTime, guest, guest_whole);
  if (facts.times.engine) {
    add_sums(metrics, facts, results::kEngineTime, engine, engine_whole);
  } else {
    add_nothing(metrics, results::kEngineTime,
                "the engine runs on the guest's lcore: its phases are in that one's time");
  }
  return metrics;
}

// --- The clocks ---

namespace {

// A round of operations is ended at 100 us (repetition.cpp), one of polls is shorter; a scheduler's slice is milliseconds,
// and asking for waits takes a microsecond or two.
constexpr std::uint64_t kLongRoundNs = 250'000;

PhaseClockOptions options_of(ThreadWait& wait, std::uint64_t seed,
                             const std::optional<MarkPrices>& learned = {}) {
  return {
      .seed = seed,
      .learned = learned,
      .waits = {[](void* one) noexcept { return static_cast<ThreadWait*>(one)->ticks(); }, &wait},
      .long_round = ns_to_ticks(kLongRoundNs)};
}

// On the thread that it is of.
void begin_clock(std::optional<PhaseClock>& clock, ThreadWait& wait,
                 const PhaseClockOptions& options, WorkPhase base) {
  wait.look_at_this_thread();
  clock.emplace(options);
  clock->begin(base);
}

}  // namespace

TimeClocks::TimeClocks(Testbed& testbed, bool wanted, std::uint64_t seed)
    : testbed_(testbed), wanted_(wanted), seed_(seed) {}

bool TimeClocks::has_engine() const { return !testbed_.engine_on_guest_lcore(); }

void TimeClocks::begin_warm_up() {
  if (!wanted_) return;
  if (has_engine()) {
    testbed_.on_engine([this] {
      begin_clock(engine_, engine_wait_, options_of(engine_wait_, seed_ + 3), WorkPhase::kIdle);
    });
  }
  begin_clock(guest_, guest_wait_, options_of(guest_wait_, seed_ + 2), WorkPhase::kLoop);
}

void TimeClocks::end_warm_up() {
  if (!wanted_) return;
  guest_->end();
  guest_learned_ = guest_->prices();
  if (!has_engine()) return;
  testbed_.on_engine([this] {
    engine_->end();
    engine_learned_ = engine_->prices();
  });
}

void TimeClocks::begin_engine() {
  if (!wanted_ || !has_engine()) return;
  testbed_.on_engine([this] {
    begin_clock(engine_, engine_wait_, options_of(engine_wait_, seed_ + 1, engine_learned_),
                WorkPhase::kIdle);
  });
}

void TimeClocks::begin_guest() {
  if (!wanted_) return;
  begin_clock(guest_, guest_wait_, options_of(guest_wait_, seed_, guest_learned_),
              WorkPhase::kLoop);
}

void TimeClocks::end_guest() {
  if (!wanted_) return;
  times_.guest = guest_->end();
  times_.waits_known = guest_wait_.known();
}

void TimeClocks::end_engine() {
  if (!wanted_ || !has_engine()) return;
  testbed_.on_engine([this] { times_.engine = engine_->end(); });
}

}  // namespace violet
