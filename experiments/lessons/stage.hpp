// The stage holds what a lesson moves one part at a time: the engine's machine, the ring, two endpoints, memory and a
// simulated clock; with a note of what travelled from where to where.
//
// The driver's calls do not end before their requests are answered, so the stage is their doorbell and their spin
// hook, and runs the engine inside them. A lesson that wants to show a moment within a call asks for it with
// hold_next(): there the stage calls who set on_hold(), which does whatever is to happen meanwhile and returns once
// somebody has called go_on(). The call stands on the stack all that time; no thread waits.
//
// Threading: owner-only.
// Invariants: the clock moves only by the labelled costs of `Costs`, which are assumptions of
// the lessons, not measurements. What happened since begin_step() is in moves(), in order.
// violations() counts every translation or copied byte that a completed UNMAP should have prevented
// (C1); it stays 0.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/guest/dma_api.hpp"
#include "experiments/guest/virtio_iommu_driver.hpp"
#include "experiments/lessons/machine.hpp"
#include "experiments/lessons/memory.hpp"
#include "experiments/lessons/views.hpp"
#include "experiments/lessons/watched_ring.hpp"

namespace violet::lessons {

// Where a call of the driver can be held.
enum class Moment : std::uint8_t {
  kNever,
  kBeforeRequest,  // It is about to write a request.
  kWritten,        // The request is in the ring; no kick was sent.
  kWaiting         // The kick, if one was wanted, is sent, and the spinning begins.
};

class Stage final : public Doorbell, public SpinHook, private RingListener {
 public:
  Stage(const EngineChoice& choice, Placement placement);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  const Costs& costs() const { return costs_; }
  Placement placement() const { return placement_; }
  Ticks now() const { return now_; }
  void begin_step() { moves_.clear(); }
  const std::vector<Move>& moves() const { return moves_; }
  void move(Part from, Part to, std::string label, Tone tone = Tone::kPlain);
  const Focus& focus() const { return focus_; }
  Memory& memory() { return memory_; }
  const Memory& memory() const { return memory_; }
  Machine& machine() { return *machine_; }
  const std::vector<RequestView>& requests() const { return ring_.views(); }
  WatchedRing& ring() { return ring_; }
  // What the guest's DMA layer counts; its owner counts there.
  GuestCounters& counters() { return counters_; }

  // Lets the guest's time pass; a sidecore that runs freely works meanwhile.
  void spend(std::uint64_t ns);
  void let_engine_run(bool freely);
  // One poll of the engine on its own core.
  void engine_polls();
  // Bytes that the processor copied since the last call take their time now.
  void settle_copies();

  // --- Moments within a call of the driver
  void on_hold(std::function<void()> meanwhile) { meanwhile_ = std::move(meanwhile); }
  void hold_next(Moment moment) { wanted_ = moment; }
  bool held() const { return held_ != Moment::kNever; }
  // The call that is held goes on, to its end or to `until`.
  void go_on(Moment until = Moment::kNever);
  // Nobody looks any more: accesses end where they are, and the call that is held goes on to its end.
  void abandon();

  // --- The driver's doorbell and spin hook
  void kick() override;
  void while_spinning() override;

  // --- An endpoint's access. begin() looks up and, on a hit, grants or faults.
  void begin(unsigned endpoint, Iova iova, Access access, std::string_view data_or_length);
  void walk(unsigned endpoint);
  void fill(unsigned endpoint);
  void copy(unsigned endpoint);
  void copy_half(unsigned endpoint);
  void leave(unsigned endpoint);  // Lets go of the translation.
  // All of it.
  const AccessView& dma(unsigned endpoint, Iova iova, Access access, std::string_view data);
  const AccessView& access(unsigned endpoint) const { return accesses_[endpoint]; }
  std::uint64_t accesses() const { return accesses_made_; }
  std::uint64_t faults() const { return faults_; }

  // Ranges that lessons asked about: where look() looks.
  const std::vector<IovaRange>& ranges() const { return ranges_; }
  void watch(IovaRange range);
  // For a stage that is thrown away: lookups count and apply invalidations (machine.hpp).
  MachineView look();
  std::uint64_t violations() const { return violations_; }
  // The last UNMAP of the address was answered, and no MAP since.
  bool is_dead(Iova iova) const { return dead_.contains(iova.value & ~(kPageBytes - 1)); }

 private:
  void before_request() override;
  void written(const RequestView& request) override;
  void published() override { hold(Moment::kWritten); }
  void read(const RequestView& request) override;
  bool hold(Moment moment);
  void engine_runs_in_exit();
  void poll_once();
  bool note_taken();  // Was an UNMAP among them?
  void note_store(bool took_unmap, std::uint64_t invalidations_before);
  void note_answers();
  void settle(unsigned endpoint, const TranslateResult& result);
  void copy_part(unsigned endpoint, std::size_t from, std::size_t to);
  std::size_t queued() const;

  Costs costs_;
  Placement placement_;
  Ticks now_ = 0;
  Memory memory_;
  WatchedRing ring_;
  std::unique_ptr<Machine> machine_;
  GuestCounters counters_;
  std::uint64_t copies_settled_ = 0;  // Bytes.
  std::function<void()> meanwhile_;
  Moment wanted_ = Moment::kNever;
  Moment held_ = Moment::kNever;
  bool abandoned_ = false;
  std::vector<Move> moves_;
  Focus focus_;
  bool free_engine_ = false;
  Ticks next_poll_ = 0;
  std::array<AccessView, kEndpointCount> accesses_;
  std::uint64_t accesses_made_ = 0;
  std::uint64_t faults_ = 0;
  std::vector<IovaRange> ranges_;
  std::set<std::uint64_t> dead_;  // Pages whose UNMAP was answered, until they are mapped again.
  std::uint64_t violations_ = 0;
};

}  // namespace violet::lessons
