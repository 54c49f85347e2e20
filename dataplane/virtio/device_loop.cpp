#include "dataplane/virtio/device_loop.hpp"

#include "engine/base/clock.hpp"

namespace violet::virtio {

void DeviceLoop::run() {
  while (!stop_.load(std::memory_order_acquire)) {  // partner: stop()
    for (VirtioPci* function : functions_) function->poll(kBudget);
    rounds_.add();
    const auto* const body = control_.load(std::memory_order_acquire);  // partner: control()
    if (body == nullptr) [[likely]]
      continue;
    (*body)();
    control_.store(nullptr, std::memory_order_release);  // partner: control()'s acquire
  }
  ended_.store(true, std::memory_order_release);  // partner: control()'s acquire
}

bool DeviceLoop::control(const std::function<void()>& body) {
  const std::lock_guard lock(controlling_);
  control_.store(&body, std::memory_order_release);  // partner: run()'s acquire
  while (control_.load(std::memory_order_acquire) != nullptr) {
    // After that nobody takes a body any more, but one may just have been.
    if (ended_.load(std::memory_order_acquire) &&
        control_.exchange(nullptr, std::memory_order_acquire) != nullptr) {
      return false;
    }
    cpu_pause();
  }
  return true;
}

}  // namespace violet::virtio
