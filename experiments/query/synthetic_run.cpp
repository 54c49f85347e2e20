#include "experiments/query/synthetic_run.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <utility>
#include <vector>

#include "engine/base/rng.hpp"
#include "engine/telemetry/event_bodies.hpp"

namespace violet::query {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kBlock = 4096;

struct Device {
  std::uint32_t endpoint;
  std::uint32_t domain;
  std::size_t window;  // Buffers that are mapped at once.
  std::uint32_t most_pages;
  Permissions granted;  // All that the direction needs.
};
constexpr std::array<Device, 2> kDevices{
    {{0x28, 1, 256, 1, Permissions::kWrite}, {0x30, 2, 64, 8, Permissions::kReadWrite}}};

struct Buffer {
  std::uint64_t iova;
  std::uint32_t bytes;
  std::uint64_t phys_page;
  std::uint32_t pages;
};

// From the top of 32 bits down, last in first out, one stack for each size: Linux's magazines.
class Addresses {
 public:
  std::uint64_t take(std::uint32_t pages) {
    auto& free = free_[pages];
    if (!free.empty()) {
      const std::uint64_t iova = free.back();
      free.pop_back();
      return iova;
    }
    next_ -= pages * kPage;
    return next_;
  }
  void give(std::uint64_t iova, std::uint32_t pages) { free_[pages].push_back(iova); }

 private:
  std::array<std::vector<std::uint64_t>, 9> free_;
  std::uint64_t next_ = 0xfffff000;
};

}  // namespace

std::string to_text(SyntheticStrategy strategy) {
  constexpr std::array<const char*, 4> kNames{"strict", "lazy-percpu", "bounce-dynamic", "direct"};
  return kNames[static_cast<std::size_t>(strategy)];
}

struct SyntheticRun::State {
  explicit State(const SyntheticOptions& given)
      : options(given), rng(given.seed * 4 + static_cast<std::uint64_t>(given.strategy)) {
    now = options.start;
    next_round = now + ticks(10'000'000);
  }

  Ticks ticks(double ns) const { return static_cast<Ticks>(ns / options.ns_per_tick); }
  // Log-normal around a median: most calls are alike and a few are far slower.
  Ticks around(double median_ns, double sigma = 0.25) {
    double normal = -6;
    for (int i = 0; i < 12; ++i) normal += static_cast<double>(rng() >> 11) * 0x1.0p-53;
    if (rng.chance(0.002)) median_ns *= 12;
    return std::max<Ticks>(1, ticks(median_ns * std::exp(normal * sigma)));
  }
  void leave(std::size_t lcore, const Event& event) {
    auto& events = lcores[lcore];
    events.push_back(event);
    if (events.size() > 1) {
      events.back().at = std::max(events.back().at, events[events.size() - 2].at);
    }
    events.back().at = std::max(events.back().at, last_at[lcore]);
    last_at[lcore] = events.back().at;
    ++made;
  }
  void engine(Ticks at, EventKind kind, const Device& device, std::uint64_t iova,
              std::uint32_t pages) {
    leave(0,
          MappingEvent{{device.domain}, IovaRange::of(iova, pages * kPage), device.granted}.event(
              kind, at));
    ++requests[kind == EventKind::kMapDone ? 0 : 1];
  }
  void call(EventKind kind, const Device& device, const Buffer& buffer, bool persistent,
            Ticks took) {
    const DmaEvent body{{device.endpoint}, {buffer.iova},  buffer.bytes, buffer.phys_page,
                        device.granted,    device.granted, persistent};
    leave(1, body.event(kind, now, took));
    ++operations;
  }

  void begin();
  void end();
  void mark(Phase phase) {
    leave(3, MarkEvent{options.cell, options.repetition, phase}.event(now));
  }
  void sample(Gauge gauge, std::uint8_t lcore, std::uint64_t value) {
    leave(3, SampleEvent{gauge, lcore, value}.event(now));
  }
  void samples();
  void step();
  void map(std::size_t device);
  void unmap(std::size_t device);
  void unmap_now(std::size_t device, const Buffer& buffer, Ticks& at);
  void flush();
  void use(const Device& device, const Buffer& buffer);
  void probe(const Device& device, std::uint64_t iova, bool stale);
  void round(const Sink& sink, const Round& done);
  double load() const;
  // Mappings outlive their unmaps.
  bool stays() const {
    return options.strategy == SyntheticStrategy::kBounce ||
           options.strategy == SyntheticStrategy::kDirect;
  }

  SyntheticOptions options;
  Rng rng;
  Ticks now = 0;
  Ticks next_round = 0;
  std::uint64_t made = 0, operations = 0, hits = 0, misses = 0, polls = 0, useful = 0;
  std::array<std::uint64_t, 2> requests{};
  std::array<std::vector<Event>, 4> lcores;
  std::array<Ticks, 4> last_at{};
  std::array<std::deque<Buffer>, kDevices.size()> live;
  std::array<Addresses, kDevices.size()> addresses;
  std::vector<std::pair<std::size_t, Buffer>> queue;  // Lazy: unmapped and not flushed.
  Ticks queue_since = 0;
  std::uint64_t phys = 0x1000;
  std::uint64_t slot = 0;
  bool lost = false;
};

// Busy and quiet times, and a pause in the middle.
double SyntheticRun::State::load() const {
  const double share = static_cast<double>(made) / static_cast<double>(options.events);
  const double wave = 0.6 + 0.4 * std::sin(share * 40);
  return share > 0.48 && share < 0.5 ? 0.05 : wave;
}

void SyntheticRun::State::begin() {
  mark(Phase::kStart);
  for (std::size_t i = 0; i < kDevices.size(); ++i) {
    const Device& device = kDevices[i];
    leave(3, RegionEvent{{device.endpoint}, {{0xfee00000}, {0xfeefffff}}, 1}.event(now));
    now += ticks(20'000);
    leave(0, AttachEvent{{device.endpoint}, {device.domain}}.event(EventKind::kAttach, now));
    if (stays()) {
      engine(now + ticks(2'000), EventKind::kMapDone, device, 0xf0000000, 4096);
    }
  }
  now += ticks(100'000);
}

void SyntheticRun::State::end() {
  mark(Phase::kTakeDown);
  for (std::size_t i = 0; i < kDevices.size(); ++i) {
    while (!live[i].empty()) unmap(i);
  }
  flush();
  for (const Device& device : kDevices) {
    now += ticks(5'000);
    leave(0, AttachEvent{{device.endpoint}, {device.domain}}.event(EventKind::kDetach, now));
  }
  now += ticks(50'000);
  samples();
  mark(Phase::kEnd);
}

void SyntheticRun::State::use(const Device& device, const Buffer& buffer) {
  const Ticks at = now + around(400);
  const unsigned times = 1 + static_cast<unsigned>(rng.below(3));
  for (unsigned i = 0; i < times; ++i) {
    const bool miss = i == 0;
    ++(miss ? misses : hits);
    const TranslateEvent body{
        {device.endpoint},
        {buffer.iova},
        buffer.bytes,
        miss ? TranslateEvent::Outcome::kMiss : TranslateEvent::Outcome::kHit};
    leave(2, body.event(at + i * ticks(200), around(miss ? 160 : 24)));
  }
}

void SyntheticRun::State::map(std::size_t index) {
  const Device& device = kDevices[index];
  Buffer buffer{};
  buffer.pages = 1u << rng.below(4);
  buffer.pages = std::min(buffer.pages, device.most_pages);
  buffer.bytes = static_cast<std::uint32_t>(buffer.pages * kPage - (rng.chance(0.5) ? 0 : 2048));
  buffer.phys_page = phys;
  phys = 0x1000 + (phys - 0x1000 + buffer.pages) % 0x40000;
  if (stays()) {
    buffer.iova = 0xf0000000 + slot++ % 512 * 8 * kPage;
    const Ticks took = around(180 + buffer.bytes / 16.0);
    now += took;
    if (options.strategy == SyntheticStrategy::kBounce)
      leave(1, CopyEvent{{device.endpoint}, {buffer.iova}, buffer.bytes}.event(now, took / 2));
    call(EventKind::kDmaMap, device, buffer, true, took);
  } else {
    buffer.iova = addresses[index].take(buffer.pages);
    const Ticks took = around(900);
    engine(now + took * 2 / 3, EventKind::kMapDone, device, buffer.iova, buffer.pages);
    now += took;
    if (rng.chance(0.5)) leave(1, KickEvent{}.event(now));
    call(EventKind::kDmaMap, device, buffer, false, took);
  }
  live[index].push_back(buffer);
  use(device, buffer);
}

// One UNMAP that the guest waits for.
void SyntheticRun::State::unmap_now(std::size_t index, const Buffer& buffer, Ticks& at) {
  at += around(500);
  engine(at, EventKind::kUnmapExecuted, kDevices[index], buffer.iova, buffer.pages);
  at += around(350);
  engine(at, EventKind::kUnmapCompleted, kDevices[index], buffer.iova, buffer.pages);
}

void SyntheticRun::State::unmap(std::size_t index) {
  const Device& device = kDevices[index];
  const Buffer buffer = live[index].front();
  live[index].pop_front();
  const Ticks before = now;
  if (options.strategy == SyntheticStrategy::kStrict) {
    unmap_now(index, buffer, now);
    now += ticks(150);
    addresses[index].give(buffer.iova, buffer.pages);
  } else {
    now += around(120);
  }
  const bool persistent = stays();
  call(EventKind::kDmaUnmap, device, buffer, persistent, now - before);
  if (options.strategy == SyntheticStrategy::kLazy) {
    if (queue.empty()) queue_since = now;
    queue.emplace_back(index, buffer);
  }
  if (!persistent && operations % 96 == 0) {
    probe(device, buffer.iova, options.strategy == SyntheticStrategy::kLazy);
  }
}

void SyntheticRun::State::probe(const Device& device, std::uint64_t iova, bool stale) {
  const Ticks at = now + ticks(300);
  leave(2, ProbeEvent{{device.endpoint}, {iova}, Access::kRead, stale}.event(at));
  if (!stale) leave(2, FaultEvent{{device.endpoint}, {iova}, 2}.event(at + 1));
}

void SyntheticRun::State::flush() {
  if (queue.empty()) return;
  Ticks at = now;
  for (const auto& [index, buffer] : queue) unmap_now(index, buffer, at);
  now = at + ticks(1'000);
  leave(1, FlushEvent{{}, queue.size()}.event(now, now - at));
  for (const auto& [index, buffer] : queue) addresses[index].give(buffer.iova, buffer.pages);
  queue.clear();
}

void SyntheticRun::State::step() {
  const std::size_t index = rng.chance(0.8) ? 0 : 1;
  now += around(2'500 / load(), 0.5);
  polls += 20;
  useful += stays() ? 0 : 2;
  if (live[index].size() < kDevices[index].window / 2 ||
      (live[index].size() < kDevices[index].window && rng.chance(0.5))) {
    map(index);
  } else {
    unmap(index);
  }
  if (queue.size() >= 256 || (!queue.empty() && now - queue_since > ticks(10'000'000))) flush();
}

void SyntheticRun::State::samples() {
  sample(Gauge::kPolls, 1, polls);
  sample(Gauge::kUsefulPolls, 1, useful);
  sample(Gauge::kQueueDepth, 1, queue.size() / 16);
  sample(Gauge::kRequestsAttach, 1, kDevices.size());
  sample(Gauge::kRequestsMap, 1, requests[0]);
  sample(Gauge::kRequestsUnmap, 1, requests[1] / 2);
  sample(Gauge::kInvalidations, 1, requests[1] / 2);
  sample(Gauge::kGracePeriods, 1, requests[1] / 2);
  sample(Gauge::kIotlbHits, 3, hits * 63);
  sample(Gauge::kIotlbMisses, 3, misses);
  sample(Gauge::kOperations, 2, operations);
}

// What the recorder takes when it wakes up.
void SyntheticRun::State::round(const Sink& sink, const Round& done) {
  samples();
  constexpr std::array<std::uint16_t, 4> kNumbers{kEngineLcore, kGuestLcore, kEndpointLcore,
                                                  kRecorderLcore};
  for (std::size_t i = 0; i < lcores.size(); ++i) {
    std::uint64_t missing = 0;
    if (i == 2 && options.lose_some && !lost && made > options.events * 7 / 10) {
      missing = lcores[i].size();
      lcores[i].clear();
      lost = true;
    }
    std::span<const Event> events(lcores[i]);
    if (events.empty() && missing > 0) sink(kNumbers[i], events, missing);
    while (!events.empty()) {
      const auto part = events.first(std::min(events.size(), kBlock));
      sink(kNumbers[i], part, std::exchange(missing, 0));
      events = events.subspan(part.size());
    }
    lcores[i].clear();
  }
  done(*std::min_element(last_at.begin(), last_at.end()));
  next_round = now + ticks(10'000'000);
}

SyntheticRun::SyntheticRun(const SyntheticOptions& options)
    : state_(std::make_unique<State>(options)) {}
SyntheticRun::~SyntheticRun() = default;

Ticks SyntheticRun::run(const Sink& sink, const Round& round) {
  State& state = *state_;
  state.begin();
  bool measuring = false;
  while (state.made + state.made / 100 < state.options.events) {
    state.step();
    if (!measuring && state.made > state.options.events / 20) {
      state.mark(Phase::kMeasure);
      measuring = true;
    }
    if (state.now >= state.next_round) state.round(sink, round);
  }
  state.end();
  state.round(sink, round);
  return state.now;
}

}  // namespace violet::query
