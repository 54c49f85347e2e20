// The doorbell and the spin hook connect the modelled driver to the placement that runs the engine.
//
// Threading: the guest lcore calls both.
#pragma once

#include "engine/base/clock.hpp"

namespace violet {

// A notification of the request queue. The placement decides what it costs and who polls then.
class Doorbell {
 public:
  virtual ~Doorbell() = default;
  virtual void kick() = 0;
};

// What else the guest's lcore does while the driver spins for its requests: pump the endpoint models
// that share the lcore. Must be short: the driver looks at the used ring only between two calls.
class SpinHook {
 public:
  virtual ~SpinHook() = default;
  virtual void while_spinning() = 0;
};

}  // namespace violet
