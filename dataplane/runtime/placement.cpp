#include "dataplane/runtime/placement.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "engine/base/check.hpp"
#include "engine/base/clock.hpp"

namespace violet {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"samecore", "kick-thread", "sidecore"};

}  // namespace

std::string_view to_text(PlacementKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<PlacementKind> placement_from(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<PlacementKind>(i);
  }
  return std::nullopt;
}

Placement::Placement(Eal& eal, Engine& engine, PlacementKind kind, InjectedCosts costs,
                     unsigned engine_lcore)
    : eal_(eal),
      engine_(engine),
      kind_(kind),
      exit_ticks_(ns_to_ticks(costs.exit_ns)),
      wake_ticks_(ns_to_ticks(costs.wake_ns)),
      engine_lcore_(engine_lcore) {}

Placement::~Placement() {
  stop();
  if (eventfd_ >= 0) close(eventfd_);
}

Status Placement::start() {
  VIOLET_CHECK(!running_);
  stop_.store(false, std::memory_order_relaxed);
  if (kind_ == PlacementKind::kSamecore) {
    // Every kick is wanted: it is the only moment at which the engine runs.
    engine_.requests()->arm_kicks();
    running_ = true;
    return {};
  }
  if (kind_ == PlacementKind::kKickThread && eventfd_ < 0) {
    eventfd_ = eventfd(0, EFD_CLOEXEC);
    if (eventfd_ < 0) return fail(ErrorKind::kEnvironment, "eventfd: {}", std::strerror(errno));
  }
  // Before the lcore runs, so that the guest's first request already finds it so.
  if (kind_ == PlacementKind::kSidecore) {
    engine_.requests()->suppress_kicks();
  } else {
    engine_.requests()->arm_kicks();
  }
  const auto body =
      kind_ == PlacementKind::kSidecore ? &Placement::run_sidecore : &Placement::run_kick_thread;
  if (auto launched = eal_.launch(engine_lcore_, [this, body] { (this->*body)(); }); !launched) {
    return launched;
  }
  running_ = true;
  return {};
}

void Placement::stop() {
  if (!running_) return;
  running_ = false;
  if (kind_ == PlacementKind::kSamecore) {
    poll_until_idle();
    return;
  }
  stop_.store(true, std::memory_order_release);  // partner: the engine lcore's acquire
  if (kind_ == PlacementKind::kKickThread) wake();
  eal_.join(engine_lcore_);
}

void Placement::kick() {
  kicks_.add();
  if (exit_ticks_ > 0) spin_ticks(exit_ticks_);
  if (kind_ == PlacementKind::kSamecore) {
    // With the event index a kick is asked for once: ask again before the guest goes on.
    do {
      poll_until_idle();
    } while (engine_.requests()->arm_kicks());
  } else if (kind_ == PlacementKind::kKickThread) {
    wake();
  }
}

void Placement::wake() {
  const std::uint64_t one = 1;
  while (write(eventfd_, &one, sizeof(one)) < 0 && errno == EINTR) continue;
}

void Placement::control(const std::function<void()>& body) {
  if (!running_ || kind_ == PlacementKind::kSamecore) {
    body();
    return;
  }
  control_.store(&body, std::memory_order_release);  // partner: run_control()'s acquire
  if (kind_ == PlacementKind::kKickThread) wake();
  while (control_.load(std::memory_order_acquire) != nullptr) cpu_pause();
}

void Placement::run_control() {
  const auto* body = control_.load(std::memory_order_acquire);  // partner: control()'s release
  if (body == nullptr) [[likely]]
    return;
  (*body)();
  control_.store(nullptr, std::memory_order_release);  // partner: control()'s acquire
}

void Placement::poll_until_idle() {
  // Requests may be parked for a reader on another lcore; that lcore goes on, so this ends. A reader
  // that has stopped is reported by the device and the guest's own watchdog ends the run.
  const Ticks give_up = now_ticks() + ns_to_ticks(1'000'000'000);
  while (engine_.poll(kBudget) > 0 || engine_.parked() > 0) {
    if (now_ticks() > give_up) return;
  }
}

void Placement::run_sidecore() {
  while (!stop_.load(std::memory_order_acquire)) {  // partner: stop()
    engine_.poll(kBudget);
    run_control();
  }
  poll_until_idle();
}

void Placement::run_kick_thread() {
  while (!stop_.load(std::memory_order_acquire)) {  // partner: stop()
    engine_.requests()->suppress_kicks();
    poll_until_idle();
    run_control();
    // What the driver queued between the last look and the arming is found by arm_kicks() itself.
    if (engine_.requests()->arm_kicks()) continue;
    std::uint64_t count = 0;
    if (read(eventfd_, &count, sizeof(count)) != sizeof(count)) continue;
    wakes_.add();
    if (wake_ticks_ > 0) spin_ticks(wake_ticks_);
  }
  poll_until_idle();
}

}  // namespace violet
