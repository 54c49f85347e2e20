// The guest of a lesson is the real one: the driver and the DMA layer of experiments/guest with a strategy of
// experiments/strategies, chosen by its name. Its calls run to their end on this thread, with the engine inside them
// (stage.hpp).
//
// Threading: owner-only.
// Invariants: every request, address and copy is the driver's and the strategy's; what is kept here is what the caller
// of the DMA API was given. Exposure is the ledger's (experiments/trace), over the same events as in a run.
// As in the kernel the driver's lock is held while it waits: what another processor asks for meanwhile, waits.
// Limits: the NIC only, single buffers of whole pages.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/guest/virtio_iommu_driver.hpp"
#include "experiments/lessons/stage.hpp"
#include "experiments/strategies/strategies.hpp"

namespace violet::lessons {

struct GuestOptions {
  std::string strategy = "strict";  // A name of experiments/strategies.
  SettingAssignments settings = {};
};

class Guest {
 public:
  // Precondition: a registered strategy, and settings that it has.
  Guest(Stage& stage, const GuestOptions& options);

  const GuestOptions& options() const { return options_; }
  const SettingValues& settings() const { return settings_; }
  const GuestCounters& counters() const { return stage_.counters(); }
  std::vector<BufferView> buffers() const;
  // Maps that found their mapping there already, and sent nothing.
  std::uint64_t silent_maps() const { return silent_maps_; }
  // Calls of other processors that wait for the driver's lock.
  std::size_t locked_out() const { return waiting_.size(); }
  // A device that reaches it reaches what was given back.
  bool given_back(Iova iova) const;
  // Given back and still reachable, whatever the strategy means to do about it.
  bool any_stale() const;
  // Of what was unmapped from `begin` on.
  Exposure exposure(Ticks begin = 0) const;

  // --- What drivers call. A failure ends the program: no lesson has one.
  void start();  // Attaches the NIC as the strategy wants it.
  Iova map(GuestPhys phys, std::uint64_t bytes, DmaDirection direction);
  void unmap(Iova iova);
  // While a call is held: it waits for the lock, and is made when the call has returned.
  void map_on_another_processor(GuestPhys phys, std::uint64_t bytes, DmaDirection direction);
  void tick();  // Timers.
  // The address that map() returned last.
  Iova newest() const { return buffers_.back().range.first; }

 private:
  struct Waiting {
    GuestPhys phys;
    std::uint64_t bytes;
    DmaDirection direction;
  };

  Iova map(GuestPhys phys, std::uint64_t bytes, DmaDirection direction, unsigned processor);
  Ticks ticks() const { return ns_to_ticks(stage_.now()); }
  BufferView& live(Iova iova);
  void record(EventKind kind, const DmaMapping& mapping);
  void begin_call();
  void finish_call();

  Stage& stage_;
  GuestOptions options_;
  SettingValues settings_;
  std::unique_ptr<VirtioIommuDriver> driver_;
  std::unique_ptr<Strategy> strategy_;
  std::vector<BufferView> buffers_;
  std::vector<Event> events_;
  std::vector<Waiting> waiting_;
  std::uint64_t silent_maps_ = 0;
  bool busy_ = false;  // The driver's lock.
};

}  // namespace violet::lessons
