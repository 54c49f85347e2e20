#include "experiments/lessons/scene.hpp"

#include <algorithm>
#include <set>

namespace violet::lessons {

std::uint64_t Snapshot::stale_pages() const {
  std::set<std::uint64_t> stale;
  const auto collect = [&](const std::vector<MappingView>& lines, const std::vector<bool>& marks) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!marks[i]) continue;
      for (std::uint64_t at = lines[i].range.first.value; at <= lines[i].range.last.value;
           at += kPageBytes) {
        stale.insert(at);
      }
    }
  };
  collect(machine.mappings, given_back);
  for (unsigned i = 0; i < kEndpointCount; ++i) {
    collect(machine.endpoints[i].cached, cached_given_back[i]);
  }
  return stale.size();
}

Snapshot Scene::look() {
  Snapshot shot;
  shot.engine = engine_;
  shot.placement = stage_->placement();
  shot.strategy = guest_->options().strategy;
  shot.settings = guest_->settings();
  shot.costs = stage_->costs();
  shot.now = stage_->now();
  shot.machine = stage_->look();
  shot.requests = stage_->requests();
  shot.records = stage_->machine().events().records();
  shot.buffers = guest_->buffers();
  const auto marks = [&](const std::vector<MappingView>& lines) {
    std::vector<bool> given_back;
    for (const MappingView& line : lines)
      given_back.push_back(guest_->given_back(line.range.first));
    return given_back;
  };
  shot.given_back = marks(shot.machine.mappings);
  for (unsigned i = 0; i < kEndpointCount; ++i) {
    shot.cached_given_back[i] = marks(shot.machine.endpoints[i].cached);
    shot.accesses[i] = stage_->access(i);
  }
  shot.guest = guest_->counters();
  shot.silent_maps = guest_->silent_maps();
  shot.locked_out = guest_->locked_out();
  shot.exposure = guest_->exposure();
  shot.pages = stage_->memory().pages();
  shot.access_count = stage_->accesses();
  shot.fault_count = stage_->faults();
  shot.focus = stage_->focus();
  shot.rogue = rogue_;
  shot.shows_disk = shows_disk_;
  shot.records_read = records_read_;
  shot.scores = scores_;
  shot.violations = stage_->violations();
  return shot;
}

}  // namespace violet::lessons
