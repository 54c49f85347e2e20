// hit_*, miss_vs_gtree: what a translation costs, against an array, a tree and a hash.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "experiments/scorecard/baselines.hpp"
#include "experiments/scorecard/device_bed.hpp"
#include "experiments/scorecard/lab.hpp"

namespace violet::scorecard {
namespace {

constexpr std::size_t kBurst = 32;  // As EnginePort::run() does.

constexpr const char* kPath =
    "bursts of 32 through Device::translate_burst(), as endpoint models translate, each result "
    "stored "
    "and read back: reserved regions, IOTLB lookup and permission check for each address, "
    "attachment "
    "and invalidations once a burst; store radix, IOTLB generation-domain; single "
    "Device::translate() calls beside it";

// Whole translations, one call each.
template <class Bed>
[[gnu::noinline]] std::uint64_t pass_translate(const Lookups& lookups, Bed& bed) {
  auto& path = *bed.path;
  const typename Bed::Path::Section section(path);
  std::uint64_t sum = 0;
  for (const std::uint64_t at : lookups.sequence) {
    const auto result = path.translate(bed.endpoint, {at}, Access::kRead);
    if (result.outcome != Outcome::kMapped) [[unlikely]] {
      return 0;
    }
    sum += result.phys.value;
  }
  return sum;
}

// The same in bursts. What is found is stored, and used when the burst is over.
[[gnu::noinline]] std::uint64_t pass_bursts(const Lookups& lookups, DefaultBed& bed) {
  struct Place {
    std::uint64_t phys, bytes_left;
  };
  auto& path = *bed.path;
  const DefaultBed::Path::Section section(path);
  std::uint64_t sum = 0;
  bool right = true;
  std::array<Place, kBurst> places;
  for (std::span<const std::uint64_t> left = lookups.sequence; !left.empty();) {
    const auto burst = left.first(std::min(left.size(), kBurst));
    left = left.subspan(burst.size());
    path.translate_burst(
        bed.endpoint, burst.size(),
        [burst](std::size_t i) {
          return BurstAccess{{burst[i]}, Access::kRead};
        },
        [&](std::size_t i, const TranslateResult& result) {
          right &= result.outcome == Outcome::kMapped;
          places[i] = {result.phys.value, result.bytes_left};
        });
    for (std::size_t i = 0; i < burst.size(); ++i) {
      sum += places[i].phys;
      right &= places[i].bytes_left >= kPage - burst[i] % kPage;
    }
  }
  return right ? sum : 0;
}

// The IOTLB alone, by a reader of its own.
struct BareIotlb {
  explicit BareIotlb(const Lookups& lookups) : iotlb(IotlbConfig{}, quiescence) {
    const auto id = quiescence.add_reader("bare").value();
    reader = static_cast<DefaultIotlb::Reader*>(iotlb.add_reader(id).value());
    quiescence.online(id);
    for (const std::uint64_t at : lookups.sequence) {
      const std::uint64_t first = at & ~(kPage - 1);
      const auto ticket = iotlb.begin_fill(*reader, {1}, {at});
      iotlb.fill(*reader, ticket, {1}, {at},
                 {IovaRange::of(first, kPage),
                  {lookups.phys[(first - lookups.base) / kPage]},
                  Permissions::kReadWrite});
    }
  }
  [[gnu::noinline]] std::uint64_t pass(const Lookups& lookups) {
    std::uint64_t sum = 0;
    for (const std::uint64_t at : lookups.sequence) {
      const auto hit = iotlb.lookup(*reader, {1}, {at});
      if (!hit || !allows(hit->permissions, Access::kRead)) [[unlikely]] {
        return 0;
      }
      sum += hit->phys.value;
    }
    return sum;
  }
  // Bursts of kBurst, whose generation and context are looked at once.
  [[gnu::noinline]] std::uint64_t pass_bursts(const Lookups& lookups) {
    std::uint64_t sum = 0;
    const std::uint64_t* const sequence = lookups.sequence.data();
    for (std::size_t begin = 0; begin < lookups.sequence.size(); begin += kBurst) {
      auto burst = iotlb.burst(*reader, {1});
      for (std::size_t i = 0; i < kBurst; ++i) {
        const auto hit = burst.lookup({sequence[begin + i]});
        if (!hit || !allows(hit->permissions, Access::kRead)) [[unlikely]] {
          return 0;
        }
        sum += hit->phys.value;
      }
    }
    return sum;
  }
  EpochQuiescence quiescence;
  DefaultIotlb iotlb;
  DefaultIotlb::Reader* reader;
};

template <class Bed>
Result<std::unique_ptr<Bed>> populated(const Lookups& lookups) {
  VIOLET_TRY(auto bed, Bed::make(kDefaultIotlb, lookups.sequence.size() + 64));
  for (const std::uint64_t at : lookups.sequence) {
    const std::uint64_t first = at & ~(kPage - 1);
    if (!bed->map(first, lookups.phys[(first - lookups.base) / kPage])) {
      return fail("MAP {:#x} was refused", first);
    }
  }
  return bed;
}

// A pass of one arm, `rounds` times; every sum must be the expected one.
template <class Pass>
bool timed(Samples& samples, const Lookups& lookups, std::uint64_t expected, std::size_t rounds,
           Pass&& pass) {
  bool right = true;
  samples.push_back(ns_each(lookups.sequence.size() * rounds, [&] {
    for (std::size_t i = 0; i < rounds; ++i) right &= pass() == expected;
  }));
  return right;
}

struct HitSamples {
  Samples array, device, single, bare, bare_single, tree, hash;
};

struct Rivals {
  std::unique_ptr<IntervalTree> tree;
  std::unique_ptr<DpdkHash> hash;
};

Result<HitSamples> measure_hit_samples(Lab& lab, const Lookups& lookups, const Rivals& rivals) {
  VIOLET_TRY(auto bed, populated<DefaultBed>(lookups));
  BareIotlb bare(lookups);
  const std::uint64_t expected = pass_array(lookups);
  const std::size_t rounds =
      std::max<std::size_t>(lab.size(1 << 18, 1 << 10) / lookups.sequence.size(), 1);
  if (pass_bursts(lookups, *bed) != expected) return fail("a filling pass gave other addresses");
  const std::uint64_t misses = bed->stats().misses;
  HitSamples samples;
  bool right = true;
  for (std::size_t i = 0; i < lab.repetitions() + 1; ++i) {  // The first warms up.
    if (i == 1) samples = {};
    right &= timed(samples.array, lookups, expected, rounds, [&] { return pass_array(lookups); });
    right &= timed(samples.device, lookups, expected, rounds,
                   [&] { return pass_bursts(lookups, *bed); });
    right &= timed(samples.single, lookups, expected, rounds,
                   [&] { return pass_translate(lookups, *bed); });
    right &=
        timed(samples.bare, lookups, expected, rounds, [&] { return bare.pass_bursts(lookups); });
    right &=
        timed(samples.bare_single, lookups, expected, rounds, [&] { return bare.pass(lookups); });
    if (rivals.hash) {
      right &=
          timed(samples.hash, lookups, expected, 1, [&] { return rivals.hash->pass(lookups); });
      right &=
          timed(samples.tree, lookups, expected, 1, [&] { return rivals.tree->pass(lookups); });
    }
    lab.tick();
  }
  if (!right) return fail("the arms of the hit benches gave different addresses");
  if (bed->stats().misses != misses) return fail("a hit bench missed");
  return samples;
}

Finding hit_finding(std::string_view key, const HitSamples& samples) {
  const double array = results::median(samples.array);
  const double bare = results::median(samples.bare);
  return {
      key,
      {ratio(samples.device, samples.array)},
      fmt::format("{} in bursts vs {}; single calls {}; the IOTLB alone {} in bursts, {} single",
                  ns_text(samples.device), ns_text(array), ns_text(samples.single), ns_text(bare),
                  ns_text(samples.bare_single)),
      fmt::format("beyond the array's {}, finding the 16-byte entry by its key and unpacking it "
                  "takes {}; reserved regions, the walk through the burst and the result {}",
                  ns_text(array), ns_text(bare - array),
                  ns_text(results::median(samples.device) - bare)),
      kPath};
}

}  // namespace

Result<Findings> measure_hits(Lab& lab) {
  const Lookups few(lab.size(4096, 256));
  VIOLET_TRY(const auto small, measure_hit_samples(lab, few, {}));
  const Lookups many(lab.size(65536, 1024));
  VIOLET_TRY(auto hash, DpdkHash::make(many));
  VIOLET_TRY(
      const auto large,
      measure_hit_samples(lab, many, {std::make_unique<IntervalTree>(many), std::move(hash)}));
  Findings found{hit_finding("hit_4k", small), hit_finding("hit_64k", large)};
  found.push_back({"hit_vs_gtree",
                   {ratio(large.tree, large.device)},
                   fmt::format("{} in bursts vs {}; single calls {}", ns_text(large.device),
                               ns_text(large.tree), ns_text(large.single)),
                   fmt::format("the tree's lookup takes {} and the hit {}; hit_64k says of what",
                               ns_text(large.tree), ns_text(large.device)),
                   ""});
  found.push_back({"hit_vs_rte_hash",
                   {ratio(large.hash, large.device)},
                   fmt::format("{} in bursts vs {}; single calls {}", ns_text(large.device),
                               ns_text(large.hash), ns_text(large.single)),
                   fmt::format("the hash lookup takes {} and the hit {}; hit_64k says of what",
                               ns_text(large.hash), ns_text(large.device)),
                   "rte_hash_lookup_bulk_data(), 64 keys a call, CRC hash, half full"});
  return found;
}

Result<Findings> measure_miss(Lab& lab) {
  const Lookups lookups(lab.size(65536, 1024));
  // The IOTLB of which one UNMAP empties everything.
  VIOLET_TRY(auto bed, populated<DefaultBed>(lookups));
  const IntervalTree tree(lookups);
  const std::uint64_t expected = pass_array(lookups);
  const std::uint64_t other = lookups.base - 16 * kPage;
  Samples miss;
  Samples gtree;
  std::uint64_t misses = 0;
  std::uint64_t passes = 0;
  bool right = true;
  for (std::size_t i = 0; i < lab.repetitions() + 1; ++i) {
    if (i == 1) miss = gtree = {};
    // One UNMAP in the domain: its generation moves on and every cached entry is dead.
    if (!bed->map(other, 0) || !bed->unmap(other)) return fail("a churn request was refused");
    const std::uint64_t before = bed->stats().misses;
    right &= timed(miss, lookups, expected, 1, [&] { return pass_translate(lookups, *bed); });
    misses += bed->stats().misses - before;
    ++passes;
    right &= timed(gtree, lookups, expected, 1, [&] { return tree.pass(lookups); });
    lab.tick();
  }
  if (!right) return fail("the arms of miss_vs_gtree gave different addresses");
  if (misses != passes * lookups.sequence.size()) return fail("a miss bench hit");
  return Findings{
      {"miss_vs_gtree",
       {ratio(gtree, miss)},
       fmt::format("{} vs {}", ns_text(miss), ns_text(gtree)),
       fmt::format("a failed lookup, a walk of three dependent loads and a fill take {} together",
                   ns_text(miss)),
       "Device::translate() after an invalidation of the whole domain: lookup, walk of the radix "
       "store, fill; IOTLB generation-domain of 65,536 entries"}};
}

}  // namespace violet::scorecard
