// pipelined, growth, bytes: requests in bulk, and what many mappings cost.
#include <absl/container/btree_map.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "experiments/results/table.hpp"
#include "experiments/scorecard/pipeline.hpp"

namespace violet::scorecard {
namespace {

// --- pipelined ---

class Btree {
 public:
  explicit Btree(const Churn& churn) {
    for (const auto page : churn.live_at_first()) insert(page);
  }
  // Half erasures, half insertions, of the same keys in the same order as the requests.
  [[gnu::noinline]] bool run(Churn& churn, std::size_t operations) {
    std::size_t changed = 0;
    for (std::size_t i = 0; i < operations / 2; ++i) {
      const auto step = churn.next();
      changed += map_.erase(Churn::iova(step.unmap));
      changed += insert(step.map);
    }
    return changed == operations / 2 * 2;
  }

 private:
  struct Value {
    std::uint64_t last;
    std::uint64_t phys;
  };
  bool insert(std::uint32_t page) {
    const std::uint64_t iova = Churn::iova(page);
    return map_.emplace(iova, Value{iova + (kPage - 1), Churn::phys(page)}).second;
  }
  absl::btree_map<std::uint64_t, Value> map_;
};

struct Pipeline {
  Pipeline(std::unique_ptr<Sidecore> with, std::size_t live)
      : sidecore(std::move(with)), churn(live, live / 64, live) {}
  std::unique_ptr<Sidecore> sidecore;
  Churn churn;
  Samples ns;
  Samples empty_ns;  // With a handler that executes nothing.
};

Result<Pipeline> make_pipeline(Lab& lab, RingFormat format, std::size_t live) {
  VIOLET_TRY(auto sidecore, Sidecore::make(lab, format, live + kInFlight));
  Pipeline pipeline(std::move(sidecore), live);
  if (!pipeline.sidecore->populate(pipeline.churn))
    return fail("a MAP of the population was refused");
  return pipeline;
}

Status sample(Pipeline& pipeline, std::size_t requests, Sidecore::Handler handler) {
  VIOLET_TRY(pipeline.sidecore->start(handler));
  const bool empty = handler == Sidecore::Handler::kEmpty;
  Churn ignored = pipeline.churn;  // An empty handler leaves the population as it is.
  Churn& churn = empty ? ignored : pipeline.churn;
  bool right = true;
  const double ns =
      ns_each(requests, [&] { right = run_pipeline(*pipeline.sidecore, churn, requests); });
  pipeline.sidecore->stop();
  (empty ? pipeline.empty_ns : pipeline.ns).push_back(ns);
  if (!right) return fail("a request of the pipeline was refused");
  return {};
}

// --- growth ---

// Nanoseconds of the engine for one UNMAP and one MAP, in bursts of kInFlight through the ring; the
// driver's work, on the same lcore, is not counted.
Result<double> pair_ns(Sidecore& sidecore, Churn& churn, std::size_t pairs) {
  Rings& rings = *sidecore.rings;
  std::array<UsedBuffer, kInFlight> used;
  Ticks taken = 0;
  for (std::size_t done = 0; done < pairs; done += kInFlight / 2) {
    for (unsigned slot = 0; slot < kInFlight; slot += 2) {
      const auto step = churn.next();
      rings.put_unmap(slot, Churn::iova(step.unmap));
      rings.put_map(slot + 1, Churn::iova(step.map), Churn::phys(step.map));
      rings.add(slot);
      rings.add(slot + 1);
    }
    rings.publish();
    for (std::size_t back = 0; back < kInFlight;) {
      const Ticks start = now_ticks();
      sidecore.engine->poll(64);
      taken += now_ticks() - start;
      back += rings.take(used);
    }
    for (unsigned slot = 0; slot < kInFlight; ++slot) {
      if (!rings.ok(slot)) return fail("a request of the growth bench was refused");
    }
  }
  return static_cast<double>(taken) * ns_per_tick() / static_cast<double>(pairs);
}

std::size_t resident_set_bytes() {
  unsigned long size = 0;
  unsigned long resident = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  const int fields = std::fscanf(file, "%lu %lu", &size, &resident);
  std::fclose(file);
  return fields == 2 ? resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

Finding bytes_finding(const Sidecore& sidecore, std::size_t live, std::size_t growth) {
  const std::size_t accounted =
      sidecore.engine->memory_used() + sidecore.engine->iotlb().resident_bytes();
  const double each = 1.0 / static_cast<double>(live);
  const double larger = static_cast<double>(std::max(accounted, growth)) * each;
  return {
      "bytes",
      {{larger, std::nullopt, 1}},
      fmt::format("accounted {:.2f} B (store {:.2f}, IOTLB {:.2f}); the process grew by {:.2f} B",
                  static_cast<double>(accounted) * each,
                  static_cast<double>(sidecore.engine->memory_used()) * each,
                  static_cast<double>(sidecore.engine->iotlb().resident_bytes()) * each,
                  static_cast<double>(growth) * each),
      "a radix leaf takes 8 bytes a granule; the rest is upper levels, the IOTLB and the rings",
      "the larger of what the engine accounts for and what the process grew by; device, rings and "
      "one "
      "port's IOTLB included"};
}

}  // namespace

Result<Findings> measure_pipeline(Lab& lab) {
  if (!lab.two_cpus()) return Findings{not_available("pipelined", kNeedsTwoCpus)};
  const std::size_t live = lab.size(65536, 1024);
  const std::size_t requests = lab.size(1 << 17, 1 << 9);
  VIOLET_TRY(auto packed, make_pipeline(lab, RingFormat::kPacked, live));
  VIOLET_TRY(auto split, make_pipeline(lab, RingFormat::kSplit, live));
  Churn keys(live, live / 64, live);
  Btree btree(keys);
  Samples btree_ns;
  for (std::size_t i = 0; i < lab.repetitions() + 1; ++i) {
    if (i == 1) packed.ns = packed.empty_ns = split.ns = btree_ns = {};
    for (const auto handler : {Sidecore::Handler::kEngine, Sidecore::Handler::kEmpty}) {
      VIOLET_TRY(sample(packed, requests, handler));
    }
    bool right = true;
    btree_ns.push_back(ns_each(requests, [&] { right = btree.run(keys, requests); }));
    if (!right) return fail("the btree lost keys");
    VIOLET_TRY(sample(split, requests, Sidecore::Handler::kEngine));
    lab.tick();
  }
  return Findings{
      {"pipelined",
       {ratio(packed.ns, btree_ns)},
       fmt::format("{} packed, {} split vs {}; an empty handler on the packed ring {}",
                   ns_text(packed.ns), ns_text(split.ns), ns_text(btree_ns),
                   ns_text(packed.empty_ns)),
       fmt::format(
           "the ring alone, with an empty handler, took {} a request, {} of what the btree takes: "
           "a request's line, its descriptors and its answer change cores, which a tree in one "
           "core's cache does not; the engine adds {}",
           ns_text(packed.empty_ns), results::three_digits(ratio(packed.empty_ns, btree_ns).value),
           ns_text(results::median(packed.ns) - results::median(packed.empty_ns))),
       "packed ring; guest and engine work at the same time on two cores, the btree on one"}};
}

Result<Findings> measure_growth(Lab& lab) {
  const std::size_t many = lab.size(1 << 20, 1 << 12);
  Churn large(many, 1024, 1);
  Churn small(1024, 1024, 2);
  const std::size_t before = resident_set_bytes();
  VIOLET_TRY(auto full, Sidecore::make(lab, RingFormat::kPacked, many + kInFlight));
  if (!full->populate(large)) return fail("a MAP of the large population was refused");
  const Finding bytes = bytes_finding(*full, many, resident_set_bytes() - before);
  VIOLET_TRY(auto few, Sidecore::make(lab, RingFormat::kPacked, 1024 + kInFlight));
  if (!few->populate(small)) return fail("a MAP of the small population was refused");
  const std::size_t pairs = lab.size(1 << 15, 1 << 8);
  Samples large_ns;
  Samples small_ns;
  for (std::size_t i = 0; i < lab.repetitions() + 1; ++i) {
    if (i == 1) large_ns = small_ns = {};
    VIOLET_TRY(const double at_few, pair_ns(*few, small, pairs));
    VIOLET_TRY(const double at_many, pair_ns(*full, large, pairs));
    small_ns.push_back(at_few);
    large_ns.push_back(at_many);
    lab.tick();
  }
  return Findings{{"growth",
                   {ratio(large_ns, small_ns)},
                   fmt::format("{} vs {} a pair", ns_text(large_ns), ns_text(small_ns)),
                   "1,048,576 leaves take 8 MiB, more than the cache near the core, so a random "
                   "page costs a miss of "
                   "its leaf line and one of its node's header that 1,024 mappings do not pay",
                   "UNMAP and MAP of random pages in bursts of 32 through a packed ring; the "
                   "engine's time only, "
                   "polled inline"},
                  bytes};
}

}  // namespace violet::scorecard
