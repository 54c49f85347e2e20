#include "dataplane/placement/placement.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/check.hpp"
#include "engine/base/clock.hpp"
#include "engine/telemetry/phase_clock.hpp"

namespace violet {
namespace {

std::span<const PlacementInfo> entries() {
  static const PlacementInfo kPlacements[] = {
      {{"sidecore", "an lcore of its own polls the queue; no kick is needed"},
       PlacementKind::kSidecore},
      {{"samecore", "polled inline on the guest's core at each kick"}, PlacementKind::kSamecore},
      {{"kick-thread", "an lcore that sleeps until a kick wakes it"}, PlacementKind::kKickThread},
  };
  return kPlacements;
}

// A grace period takes microseconds. A reader that takes longer is preempted or stuck: do not burn the
// core for it.
constexpr std::uint64_t kPatienceNs = 2'000'000;
constexpr std::uint64_t kLastPatienceNs = 1'000'000'000;  // Of those who will not come back.
constexpr timespec kNap{0, 100'000};
constexpr unsigned kPollsARound = 64;  // Of the phase clock: microseconds.
constexpr unsigned kPollsOfWork = 8;   // What finds nothing takes about an eighth of what is found.

}  // namespace

Registry<PlacementInfo> placements() { return {"placement", entries()}; }

std::string_view to_text(PlacementKind kind) {
  const auto entry = std::ranges::find(entries(), kind, &PlacementInfo::kind);
  return entry->name;
}

Placement::Placement(Eal& eal, Device& device, QueueControl& requests, PlacementKind kind,
                     InjectedCosts costs, unsigned engine_lcore)
    : eal_(eal),
      device_(device),
      requests_(requests),
      kind_(kind),
      exit_ticks_(ns_to_ticks(costs.exit_ns)),
      entry_ticks_(ns_to_ticks(costs.entry_ns)),
      wake_ticks_(ns_to_ticks(costs.wake_ns)),
      polluting_(costs.pollution_bytes, std::byte{1}),
      costs_until_(costs.until),
      engine_lcore_(engine_lcore) {}

Placement::~Placement() {
  stop();
  if (eventfd_ < 0) return;
  device_.on_fault(nullptr, nullptr);
  close(eventfd_);
}

Status Placement::start() {
  VIOLET_CHECK(!running_);
  stop_.store(false, std::memory_order_relaxed);
  if (kind_ == PlacementKind::kSamecore) {
    // Every kick is wanted: it is the only moment at which the engine runs.
    requests_.arm_kicks();
    running_ = true;
    return {};
  }
  if (kind_ == PlacementKind::kKickThread && eventfd_ < 0) {
    eventfd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (eventfd_ < 0) return fail(ErrorKind::kEnvironment, "eventfd: {}", std::strerror(errno));
    device_.on_fault(&Placement::note_fault, this);
  }
  // Before the lcore runs, so that the guest's first request already finds it so.
  if (kind_ == PlacementKind::kSidecore) {
    requests_.suppress_kicks();
  } else {
    requests_.arm_kicks();
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
    poll_until_idle(kLastPatienceNs);
    return;
  }
  stop_.store(true, std::memory_order_release);  // partner: the engine lcore's acquire
  if (kind_ == PlacementKind::kKickThread) wake();
  eal_.join(engine_lcore_);
}

void Placement::kick() {
  kicks_.add();
  leave_guest();
  if (kind_ == PlacementKind::kSamecore) {
    // With the event index a kick is asked for once: ask again before the guest goes on. What the
    // engine cannot take or finish now is for wait().
    bool idle = poll_until_idle(kPatienceNs);
    while (requests_.arm_kicks() && idle) idle = poll_until_idle(kPatienceNs);
  } else if (kind_ == PlacementKind::kKickThread) {
    wake();
  }
  if (entry_ticks_ > 0) enter_guest();
}

void Placement::leave_guest() {
  if (exit_ticks_ == 0 && polluting_.empty()) return;
  const PhaseScope injected(WorkPhase::kInjected);
  if (exit_ticks_ > 0) spun_.exit.add(spin_ticks(exit_ticks_, costs_until_));
  if (polluting_.empty()) return;
  const Ticks began = now_ticks();
  if (costs_until_ != nullptr && costs_until_->over(began)) return;
  const std::byte* const bytes = polluting_.data();
  for (std::size_t at = 0; at < polluting_.size(); at += kCacheLine) {
    static_cast<void>(*static_cast<const volatile std::byte*>(bytes + at));
  }
  spun_.pollution.add(now_ticks() - began);
}

void Placement::enter_guest() {
  const PhaseScope injected(WorkPhase::kInjected);
  spun_.entry.add(spin_ticks(entry_ticks_, costs_until_));
}

void Placement::wait() {
  if (kind_ != PlacementKind::kSamecore) return cpu_pause();
  if (!device_.wants_poll()) return;
  while (device_.poll(kBudget) > 0 && requests_.arm_kicks()) continue;
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

// True when nothing is left to do, or when there is so much of it that the caller should look after
// its other duties and come back. False when what is left waits for a reader that takes its time, or
// for a reset.
bool Placement::poll_until_idle(std::uint64_t patience_ns) {
  const Ticks patience = ns_to_ticks(patience_ns);
  const Ticks began = now_ticks();
  for (Ticks moved = began;;) {
    const Ticks now = now_ticks();
    if (device_.poll(kBudget) > 0) {
      moved = now;
    } else if (device_.requests_in_hand() == 0) {
      return !device_.needs_reset() && !device_.resetting();
    }
    if (now - moved > patience) return false;
    if (now - began > patience) return true;
  }
}

void Placement::run_sidecore() {
  unsigned work = 0;
  for (unsigned polls = 1; !stop_.load(std::memory_order_acquire); ++polls) {  // partner: stop()
    work += device_.poll(kBudget);
    run_control();
    if (polls % kPollsARound == 0)
      PhaseClock::round(kPollsARound + kPollsOfWork * std::exchange(work, 0));
  }
  poll_until_idle(kLastPatienceNs);
}

void Placement::run_kick_thread() {
  while (!stop_.load(std::memory_order_acquire)) {  // partner: stop()
    requests_.suppress_kicks();
    const bool idle = poll_until_idle(kPatienceNs);
    run_control();
    // What the driver queued between the last look and the arming is found by arm_kicks() itself.
    if (!requests_.arm_kicks() || !idle) sleep();
    PhaseClock::round();
  }
  poll_until_idle(kLastPatienceNs);
}

// Until a kick, a fault, stop() or control(); in naps while something is unfinished that nobody will
// announce, as the end of a reader's section.
void Placement::sleep() {
  PhaseScope phase(WorkPhase::kAsleep);
  asleep_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // partner: note_fault()
  pollfd bell{eventfd_, POLLIN, 0};
  while (ppoll(&bell, 1, device_.wants_poll() ? &kNap : nullptr, nullptr) == 0) {
    naps_.add();
    if (device_.poll(kBudget) > 0) break;
  }
  asleep_.store(false, std::memory_order_relaxed);
  std::uint64_t count = 0;
  if (read(eventfd_, &count, sizeof(count)) != sizeof(count)) return;
  wakes_.add();
  if (wake_ticks_ == 0) return;
  phase.next(WorkPhase::kEngineInjected);
  spun_.wake.add(spin_ticks(wake_ticks_, costs_until_));
}

// On an endpoint's lcore. Either it sees that the engine sleeps, or the engine sees its fault.
void Placement::note_fault(void* placement) {
  auto* self = static_cast<Placement*>(placement);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // partner: sleep()
  if (!self->asleep_.load(std::memory_order_relaxed)) return;
  if (self->asleep_.exchange(false, std::memory_order_relaxed)) self->wake();
}

}  // namespace violet
