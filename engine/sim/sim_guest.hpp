// The guest of a simulation sends random requests, several in flight, and knows at every moment
// which memory an endpoint may still touch and what it must find.
//
// What it knows comes from the oracle, which executes each request at the moment it is sent: the device
// executes requests of one domain in order, so the answers must agree however long they take.
//
// Threading: owner-only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/base/rng.hpp"
#include "engine/device/contract_oracle.hpp"
#include "engine/device/fake_queues.hpp"
#include "engine/sim/canary_memory.hpp"
#include "engine/sim/history.hpp"

namespace violet {

// How often each request is sent, relative to each other.
struct SimWeights {
  unsigned attach = 2;
  unsigned detach = 1;
  unsigned map = 10;
  unsigned unmap = 8;
};

class SimGuest {
 public:
  struct Shape {
    std::uint64_t pages = 16;  // IOVAs in use: [0, pages) pages of every domain.
    std::size_t max_in_flight = 12;
    unsigned domains = 2;
    // One request in so many begins a removal: an endpoint is moved on while UNMAPs hold it up in both
    // domains, and the others leave the first. 0: none.
    unsigned removals = 0;
    unsigned pace = 4;  // Sends at one in so many of its turns: what is mapped must get used.
    SimWeights weights;
  };
  // What an access that begins now must find (C2).
  struct Certain {
    std::uint64_t mapping = 0;  // 0: nothing is certain.
    std::uint64_t endpoint_changes = 0;
    std::uint64_t phys = 0;
    std::uint32_t permissions = 0;
    bool operator==(const Certain&) const = default;
  };
  struct Counts {
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    std::uint64_t maps_answered = 0;
    std::uint64_t unmaps_answered = 0;
    std::uint64_t pages_poisoned = 0;
  };

  SimGuest(const DeviceConfig& config, const Shape& shape, FakeRequestQueue& queue,
           CanaryMemory& memory, Rng& rng);

  // Sends one request unless enough are in flight.
  void send(StepHistory& history, std::uint64_t step);
  // Takes the answers; a message when one is wrong.
  std::string receive(StepHistory& history, std::uint64_t step);
  // A device reset was begun: from here on nothing is certain, but all may still be used.
  void begin_reset() { resetting_ = true; }
  // It has ended.
  void forget_everything(std::uint64_t features);

  Certain certain(std::uint32_t endpoint, std::uint64_t iova) const;
  // May the endpoint still use memory of this incarnation of a domain?
  bool may_use(std::uint32_t endpoint, std::uint64_t domain_life) const;
  bool may_bypass(std::uint32_t endpoint) const;
  std::size_t in_flight() const { return sent_.size(); }
  const Counts& counts() const { return counts_; }

 private:
  using Key = std::pair<std::uint64_t, std::uint64_t>;  // Life of the domain, first address.
  struct Mapping {
    std::uint64_t number;
    std::uint64_t last;
    std::uint64_t phys;
    std::uint32_t flags;
    bool done = false;     // The MAP was answered.
    bool leaving = false;  // Its UNMAP, or its domain's end, was sent.
  };
  struct EndpointState {
    std::map<std::uint64_t, int> allowed;  // Incarnations of domains, with how many reasons.
    std::uint64_t changes = 0;             // ATTACH and DETACH sent.
    unsigned changes_in_flight = 0;
  };
  struct Sent {
    ContractOracle::Reply expected;
    std::uint8_t type;
    std::uint64_t mapping = 0;   // Of a MAP.
    std::vector<Key> removed;    // To be poisoned with the answer.
    std::uint32_t endpoint = 0;  // Of a successful change of attachment,
    std::uint64_t left = 0;      // and the incarnation that it left.
    bool changed = false;
  };

  void send_attach(Sent& sent, std::vector<std::byte>& bytes);
  void send_detach(Sent& sent, std::vector<std::byte>& bytes);
  void send_map(Sent& sent, std::vector<std::byte>& bytes);
  void send_unmap(Sent& sent, std::vector<std::byte>& bytes);
  void change_attachment(Sent& sent, std::uint32_t endpoint, std::uint64_t from,
                         std::optional<std::uint32_t> to);
  void take_removed(Sent& sent, std::uint64_t incarnation);
  void settle(const Sent& sent);
  void poison(const Key& key);
  std::uint64_t incarnation_of(std::optional<std::uint32_t> domain) const;
  void plan_removal();
  std::uint8_t next_type();
  std::uint32_t any_domain();
  std::uint32_t any_endpoint();

  DeviceConfig config_;
  Shape shape_;
  FakeRequestQueue& queue_;
  CanaryMemory& memory_;
  Rng& rng_;
  ContractOracle oracle_;
  std::map<std::uint32_t, Sent> sent_;                   // By token.
  std::map<std::uint32_t, std::uint64_t> incarnations_;  // Domain id to its present incarnation.
  std::set<std::uint64_t> bypass_incarnations_;
  std::map<Key, Mapping> mappings_;
  std::map<std::uint32_t, EndpointState> endpoints_;
  // What a removal sends next, and what is being sent; type 0: nothing is planned, all is chosen.
  struct Planned {
    std::uint8_t type = 0;
    std::uint32_t domain = 0;
    std::uint32_t endpoint = 0;
    std::uint64_t pages = 0;  // Of an UNMAP, from the first; 0: of every address.
  };
  std::deque<Planned> planned_;
  Planned now_;
  bool resetting_ = false;
  std::uint64_t next_incarnation_ = 1;
  std::uint64_t next_mapping_ = 1;
  Counts counts_;
};

}  // namespace violet
