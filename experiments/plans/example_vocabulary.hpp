// An example vocabulary gives tests and the fuzzer the names that the bundled plans use. The real
// vocabulary comes from the registries and must cover the bundled plans too; the runner's tests
// check that.
#pragma once

#include "experiments/plans/vocabulary.hpp"

namespace violet::plans {

inline Vocabulary example_vocabulary() {
  Vocabulary v;
  v.strategies = {
      {"strict", "", {{"sync_map", true, 0, 0, {}, "wait for a MAP"}}},
      {"off"},
      {"direct"},
      {"lazy-percpu",
       "per-CPU flush queues",
       {{"entries", std::int64_t{256}, 2, 65536, {}, "of each queue"},
        {"timer_ms", 10.0, 0.1, 10'000, {}, "until a flush"}}},
      {"lazy-single",
       "one flush queue",
       {{"entries", std::int64_t{32768}, 2, 1 << 20, {}, "of the queue"},
        {"timer_ms", 1000.0, 0.1, 100'000, {}, "until a flush"}}},
      {"bounce-dynamic",
       "",
       {{"slots", std::int64_t{1024}, 1, 65536, {}, "of a class"},
        {"limit_bytes", std::int64_t{4096}, 0, 512 << 10, {}, "larger buffers are mapped"}}},
      {"optimistic",
       "mappings are kept for a while",
       {{"quota", std::int64_t{256}, 1, 65536, {}, "kept at most"},
        {"keep_ms", 10.0, 0.01, 100'000, {}, "until the teardown"}}},
      {"registered", "", {{"revoke_per_s", 0.0, 0, 1e6, {}, "blocks revoked a second"}}},
      {"link", "", {{"lazy", false, 0, 0, {}, "unlinked ranges wait for a flush"}}}};
  for (const char* name :
       {"async", "contiguous", "dma-tracking", "forgotten", "lazy-global", "lazy-wrap", "link-kept",
        "persistent", "pool", "ring", "shadow", "shared", "strict-batch", "swiotlb"})
    v.strategies.push_back({name});
  v.iovas = {{"rcache"}, {"rcache-bounded"}, {"rbtree"}, {"free-list"}};
  v.placements = {{"sidecore"}, {"samecore"}, {"kick-thread"}};
  v.stores = {{"radix"}, {"interval"}};
  v.iotlbs = {{"generation-domain"}, {"locked"},       {"generation-device"}, {"versioned"},
              {"generation-ranges"}, {"targeted-ack"}, {"shared-versioned"}};
  v.replacements = {{"round-robin"}, {"random"}, {"lru"}};
  v.indexings = {{"dense"}, {"mixed"}};
  v.workloads = {
      {"net-rx",
       "",
       {{"packet_bytes", std::int64_t{1500}, 64, 65536, {}, ""},
        {"recycle", std::string("lifo"), 0, 0, {"lifo", "fifo"}, "order of reuse"}}},
      {"net-tx"},
      {"nvme-4k",
       "",
       {{"service_ns", std::int64_t{0}, 0, 1e9, {}, "of each command"},
        {"io_bytes", std::int64_t{4096}, 512, 1 << 20, {}, "of each command"},
        {"depth", std::int64_t{64}, 1, 1024, {}, "commands in flight"},
        {"burst", std::int64_t{1}, 1, 64, {}, "commands completed at once"},
        {"read_percent", std::int64_t{70}, 0, 100, {}, "of all commands"}}},
      {"iova-stress",
       "",
       {{"ring", std::int64_t{512}, 1, 4096, {}, "buffers mapped at a time"},
        {"pages", std::int64_t{1}, 1, 1024, {}, "of each"}}},
      {"reassign", "", {{"reset", true, 0, 0, {}, "the device, between two owners"}}},
      {"mapbench",
       "",
       {{"granules", std::int64_t{1}, 1, 1024, {}, "pages"},
        {"direction", std::string("bidirectional"), 0, 0, {"bidirectional", "from-device"}, ""}}},
      {"stray"},
      {"working-set",
       "",
       {{"buffers", std::int64_t{256}, 1, 65536, {}, "mapped at any time"},
        {"buffer_pages", std::int64_t{1}, 1, 512, {}, "of each"},
        {"touches", std::int64_t{16}, 1, 4096, {}, "for each that is mapped anew"}}}};
  v.datasets = {{"blk-randread-strict"}, {"nvme-randrw-strict"}, {"net-rx-strict"}};
  v.trace_settings = {{"loop", true, 0, 0, {}, "start again at the end"}};
  v.conflicts = {{"strategy", "off", "iotlb", "versioned", "nothing is translated"}};
  return v;
}

}  // namespace violet::plans
