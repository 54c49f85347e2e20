// A clock gives time stamps: those of the processor's invariant counter where there is one, of the
// steady clock elsewhere.
//
// Threading: now_ticks() from anywhere; the calibration runs once, at the first conversion, and
// takes about 20 ms.
// Limits: ticks of different cores are comparable only with an invariant, synchronised counter
// (constant_tsc, nonstop_tsc); doctor says whether this host has one. On arm64 every host does.
#pragma once

#include <cstdint>

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <chrono>
#endif

namespace violet {

using Ticks = std::uint64_t;

inline Ticks now_ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();  // Without the intrinsics' header, which costs every file a second.
#elif defined(__aarch64__)
  // The generic timer, as DPDK's rte_rdtsc() reads it: without a barrier, like rdtsc.
  Ticks ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return static_cast<Ticks>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

// Nanoseconds of one tick, measured against CLOCK_MONOTONIC.
double ns_per_tick();

inline std::uint64_t ticks_to_ns(Ticks ticks) {
  return static_cast<std::uint64_t>(static_cast<double>(ticks) * ns_per_tick());
}
inline Ticks ns_to_ticks(std::uint64_t ns) {
  return static_cast<Ticks>(static_cast<double>(ns) / ns_per_tick());
}

// Where an engine takes its time from: the real counter, or a simulation's.
struct TickSource {
  Ticks (*now)(void* context) noexcept = [](void*) noexcept { return now_ticks(); };
  void* context = nullptr;
  Ticks operator()() const noexcept { return now(context); }
};

// Tells the processor that this is a spin loop.
inline void cpu_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  // Waits some ten nanoseconds, as x86's does; yield takes one cycle where threads share no core.
  asm volatile("isb" : : : "memory");
#endif
}

// Busy-waits. Used to inject a labelled cost (a VM exit, a wake-up), never to wait for a condition.
inline void spin_ticks(Ticks ticks) noexcept {
  const Ticks start = now_ticks();
  while (now_ticks() - start < ticks) cpu_pause();
}

}  // namespace violet
