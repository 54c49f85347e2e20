// A synthetic run makes up the events of a guest, the same for the same seed: endpoints that map,
// use and unmap buffers under one of four strategies, an engine that follows, a rogue that probes,
// a recorder that marks and samples. For benches, tests and for trying the application without a
// run.
//
// Threading: owner-only. The sink is called from run().
// Invariants: batches are of one lcore each, in order of time, as the recorder would have taken them.
// Limits: a picture of a run and no measurement: its times are drawn from distributions.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "engine/telemetry/event.hpp"

namespace violet::query {

enum class SyntheticStrategy : std::uint8_t { kStrict, kLazy, kBounce, kDirect };
std::string to_text(SyntheticStrategy strategy);

struct SyntheticOptions {
  SyntheticStrategy strategy = SyntheticStrategy::kStrict;
  std::uint64_t events = 100'000;  // About so many.
  std::uint64_t seed = 1;
  std::uint32_t cell = 0;
  std::uint32_t repetition = 0;
  Ticks start = 1'000'000'000;
  double ns_per_tick = 0.5;
  bool lose_some = false;  // A gap in what the endpoints' lcore recorded.
};

class SyntheticRun {
 public:
  static constexpr std::uint16_t kEngineLcore = 1, kGuestLcore = 2, kEndpointLcore = 3;

  // `lost` of this lcore are missing before the events.
  using Sink =
      std::function<void(std::uint16_t lcore, std::span<const Event> events, std::uint64_t lost)>;
  // Called after each round of batches: nothing before `until` comes any more.
  using Round = std::function<void(Ticks until)>;

  explicit SyntheticRun(const SyntheticOptions& options);
  ~SyntheticRun();
  // Returns the time at which it ended.
  Ticks run(
      const Sink& sink, const Round& round = [](Ticks) {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace violet::query
