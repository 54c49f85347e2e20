// AnyIotlb puts the hit path of an IOTLB, of whichever design, behind virtual calls: for tests, fuzzers and
// the simulation. What runs behind the calls is the design's own code.
//
// Threading: as iotlb.hpp; an object belongs to the thread of its reader.
// Limits: slow: a burst is allocated.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <type_traits>

#include "engine/iotlb/iotlb.hpp"

namespace violet {

class AnyIotlbReader {
 public:
  // A design's FillTicket, as bytes.
  struct Ticket {
    alignas(std::uint64_t) std::array<std::byte, 32> bytes{};
  };
  class Burst {
   public:
    virtual ~Burst() = default;
    virtual std::optional<IotlbHit> lookup(Iova iova) noexcept = 0;
    virtual std::optional<IotlbHit> lookup_home(Iova iova) const noexcept = 0;
    virtual void count_hits(std::uint64_t hits) noexcept = 0;
  };

  virtual ~AnyIotlbReader() = default;
  virtual std::unique_ptr<Burst> burst(DomainTag tag) = 0;
  virtual std::optional<IotlbHit> lookup(DomainTag tag, Iova iova) noexcept = 0;
  virtual Ticket begin_fill(DomainTag tag, Iova iova) noexcept = 0;
  virtual void fill(const Ticket& ticket, DomainTag tag, Iova iova,
                    const Translation& translation) noexcept = 0;
  virtual void quiescent() noexcept = 0;
  virtual IotlbReaderStats stats() const = 0;
};

// Registers `id` with the IOTLB, whose design may be any.
Result<std::unique_ptr<AnyIotlbReader>> open_any_reader(IotlbControl& iotlb, ReaderId id);

}  // namespace violet
