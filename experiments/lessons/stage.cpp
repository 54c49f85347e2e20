#include "experiments/lessons/stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engine/base/check.hpp"
#include "experiments/lessons/layout.hpp"

namespace violet::lessons {

Stage::Stage(const EngineChoice& choice, Placement placement)
    : placement_(placement), machine_(make_machine(choice, now_)) {
  VIOLET_CHECK(machine_ != nullptr);
}

void Stage::move(Part from, Part to, std::string label, Tone tone) {
  const Move next{from, to, std::move(label), tone};
  // A burst of equal things is one thing that moves.
  if (moves_.empty() || moves_.back() != next) moves_.push_back(next);
}

void Stage::spend(std::uint64_t ns) {
  const Ticks end = now_ + ns;
  while (free_engine_ && next_poll_ <= end) {
    const std::size_t waiting = queued();
    if (waiting == 0 && !machine_->wants_poll()) {
      next_poll_ = end + costs_.poll;
      break;
    }
    now_ = std::max(now_, next_poll_ + waiting * costs_.execute);
    poll_once();
    next_poll_ = now_ + costs_.poll;
  }
  now_ = std::max(now_, end);
}

void Stage::let_engine_run(bool freely) {
  VIOLET_CHECK(placement_ == Placement::kSidecore);
  free_engine_ = freely;
  next_poll_ = now_ + costs_.poll;
}

std::uint32_t Stage::push(std::span<const std::byte> readable, std::uint32_t writable,
                          const std::string& label, Tone tone) {
  spend(costs_.queue);
  const std::uint32_t token = machine_->requests().push(readable, writable);
  focus_ = {Focus::Kind::kRequest, token};
  move(Part::kDriver, Part::kQueue, label, tone);
  return token;
}

std::size_t Stage::queued() const {
  const auto& views = machine_->requests().views();
  // The engine takes them in order: what it has not taken is at the end.
  std::size_t count = 0;
  for (auto at = views.rbegin(); at != views.rend(); ++at) {
    if (at->state != RequestView::State::kQueued) break;
    ++count;
  }
  return count;
}

std::size_t Stage::unanswered() const {
  const auto& views = machine_->requests().views();
  return static_cast<std::size_t>(std::count_if(views.begin(), views.end(), [](const auto& view) {
    return view.state != RequestView::State::kAnswered;
  }));
}

void Stage::engine_polls() {
  now_ += costs_.poll + queued() * costs_.execute;
  poll_once();
  next_poll_ = now_ + costs_.poll;
}

void Stage::wait_for_engine() {
  if (placement_ == Placement::kSidecore && !free_engine_) return engine_polls();
  spend(costs_.poll);
}

void Stage::engine_runs_in_exit() {
  now_ += costs_.exit + queued() * costs_.execute;
  constexpr int kMostPolls = 64;  // A reader in flight is not waited for (C5).
  for (int i = 0; i < kMostPolls; ++i) {
    poll_once();
    if (!machine_->wants_poll() && queued() == 0) break;
  }
}

void Stage::poll_once() {
  const std::uint64_t invalidations = machine_->invalidations();
  const std::size_t records = machine_->events().records().size();
  machine_->poll();
  const bool took_unmap = note_taken();
  note_store(took_unmap, invalidations);
  note_answers();
  if (machine_->events().records().size() > records) {
    focus_ = {Focus::Kind::kFault, machine_->events().records().size() - 1};
    move(Part::kEngine, Part::kQueue, "fault", Tone::kFault);
  }
}

bool Stage::note_taken() {
  bool took_unmap = false;
  for (const std::uint32_t token : machine_->requests().newly_taken()) {
    const auto& bytes = requests()[token].readable;
    focus_ = {Focus::Kind::kRequest, token};
    move(Part::kQueue, Part::kEngine, request_name(bytes), request_tone(bytes));
    took_unmap = took_unmap || unmapped_range(bytes).has_value();
  }
  return took_unmap;
}

// The engine invalidates what an UNMAP has removed; it may answer much later. A MAP that is
// answered with OK has been inserted.
void Stage::note_store(bool took_unmap, std::uint64_t invalidations_before) {
  const bool invalidated = machine_->invalidations() > invalidations_before;
  if (took_unmap && invalidated) move(Part::kEngine, Part::kStore, "remove", Tone::kUnmap);
  for (const std::uint32_t token : machine_->requests().answered()) {
    const RequestView& view = requests()[token];
    if (view.status == protocol::Status::kOk && mapped_range(view.readable)) {
      move(Part::kEngine, Part::kStore, "insert", Tone::kMap);
    }
  }
  if (!invalidated) return;
  move(Part::kEngine, Part::kNicIotlb, "invalidate", Tone::kUnmap);
  move(Part::kEngine, Part::kDiskIotlb, "invalidate", Tone::kUnmap);
}

void Stage::note_answers() {
  for (const std::uint32_t token : machine_->requests().newly_answered()) {
    const RequestView& view = requests()[token];
    focus_ = {Focus::Kind::kRequest, token};
    const bool ok = view.status == protocol::Status::kOk;
    move(Part::kEngine, Part::kQueue, status_name(view.status), ok ? Tone::kGood : Tone::kFault);
    if (!ok) continue;
    if (const auto range = unmapped_range(view.readable)) {
      for (std::uint64_t at = range->first.value; at <= range->last.value; at += kPageBytes) {
        dead_.insert(at);
      }
    }
    if (const auto range = mapped_range(view.readable)) {
      for (std::uint64_t at = range->first.value; at <= range->last.value; at += kPageBytes) {
        dead_.erase(at);
      }
    }
  }
}

std::vector<std::uint32_t> Stage::reap() {
  std::vector<std::uint32_t> tokens;
  for (const RequestView& view : requests()) {
    if (view.state != RequestView::State::kAnswered || view.seen) continue;
    tokens.push_back(view.token);
    const bool ok = view.status == protocol::Status::kOk;
    move(Part::kQueue, Part::kDriver, status_name(view.status), ok ? Tone::kGood : Tone::kFault);
  }
  for (const std::uint32_t token : tokens) machine_->requests().see(token);
  return tokens;
}

// --- an endpoint's access

void Stage::begin(unsigned endpoint, Iova iova, Access access, std::string_view data) {
  const std::uint64_t in_page = kPageBytes - 1;
  watch({{iova.value & ~in_page}, {iova.value | in_page}});
  AccessView& view = accesses_[endpoint];
  view = {};
  view.iova = iova;
  view.access = access;
  view.length = data.size();
  if (access == Access::kWrite) view.data = data;
  ++accesses_made_;
  focus_ = {Focus::Kind::kAccess, endpoint};
  spend(costs_.lookup);
  machine_->online(endpoint);
  const auto result = machine_->lookup(endpoint, iova, access);
  move(endpoint_part(endpoint), iotlb_part(endpoint), access == Access::kRead ? "read" : "write",
       Tone::kTranslate);
  view.found = result.has_value() && result->reason != protocol::FaultReason::kDomain;
  if (result) return settle(endpoint, *result);
  view.phase = AccessView::Phase::kMissed;
  view.missed = true;
}

void Stage::walk(unsigned endpoint) {
  VIOLET_CHECK(accesses_[endpoint].phase == AccessView::Phase::kMissed);
  spend(costs_.walk);
  const bool found = machine_->walk(endpoint);
  focus_ = {Focus::Kind::kAccess, endpoint};
  accesses_[endpoint].phase = AccessView::Phase::kWalked;
  accesses_[endpoint].found = found;
  move(iotlb_part(endpoint), Part::kStore, "walk", Tone::kTranslate);
  move(Part::kStore, iotlb_part(endpoint), found ? "found" : "nothing",
       found ? Tone::kTranslate : Tone::kFault);
}

void Stage::fill(unsigned endpoint) {
  VIOLET_CHECK(accesses_[endpoint].phase == AccessView::Phase::kWalked);
  settle(endpoint, machine_->fill(endpoint));
}

void Stage::settle(unsigned endpoint, const TranslateResult& result) {
  AccessView& view = accesses_[endpoint];
  view.result = result;
  focus_ = {Focus::Kind::kAccess, endpoint};
  if (result.reaches_memory()) {
    view.phase = AccessView::Phase::kGranted;
    move(iotlb_part(endpoint), endpoint_part(endpoint), fmt::format("{:#x}", result.phys.value),
         Tone::kTranslate);
    return;
  }
  view.phase = AccessView::Phase::kFault;
  ++faults_;
  move(iotlb_part(endpoint), endpoint_part(endpoint), "fault", Tone::kFault);
  if (result.outcome == Outcome::kFault) {
    machine_->report(endpoint, view.iova, view.access, result.reason);
  }
  leave(endpoint);
}

void Stage::copy_part(unsigned endpoint, std::size_t from, std::size_t to) {
  AccessView& view = accesses_[endpoint];
  const GuestPhys phys{view.result.phys.value + from};
  const Part part = endpoint_part(endpoint);
  if (is_dead(view.iova)) ++violations_;  // C1
  focus_ = {Focus::Kind::kAccess, endpoint};
  std::string label = fmt::format("{} bytes", to - from);
  if (view.access == Access::kWrite) {
    memory_.write(phys, std::string_view(view.data).substr(from, to - from));
    move(part, Part::kMemory, std::move(label), Tone::kCopy);
  } else {
    view.data += memory_.read(phys, to - from);
    move(Part::kMemory, part, std::move(label), Tone::kCopy);
  }
}

void Stage::copy_half(unsigned endpoint) {
  VIOLET_CHECK(accesses_[endpoint].phase == AccessView::Phase::kGranted);
  spend(costs_.dma / 2);
  copy_part(endpoint, 0, accesses_[endpoint].length / 2);
  accesses_[endpoint].phase = AccessView::Phase::kHalfDone;
}

void Stage::copy(unsigned endpoint) {
  AccessView& view = accesses_[endpoint];
  const bool half = view.phase == AccessView::Phase::kHalfDone;
  VIOLET_CHECK(half || view.phase == AccessView::Phase::kGranted);
  spend(half ? costs_.dma / 2 : costs_.dma);
  copy_part(endpoint, half ? view.length / 2 : 0, view.length);
  view.phase = AccessView::Phase::kDone;
}

void Stage::leave(unsigned endpoint) { machine_->offline(endpoint); }

const AccessView& Stage::dma(unsigned endpoint, Iova iova, Access access, std::string_view data) {
  begin(endpoint, iova, access, data);
  if (accesses_[endpoint].phase == AccessView::Phase::kMissed) {
    walk(endpoint);
    fill(endpoint);
  }
  if (accesses_[endpoint].phase == AccessView::Phase::kGranted) copy(endpoint);
  leave(endpoint);
  return accesses_[endpoint];
}

void Stage::watch(IovaRange range) {
  const bool known = std::any_of(ranges_.begin(), ranges_.end(),
                                 [&](const IovaRange& one) { return one.contains(range.first); });
  if (!known) ranges_.push_back(range);
}

MachineView Stage::look() {
  MachineView view = machine_->look(ranges_);
  for (const MappingView& line : view.mappings) violations_ += is_dead(line.range.first) ? 1 : 0;
  for (const EndpointView& endpoint : view.endpoints) {
    for (const MappingView& line : endpoint.cached)
      violations_ += is_dead(line.range.first) ? 1 : 0;
  }
  return view;
}

}  // namespace violet::lessons
