// The loop: what waits for readers and what does not (C1, C2, C5), limits, reset, counters, events.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/device/all_pairs_testing.hpp"
#include "engine/store/oracle_store.hpp"

namespace violet::poll_test {
namespace {

using protocol::Status;

class Poll : public OnAllPairs {};
INSTANTIATE_TEST_SUITE_P(Pairs, Poll, testing::ValuesIn(all_pairs()), pair_name);

void two_domains(Rig& rig) {
  rig.attach(1, 8);
  rig.attach(2, 9);
  for (std::uint64_t page = 0; page < 8; ++page) {
    rig.map(1, page * kPage, page * kPage + kLast, page * kPage);
    rig.map(2, page * kPage, page * kPage + kLast, page * kPage);
  }
}

TEST_P(Poll, C1_UnmapIsAnsweredWhenTheReaderHasLetGo) {
  Rig rig;
  two_domains(rig);
  const auto endpoint = rig.device->endpoint({8}).value();
  AnyReader::Section section(*rig.reader);
  ASSERT_TRUE(rig.reader->translate(endpoint, {0}, Access::kWrite).reaches_memory());
  const auto token = rig.requests.push_wire(unmap_wire(1, 0, kLast));
  for (int i = 0; i < 20; ++i) rig.device->poll(64);
  EXPECT_FALSE(rig.requests.done(token));
  section.quiescent();
  rig.device->poll(64);
  EXPECT_EQ(rig.requests.status(token), Status::kOk);
  EXPECT_FALSE(rig.reader->translate(endpoint, {0}, Access::kWrite).reaches_memory());
}

TEST_P(Poll, C1_WithEveryReaderOfflineUnmapIsAnsweredInTheSamePoll) {
  Rig rig;
  two_domains(rig);
  const auto token = rig.requests.push_wire(unmap_wire(1, 0, kLast));
  rig.device->poll(64);
  EXPECT_EQ(rig.requests.status(token), Status::kOk);
}

TEST_P(Poll, C1_ASecondUnmapOfTheSameRangeDoesNotOvertakeTheFirst) {
  Rig rig;
  two_domains(rig);
  AnyReader::Section section(*rig.reader);
  const auto first = rig.requests.push_wire(unmap_wire(1, 0, kLast));
  rig.device->poll(64);
  const auto second = rig.requests.push_wire(unmap_wire(1, 0, kLast));
  rig.device->poll(64);
  EXPECT_FALSE(rig.requests.done(first));
  EXPECT_FALSE(rig.requests.done(second));
  section.quiescent();
  rig.device->poll(64);
  EXPECT_TRUE(rig.requests.done(first) && rig.requests.done(second));
}

TEST_P(Poll, C2_AMapOverAnInvalidationInFlightIsAnsweredAfterIt) {
  Rig rig;
  two_domains(rig);
  AnyReader::Section section(*rig.reader);
  const auto unmap = rig.requests.push_wire(unmap_wire(1, 0, kLast));
  const auto same = rig.requests.push_wire(map_wire(1, 0, kLast, 0x90000));
  const auto other = rig.requests.push_wire(map_wire(1, 100 * kPage, 100 * kPage + kLast, 0));
  rig.device->poll(64);
  EXPECT_FALSE(rig.requests.done(unmap));
  EXPECT_FALSE(rig.requests.done(same));
  EXPECT_EQ(rig.requests.status(other), Status::kOk);
  section.quiescent();
  rig.device->poll(64);
  EXPECT_EQ(rig.requests.status(same), Status::kOk);
  EXPECT_EQ(rig.reader->translate(rig.device->endpoint({8}).value(), {0}, Access::kRead).phys.value,
            0x90000u);
}

TEST_P(Poll, C5_OneBusyReaderDoesNotStopOtherRequests) {
  Rig rig;
  two_domains(rig);
  const AnyReader::Section section(*rig.reader);
  const auto unmap = rig.requests.push_wire(unmap_wire(1, 0, kLast));
  rig.device->poll(64);
  for (std::uint64_t i = 0; i < 500; ++i) {
    const std::uint64_t at = (1000 + i) * kPage;
    const auto domain = static_cast<std::uint32_t>(1 + i % 2);
    const auto map = rig.requests.push_wire(map_wire(domain, at, at + kLast, 0));
    rig.device->poll(64);
    ASSERT_EQ(rig.requests.status(map), Status::kOk);
  }
  EXPECT_FALSE(rig.requests.done(unmap));
  EXPECT_EQ(rig.device->counters().parked_now(), 1u);
}

TEST_P(Poll, C5_TheStalledReaderIsReportedByNameOnce) {
  EventRing ring(1024, 3);
  DeviceConfig config = rig_config();
  config.stall_threshold = 1000;
  Rig rig(config, true, Probe(&ring));
  two_domains(rig);
  {
    const AnyReader::Section section(*rig.other_reader);
    rig.requests.push_wire(unmap_wire(1, 0, kLast));
    rig.device->poll(64);
    rig.now += 999;
    rig.device->poll(64);
    EXPECT_TRUE(rig.device->stalled_readers().empty());
    rig.now += 1;
    for (int i = 0; i < 10; ++i) rig.device->poll(64);
    EXPECT_EQ(rig.device->stalled_readers(), std::vector<std::string>{"disk lcore"});
  }
  rig.poll_until_idle();
  EXPECT_EQ(rig.device->counters().stalls.value(), 1u);
  std::vector<Event> events(1024);
  events.resize(ring.drain(events));
  const auto stall = std::find_if(events.begin(), events.end(), [](const Event& e) {
    return e.kind == EventKind::kInvalidationStalled;
  });
  ASSERT_NE(stall, events.end());
  EXPECT_EQ(stall->id, rig.other_reader->reader().id().value);
  EXPECT_EQ(stall->a, 1000u);
}

TEST_P(Poll, OneGracePeriodServesABatch) {
  Rig rig;
  two_domains(rig);
  const auto before = rig.device->counters().grace_periods.value();
  for (std::uint64_t page = 0; page < 8; ++page) {
    rig.requests.push_wire(unmap_wire(1, page * kPage, page * kPage + kLast));
  }
  rig.device->poll(64);
  EXPECT_EQ(rig.device->counters().grace_periods.value() - before, 1u);
  EXPECT_EQ(rig.requests.completed(), rig.requests.pushed());
}

TEST_P(Poll, TheBudgetBoundsNewRequests) {
  Rig rig;
  two_domains(rig);
  const auto before = rig.requests.completed();
  for (std::uint64_t i = 0; i < 100; ++i) {
    rig.requests.push_wire(map_wire(1, (100 + i) * kPage, (100 + i) * kPage + kLast, 0));
  }
  rig.device->poll(10);
  EXPECT_EQ(rig.requests.completed() - before, 10u);
  rig.device->poll(50);
  EXPECT_EQ(rig.requests.completed() - before, 60u);
}

TEST_P(Poll, NoMoreIsTakenThanMayBeInFlight) {
  DeviceConfig config = rig_config();
  config.limits.in_flight = 4;
  Rig rig(config);
  two_domains(rig);
  {
    const AnyReader::Section section(*rig.reader);
    for (std::uint64_t page = 0; page < 8; ++page) {
      rig.requests.push_wire(unmap_wire(1, page * kPage, page * kPage + kLast));
    }
    for (int i = 0; i < 10; ++i) rig.device->poll(64);
    EXPECT_EQ(rig.device->requests_in_hand(), 4u);
  }
  for (int i = 0; i < 4; ++i) rig.poll_until_idle();
  EXPECT_EQ(rig.requests.completed(), rig.requests.pushed());
}

TEST_P(Poll, ABrokenRequestRingNeedsAResetAndAResetClearsIt) {
  Rig rig;
  rig.requests.break_ring();
  rig.device->poll(64);
  EXPECT_TRUE(rig.device->needs_reset());
  rig.requests.push_wire(attach_wire(1, 8));
  EXPECT_EQ(rig.device->poll(64), 0u);
  rig.device->reset();
  rig.requests.forget();
  rig.poll_until_idle();
  EXPECT_FALSE(rig.device->needs_reset());
  rig.device->negotiate(rig.device->offered_features());
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
}

TEST_P(Poll, ResetDetachesEverythingAndForgetsEveryMapping) {
  Rig rig;
  two_domains(rig);
  EXPECT_TRUE(rig.reaches(8, 0));
  rig.device->reset();
  rig.poll_until_idle();
  EXPECT_FALSE(rig.device->resetting());
  EXPECT_EQ(rig.device->negotiated_features(), 0u);
  EXPECT_EQ(rig.device->domain_count(), 0u);
  EXPECT_EQ(rig.device->memory_used(), 0u);
  EXPECT_EQ(rig.translate(8, 0).reason, protocol::FaultReason::kDomain);
  rig.device->negotiate(rig.device->offered_features());
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, 0));
}

TEST_P(Poll, C1_ResetEndsWhenEveryReaderHasLetGo) {
  DeviceConfig config = rig_config();
  config.stall_threshold = 1000;
  Rig rig(config);
  two_domains(rig);
  {
    const AnyReader::Section section(*rig.reader);
    const auto endpoint = rig.device->endpoint({8}).value();
    ASSERT_TRUE(rig.reader->translate(endpoint, {0}, Access::kRead).reaches_memory());
    rig.requests.push_wire(unmap_wire(1, 0, kLast));
    rig.device->poll(64);
    rig.device->reset();
    rig.requests.forget();
    EXPECT_FALSE(rig.reader->translate(endpoint, {0}, Access::kRead).reaches_memory());
    rig.now += 1000;
    for (int i = 0; i < 10; ++i) rig.device->poll(64);
    EXPECT_TRUE(rig.device->resetting());
    EXPECT_EQ(rig.device->counters().stalls.value(), 1u);
  }
  rig.poll_until_idle();
  EXPECT_FALSE(rig.device->resetting());
}

TEST_P(Poll, D6_ResetKeepsBypassAndSystemResetRestoresIt) {
  DeviceConfig config = rig_config();
  config.boot_bypass = true;
  Rig rig(config);
  EXPECT_TRUE(rig.reaches(8, 0x1000));
  const std::byte zero{0};
  rig.device->write_config(36, std::span(&zero, 1));
  rig.device->reset();
  rig.poll_until_idle();
  EXPECT_FALSE(rig.reaches(8, 0x1000));
  rig.device->system_reset();
  rig.poll_until_idle();
  EXPECT_TRUE(rig.reaches(8, 0x1000));
}

TEST_P(Poll, CountersSayWhatHappened) {
  Rig rig;
  two_domains(rig);
  rig.unmap(1, 0, kLast);
  rig.map(7, 0, kLast, 0);
  const auto& counters = rig.device->counters();
  EXPECT_EQ(counters.requests_of(protocol::Type::kAttach).value(), 2u);
  EXPECT_EQ(counters.requests_of(protocol::Type::kMap).value(), 17u);
  EXPECT_EQ(counters.requests_of(protocol::Type::kUnmap).value(), 1u);
  EXPECT_EQ(counters.replies_of(Status::kOk).value(), 19u);
  EXPECT_EQ(counters.replies_of(Status::kNoEnt).value(), 1u);
  EXPECT_EQ(counters.invalidations.value(), 1u);
  EXPECT_EQ(counters.parked.value(), 3u);
  EXPECT_EQ(counters.parked_now(), 0u);
  EXPECT_EQ(counters.domains_created.value(), 2u);
  EXPECT_GT(counters.polls.value(), counters.useful_polls.value());
}

// A capture of a guest that reboots knows by these that its mappings ended.
TEST_P(Poll, AResetLeavesTheEndOfEachAttachment) {
  EventRing ring(1024, 3);
  Rig rig(rig_config(), true, Probe(&ring));
  two_domains(rig);
  std::vector<Event> events(1024);
  ring.drain(events);
  rig.device->reset();
  rig.device->poll(64);
  events.resize(ring.drain(events));
  ASSERT_EQ(events.size(), 2u);
  for (const Event& event : events) EXPECT_EQ(event.kind, EventKind::kDetach);
}

TEST_P(Poll, UnmapLeavesItsTwoEventsWithTheirTimes) {
  EventRing ring(1024, 3);
  Rig rig(rig_config(), true, Probe(&ring));
  two_domains(rig);
  std::vector<Event> events(1024);
  ring.drain(events);
  {
    const AnyReader::Section section(*rig.reader);
    rig.now = 500;
    rig.requests.push_wire(unmap_wire(1, 0, kLast));
    rig.device->poll(64);
    rig.now = 700;
  }
  rig.device->poll(64);
  events.resize(ring.drain(events));
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, EventKind::kUnmapExecuted);
  EXPECT_EQ(events[0].at, 500u);
  EXPECT_EQ(events[1].kind, EventKind::kUnmapCompleted);
  EXPECT_EQ(events[1].at, 700u);
  for (const Event& event : events) {
    EXPECT_EQ(event.id, 1u);
    EXPECT_EQ(event.a, 0u);
    EXPECT_EQ(event.b, kLast);
  }
}

// A store that refuses updates while `busy`, one domain of several: as a locked store does while a
// reader is inside it.
class RefusingStore : public OracleStore {
 public:
  static inline int refusals = 0;

  RefusingStore(const StoreConfig& config, Quiescence& quiescence, MemoryBudget& budget)
      : OracleStore(config, quiescence, budget) {}
  bool try_begin_update() override {
    if (refusals == 0) return true;
    --refusals;
    return false;
  }
};

Device::Parts refusing() { return {store_factory<RefusingStore>(), iotlbs().find("locked")->make}; }

TEST(PollRefused, C5_ARefusedRequestIsRetriedAndOthersOvertake) {
  Rig rig(refusing());
  two_domains(rig);
  RefusingStore::refusals = 1;
  const auto first = rig.requests.push_wire(map_wire(1, 50 * kPage, 50 * kPage + kLast, 0));
  const auto behind = rig.requests.push_wire(unmap_wire(1, 50 * kPage, 50 * kPage + kLast));
  const auto other = rig.requests.push_wire(map_wire(2, 50 * kPage, 50 * kPage + kLast, 0));
  rig.device->poll(64);
  EXPECT_FALSE(rig.requests.done(first));
  EXPECT_FALSE(rig.requests.done(behind));
  EXPECT_EQ(rig.requests.status(other), Status::kOk);
  EXPECT_TRUE(rig.device->wants_poll());
  rig.poll_until_idle();
  EXPECT_EQ(rig.requests.status(first), Status::kOk);
  EXPECT_EQ(rig.requests.status(behind), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, 50 * kPage));  // In order: mapped, then unmapped.
}

TEST(PollRefused, C5_AnEndpointsAttachesKeepTheirOrder) {
  Rig rig(refusing());
  two_domains(rig);
  RefusingStore::refusals = 1;
  rig.requests.push_wire(map_wire(1, 50 * kPage, 50 * kPage + kLast, 0));  // Deferred.
  rig.requests.push_wire(attach_wire(1, 9));                               // Behind it.
  rig.requests.push_wire(attach_wire(3, 9));                               // Behind that.
  rig.requests.push_wire(map_wire(3, 0, kLast, 0x7000));                   // And this, behind all.
  rig.poll_until_idle();
  EXPECT_EQ(rig.requests.completed(), rig.requests.pushed());
  EXPECT_EQ(rig.reaches(9, 0), 0x7000);
}

// The limit counts what the guest sent first: a DETACH that had to wait still makes room.
TEST(PollRefused, AnAttachAtTheLimitWaitsForTheDetachBeforeIt) {
  DeviceConfig config = rig_config();
  config.limits.domains = 2;
  Rig rig(refusing(), config);
  two_domains(rig);
  RefusingStore::refusals = 1;
  rig.requests.push_wire(map_wire(1, 50 * kPage, 50 * kPage + kLast, 0));  // Deferred.
  rig.requests.push_wire(detach_wire(1, 8));                               // Behind it.
  const auto attach = rig.requests.push_wire(attach_wire(3, 10));          // Needs its room.
  rig.device->poll(64);
  EXPECT_FALSE(rig.requests.done(attach));
  rig.poll_until_idle();
  EXPECT_EQ(rig.requests.status(attach), Status::kOk);
  EXPECT_EQ(rig.attach(4, 8), Status::kNoMem);  // Nothing waits: this is the limit.
}

TEST(PollRefused, ResetForgetsWhatWasPutOff) {
  Rig rig(refusing());
  two_domains(rig);
  RefusingStore::refusals = 1;
  rig.requests.push_wire(map_wire(1, 50 * kPage, 50 * kPage + kLast, 0));
  rig.device->poll(1);
  ASSERT_EQ(rig.device->requests_in_hand(), 1u);
  rig.device->reset();
  rig.requests.forget();
  rig.poll_until_idle();
  EXPECT_EQ(rig.device->requests_in_hand(), 0u);
  rig.device->negotiate(rig.device->offered_features());
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
  EXPECT_EQ(rig.map(1, 0, kLast, 0), Status::kOk);
}

}  // namespace
}  // namespace violet::poll_test
