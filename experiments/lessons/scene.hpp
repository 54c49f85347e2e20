// A scene joins a stage, its guest and the lesson's notes on both; the steps of a lesson act on it.
//
// Threading: owner-only.
// Invariants: the same steps on a new scene of the same engine give the same snapshots.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "experiments/lessons/guest.hpp"
#include "experiments/lessons/snapshot.hpp"
#include "experiments/lessons/stage.hpp"

namespace violet::lessons {

class Scene {
 public:
  // `meanwhile` runs while a call of the driver is held (Stage::on_hold).
  explicit Scene(EngineChoice engine, std::function<void()> meanwhile = {})
      : engine_(std::move(engine)), meanwhile_(std::move(meanwhile)) {
    restart(Placement::kSidecore, {});
  }

  // A new machine, guest, memory and clock; the scores stay. Precondition: no call is held.
  void restart(Placement placement, const GuestOptions& options) {
    VIOLET_CHECK(stage_ == nullptr || !stage_->held());
    guest_.reset();
    stage_ = std::make_unique<Stage>(engine_, placement);
    stage_->on_hold(meanwhile_);
    guest_ = std::make_unique<Guest>(*stage_, options);
    rogue_ = false;
    shows_disk_ = false;
    records_read_ = 0;
  }
  Stage& stage() { return *stage_; }
  Guest& guest() { return *guest_; }
  Memory& memory() { return stage_->memory(); }
  const EngineChoice& engine() const { return engine_; }

  void hijack_nic() { rogue_ = true; }
  void show_disk() { shows_disk_ = true; }
  // The driver takes the next fault record off the event queue.
  void read_record() {
    stage_->move(Part::kQueue, Part::kDriver, "fault", Tone::kFault);
    ++records_read_;
  }
  void score(Score score) { scores_.push_back(std::move(score)); }
  std::vector<Score>& scores() { return scores_; }

  // For a scene that is thrown away: lookups count and apply invalidations (machine.hpp).
  Snapshot look();

 private:
  EngineChoice engine_;
  std::function<void()> meanwhile_;
  std::unique_ptr<Stage> stage_;
  std::unique_ptr<Guest> guest_;
  bool rogue_ = false;
  bool shows_disk_ = false;
  std::uint64_t records_read_ = 0;
  std::vector<Score> scores_;
};

}  // namespace violet::lessons
