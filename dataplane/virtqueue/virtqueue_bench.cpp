// What a ring costs: the round trip of one synchronous request against a bare cache line that two cores
// hand to and fro, and the work of both sides in one thread.
//
// Round trips are p50 values in nanoseconds, of bare and ring in turn. `vs_line` is the ratio to one line
// that both write, `vs_lines` to a pair of lines, one for each direction. Two cores are needed, one for the driver, one for the device.
#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <latch>
#include <thread>
#include <vector>

#include "dataplane/virtqueue/device_ring.hpp"
#include "dataplane/virtqueue/ring_rig.hpp"
#include "engine/base/clock.hpp"

namespace violet {
namespace {

constexpr int kRoundTrips = 4000;

// The first two CPUs that this process may use; fewer when there are fewer.
std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE && cpus.size() < 2; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// Runs `body` over and over on a CPU of its own until the scope ends.
class Echo {
 public:
  template <class Body>
  Echo(int cpu, Body body)
      : thread_([this, cpu, body]() mutable {
          pin(cpu);
          ready_.count_down();
          while (!stop_.load(std::memory_order_relaxed)) body();
        }) {
    ready_.wait();  // It starts on the caller's CPU, which is about to be busy.
  }
  ~Echo() {
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;

 private:
  alignas(kCacheLine) std::atomic<bool> stop_{false};
  alignas(kCacheLine) std::latch ready_{1};
  std::thread thread_;
};

// The p50, in nanoseconds, of kRoundTrips calls.
template <class Trip>
double p50_ns(Trip trip) {
  std::vector<Ticks> taken(kRoundTrips);
  for (Ticks& ticks : taken) {
    const Ticks start = now_ticks();
    trip();
    ticks = now_ticks() - start;
  }
  const auto middle = taken.begin() + kRoundTrips / 2;
  std::nth_element(taken.begin(), middle, taken.end());
  return static_cast<double>(*middle) * ns_per_tick();
}

double bare_line_ns(int echo_cpu) {
  struct alignas(kCacheLine) Line {
    std::atomic<std::uint64_t> value{0};
  } line;
  const Echo echo(echo_cpu, [&line] {
    const auto value = line.value.load(std::memory_order_acquire);
    if (value % 2 == 1) line.value.store(value + 1, std::memory_order_release);
  });
  std::uint64_t sent = 0;
  return p50_ns([&] {
    line.value.store(++sent, std::memory_order_release);
    ++sent;
    while (line.value.load(std::memory_order_acquire) != sent) {
    }
  });
}

// The same with a line for each direction, as a split ring has them: every hop takes the line back first.
double bare_lines_ns(int echo_cpu) {
  struct alignas(2 * kCacheLine) Line {
    std::atomic<std::uint64_t> value{0};
  } there, back;
  const Echo echo(echo_cpu, [&there, &back, last = std::uint64_t{0}]() mutable {
    const auto value = there.value.load(std::memory_order_acquire);
    if (value == last) return;
    last = value;
    back.value.store(value, std::memory_order_release);
  });
  std::uint64_t sent = 0;
  return p50_ns([&] {
    there.value.store(++sent, std::memory_order_release);
    while (back.value.load(std::memory_order_acquire) != sent) {
    }
  });
}

// Answers everything that is there; the handler reads the request and writes the tail.
void serve(RingRequestQueue& device) {
  std::array<Request, kBurst> requests;
  std::array<Completion, kBurst> completions;
  const std::size_t count = device.pop(requests);
  if (count == 0) return;
  for (std::size_t i = 0; i < count; ++i) completions[i] = answer(requests[i]);
  device.complete(std::span(completions).first(count));
}

void collect_one(RingRig& rig, DriverQueue& driver, std::uint64_t number) {
  UsedBuffer used{};
  while (driver.pop_used({&used, 1}) == 0) {
  }
  VIOLET_CHECK(rig.status(used.cookie) == static_cast<std::uint8_t>(number * 7 + 1));
}

double ring_ns(const RingRigOptions& options, int echo_cpu) {
  RingRig rig(options);
  DriverQueue& driver = rig.make_driver();
  RingRequestQueue& device = rig.make_device();
  driver.suppress_interrupts();
  device.suppress_kicks();
  const Echo echo(echo_cpu, [&device] { serve(device); });
  std::uint64_t number = 0;
  return p50_ns([&] {
    rig.fill(0, ++number);
    const DriverBuffer buffer = rig.request(0);
    driver.add({&buffer, 1});
    driver.publish();
    VIOLET_CHECK(!driver.needs_kick());
    collect_one(rig, driver, number);
  });
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void round_trip(benchmark::State& state, const RingRigOptions& options) {
  const auto cpus = allowed_cpus();
  if (cpus.size() < 2) {
    state.SkipWithError("needs two CPUs: one for the driver, one for the device");
    return;
  }
  cpu_set_t before;
  sched_getaffinity(0, sizeof before, &before);
  pin(cpus[0]);
  std::vector<double> line;
  std::vector<double> lines;
  std::vector<double> ring;
  for (auto _ : state) {
    line.push_back(bare_line_ns(cpus[1]));
    lines.push_back(bare_lines_ns(cpus[1]));
    ring.push_back(ring_ns(options, cpus[1]));
  }
  sched_setaffinity(0, sizeof before, &before);
  state.counters["line_ns"] = median(line);
  state.counters["ring_ns"] = median(ring);
  state.counters["vs_line"] = median(ring) / median(line);
  state.counters["vs_lines"] = median(ring) / median(lines);
}

template <class Count>
void report_ns(benchmark::State& state, Ticks taken, Count requests) {
  state.counters["ns_per_request"] =
      static_cast<double>(taken) * ns_per_tick() / static_cast<double>(requests);
}

// 32 requests there and, checked, back.
void burst(RingRig& rig, DriverQueue& driver, std::uint64_t& number) {
  std::array<DriverBuffer, kBurst> buffers;
  for (std::uint32_t i = 0; i < kBurst; ++i) {
    rig.fill(i, ++number);
    buffers[i] = rig.request(i);
  }
  driver.add(buffers);
  driver.publish();
  VIOLET_CHECK(!driver.needs_kick());
  const std::uint64_t first = number - kBurst + 1;
  std::array<UsedBuffer, kBurst> used;
  for (std::size_t back = 0; back < kBurst;) {
    const std::size_t count = driver.pop_used(used);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t sent = first + used[i].cookie;
      VIOLET_CHECK(rig.status(used[i].cookie) == static_cast<std::uint8_t>(sent * 7 + 1));
    }
    back += count;
  }
}

// One thread plays both sides, 32 in flight: what the instructions cost when every line is near.
void both_sides(benchmark::State& state, const RingRigOptions& options) {
  RingRig rig(options);
  DriverQueue& driver = rig.make_driver();
  RingRequestQueue& device = rig.make_device();
  driver.suppress_interrupts();
  device.suppress_kicks();
  std::array<DriverBuffer, kBurst> buffers;
  std::array<UsedBuffer, kBurst> used;
  for (std::uint32_t i = 0; i < kBurst; ++i) {
    rig.fill(i, i);
    buffers[i] = rig.request(i);
  }
  std::uint64_t back = 0;
  const Ticks start = now_ticks();
  for (auto _ : state) {
    driver.add(buffers);
    driver.publish();
    serve(device);
    back += driver.pop_used(used);
  }
  VIOLET_CHECK(back == static_cast<std::uint64_t>(state.iterations()) * kBurst);
  report_ns(state, now_ticks() - start, back);
}

// Bursts of 32 to the other core and back, as a driver sends them that queues requests and then waits for
// all of them.
void bursts(benchmark::State& state, const RingRigOptions& options) {
  const auto cpus = allowed_cpus();
  if (cpus.size() < 2) {
    state.SkipWithError("needs two CPUs: one for the driver, one for the device");
    return;
  }
  cpu_set_t before;
  sched_getaffinity(0, sizeof before, &before);
  pin(cpus[0]);
  state.counters["line_ns"] = bare_line_ns(cpus[1]);
  {
    RingRig rig(options);
    DriverQueue& driver = rig.make_driver();
    RingRequestQueue& device = rig.make_device();
    driver.suppress_interrupts();
    device.suppress_kicks();
    const Echo echo(cpus[1], [&device] { serve(device); });
    std::uint64_t number = 0;
    const Ticks start = now_ticks();
    for (auto _ : state) burst(rig, driver, number);
    report_ns(state, now_ticks() - start, number);
  }
  sched_setaffinity(0, sizeof before, &before);
}

constexpr RingRigOptions kSplit{RingFormat::kSplit, 256, {}, false, false};
constexpr RingRigOptions kPacked{RingFormat::kPacked, 256, {}, false, false};
constexpr RingRigOptions kSplitIndirect{RingFormat::kSplit, 256, {true, false}, true, false};
constexpr RingRigOptions kPackedIndirect{RingFormat::kPacked, 256, {true, false}, true, false};

BENCHMARK_CAPTURE(round_trip, packed, kPacked)->UseRealTime();
BENCHMARK_CAPTURE(round_trip, split, kSplit)->UseRealTime();
BENCHMARK_CAPTURE(round_trip, packed_indirect, kPackedIndirect)->UseRealTime();
BENCHMARK_CAPTURE(round_trip, split_indirect, kSplitIndirect)->UseRealTime();
BENCHMARK_CAPTURE(both_sides, packed, kPacked);
BENCHMARK_CAPTURE(both_sides, split, kSplit);
BENCHMARK_CAPTURE(both_sides, packed_indirect, kPackedIndirect);
BENCHMARK_CAPTURE(both_sides, split_indirect, kSplitIndirect);
BENCHMARK_CAPTURE(bursts, packed, kPacked)->UseRealTime();
BENCHMARK_CAPTURE(bursts, split, kSplit)->UseRealTime();

}  // namespace
}  // namespace violet
