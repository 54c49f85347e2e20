// What the sentence of each step claims, asserted against the counters and the state after it, on every engine. A step
// without an entry fails, so that no sentence goes unchecked.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "engine/protocol/fault.hpp"
#include "experiments/lessons/layout.hpp"
#include "experiments/lessons/lessons.hpp"
#include "experiments/lessons/player.hpp"
#include "experiments/strategies/strategies.hpp"

namespace violet::lessons::claims_test {
namespace {

using State = RequestView::State;
// The snapshots before and after the step.
using Claim = std::function<void(const Snapshot& before, const Snapshot& now)>;

constexpr std::uint64_t kFirst = 0xfffff000, kSecond = 0xffffe000, kThird = 0xffffd000;

std::string name_of(const RequestView& request) { return request_name(request.readable); }
bool maps(const Snapshot& shot, std::uint64_t iova) {
  for (const MappingView& line : shot.machine.mappings) {
    if (line.range.contains(Iova{iova})) return true;
  }
  return false;
}
const EndpointView& nic(const Snapshot& shot) { return shot.machine.endpoints[kNic]; }
std::size_t sent(const Snapshot& before, const Snapshot& now) {
  return now.requests.size() - before.requests.size();
}
std::uint64_t kicked(const Snapshot& before, const Snapshot& now) {
  return now.guest.kicks - before.guest.kicks;
}
std::uint64_t waited(const Snapshot& before, const Snapshot& now) {
  return now.guest.syncs - before.guest.syncs;
}
double score(const Snapshot& shot, std::size_t row, std::size_t measure) {
  return shot.scores.at(row).measures.at(measure).value;
}
protocol::Fault fault(const Snapshot& shot, std::size_t index) {
  protocol::Fault fault{};
  std::memcpy(&fault, shot.records.at(index).data(), sizeof(fault));
  return fault;
}

void expect_nothing_sent(const Snapshot& before, const Snapshot& now) {
  EXPECT_EQ(sent(before, now), 0u);
  EXPECT_EQ(kicked(before, now), 0u);
  EXPECT_EQ(waited(before, now), 0u);
}
void expect_fault(const Snapshot&, const Snapshot& now) { EXPECT_TRUE(now.nic().faulted()); }

std::map<std::string, Claim> page_claims() {
  return {
      {"An empty table",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_FALSE(nic(now).domain);
         EXPECT_TRUE(now.requests.empty());
       }},
      {"What must stay free?",
       [](const Snapshot&, const Snapshot& now) {
         ASSERT_EQ(now.requests.size(), 1u);
         EXPECT_EQ(name_of(now.request()), "PROBE");
         EXPECT_EQ(now.request().state, State::kQueued);
         EXPECT_EQ(now.guest.kicks, 0u);
       }},
      {"A kick, an answer",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.guest.kicks, 1u);
         ASSERT_EQ(now.requests.size(), 1u);
         EXPECT_TRUE(now.request().seen);
       }},
      {"Attach",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(nic(now).domain, DomainId{1});
         EXPECT_EQ(now.machine.mapping_count, 0u);
       }},
      {"A page and an address",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_EQ(request_summary(now.request().readable), "MAP 0xfffff000 \u2192 0x2000");
         EXPECT_EQ(now.request().state, State::kQueued);
         EXPECT_EQ(kicked(before, now), 0u);
         EXPECT_EQ(now.machine.mapping_count, 0u);
       }},
      {"Into the store",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_EQ(kicked(before, now), 1u);
         EXPECT_TRUE(maps(now, kFirst));
         EXPECT_EQ(now.request().status, protocol::Status::kOk);
       }},
      {"The first access",
       [](const Snapshot&, const Snapshot& now) { EXPECT_TRUE(now.nic().missed); }},
      {"The walk",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_TRUE(now.nic().found);
         EXPECT_TRUE(nic(now).cached.empty());
       }},
      {"Fill and grant",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(nic(now).cached.size(), 1u);
         EXPECT_EQ(now.nic().result.phys.value, 0x2000u);
       }},
      {"Bytes move",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.pages[0].text, "packet no. 1");
         EXPECT_EQ(now.guest.bytes_copied, 0u);
       }},
      {"Again, and fast",
       [](const Snapshot&, const Snapshot& now) { EXPECT_FALSE(now.nic().missed); }},
      {"What you saw",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.requests.size(), 3u);
         EXPECT_EQ(now.guest.kicks, 3u);
         EXPECT_EQ(nic(now).stats.misses, 1u);
         EXPECT_EQ(nic(now).stats.hits, 1u);
       }},
  };
}

std::map<std::string, Claim> stay_out_claims() {
  return {
      {"A page to read",
       [](const Snapshot&, const Snapshot& now) {
         ASSERT_EQ(now.machine.mappings.size(), 1u);
         EXPECT_EQ(now.machine.mappings[0].permissions, Permissions::kRead);
       }},
      {"Reading is fine",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.nic().data, "hello, world");
         ASSERT_EQ(nic(now).cached.size(), 1u);
         EXPECT_EQ(nic(now).cached[0].permissions, Permissions::kRead);
       }},
      {"Writing is not",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_TRUE(now.nic().faulted());
         EXPECT_FALSE(now.nic().missed);
         EXPECT_EQ(now.pages[0].text, "hello, world");
       }},
      {"A report",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.records.size(), 1u);
         EXPECT_EQ(now.records_read, 0u);
       }},
      {"The driver reads it",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.records_read, 1u);
         EXPECT_EQ(fault_summary(now.records[0]), "0x28 W 0xfffff000");
       }},
      {"One page further",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_TRUE(now.nic().faulted());
         EXPECT_TRUE(now.nic().missed);
         EXPECT_FALSE(now.nic().found);
       }},
      {"A second record",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.records.size(), 2u);
         EXPECT_EQ(fault(now, 1).reason, fault(now, 0).reason);
         EXPECT_EQ(fault_summary(now.records[1]), "0x28 R 0xffffe000");
       }},
      {"A device without a domain",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_FALSE(now.machine.endpoints[kDisk].domain);
         EXPECT_TRUE(now.disk().faulted());
         EXPECT_EQ(now.disk().result.reason, protocol::FaultReason::kDomain);
       }},
      {"Another reason",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(fault(now, 2).reason, static_cast<std::uint8_t>(protocol::FaultReason::kDomain));
         EXPECT_EQ(fault(now, 2).endpoint, 0x30u);
       }},
      {"No buffer left",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.machine.faults_posted, 3u);
         EXPECT_EQ(now.machine.faults_lost, 1u);
       }},
      {"What you saw",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.access_count, 5u);
         EXPECT_EQ(now.fault_count, 4u);
         EXPECT_EQ(now.pages[0].text, "hello, world");
         EXPECT_EQ(now.pages[1].text, "root:x:0:0");
       }},
  };
}

std::map<std::string, Claim> strict_claims() {
  return {
      {"A page in use",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.placement, Placement::kSidecore);
         EXPECT_EQ(now.guest.kicks, 0u);  // Nobody needs to kick.
         EXPECT_EQ(now.guest.kicks_suppressed, 3u);
         EXPECT_EQ(nic(now).cached.size(), 1u);
       }},
      {"An access under way",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.nic().phase, AccessView::Phase::kHalfDone);
         EXPECT_EQ(now.pages[0].text, "SECONDpacket");
       }},
      {"The driver wants its page back",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_EQ(name_of(now.request()), "UNMAP");
         EXPECT_EQ(now.request().state, State::kQueued);
         EXPECT_EQ(waited(before, now), 1u);
         EXPECT_EQ(now.buffers[0].use, BufferView::Use::kUnmapping);
       }},
      {"Removed, but not answered",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_FALSE(maps(now, kFirst));
         EXPECT_TRUE(nic(now).cached.empty());
         EXPECT_EQ(now.request().state, State::kTaken);
         EXPECT_EQ(now.machine.waits_for, "NIC lcore");
         EXPECT_EQ(now.machine.grace_periods - before.machine.grace_periods, 1u);
       }},
      {"Others wait, too",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_EQ(sent(before, now), 0u);
         EXPECT_EQ(now.locked_out, 1u);
       }},
      {"The access ends",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.pages[0].text, "SECOND PACKET");
         EXPECT_EQ(now.request().state, State::kTaken);
       }},
      {"Nobody is inside",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(name_of(now.request(1)), "UNMAP");
         EXPECT_EQ(now.request(1).status, protocol::Status::kOk);
         EXPECT_EQ(now.buffers[0].use, BufferView::Use::kGivenBack);
         EXPECT_EQ(name_of(now.request()), "MAP");  // The other processor's.
         EXPECT_EQ(now.request().status, protocol::Status::kOk);
         EXPECT_GE(now.request().queued_at, now.request(1).answered_at);
       }},
      {"A new owner",
       [](const Snapshot&, const Snapshot& now) { EXPECT_EQ(now.pages[0].owner, "browser"); }},
      {"Too late",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_TRUE(now.nic().faulted());
         EXPECT_FALSE(now.nic().found);
         EXPECT_EQ(now.pages[0].text, "password=tulip");
         EXPECT_EQ(now.stale_pages(), 0u);
       }},
      {"Reported", [](const Snapshot&, const Snapshot& now) { EXPECT_EQ(now.records.size(), 1u); }},
      {"What you saw",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.violations, 0u);
         EXPECT_EQ(now.exposure.windows, 0u);
         EXPECT_GT(now.request(1).answered_at, now.request(1).queued_at);
       }},
  };
}

std::map<std::string, Claim> window_claims() {
  const Claim new_owner = [](const Snapshot&, const Snapshot& now) {
    EXPECT_EQ(now.pages[0].owner, "browser");
    EXPECT_EQ(now.pages[0].text, "password=tulip");
  };
  const Claim unmap_returns = [](const Snapshot& before, const Snapshot& now) {
    EXPECT_EQ(name_of(now.request()), "UNMAP");
    EXPECT_EQ(now.request().state, State::kQueued);
    EXPECT_EQ(kicked(before, now), 0u);
    EXPECT_EQ(waited(before, now), 0u);
    EXPECT_EQ(now.stale_pages(), 1u);
  };
  return {
      {"Lazy, and a bad NIC",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.strategy, "lazy-percpu");
         EXPECT_EQ(now.placement, Placement::kSamecore);
         EXPECT_TRUE(now.rogue);
       }},
      {"The unmap returns", unmap_returns},
      {"A new owner",
       [new_owner](const Snapshot& before, const Snapshot& now) {
         new_owner(before, now);
         EXPECT_EQ(now.request().state, State::kQueued);  // Unread.
       }},
      {"The attack",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_FALSE(now.nic().missed);
         EXPECT_EQ(now.nic().data, "password=tulip");
       }},
      {"The next map closes it",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_EQ(kicked(before, now), 1u);
         EXPECT_EQ(now.request(1).status, protocol::Status::kOk);
         EXPECT_EQ(now.stale_pages(), 0u);
         EXPECT_EQ(now.exposure.windows, 1u);
         EXPECT_GT(now.exposure.longest_ns, now.costs.think);
       }},
      {"Too late for the NIC",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_TRUE(now.nic().faulted());
         EXPECT_EQ(now.buffers.back().range.first.value, kSecond);  // Not the one that waits.
       }},
      {"Again, with a sidecore",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.strategy, "lazy-percpu");
         EXPECT_EQ(now.placement, Placement::kSidecore);
         EXPECT_TRUE(now.rogue);
       }},
      {"The unmap returns #2", unmap_returns},
      {"The engine looks by itself",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.guest.kicks, 0u);
         EXPECT_EQ(now.stale_pages(), 0u);
         EXPECT_EQ(now.exposure.windows, 1u);
       }},
      {"A new owner #2", new_owner},
      {"The attack fails", expect_fault},
      {"What you saw",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.guest.kicks, 0u);
         EXPECT_LT(now.exposure.longest_ns, now.costs.think);  // Until a poll, not until a timer.
       }},
  };
}

std::map<std::string, Claim> overtaking_claims() {
  return {
      {"Unmapped in the middle",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_EQ(now.nic().phase, AccessView::Phase::kHalfDone);
         EXPECT_EQ(name_of(now.request()), "UNMAP");
         EXPECT_EQ(waited(before, now), 1u);  // For the MAP.
         EXPECT_EQ(now.buffers.back().use, BufferView::Use::kGivenBack);
       }},
      {"The next map waits",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_EQ(name_of(now.request()), "MAP");
         EXPECT_EQ(name_of(now.request(1)), "UNMAP");
         EXPECT_EQ(now.request(1).state, State::kQueued);
         EXPECT_EQ(waited(before, now), 1u);
       }},
      {"Overtaken",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.request().status, protocol::Status::kOk);
         EXPECT_EQ(now.request(1).state, State::kTaken);
         EXPECT_EQ(now.machine.parked, 1u);
         EXPECT_EQ(now.machine.waits_for, "NIC lcore");
       }},
      {"Both are back",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.request(1).status, protocol::Status::kOk);
         EXPECT_GT(now.request(1).answered_at, now.request().answered_at);
         EXPECT_EQ(now.buffers.back().use, BufferView::Use::kLive);
         EXPECT_EQ(now.violations, 0u);
       }},
  };
}

std::map<std::string, Claim> fast_claims() {
  enum { kExits, kWaits, kTime, kLongest };
  const Claim one_wait = [](const Snapshot& before, const Snapshot& now) {
    EXPECT_EQ(sent(before, now), 1u);
    EXPECT_EQ(kicked(before, now), 1u);
    EXPECT_EQ(waited(before, now), 1u);
  };
  return {
      {"The job", [](const Snapshot&,
                     const Snapshot& now) { EXPECT_EQ(now.placement, Placement::kSamecore); }},
      {"One buffer, strict: map", one_wait},
      {"One buffer, strict: unmap", one_wait},
      {"Strict on the guest's core",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(score(now, 0, kExits), 128);
         EXPECT_EQ(score(now, 0, kWaits), 128);
         // Nearly all of it exits: two a buffer.
         EXPECT_GT(2 * static_cast<double>(now.costs.exit), 0.8 * score(now, 0, kTime));
         EXPECT_EQ(score(now, 0, kLongest), 0);
       }},
      {"Lazy on the guest's core",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(score(now, 1, kExits), 65);  // Each UNMAP rides along; the flush takes the last.
         EXPECT_LT(score(now, 1, kTime), score(now, 0, kTime));
         EXPECT_NEAR(score(now, 1, kLongest), 10e6, 0.2e6);  // The flush timer.
       }},
      {"Strict with a sidecore",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(score(now, 2, kExits), 0);
         EXPECT_EQ(score(now, 2, kWaits), 128);
         EXPECT_LT(score(now, 2, kTime), score(now, 0, kTime));
       }},
      {"Lazy with a sidecore",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(score(now, 3, kExits), 0);
         EXPECT_EQ(score(now, 3, kWaits), 64);
         EXPECT_LT(score(now, 3, kLongest), 10e3);
       }},
      {"What you saw",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_GT(score(now, 0, kTime) / score(now, 1, kTime),
                   score(now, 2, kTime) / score(now, 3, kTime));
       }},
  };
}

std::map<std::string, Claim> bounce_claims() {
  return {
      {"Another idea",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.strategy, "bounce-dynamic");
         EXPECT_EQ(now.machine.mapping_count, 0u);
       }},
      {"A slot is made",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_EQ(sent(before, now), 1u);
         EXPECT_EQ(kicked(before, now), 1u);
         ASSERT_EQ(now.machine.mappings.size(), 1u);
         EXPECT_EQ(now.machine.mappings[0].phys, now.pages.back().phys);
         EXPECT_EQ(now.pages.back().owner, "pool slot");
       }},
      {"The packet arrives",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.pages[0].text, "");
         EXPECT_EQ(now.pages.back().text, "first packet");
       }},
      {"Unmap is a copy",
       [](const Snapshot& before, const Snapshot& now) {
         expect_nothing_sent(before, now);
         EXPECT_EQ(now.guest.bytes_copied - before.guest.bytes_copied, kPageBytes);
         EXPECT_EQ(now.pages[0].text, "first packet");
         EXPECT_EQ(now.machine.mapping_count, 1u);
         EXPECT_EQ(now.stale_pages(), 0u);
       }},
      {"The second buffer",
       [](const Snapshot& before, const Snapshot& now) {
         expect_nothing_sent(before, now);
         EXPECT_EQ(nic(now).cached.size(), 1u);
       }},
      {"Used and copied",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.pages[1].owner, "browser");
         EXPECT_EQ(now.pages[1].text, "password=tulip");
       }},
      {"Is it safe?",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_TRUE(now.nic().succeeded());
         EXPECT_TRUE(now.pages.back().text.starts_with("EVIL"));
         EXPECT_EQ(now.pages[1].text, "password=tulip");
       }},
      {"Small buffers",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_LT(score(now, 1, 0), score(now, 0, 0));
         EXPECT_EQ(score(now, 0, 1), 2 * 16);  // Two exits a buffer.
       }},
      {"Large buffers",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_GT(score(now, 3, 0), score(now, 2, 0));
         EXPECT_EQ(score(now, 2, 0), score(now, 0, 0));  // The request does not grow.
       }},
      {"With a sidecore",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_LT(score(now, 1, 0), score(now, 0, 0));
         EXPECT_GT(score(now, 3, 0), score(now, 2, 0));
         EXPECT_EQ(score(now, 0, 1), 0);
       }},
      {"What you saw",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_GT(now.exposure.always_mapped_bytes, 0u);
       }},
  };
}

std::map<std::string, Claim> optimistic_claims() {
  return {
      {"Hoping for a return",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.strategy, "optimistic");
         EXPECT_EQ(now.settings.integer("quota"), 2);
       }},
      {"Unmapped, says the driver",
       [](const Snapshot& before, const Snapshot& now) {
         expect_nothing_sent(before, now);
         EXPECT_EQ(now.stale_pages(), 1u);
       }},
      {"Still open",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_TRUE(now.nic().succeeded());
         EXPECT_TRUE(maps(now, kFirst));
         EXPECT_EQ(now.guest.unmap_requests, 0u);
       }},
      {"The bet pays",
       [](const Snapshot& before, const Snapshot& now) {
         expect_nothing_sent(before, now);
         EXPECT_EQ(now.silent_maps, 1u);
         EXPECT_EQ(now.stale_pages(), 0u);
       }},
      {"Other rights",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_EQ(sent(before, now), 1u);
         EXPECT_EQ(now.machine.mappings.size(), 2u);
         EXPECT_EQ(now.stale_pages(), 1u);
       }},
      {"The quota is full",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_EQ(now.stale_pages(), 2u);
         EXPECT_EQ(now.guest.unmap_requests, 0u);
       }},
      {"One too many",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_EQ(sent(before, now), 1u);
         EXPECT_EQ(waited(before, now), 1u);
         EXPECT_FALSE(maps(now, kFirst));
         EXPECT_TRUE(maps(now, kThird));
         EXPECT_EQ(now.stale_pages(), 2u);
       }},
      {"What is still reachable?",
       [](const Snapshot&, const Snapshot& now) {
         EXPECT_TRUE(now.nic().succeeded());
         EXPECT_TRUE(now.pages[1].text.starts_with("EVIL"));
       }},
      {"Old age",
       [](const Snapshot& before, const Snapshot& now) {
         EXPECT_EQ(now.guest.unmap_requests - before.guest.unmap_requests, 2u);
         EXPECT_EQ(waited(before, now), 1u);
         EXPECT_EQ(now.stale_pages(), 0u);
       }},
      {"Closed", expect_fault},
  };
}

std::map<std::string, Claim> family_claims() {
  return {
      {"The whole family",
       [](const Snapshot&, const Snapshot& now) {
         const auto names = strategies().names();
         ASSERT_EQ(now.scores.size(), names.size());
         for (std::size_t i = 0; i < names.size(); ++i) {
           const Score& score = now.scores[i];
           EXPECT_EQ(score.strategy, names[i]);
           const std::string& exposed = score.measures[2].text;
           const AfterUnmap after = strategies().find(names[i])->after_unmap;
           if (after == AfterUnmap::kNothing || after == AfterUnmap::kCopies) {
             EXPECT_EQ(exposed, "0 ns") << names[i];
           } else if (after == AfterUnmap::kBuffers || after == AfterUnmap::kForgotten) {
             EXPECT_EQ(exposed, "no end") << names[i];
           }
         }
       }},
      {"What you saw",
       [](const Snapshot&, const Snapshot& now) {
         std::map<std::string, double> requests;
         for (const Score& score : now.scores) requests[score.strategy] = score.measures[0].value;
         EXPECT_EQ(requests["strict"], 64);
         EXPECT_EQ(requests["optimistic"], 8);  // Four MAPs, and four UNMAPs when they are too old.
       }},
  };
}

std::map<std::string, Claim> together(std::map<std::string, Claim> some,
                                      std::map<std::string, Claim> others) {
  some.merge(others);
  return some;
}

const std::map<std::string, std::map<std::string, Claim>>& all_claims() {
  static const std::map<std::string, std::map<std::string, Claim>> all = {
      {"page", page_claims()},
      {"stay-out", stay_out_claims()},
      {"strict", strict_claims()},
      {"window", together(window_claims(), overtaking_claims())},
      {"fast", fast_claims()},
      {"bounce", bounce_claims()},
      {"optimistic", together(optimistic_claims(), family_claims())}};
  return all;
}

class Claims : public testing::TestWithParam<EngineChoice> {};

TEST_P(Claims, HoldAtEveryStep) {
  for (const Lesson& lesson : lessons()) {
    ASSERT_TRUE(all_claims().contains(lesson.id)) << lesson.id;
    const auto& claims = all_claims().at(lesson.id);
    std::map<std::string, int> seen;
    Player player(lesson, GetParam());
    Snapshot before = player.frame().snapshot;
    for (std::size_t i = 0; i < player.count(); ++i) {
      const std::string& title = lesson.steps[i].title;
      const int nth = ++seen[title];
      const std::string key = nth == 1 ? title : title + " #" + std::to_string(nth);
      SCOPED_TRACE(lesson.id + ": " + key);
      ASSERT_TRUE(claims.contains(key));
      player.go_to(i);
      claims.at(key)(before, player.frame().snapshot);
      before = player.frame().snapshot;
    }
    EXPECT_EQ(claims.size(), player.count()) << lesson.id << " has claims without a step";
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, Claims,
                         testing::ValuesIn(engine_choices().begin(), engine_choices().end()),
                         [](const auto& engine) {
                           std::string name = engine.param.store + "_" + engine.param.iotlb;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

std::string plan_text(const std::string& name) {
  const std::string here = __FILE__;
  std::ifstream file(here.substr(0, here.rfind("/lessons/")) + "/plans/" + name + ".toml");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// "Try it" measures what was taught: the bundled plan has every strategy that the lesson shows.
TEST(TryIt, ThePlanHasWhatTheLessonShows) {
  for (const Lesson& lesson : lessons()) {
    const std::string plan = plan_text(lesson.plan);
    ASSERT_FALSE(plan.empty()) << lesson.plan;
    const bool every = plan.find("strategy = \"*\"") != std::string::npos;
    Player player(lesson, {});
    for (std::size_t i = 0; i < player.count(); ++i) {
      player.go_to(i);
      std::vector<std::string> shown = {player.frame().snapshot.strategy};
      for (const Score& score : player.frame().snapshot.scores) shown.push_back(score.strategy);
      for (const std::string& strategy : shown) {
        EXPECT_TRUE(every || plan.find('"' + strategy + '"') != std::string::npos)
            << lesson.id << ": plan " << lesson.plan << " lacks " << strategy;
      }
    }
    EXPECT_FALSE(lesson.plan_shows.empty());
  }
  // Refused accesses, and where the engine runs.
  EXPECT_NE(plan_text("stay-out").find("workload = \"stray\""), std::string::npos);
  for (const char* placement : {"samecore", "sidecore"}) {
    EXPECT_NE(plan_text("placements").find(placement), std::string::npos);
  }
}

}  // namespace
}  // namespace violet::lessons::claims_test
