// The loop: requests in, answers out, nothing waited for.
//
// Threading: the engine thread only. Invariants and limits: see device.hpp, which includes this file.
#pragma once

#include "engine/device/device.hpp"

namespace violet {

template <DomainStore S, Iotlb I>
unsigned Device<S, I>::poll(unsigned budget) {
  counters_.polls.add();
  unsigned work = 0;
  removals_left_ = std::max(settings_.unmap_slice, slicing_ + 1);
  if (resetting_) finish_reset();
  if (!parked_.empty()) work += complete_parked();
  if (!deferred_.empty()) work += retry_deferred();
  removals_left_ += budget;
  const unsigned served = serve_queue(budget);
  work += served;
  if (parked_.has_unsealed()) {
    seal();
    work += complete_parked();  // At once, when every reader is offline.
  }
  flush();
  work += post_faults();
  work += bury(served);
  work += collect_garbage(served);
  watch_for_stall();
  check_rings();
  if (work > 0) counters_.useful_polls.add();
  return work;
}

template <DomainStore S, Iotlb I>
unsigned Device<S, I>::serve_queue(unsigned budget) {
  if (requests_ == nullptr || resetting_ || needs_reset_) return 0;
  unsigned served = 0;
  while (served < budget) {
    const std::size_t room = settings_.limits.in_flight - requests_in_hand();
    const std::size_t want = std::min<std::size_t>({budget - served, kBurst, room});
    const std::size_t count = requests_->pop(std::span(burst_).first(want));
    if (count > 1) prefetch(std::span<const Request>(burst_).first(count));
    for (std::size_t i = 0; i < count; ++i) serve(burst_[i]);
    served += static_cast<unsigned>(count);
    if (count < kBurst) break;
  }
  return served;
}

// The lines of the store that a burst of requests will touch, all on their way before the first is used.
// MAP and UNMAP have domain and first address in the same place. Only a hint: decode() decides later.
template <DomainStore S, Iotlb I>
void Device<S, I>::prefetch(std::span<const Request> burst) {
  if constexpr (requires(const S& store, Iova iova) { store.prefetch(iova); }) {
    static_assert(offsetof(protocol::Map, domain) == offsetof(protocol::Unmap, domain));
    static_assert(offsetof(protocol::Map, virt_start) == offsetof(protocol::Unmap, virt_start));
    for (const Request& request : burst) {
      if (request.readable < sizeof(protocol::Unmap)) continue;
      DomainId id;
      Iova first;
      std::memcpy(&id, request.bytes.data() + offsetof(protocol::Map, domain), sizeof(id));
      std::memcpy(&first, request.bytes.data() + offsetof(protocol::Map, virt_start),
                  sizeof(first));
      const D* domain = find_domain(id);
      if (domain != nullptr && !domain->bypass) domain->store->prefetch(first);
    }
  }
}

template <DomainStore S, Iotlb I>
void Device<S, I>::serve(const Request& request) {
  const ReplyTo to{request.token, request.writable};
  if (request.writable < sizeof(protocol::Tail)) {
    counters_.requests[0].add();
    settle(to, {Verdict::kSilent});  // No room for a status.
    return;
  }
  const auto valid = std::min<std::size_t>(request.readable, kMaxRequestBytes);
  protocol::decode(std::span(request.bytes).first(valid),
                   [&](const auto& typed) { handle(typed, to); });
}

inline std::size_t type_index(const protocol::UnknownRequest& /*request*/) { return 0; }
inline std::size_t type_index(const protocol::ShortRequest& request) {
  return static_cast<std::size_t>(request.type);
}
inline std::size_t type_index(const protocol::AttachRequest& /*request*/) { return 1; }
inline std::size_t type_index(const protocol::DetachRequest& /*request*/) { return 2; }
inline std::size_t type_index(const protocol::MapRequest& /*request*/) { return 3; }
inline std::size_t type_index(const protocol::UnmapRequest& /*request*/) { return 4; }
inline std::size_t type_index(const protocol::ProbeRequest& /*request*/) { return 5; }

template <DomainStore S, Iotlb I>
template <class R>
void Device<S, I>::handle(const R& request, ReplyTo to) {
  counters_.requests[type_index(request)].add();
  UnmapProgress progress;
  if (deferred_.empty() || !deferred_.concerns(keys_of(request))) [[likely]] {
    const Verdict verdict = run(request, to, progress);
    if (verdict.kind != Verdict::kRetry) [[likely]]
      return settle(to, verdict);
  }
  counters_.deferred.add();
  deferred_.push({request, to, progress, keys_of(request)});
}

template <DomainStore S, Iotlb I>
auto Device<S, I>::keys_of_domain(DomainId domain) -> Keys {
  Keys keys;
  keys.add(domain);
  return keys;
}

template <DomainStore S, Iotlb I>
auto Device<S, I>::keys_of(const protocol::AttachRequest& request) -> Keys {
  Keys keys = keys_of_domain(request.domain);
  keys.endpoint = find_endpoint(request.endpoint);
  if (keys.endpoint != nullptr && keys.endpoint->domain != nullptr) {
    keys.add(keys.endpoint->domain->id);
  }
  return keys;
}

template <DomainStore S, Iotlb I>
auto Device<S, I>::keys_of(const protocol::DetachRequest& request) -> Keys {
  Keys keys = keys_of_domain(request.domain);
  keys.endpoint = find_endpoint(request.endpoint);
  return keys;
}

template <DomainStore S, Iotlb I>
unsigned Device<S, I>::retry_deferred() {
  return deferred_.retry(kRetryLimit, [this](auto& entry) { return retry(entry); });
}

template <DomainStore S, Iotlb I>
bool Device<S, I>::retry(typename Deferred::Entry& entry) {
  const Verdict verdict =
      std::visit([&](const auto& request) { return run(request, entry.reply, entry.progress); },
                 entry.request);
  if (verdict.kind == Verdict::kRetry) return false;
  settle(entry.reply, verdict);
  return true;
}

template <DomainStore S, Iotlb I>
void Device<S, I>::settle(ReplyTo to, const Verdict& verdict) {
  if (verdict.kind == Verdict::kSilent) {
    counters_.silent.add();
    return give_back({to.token, 0, 0, 0}, nullptr);
  }
  const Completion completion{to.token, verdict.used, verdict.tail_offset,
                              static_cast<std::uint8_t>(verdict.status)};
  if (verdict.kind == Verdict::kPark) return park(completion);
  if (verdict.kind == Verdict::kFollow && !parked_.empty()) return follow(completion);
  counters_.statuses[completion.status].add();
  give_back(completion, nullptr);
}

template <DomainStore S, Iotlb I>
void Device<S, I>::park(const Completion& completion) {
  parking_.completion = completion;
  parked_.push(parking_);
  counters_.parked.add();
}

template <DomainStore S, Iotlb I>
void Device<S, I>::follow(const Completion& completion) {
  Parked<D> follower;
  follower.completion = completion;
  parked_.push_follower(follower);
  counters_.parked.add();
}

template <DomainStore S, Iotlb I>
void Device<S, I>::seal() {
  counters_.grace_periods.add();
  parked_.seal(quiescence_.start(), ticks_());
}

template <DomainStore S, Iotlb I>
unsigned Device<S, I>::complete_parked() {
  unsigned completed = 0;
  while (parked_.has_sealed() && completed < kUnparkLimit && is_complete(parked_.front())) {
    unpark(parked_.front());
    parked_.pop();
    ++completed;
  }
  const std::uint64_t now = counters_.parked_now();
  const std::uint64_t most = counters_.parked_max.value();
  if (now > most) counters_.parked_max.add(now - most);
  return completed;
}

template <DomainStore S, Iotlb I>
void Device<S, I>::unpark(const Parked<D>& parked) {
  if (D* domain = parked.unmapping; domain != nullptr) {
    if (--domain->invalidations_in_flight == 0) domain->invalidating.clear();
  }
  if (parked.dying != nullptr) condemn(parked.dying);
  counters_.unparked.add();
  counters_.statuses[parked.completion.status].add();
  give_back(parked.completion, &parked);
}

template <DomainStore S, Iotlb I>
void Device<S, I>::give_back(const Completion& completion, const Parked<D>* parked) {
  if (completion_count_ == kCompletions) flush();
  completions_[completion_count_++] = completion;
  if (parked != nullptr && parked->unmapping != nullptr && probe_.on()) {
    unmapped_[unmapped_count_++] = {parked->unmapping->id, parked->range};
  }
}

template <DomainStore S, Iotlb I>
void Device<S, I>::flush() {
  if (completion_count_ == 0) return;
  // Before the guest can see the answer: its own stamp of the same unmap must not be the earlier one.
  const Ticks now = unmapped_count_ > 0 ? ticks_() : 0;
  if (requests_ != nullptr) requests_->complete(std::span(completions_).first(completion_count_));
  completion_count_ = 0;
  for (const auto& unmapped : std::span(unmapped_).first(unmapped_count_)) {
    probe_.record(now, EventKind::kUnmapCompleted, unmapped.domain.value,
                  unmapped.range.first.value, unmapped.range.last.value);
  }
  unmapped_count_ = 0;
}

// C5: the reader that holds the oldest parked request, or the reset, is named, once for each that it
// holds in front.
template <DomainStore S, Iotlb I>
void Device<S, I>::watch_for_stall() {
  if (resetting_ && !reset_stall_reported_) {
    reset_stall_reported_ = name_laggard(reset_grace_, last_invalidation_, reset_since_);
  }
  if (parked_.has_sealed() && stall_reported_ != parked_.front_number()) {
    const Parked<D>& oldest = parked_.front();
    if (name_laggard(oldest.grace, oldest.invalidation, oldest.since)) {
      stall_reported_ = parked_.front_number();
    }
  }
}

// False while there is nobody to name: a reader between two lookups may hold things up unseen.
template <DomainStore S, Iotlb I>
bool Device<S, I>::name_laggard(Quiescence::Token grace, InvalidationToken invalidation,
                                Ticks since) {
  const Ticks waited = ticks_() - since;
  if (waited < settings_.stall_threshold) return false;
  auto laggard = quiescence_.laggard(grace);
  if (!laggard && invalidation != kNoInvalidation) laggard = iotlb_.laggard(invalidation);
  if (laggard) report_stall(*laggard, waited);
  return laggard.has_value();
}

template <DomainStore S, Iotlb I>
void Device<S, I>::report_stall(ReaderId reader, Ticks waited) {
  counters_.stalls.add();
  probe_.record(ticks_(), EventKind::kInvalidationStalled, reader.value, waited, 0);
  if (stall_callback_ == nullptr) return;
  stall_callback_(stall_context_, {reader, quiescence_.reader_name(reader), waited});
}

template <DomainStore S, Iotlb I>
unsigned Device<S, I>::post_faults() {
  if (resetting_) return 0;
  return path_.take_faults(kFaultLimit, [this](const protocol::FaultReport& fault) {
    // D50: the endpoint id is one of ours, the report came from its handle.
    const auto record = protocol::encode_fault(fault);
    const auto result = events_ != nullptr ? events_->post(record) : PostResult::kNoBuffer;
    if (result == PostResult::kPosted) counters_.faults_posted.add();
    if (result == PostResult::kNoBuffer) counters_.faults_no_buffer.add();
    if (result == PostResult::kBufferTooSmall) counters_.faults_too_small.add();  // D52
  });
}

template <DomainStore S, Iotlb I>
void Device<S, I>::check_rings() {
  const bool broken =
      (requests_ != nullptr && requests_->broken()) || (events_ != nullptr && events_->broken());
  if (!broken || needs_reset_) return;
  counters_.broken_rings.add();
  need_reset();
}

}  // namespace violet
