#include "experiments/lessons/stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engine/base/check.hpp"
#include "engine/protocol/wire.hpp"
#include "experiments/lessons/layout.hpp"

namespace violet::lessons {

namespace {

// Two descriptors a request; the ring fits into one page, in front of Memory::kFirstPage.
constexpr std::uint32_t kRingSize = 64;
// A larger MAP is one of all memory, not of a page that a strategy keeps for itself.
constexpr std::uint64_t kMostPoolPages = 128;

QueueLayout ring_layout(Memory& memory) {
  VIOLET_CHECK(QueueLayout::bytes(RingFormat::kSplit, kRingSize) <= kPageBytes);
  return QueueLayout::at(RingFormat::kSplit, kRingSize, *memory.allocator().allocate());
}

}  // namespace

Stage::Stage(const EngineChoice& choice, Placement placement)
    : placement_(placement),
      ring_(memory_.guest(), ring_layout(memory_), placement == Placement::kSidecore, now_, *this),
      machine_(make_machine(choice, now_, ring_)) {
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

std::size_t Stage::queued() const {
  const auto& views = requests();
  // The engine takes them in order: what it has not taken is at the end.
  std::size_t count = 0;
  for (auto at = views.rbegin(); at != views.rend(); ++at) {
    if (at->state != RequestView::State::kQueued) break;
    ++count;
  }
  return count;
}

// --- moments

bool Stage::hold(Moment moment) {
  if (wanted_ != moment || abandoned_) return false;
  wanted_ = Moment::kNever;
  held_ = moment;
  VIOLET_CHECK(meanwhile_ != nullptr);
  meanwhile_();
  VIOLET_CHECK(!held());
  return true;
}

void Stage::go_on(Moment until) {
  VIOLET_CHECK(held());
  held_ = Moment::kNever;
  wanted_ = until;
}

void Stage::abandon() {
  abandoned_ = true;
  for (unsigned i = 0; i < kEndpointCount; ++i) machine_->close(i);
  if (held()) go_on();
}

void Stage::before_request() {
  settle_copies();
  hold(Moment::kBeforeRequest);
  spend(costs_.queue);
}

void Stage::written(const RequestView& request) {
  focus_ = {Focus::Kind::kRequest, request.token};
  move(Part::kDriver, Part::kQueue, request_name(request.readable), request_tone(request.readable));
  const auto decoded = protocol::decode(request.readable);
  const auto* map = std::get_if<protocol::Map>(&decoded);
  if (map == nullptr) return;
  const auto [range, phys, permissions] = protocol::mapping_of(*map);
  watch(range);
  const std::uint64_t pages = range.size_minus_one() / kPageBytes + 1;
  if (pages <= kMostPoolPages) memory_.name_unnamed(phys, pages, "pool slot");
}

void Stage::read(const RequestView& request) {
  const bool ok = request.status == protocol::Status::kOk;
  move(Part::kQueue, Part::kDriver, status_name(request.status), ok ? Tone::kGood : Tone::kFault);
}

void Stage::settle_copies() {
  const std::uint64_t bytes = counters_.bytes_copied - copies_settled_;
  if (bytes == 0) return;
  copies_settled_ = counters_.bytes_copied;
  spend(costs_.copy_4k * bytes / kPageBytes);
  move(Part::kMemory, Part::kDriver, "copy", Tone::kCopy);
  move(Part::kDriver, Part::kMemory, "copy", Tone::kCopy);
}

// A polling sidecore has switched notifications off: then the driver does not ring.
void Stage::kick() {
  move(Part::kDriver, Part::kQueue, "kick");
  engine_runs_in_exit();
}

void Stage::while_spinning() {
  if (hold(Moment::kWaiting)) return;  // Whoever held the call has let the engine run.
  if (placement_ == Placement::kSidecore && !free_engine_) return engine_polls();
  spend(costs_.poll);
  if (placement_ == Placement::kSamecore) poll_once();
}

// --- the engine

void Stage::engine_polls() {
  now_ += costs_.poll + queued() * costs_.execute;
  poll_once();
  next_poll_ = now_ + costs_.poll;
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
  for (const std::uint32_t token : ring_.newly_taken()) {
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
  for (const std::uint32_t token : ring_.answered()) {
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
  for (const std::uint32_t token : ring_.newly_answered()) {
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
