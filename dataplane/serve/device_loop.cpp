#include "dataplane/serve/device_loop.hpp"

#include "engine/base/clock.hpp"

namespace violet::remote {

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
}

void DeviceLoop::control(const std::function<void()>& body) {
  const std::lock_guard lock(controlling_);
  control_.store(&body, std::memory_order_release);  // partner: run()'s acquire
  while (control_.load(std::memory_order_acquire) != nullptr) cpu_pause();
}

}  // namespace violet::remote
