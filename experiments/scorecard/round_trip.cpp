// rtt_packed, rtt_split, unmap_busy: how long the guest waits for one request.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "experiments/results/table.hpp"
#include "experiments/scorecard/sidecore.hpp"

namespace violet::scorecard {
namespace {

// The median in nanoseconds. Clocks step by several nanoseconds, so many values are equal: within the step
// that holds the median, values count as spread evenly over it (the median of grouped data).
double grouped_median_ns(std::vector<Ticks>& taken) {
  std::sort(taken.begin(), taken.end());
  const Ticks middle = taken[taken.size() / 2];
  const auto [first, last] = std::equal_range(taken.begin(), taken.end(), middle);
  const Ticks before = first == taken.begin() ? middle : *(first - 1);
  const Ticks after = last == taken.end() ? middle : *last;
  const double width = static_cast<double>(after - before) / 2;
  const auto below = static_cast<double>(first - taken.begin());
  const auto equal = static_cast<double>(last - first);
  const double share = (static_cast<double>(taken.size()) / 2 - below) / equal;
  return (static_cast<double>(middle) + (share - 0.5) * width) * ns_per_tick();
}

// The p50 of `trips` calls of what is timed; `after` runs untimed behind each.
template <class Trip, class After>
double p50_ns(std::size_t trips, Trip&& trip, After&& after) {
  std::vector<Ticks> taken(trips);
  for (Ticks& ticks : taken) {
    const Ticks start = now_ticks();
    trip();
    ticks = now_ticks() - start;
    after();
  }
  return grouped_median_ns(taken);
}

// A line that two cores hand to and fro: the least that a question and its answer can cost.
Result<double> line_ns(Lab& lab, std::size_t trips) {
  struct alignas(kCacheLine) Word {
    std::atomic<std::uint64_t> value{0};
  };
  Word line;
  Word stop;
  const auto echo = [&] {
    while (stop.value.load(std::memory_order_relaxed) == 0) {
      const auto value = line.value.load(std::memory_order_acquire);  // partner: lcore 0's release
      if (value % 2 == 1) line.value.store(value + 1, std::memory_order_release);
    }
  };
  VIOLET_TRY(lab.eal->launch(1, echo));
  std::uint64_t sent = 0;
  const double p50 = p50_ns(
      trips,
      [&] {
        line.value.store(++sent, std::memory_order_release);  // partner: the echo's acquire
        ++sent;
        while (line.value.load(std::memory_order_acquire) != sent) {
        }
      },
      [] {});
  stop.value.store(1, std::memory_order_relaxed);
  lab.eal->join(1);
  if (sent != 2 * trips) return fail("the line was not handed back every time");
  return p50;
}

// p50 of one MAP; its UNMAP comes untimed in between.
Result<double> map_ns(Sidecore& sidecore, std::size_t trips, Sidecore::Handler handler) {
  VIOLET_TRY(sidecore.start(handler));
  std::size_t good = 0;
  std::uint32_t page = 0;
  const double p50 = p50_ns(
      trips, [&] { good += sidecore.map(Churn::iova(page), Churn::phys(page)); },
      [&] {
        good += sidecore.unmap(Churn::iova(page));
        page = (page + 1) % 64;
      });
  sidecore.stop();
  if (good != 2 * trips) return fail("a request of the round trips was refused");
  return p50;
}

Finding rtt_finding(std::string_view key, const Samples& ring, const Samples& empty,
                    const Samples& line) {
  const std::string lines = results::three_digits(ratio(empty, line).value);
  const double more = results::median(ring) - results::median(empty);
  return {
      key,
      {ratio(ring, line)},
      fmt::format("{} vs {}; an empty handler on the same ring {}, {} lines", ns_text(ring),
                  ns_text(line), ns_text(empty), lines),
      fmt::format("the ring alone, with an empty handler, took {} times the bare line in this run: "
                  "request, descriptors and answer are further lines that change cores; poll, "
                  "decoding, store and answer of the engine add {}",
                  lines, ns_text(more)),
      "p50 of one MAP at a time, from writing the request to seeing its used entry"};
}

// --- unmap_busy ---

constexpr std::uint32_t kHotPages = 64;
constexpr std::size_t kProbeBurst = 32;

// The endpoint: bursts of small reads over the hot pages.
class Endpoint {
 public:
  explicit Endpoint(DmaPort& port) : port_(port) {
    for (std::size_t i = 0; i < kProbeBurst; ++i) {
      ops_[i] = {{}, 8, Access::kRead, bytes_[i].data(), DmaResult::kOk};
    }
  }
  void burst() {
    for (auto& op : ops_) {
      op.iova = {Churn::iova(page_)};
      page_ = (page_ + 1) % kHotPages;
    }
    const Ticks start = now_ticks();
    good_ += port_.run(ops_);
    ticks_ += now_ticks() - start;
    asked_ += kProbeBurst;
  }
  bool all_good() const { return good_ == asked_; }
  std::uint64_t asked() const { return asked_; }
  double ns_a_burst() const {
    return static_cast<double>(ticks_) * ns_per_tick() * kProbeBurst / static_cast<double>(asked_);
  }

 private:
  DmaPort& port_;
  std::array<std::array<std::byte, 8>, kProbeBurst> bytes_{};
  std::array<DmaOp, kProbeBurst> ops_{};
  std::uint32_t page_ = 0;
  std::uint64_t good_ = 0;
  std::uint64_t asked_ = 0;
  Ticks ticks_ = 0;
};

struct BusySamples {
  Samples map, map_busy, unmap, unmap_busy;
  double ns_a_burst = 0;
};

// One repetition: MAP and UNMAP in turns, quietly and then with the endpoint between the looks.
template <class Wait>
bool map_and_unmap(Sidecore& sidecore, std::size_t trips, Samples& maps, Samples& unmaps,
                   Wait&& wait) {
  std::vector<double> map_ticks(trips);
  std::vector<double> unmap_ticks(trips);
  bool right = true;
  for (std::size_t i = 0; i < trips; ++i) {
    const auto page = static_cast<std::uint32_t>(kHotPages + i % 64);
    const Ticks start = now_ticks();
    sidecore.rings->put_map(0, Churn::iova(page), Churn::phys(page));
    right &= sidecore.rings->call(0, wait);
    const Ticks middle = now_ticks();
    sidecore.rings->put_unmap(0, Churn::iova(page));
    right &= sidecore.rings->call(0, wait);
    map_ticks[i] = static_cast<double>(middle - start);
    unmap_ticks[i] = static_cast<double>(now_ticks() - middle);
  }
  maps.push_back(results::median(map_ticks) * ns_per_tick());
  unmaps.push_back(results::median(unmap_ticks) * ns_per_tick());
  return right;
}

Result<BusySamples> busy_samples(Lab& lab, Sidecore& sidecore) {
  const std::size_t trips = lab.size(10'000, 100);
  for (std::uint32_t page = 0; page < kHotPages; ++page) {
    if (!sidecore.map(Churn::iova(page), Rings::kData + page * kPage))
      return fail("MAP was refused");
  }
  VIOLET_TRY(sidecore.start());
  Endpoint endpoint(*sidecore.port);
  BusySamples samples;
  bool right = true;
  for (std::size_t i = 0; i < lab.repetitions() + 1; ++i) {
    if (i == 1) samples = {};
    right &= map_and_unmap(sidecore, trips, samples.map, samples.unmap, [] {});
    right &= map_and_unmap(sidecore, trips, samples.map_busy, samples.unmap_busy,
                           [&] { endpoint.burst(); });
    lab.tick();
  }
  sidecore.stop();
  if (!right) return fail("a request of unmap_busy was refused");
  if (!endpoint.all_good() || endpoint.asked() == 0) return fail("the busy endpoint faulted");
  samples.ns_a_burst = endpoint.ns_a_burst();
  return samples;
}

}  // namespace

Result<Findings> measure_round_trips(Lab& lab) {
  if (!lab.two_cpus()) {
    return Findings{not_available("rtt_packed", kNeedsTwoCpus),
                    not_available("rtt_split", kNeedsTwoCpus)};
  }
  VIOLET_TRY(auto packed, Sidecore::make(lab, RingFormat::kPacked, 1024));
  VIOLET_TRY(auto split, Sidecore::make(lab, RingFormat::kSplit, 1024));
  const std::size_t trips = lab.size(10'000, 200);
  using Handler = Sidecore::Handler;
  std::array<Samples, 5> samples;
  for (std::size_t i = 0; i < lab.repetitions() + 1; ++i) {
    if (i == 1) samples = {};
    const std::array<Result<double>, 5> p50{
        line_ns(lab, trips), map_ns(*packed, trips, Handler::kEngine),
        map_ns(*split, trips, Handler::kEngine), map_ns(*packed, trips, Handler::kEmpty),
        map_ns(*split, trips, Handler::kEmpty)};
    for (std::size_t arm = 0; arm < samples.size(); ++arm) {
      VIOLET_TRY(const double one, p50[arm]);
      samples[arm].push_back(one);
    }
    lab.tick();
  }
  return Findings{rtt_finding("rtt_packed", samples[1], samples[3], samples[0]),
                  rtt_finding("rtt_split", samples[2], samples[4], samples[0])};
}

Result<Findings> measure_busy_unmap(Lab& lab) {
  if (!lab.two_cpus()) return Findings{not_available("unmap_busy", kNeedsTwoCpus)};
  VIOLET_TRY(auto sidecore, Sidecore::make(lab, RingFormat::kPacked, 1024));
  VIOLET_TRY(auto samples, busy_samples(lab, *sidecore));
  return Findings{
      {"unmap_busy",
       {ratio(samples.unmap_busy, samples.map)},
       fmt::format("UNMAP {} busy, {} quiet; MAP {} quiet, {} busy", ns_text(samples.unmap_busy),
                   ns_text(samples.unmap), ns_text(samples.map), ns_text(samples.map_busy)),
       fmt::format(
           "an UNMAP waits until the burst during which it was executed is over (C1), and a guest "
           "that is also the endpoint looks only between its bursts of {}; a burst took {} on "
           "average, misses after each UNMAP included, and even a MAP, which waits for no "
           "reader, took {}",
           kProbeBurst, ns_text(samples.ns_a_burst), ns_text(samples.map_busy)),
       "MAP with the endpoint quiet; the endpoint's bursts of 32 reads over 64 pages run on the "
       "guest's lcore between its looks at the used ring"}};
}

}  // namespace violet::scorecard
