// The contract oracle answers as the specification says, in the plainest form: one request at a
// time, lists searched from end to end, nothing published, cached or deferred. Tests compare with
// its answers those of the device, and what an endpoint may reach. The oracle reads the wire by
// offsets of its own and shares no code with the device.
//
// Threading: owner-only.
// Limits: slow; models every limit except memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "engine/device/config.hpp"
#include "engine/device/reader.hpp"

namespace violet {

class ContractOracle {
 public:
  struct Mapped {
    std::uint64_t first;
    std::uint64_t last;
    std::uint64_t phys;
    std::uint32_t flags;
    std::uint32_t domain;
  };
  struct Reply {
    bool silent = false;  // Given back with used length 0.
    protocol::Status status = protocol::Status::kOk;
    std::uint32_t tail_offset = 0;
  };
  struct Reached {
    Outcome outcome;
    protocol::FaultReason reason;  // With kFault.
    std::uint64_t phys;            // With kMapped and kBypass.
  };

  explicit ContractOracle(const DeviceConfig& config);

  void negotiate(std::uint64_t features) { negotiated_ = features; }
  void set_bypass(bool on) { bypass_ = on; }
  void reset();
  Reply execute(std::span<const std::byte> readable, std::uint32_t writable);
  // What the last execute() unmapped, by UNMAP or because a domain lost its last endpoint.
  const std::vector<Mapped>& removed() const { return removed_; }

  Reached reach(std::uint32_t endpoint, std::uint64_t iova, Access access) const;
  // The domain that the endpoint is attached to.
  std::optional<std::uint32_t> domain_of(std::uint32_t endpoint) const;
  bool has_domain(std::uint32_t domain) const { return domains_.count(domain) != 0; }
  std::vector<Mapped> mappings() const;

 private:
  struct OneDomain {
    bool bypass = false;
    std::set<std::uint32_t> endpoints;
    std::vector<Mapped> mappings;
  };
  using Status = protocol::Status;
  using Bytes = std::span<const std::byte>;

  Status attach(Bytes request);
  Status detach(Bytes request);
  Status map(Bytes request);
  Status unmap(Bytes request);
  Reply probe(Bytes request, std::uint32_t writable) const;
  bool fits(const OneDomain& domain, std::uint32_t endpoint) const;
  bool hits_reserved(const OneDomain& domain, std::uint64_t first, std::uint64_t last) const;
  void remove_endpoint(std::uint32_t endpoint);
  const EndpointConfig* endpoint(std::uint32_t id) const;
  bool offers(unsigned bit) const { return ((config_.features >> bit) & 1) != 0; }
  bool negotiated(unsigned bit) const { return ((negotiated_ >> bit) & 1) != 0; }

  DeviceConfig config_;
  std::uint64_t negotiated_ = 0;
  bool bypass_;
  std::map<std::uint32_t, OneDomain> domains_;
  std::vector<Mapped> removed_;
};

}  // namespace violet
