// Where a lesson happens: the engine's machine, two endpoints, memory and a simulated clock, moved
// one part at a time, with a note of what travelled from where to where.
//
// Threading: owner-only.
// Invariants: G1 the clock moves only by the labelled costs of `Costs`, which are assumptions of
// the lessons, not measurements. G2 moves() is what happened since begin_step(), in order. G3
// violations() counts every translation or copied byte that a completed UNMAP should have prevented
// (C1); it stays 0.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/lessons/machine.hpp"
#include "experiments/lessons/memory.hpp"

namespace violet::lessons {

// Nanoseconds. The exit is the default of plans (costs.exit_ns); the others are round figures.
struct Costs {
  std::uint64_t exit = 1500;    // A kick that leaves the guest, and the way back.
  std::uint64_t queue = 50;     // The driver writes one request.
  std::uint64_t poll = 100;     // A sidecore looks at the queue.
  std::uint64_t execute = 80;   // The engine executes one request.
  std::uint64_t lookup = 10;    // An IOTLB lookup.
  std::uint64_t walk = 60;      // A walk of the store and the fill.
  std::uint64_t dma = 200;      // A device's access to memory.
  std::uint64_t copy_4k = 400;  // The processor copies 4 KiB.
  std::uint64_t think = 1000;   // The guest does something else.
};

enum class Placement : std::uint8_t { kSamecore, kSidecore };

// The parts of the picture.
enum class Part : std::uint8_t {
  kDriver,
  kQueue,
  kEngine,
  kStore,
  kNicIotlb,
  kDiskIotlb,
  kNic,
  kDisk,
  kMemory
};
inline constexpr std::size_t kPartCount = 9;
inline Part iotlb_part(unsigned endpoint) {
  return endpoint == kNic ? Part::kNicIotlb : Part::kDiskIotlb;
}
inline Part endpoint_part(unsigned endpoint) { return endpoint == kNic ? Part::kNic : Part::kDisk; }

enum class Tone : std::uint8_t {
  kPlain,
  kQuiet,
  kHeading,
  kMap,
  kUnmap,
  kTranslate,
  kFault,
  kStale,
  kCopy,
  kGood
};

// Something that travels.
struct Move {
  Part from;
  Part to;
  std::string label;
  Tone tone = Tone::kPlain;
  bool operator==(const Move&) const = default;
};

// An endpoint's access, as far as it has come.
struct AccessView {
  enum class Phase : std::uint8_t { kNone, kMissed, kWalked, kGranted, kHalfDone, kDone, kFault };
  Phase phase = Phase::kNone;
  Iova iova{};
  Access access = Access::kRead;
  TranslateResult result;
  bool missed = false;  // It had to walk.
  bool found = false;   // IOTLB or store knew the address.
  std::string data;     // What is written, or what was read so far.
  std::size_t length = 0;

  bool succeeded() const { return phase == Phase::kDone; }
  bool is_granted() const {
    return phase == Phase::kGranted || phase == Phase::kHalfDone || phase == Phase::kDone;
  }
  // What has reached its end by now.
  std::string_view moved() const {
    if (phase != Phase::kHalfDone && phase != Phase::kDone) return {};
    return std::string_view(data).substr(0, phase == Phase::kDone ? length : length / 2);
  }
  bool faulted() const { return phase == Phase::kFault; }
};

// What the lesson shows byte by byte: the request, fault record or access that moved last.
struct Focus {
  enum class Kind : std::uint8_t { kNone, kRequest, kFault, kAccess } kind = Kind::kNone;
  std::size_t index = 0;  // A token, a position among the records, or an endpoint.
};

class Stage {
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
  const std::vector<RequestView>& requests() { return machine_->requests().views(); }

  // Lets the guest's time pass; a sidecore that runs freely works meanwhile.
  void spend(std::uint64_t ns);
  void let_engine_run(bool freely);
  // A spinning guest's turn: a sidecore polls meanwhile.
  void wait_for_engine();

  // --- Requests
  std::uint32_t push(std::span<const std::byte> readable, std::uint32_t writable,
                     const std::string& label, Tone tone);
  // One poll of the engine on its own core.
  void engine_polls();
  // The engine runs on the guest's core, in the exit, until it has nothing left to do.
  void engine_runs_in_exit();
  // The driver looks at the used ring; the tokens it had not seen.
  std::vector<std::uint32_t> reap();
  std::size_t unanswered() const;

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
  // M2: for a stage that is thrown away.
  MachineView look();
  std::uint64_t violations() const { return violations_; }

 private:
  void poll_once();
  bool note_taken();  // Was an UNMAP among them?
  void note_store(bool took_unmap, std::uint64_t invalidations_before);
  void note_answers();
  void settle(unsigned endpoint, const TranslateResult& result);
  void copy_part(unsigned endpoint, std::size_t from, std::size_t to);
  bool is_dead(Iova iova) const { return dead_.contains(iova.value & ~(kPageBytes - 1)); }
  std::size_t queued() const;

  Costs costs_;
  Placement placement_;
  Ticks now_ = 0;
  std::unique_ptr<Machine> machine_;
  Memory memory_;
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
