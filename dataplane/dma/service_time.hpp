// A service time makes a device model as slow as a device: it serves one request after the other, each for so long.
//
// Threading: the lcore that polls the model; set() before the first request.
// Invariants: a request that came while the device was idle is served from then on, and one that waited from when the one
// before it was done. What was posted late is never served in the time before.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/clock.hpp"

namespace violet {

class ServiceTime {
 public:
  // 0: requests are served at once.
  void set(Ticks each) { each_ = each; }
  bool limits() const { return each_ > 0; }

  // How many of the requests that are posted have been served by now.
  unsigned served(std::uint32_t posted, Ticks now) {
    if (idle_) begun_ = now;
    seen_ = posted;
    idle_ = posted == 0;
    if (idle_) return 0;
    return static_cast<unsigned>(std::min<Ticks>((now - begun_) / each_, posted));
  }
  // So many of these were answered.
  void answered(unsigned count) {
    begun_ += count * each_;
    idle_ = count == seen_;  // What was posted since begins when it is seen.
  }

 private:
  Ticks each_ = 0;
  Ticks begun_ = 0;   // When it began with the request in hand.
  bool idle_ = true;  // There is none.
  std::uint32_t seen_ = 0;
};

}  // namespace violet
