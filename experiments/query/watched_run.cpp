#include "experiments/query/watched_run.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/counted.hpp"

namespace violet::query {
namespace {

bool same_cell(const CellInfo& a, const CellInfo& b) {
  return a.cell_id == b.cell_id && a.repetition == b.repetition;
}

const CellInfo* find_cell(const std::vector<CellInfo>& cells, const CellInfo& like) {
  const auto found = std::find_if(cells.begin(), cells.end(),
                                  [&](const CellInfo& one) { return same_cell(one, like); });
  return found == cells.end() ? nullptr : &*found;
}

class WatchedRun : public RunQueries {
 public:
  WatchedRun(std::shared_ptr<RunQueries> recording, RunQueries& live)
      : recording_(std::move(recording)) {
    const bool died = live.progress().state == RunProgress::State::kDied;
    const auto recorded = recording_->cells(), seen = live.cells();
    // Both are in order of time, and so is what comes of them.
    std::size_t next = 0;
    const auto take_recorded = [&](std::size_t end) {
      for (; next < end; ++next) {
        if (find_cell(seen, recorded[next]) == nullptr) places_.push_back({next, nullptr});
      }
    };
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const CellInfo* other = find_cell(recorded, seen[i]);
      const auto at = other == nullptr ? next : static_cast<std::size_t>(other - recorded.data());
      if (at > next) take_recorded(at);
      if (other != nullptr && !(died && seen[i].events > other->events)) {
        places_.push_back({at, nullptr});
        continue;
      }
      auto cell = live.open_cell(i, {});
      if (cell) places_.push_back({0, std::move(*cell)});
    }
    take_recorded(recorded.size());
  }

  std::string name() const override { return recording_->name(); }
  std::string path() const override { return recording_->path(); }
  std::string damage() const override { return recording_->damage(); }
  std::string no_cells_because() const override {
    return places_.empty() ? recording_->no_cells_because() : std::string();
  }
  std::vector<CellInfo> cells() const override {
    const auto recorded = recording_->cells();
    std::vector<CellInfo> infos;
    for (const Place& place : places_) {
      infos.push_back(place.live ? place.live->info() : recorded[place.recorded]);
      infos.back().unrecorded = place.live != nullptr;
    }
    return infos;
  }
  Result<std::shared_ptr<const CellQueries>> open_cell(std::size_t index,
                                                       const OpenProgress& progress) override {
    if (index >= places_.size()) {
      return fail("{}: has {}, and no number {}", path(), counted(places_.size(), "cell"), index);
    }
    const Place& place = places_[index];
    if (place.live) return place.live;
    return recording_->open_cell(place.recorded, progress);
  }

 private:
  struct Place {
    std::size_t recorded;                     // Of the recording, or
    std::shared_ptr<const CellQueries> live;  // what was seen.
  };
  std::shared_ptr<RunQueries> recording_;
  std::vector<Place> places_;
};

}  // namespace

std::shared_ptr<RunQueries> join_watched(std::shared_ptr<RunQueries> recording, RunQueries& live) {
  return std::make_shared<WatchedRun>(std::move(recording), live);
}

Result<std::shared_ptr<RunQueries>> open_watched(const std::shared_ptr<RunQueries>& live) {
  VIOLET_TRY(auto recording, open_run(live->path()));
  return join_watched(std::move(recording), *live);
}

}  // namespace violet::query
