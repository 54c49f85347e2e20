#include "engine/sim/sim_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace violet {

std::string SimReader::step(std::uint64_t now) {
  now_ = now;
  switch (state_) {
    case State::kOffline:
      return go_online();
    case State::kOnline:
      return stalled_ ? std::string() : choose_next();
    case State::kMissed:
      return take_ticket();
    case State::kTicket:
      return walk();
    case State::kWalked:
      return fill();
    case State::kCopyFirst:
      return copy(0, length_ / 2, State::kCopySecond);
    case State::kCopySecond:
      return copy(length_ / 2, length_, State::kOnline);
  }
  return {};
}

void SimReader::leave() {
  if (online()) reader_->offline();
  state_ = State::kOffline;
}

std::string SimReader::go_online() {
  reader_->online();
  state_ = State::kOnline;
  note("online");
  return {};
}

std::string SimReader::choose_next() {
  const auto pick = w_.rng.below(8);
  if (pick == 0) {
    reader_->offline();
    state_ = State::kOffline;
    note("offline");
    return {};
  }
  if (pick == 1) {
    reader_->quiescent();
    note("quiescent");
    return {};
  }
  return lookup();
}

std::string SimReader::lookup() {
  const auto& endpoints = w_.device.config().endpoints;
  const EndpointId id = endpoints[w_.rng.below(endpoints.size())].id;
  endpoint_ = w_.device.endpoint(id).value();
  iova_ = {w_.rng.below(pages_) * CanaryMemory::kPageBytes + w_.rng.below(2) * 100};
  access_ = w_.rng.below(2) == 0 ? Access::kRead : Access::kWrite;
  certain_ = w_.guest.certain(id.value, iova_.value);
  ++counts_.accesses;
  route_ = reader_->reader().route(endpoint_, iova_);
  if (route_.domain == nullptr) return finish(route_.result);
  serial_ = static_cast<const WatchedStore&>(*route_.domain->store).serial();
  note("lookup", iova_.value, id.value);
  if (const auto hit = reader_->lookup(*route_.domain, iova_)) {
    ++counts_.hits;
    return finish(grant(*hit, access_, true));
  }
  state_ = State::kMissed;
  return {};
}

std::string SimReader::take_ticket() {
  if (!alive()) return freed("begin_fill");
  reader_->begin_fill(*route_.domain, iova_);
  state_ = State::kTicket;
  note("begin_fill");
  return {};
}

std::string SimReader::walk() {
  if (!alive()) return freed("walk");
  translation_ = route_.domain->store->translate(iova_);
  ++counts_.walks;
  state_ = State::kWalked;
  note("walk", translation_ ? translation_->at(iova_).value : ~std::uint64_t{0});
  return {};
}

std::string SimReader::fill() {
  if (!alive()) return freed("fill");
  if (translation_) {
    reader_->fill(*route_.domain, iova_, *translation_);
    note("fill");
  }
  return finish(grant(translation_, iova_, access_));
}

std::string SimReader::finish(const TranslateResult& result) {
  state_ = State::kOnline;
  result_ = result;
  note("translated", result.phys.value, static_cast<std::uint64_t>(result.outcome));
  if (auto problem = check_certain(); !problem.empty()) return problem;
  if (!result.reaches_memory()) {
    ++counts_.faults;
    if (result.outcome == Outcome::kFault) {
      reader_->reader().report(endpoint_, iova_, access_, result.reason);
    }
    return {};
  }
  length_ = std::min<std::uint64_t>(result.bytes_left, 1 + w_.rng.below(6000));
  state_ = State::kCopyFirst;
  return {};
}

std::string SimReader::check_certain() {
  if (certain_.mapping == 0) return {};
  if (w_.guest.certain(endpoint_->id.value, iova_.value) != certain_) return {};
  ++counts_.certain;
  const bool allowed = allows(static_cast<Permissions>(certain_.permissions), access_);
  if (allowed != (result_.outcome == Outcome::kMapped)) {
    return fmt::format("C2: mapping {} at {:#x} was {}", certain_.mapping, iova_.value,
                       allowed ? "not found" : "used beyond its permissions");
  }
  if (allowed && result_.phys.value != certain_.phys) {
    return fmt::format("C2: {:#x} led to {:#x} instead of {:#x}", iova_.value, result_.phys.value,
                       certain_.phys);
  }
  return {};
}

std::string SimReader::copy(std::uint64_t from, std::uint64_t to, State next) {
  state_ = next;
  ++counts_.copies;
  note("copy", result_.phys.value + from, to - from);
  if (result_.outcome == Outcome::kBypass) {
    if (w_.guest.may_bypass(endpoint_->id.value)) return {};
    return fmt::format("C1: endpoint {} bypasses after its DETACH", endpoint_->id.value);
  }
  const std::uint64_t mapping = mapping_at(result_.phys.value);
  for (std::uint64_t at = from; at < to; at = next_page(at)) {
    if (auto problem = check_page(at, mapping); !problem.empty()) return problem;
  }
  return {};
}

std::string SimReader::check_page(std::uint64_t offset, std::uint64_t mapping) {
  const std::uint64_t phys = result_.phys.value + offset;
  const auto* page = w_.memory.page_at(phys);
  if (page == nullptr) return fmt::format("C3: {:#x} was never mapped", phys);
  if (page->poisoned) {
    return fmt::format("C1: endpoint {} touches {:#x} of mapping {} after its removal was answered",
                       endpoint_->id.value, phys, page->mapping);
  }
  if (!w_.guest.may_use(endpoint_->id.value, page->domain_life)) {
    return fmt::format("C1: endpoint {} touches {:#x} after its DETACH was answered",
                       endpoint_->id.value, phys);
  }
  const bool right_place =
      page->iova / CanaryMemory::kPageBytes == (iova_.value + offset) / CanaryMemory::kPageBytes;
  if (page->mapping != mapping || !right_place) {
    return fmt::format("C3: {:#x} mixes mappings {} and {}", phys, mapping, page->mapping);
  }
  if (!allows(static_cast<Permissions>(page->permissions), access_)) {
    return fmt::format("C3: mapping {} does not allow this access", mapping);
  }
  if (certain_.mapping != 0 && w_.guest.certain(endpoint_->id.value, iova_.value) != certain_) {
    ++counts_.overtaken;
  }
  return {};
}

std::uint64_t SimReader::next_page(std::uint64_t offset) const {
  const std::uint64_t at = result_.phys.value + offset;
  return offset + CanaryMemory::kPageBytes - at % CanaryMemory::kPageBytes;
}

std::uint64_t SimReader::mapping_at(std::uint64_t phys) const {
  const auto* page = w_.memory.page_at(phys);
  return page != nullptr ? page->mapping : 0;
}

std::string SimReader::freed(const char* where) {
  return fmt::format("C6: the domain was freed under a reader before {}", where);
}

void SimReader::note(const char* what, std::uint64_t a, std::uint64_t b) {
  w_.history.note(now_, "reader", number_, what, a, b);
}

}  // namespace violet
