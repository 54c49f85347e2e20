// The deferred list keeps requests that could not be executed yet, because their store was being read under its lock or an
// UNMAP is being done in slices, and those that came later and concern the same domain or endpoint.
//
// Threading: the engine thread only.
// Invariants: requests that name the same domain or endpoint run in the order they came; others
// overtake. An ATTACH also names the domain that its endpoint will leave, which the ATTACHes ahead of
// it decide: the next one of an endpoint gets its keys anew when one has run. Memory is allocated at construction.
// Limits: capacity is fixed; the caller takes no more from the queue than fits.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/flat_table.hpp"
#include "engine/base/types.hpp"
#include "engine/device/domain.hpp"
#include "engine/device/queues.hpp"
#include "engine/protocol/wire.hpp"
#include "engine/store/domain_store.hpp"

namespace violet {

// How far an UNMAP got before it was put off.
struct UnmapProgress {
  UnmapCursor cursor;
  Ticks began = 0;  // Just before the first removal, when events are recorded.
};

// What a request concerns, for the order: up to two domains and an endpoint.
struct RequestKeys {
  std::array<DomainId, 2> domains{};
  unsigned domain_count = 0;
  Endpoint* endpoint = nullptr;

  void add(DomainId domain) {
    if (domain_count == 0 || domains[0] != domain) domains[domain_count++] = domain;
  }
};

class DeferredList {
 public:
  using Keys = RequestKeys;
  struct Entry {
    Request request{};
    UnmapProgress progress;
    Keys keys;
  };

  explicit DeferredList(std::size_t capacity) : nodes_(capacity), waiting_(2 * capacity) {
    clear();
  }

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // Is an earlier request about one of these still waiting?
  bool concerns(const Keys& keys) {
    if (keys.endpoint != nullptr && keys.endpoint->waiting > 0) return true;
    for (unsigned i = 0; i < keys.domain_count; ++i) {
      if (waiting_.find(keys.domains[i].value) != nullptr) return true;
    }
    return false;
  }

  // ATTACHes and DETACHes that wait, the one that runs now included.
  std::size_t attachments() const { return attachments_; }
  // Is one still waiting ahead of the request that runs now? It may make or end a domain.
  bool attachment_ahead() const {
    return retrying_ ? attachment_blocked_in_ == scan_ : attachments_ > 0;
  }

  void push(const Entry& entry) {
    VIOLET_CHECK(free_ != kNone);
    const std::uint32_t at = free_;
    free_ = nodes_[at].next;
    nodes_[at].entry = entry;
    nodes_[at].next = kNone;
    (tail_ != kNone ? nodes_[tail_].next : head_) = at;
    tail_ = at;
    ++size_;
    for_each_key(entry.keys, [](auto& waiting) { ++waiting.count; });
    if (entry.keys.endpoint == nullptr) return;
    ++entry.keys.endpoint->waiting;
    ++attachments_;
  }

  // Runs the entries in order, at most `limit` of them, passing over those behind one that could not
  // run: run(entry) says whether it is finished with. Returns how many were.
  template <class Run>
  unsigned retry(unsigned limit, Run&& run) {
    ++scan_;
    retrying_ = true;
    unsigned finished = 0;
    std::uint32_t before = kNone;
    for (std::uint32_t at = head_; at != kNone && limit > 0;) {
      const std::uint32_t next = nodes_[at].next;
      const bool may_run = !blocked(nodes_[at].entry.keys);
      if (may_run) --limit;
      if (may_run && run(nodes_[at].entry)) {
        tell_next_attach(at);
        remove(before, at);
        ++finished;
      } else {
        block(nodes_[at].entry.keys);
        before = at;
      }
      at = next;
    }
    retrying_ = false;
    return finished;
  }

  template <class Visit>
  void drain(Visit&& visit) {
    for (std::uint32_t at = head_; at != kNone; at = nodes_[at].next) {
      visit(nodes_[at].entry);
      if (nodes_[at].entry.keys.endpoint != nullptr) nodes_[at].entry.keys.endpoint->waiting = 0;
    }
    clear();
  }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Waiting {
    std::uint32_t count = 0;
    std::uint64_t blocked_in = 0;
  };
  struct Node {
    Entry entry;
    std::uint32_t next = kNone;
  };

  template <class Visit>
  void for_each_key(const Keys& keys, Visit&& visit) {
    for (unsigned i = 0; i < keys.domain_count; ++i) {
      visit(*waiting_.insert(keys.domains[i].value, {}).first);
    }
  }

  bool blocked(const Keys& keys) {
    if (keys.endpoint != nullptr && keys.endpoint->blocked_in == scan_) return true;
    for (unsigned i = 0; i < keys.domain_count; ++i) {
      const Waiting* waiting = waiting_.find(keys.domains[i].value);
      if (waiting != nullptr && waiting->blocked_in == scan_) return true;
    }
    return false;
  }

  // Of those that name an endpoint, the others are ATTACHes.
  static bool is_detach(const Entry& entry) {
    return static_cast<protocol::Type>(entry.request.bytes[0]) == protocol::Type::kDetach;
  }

  // The request at `ran` may have moved its endpoint: the next ATTACH of it leaves another domain than
  // when it came. Only the next, because the others are behind that one.
  void tell_next_attach(std::uint32_t ran) {
    Endpoint* const endpoint = nodes_[ran].entry.keys.endpoint;
    if (endpoint == nullptr || endpoint->waiting < 2) return;
    for (std::uint32_t at = nodes_[ran].next; at != kNone; at = nodes_[at].next) {
      Keys& keys = nodes_[at].entry.keys;
      if (keys.endpoint != endpoint || is_detach(nodes_[at].entry)) continue;
      forget_domains(keys);
      keys.domain_count = 1;
      if (endpoint->domain != nullptr) keys.add(endpoint->domain->id);
      return for_each_key(keys, [](Waiting& waiting) { ++waiting.count; });
    }
  }

  void forget_domains(const Keys& keys) {
    for (unsigned i = 0; i < keys.domain_count; ++i) {
      if (--waiting_.find(keys.domains[i].value)->count == 0) {
        waiting_.erase(keys.domains[i].value);
      }
    }
  }

  void block(const Keys& keys) {
    for_each_key(keys, [this](Waiting& waiting) { waiting.blocked_in = scan_; });
    if (keys.endpoint == nullptr) return;
    keys.endpoint->blocked_in = scan_;
    attachment_blocked_in_ = scan_;
  }

  void remove(std::uint32_t before, std::uint32_t at) {
    const Keys keys = nodes_[at].entry.keys;
    (before != kNone ? nodes_[before].next : head_) = nodes_[at].next;
    if (tail_ == at) tail_ = before;
    nodes_[at].next = free_;
    free_ = at;
    --size_;
    forget_domains(keys);
    if (keys.endpoint == nullptr) return;
    --keys.endpoint->waiting;
    --attachments_;
  }

  void clear() {
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i].next = i + 1 < nodes_.size() ? i + 1 : kNone;
    }
    head_ = tail_ = kNone;
    free_ = nodes_.empty() ? kNone : 0;
    size_ = 0;
    attachments_ = 0;
    waiting_.clear();
  }

  std::vector<Node> nodes_;
  FlatTable<Waiting> waiting_;  // By domain id; an entry lives while its count is above zero.
  std::uint64_t scan_ = 0;
  std::uint64_t attachment_blocked_in_ = 0;
  std::size_t attachments_ = 0;  // Entries with an endpoint: ATTACH and DETACH.
  bool retrying_ = false;
  std::uint32_t head_ = kNone;
  std::uint32_t tail_ = kNone;
  std::uint32_t free_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace violet
