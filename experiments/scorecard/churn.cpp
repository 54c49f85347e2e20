// churn_tail: what unmapping at full rate does to the translations of pages that stay mapped.
//
// Lcore 1 is engine and driver at once: it keeps a ring busy with MAPs and UNMAPs of other pages of the
// domain and polls the device. Lcore 0 is the endpoint. In quiet repetitions lcore 1 only polls.
//
// One translation is shorter than reading the clock is precise, so kBatch of them share two clock reads,
// whose own cost is taken off. A batch is what a burst of DMA descriptors is to a device.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "engine/iotlb/generation_ranges.hpp"
#include "engine/iotlb/targeted.hpp"
#include "experiments/results/table.hpp"
#include "experiments/scorecard/device_bed.hpp"
#include "experiments/scorecard/lab.hpp"

namespace violet::scorecard {
namespace {

constexpr std::uint32_t kChurnHotPages = 16;
constexpr std::size_t kBatch = 16;
constexpr std::uint32_t kChurnPages = 32;  // From page 512 on: another leaf node than the hot ones.
constexpr std::uint32_t kFirstChurnPage = 512;
constexpr std::uint64_t kNsAnUnmap = 1000;  // 1 M/s.

// Lcore 1's loop. One slot a page: mapped and unmapped in turns.
template <class Bed>
class Churner {
 public:
  explicit Churner(Bed& bed) : bed_(bed) {}

  void run() {
    for (unsigned slot = 0; slot < kChurnPages; ++slot) idle_[slot] = slot;
    const Ticks each = ns_to_ticks(kNsAnUnmap);
    while (!stop_.load(std::memory_order_relaxed)) {
      if (churning_.load(std::memory_order_relaxed)) {
        feed(each);
      } else {
        next_at_ = 0;
      }
      bed_.device->poll(64);
      collect();
    }
    while (idle_count_ < kChurnPages) {
      bed_.device->poll(64);
      collect();
    }
  }
  void stop() { stop_.store(true, std::memory_order_relaxed); }
  void churn(bool on) { churning_.store(on, std::memory_order_relaxed); }
  std::uint64_t unmaps() const { return unmaps_.value(); }
  std::uint64_t refused() const { return refused_.value(); }

 private:
  // At most one UNMAP a microsecond; the MAPs between are free.
  void feed(Ticks each) {
    const Ticks now = now_ticks();
    if (next_at_ == 0) next_at_ = now;
    bool any = false;
    while (idle_count_ > 0) {
      const unsigned slot = idle_[idle_count_ - 1];
      const std::uint64_t iova = Churn::iova(kFirstChurnPage + slot);
      if (mapped_[slot]) {
        if (next_at_ > now) break;
        next_at_ += each;
        bed_.rings->put_unmap(slot, iova);
      } else {
        bed_.rings->put_map(slot, iova, Churn::phys(kFirstChurnPage + slot));
      }
      --idle_count_;
      bed_.rings->add(slot);
      any = true;
    }
    if (now > next_at_ + 64 * each) next_at_ = now;  // Cannot keep up: no debt is carried on.
    if (any) bed_.rings->publish();
  }
  void collect() {
    std::array<UsedBuffer, kChurnPages> used;
    const std::size_t count = bed_.rings->take(used);
    for (std::size_t i = 0; i < count; ++i) {
      const unsigned slot = used[i].cookie;
      if (!bed_.rings->ok(slot)) refused_.add();
      if (mapped_[slot]) unmaps_.add();
      mapped_[slot] = !mapped_[slot];
      idle_[idle_count_++] = slot;
    }
  }

  Bed& bed_;
  std::array<unsigned, kChurnPages> idle_{};
  std::size_t idle_count_ = kChurnPages;
  std::array<bool, kChurnPages> mapped_{};
  Ticks next_at_ = 0;
  alignas(kCacheLine) std::atomic<bool> stop_{false};
  std::atomic<bool> churning_{false};
  alignas(kCacheLine) Counter unmaps_;
  Counter refused_;
};

struct Tail {
  Samples hits_p999;  // Batches in which every translation hit; ns a translation.
  Samples all_p999;   // Every batch.
  Samples hit_share;  // Of the translations.
  Samples unmaps_per_s;
};

double p999(std::vector<Ticks>& ticks, Ticks clock) {
  if (ticks.empty()) return 0;
  const std::size_t rank = ticks.size() - 1 - ticks.size() / 1000;
  const auto at = ticks.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(ticks.begin(), at, ticks.end());
  const Ticks net = *at > clock ? *at - clock : 1;
  return static_cast<double>(net) * ns_per_tick() / kBatch;
}

// What two clock reads cost by themselves.
Ticks clock_ticks() {
  std::vector<Ticks> taken(10'001);
  for (Ticks& ticks : taken) {
    const Ticks start = now_ticks();
    ticks = now_ticks() - start;
  }
  const auto middle = taken.begin() + 5'000;
  std::nth_element(taken.begin(), middle, taken.end());
  return *middle;
}

template <class Bed>
class ChurnEndpoint {
 public:
  ChurnEndpoint(Bed& bed, std::size_t batches)
      : bed_(bed), batches_(batches), clock_(clock_ticks()) {
    hits_.reserve(batches);
    all_.reserve(batches);
  }

  // False when a translation was wrong.
  bool measure(const Churner<Bed>& churner, Tail& tail) {
    hits_.clear();
    all_.clear();
    const std::uint64_t unmaps = churner.unmaps();
    const Ticks start = now_ticks();
    const std::uint64_t hits = translate();
    const double seconds = static_cast<double>(now_ticks() - start) * ns_per_tick() * 1e-9;
    tail.unmaps_per_s.push_back(static_cast<double>(churner.unmaps() - unmaps) / seconds);
    tail.hit_share.push_back(static_cast<double>(hits) / static_cast<double>(batches_ * kBatch));
    tail.hits_p999.push_back(p999(hits_, clock_));
    tail.all_p999.push_back(p999(all_, clock_));
    return right_;
  }

 private:
  std::uint64_t translate() {
    std::uint64_t expected = 0;
    for (std::uint32_t page = 0; page < kChurnHotPages; ++page) expected += Churn::phys(page);
    std::uint64_t hits = 0;
    typename Bed::Path::Section section(*bed_.path);
    for (std::size_t i = 0; i < batches_; ++i) {
      std::uint64_t sum = 0;
      unsigned batch_hits = 0;
      const Ticks start = now_ticks();
      for (std::uint32_t page = 0; page < kChurnHotPages; ++page) {
        const auto result = bed_.path->translate(bed_.endpoint, {Churn::iova(page)}, Access::kRead);
        sum += result.phys.value;
        batch_hits += result.hit;
      }
      const Ticks taken = now_ticks() - start;
      section.quiescent();
      right_ &= sum == expected;
      hits += batch_hits;
      all_.push_back(taken);
      if (batch_hits == kBatch) hits_.push_back(taken);
    }
    return hits;
  }

  Bed& bed_;
  std::size_t batches_;
  Ticks clock_;
  std::vector<Ticks> hits_;
  std::vector<Ticks> all_;
  bool right_ = true;
};

struct Tails {
  Tail quiet, churned;
};

template <class I>
Result<Tails> measure_tails(Lab& lab, const char* iotlb) {
  using Bed = DeviceBed<I>;
  VIOLET_TRY(auto bed, Bed::make(iotlb, 4096));
  for (std::uint32_t page = 0; page < kChurnHotPages; ++page) {
    if (!bed->map(Churn::iova(page), Churn::phys(page))) return fail("a hot MAP was refused");
  }
  Churner<Bed> churner(*bed);
  VIOLET_TRY(lab.eal->launch(1, [&] { churner.run(); }));
  ChurnEndpoint<Bed> endpoint(*bed, lab.size(100'000, 1'000));
  Tails tails;
  bool right = true;
  for (std::size_t i = 0; i < lab.repetitions() + 1; ++i) {
    if (i == 1) tails = {};
    churner.churn(false);
    spin_ticks(ns_to_ticks(200'000));
    right &= endpoint.measure(churner, tails.quiet);
    churner.churn(true);
    spin_ticks(ns_to_ticks(200'000));
    right &= endpoint.measure(churner, tails.churned);
    lab.tick();
  }
  churner.stop();
  lab.eal->join(1);
  if (!right) return fail("a translation under churn gave a wrong address");
  if (churner.refused() != 0) return fail("a request of the churn was refused");
  return tails;
}

std::string tails_text(const Tails& tails) {
  return fmt::format("p99.9 {} vs {} at {} unmaps/s, {:.1f} % hits; misses included {} vs {}",
                     ns_text(tails.churned.hits_p999), ns_text(tails.quiet.hits_p999),
                     results::three_digits(results::median(tails.churned.unmaps_per_s)),
                     100 * results::median(tails.churned.hit_share),
                     ns_text(tails.churned.all_p999), ns_text(tails.quiet.all_p999));
}

bool has_hits(const Samples& p999) {
  return std::all_of(p999.begin(), p999.end(), [](double ns) { return ns > 0; });
}

}  // namespace

Result<Findings> measure_churn(Lab& lab) {
  if (!lab.two_cpus()) return Findings{not_available("churn_tail", kNeedsTwoCpus)};
  VIOLET_TRY(const auto standard, measure_tails<DefaultIotlb>(lab, kDefaultIotlb));
  VIOLET_TRY(const auto ranges, measure_tails<GenerationRangesIotlb>(lab, "generation-ranges"));
  VIOLET_TRY(const auto targeted, measure_tails<TargetedIotlb>(lab, "targeted-ack"));
  if (!has_hits(standard.churned.hits_p999) || !has_hits(standard.quiet.hits_p999)) {
    return Findings{
        not_available("churn_tail", "in some repetition no batch of 16 hit throughout")};
  }
  return Findings{
      {"churn_tail",
       {ratio(standard.churned.hits_p999, standard.quiet.hits_p999)},
       fmt::format("{}; with generation-ranges {}; with targeted-ack {}", tails_text(standard),
                   tails_text(ranges), tails_text(targeted)),
       fmt::format(
           "batches in which something missed are left out, and of those that hit throughout the "
           "slowest still wait {} longer for lines that the engine writes",
           ns_text(kBatch * (results::median(standard.churned.hits_p999) -
                             results::median(standard.quiet.hits_p999)))),
       fmt::format(
           "batches of {} translations of {} hot pages; p99.9 of the batches in which all hit, two "
           "clock reads taken off; IOTLB generation-domain, in which every UNMAP empties the "
           "domain; ",
           kBatch, kChurnHotPages) +
           "driver and engine of the churn share lcore 1"}};
}

}  // namespace violet::scorecard
