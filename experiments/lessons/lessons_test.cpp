// Every lesson, on every engine that is offered: it runs to its end, what its steps claim is so,
// and nothing is stale after a completed UNMAP.
#include "experiments/lessons/lessons.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/protocol/fault.hpp"
#include "experiments/lessons/layout.hpp"
#include "experiments/lessons/player.hpp"

namespace violet::lessons {
namespace {

class EveryEngine : public testing::TestWithParam<EngineChoice> {
 protected:
  const Lesson& lesson(const std::string& id) {
    for (const Lesson& one : lessons()) {
      if (one.id == id) return one;
    }
    ADD_FAILURE() << "no lesson " << id;
    return lessons()[0];
  }
  // The snapshot after the step with this title; the n-th of that title.
  Snapshot after(const std::string& id, const std::string& title, int nth = 1) {
    Player player(lesson(id), GetParam());
    for (std::size_t i = 0; i < player.count(); ++i) {
      if (player.lesson().steps[i].title != title || --nth > 0) continue;
      player.go_to(i);
      return player.frame().snapshot;
    }
    ADD_FAILURE() << id << " has no step " << title;
    return player.frame().snapshot;
  }
};

TEST_P(EveryEngine, RunsEveryLessonToItsEndAndC1Holds) {
  for (const Lesson& lesson : lessons()) {
    Player player(lesson, GetParam());
    for (std::size_t i = 0; i < player.count(); ++i) {
      player.go_to(i);
      EXPECT_EQ(player.frame().snapshot.violations, 0u) << lesson.id << " step " << i;
      EXPECT_FALSE(player.frame().text.empty()) << lesson.id << " step " << i;
    }
    EXPECT_TRUE(player.at_end());
  }
}

TEST_P(EveryEngine, ExactlyOneChoiceOfEveryQuestionIsRight) {
  for (const Lesson& lesson : lessons()) {
    Player player(lesson, GetParam());
    for (std::size_t i = 1; i < player.count(); ++i) {
      const Question& question = lesson.steps[i].question;
      if (!question.asks()) continue;
      player.go_to(i - 1);
      const Snapshot before = player.frame().snapshot;
      ASSERT_EQ(player.question(), &question);
      player.go_to(i);
      int right = 0;
      for (const Choice& choice : question.choices) {
        right += choice.is_right(before, player.frame().snapshot) ? 1 : 0;
      }
      EXPECT_EQ(right, 1) << lesson.id << ": " << question.text;
      EXPECT_TRUE(player.right_choice(i).has_value());
    }
  }
}

TEST_P(EveryEngine, PageFirstAccessMissesAndFillsSecondHits) {
  const Snapshot mapped = after("page", "Into the store");
  ASSERT_EQ(mapped.machine.mappings.size(), 1u);
  EXPECT_EQ(mapped.machine.mappings[0].phys.value, 0x2000u);
  EXPECT_TRUE(mapped.machine.endpoints[kNic].cached.empty());
  EXPECT_TRUE(after("page", "The first access").nic().missed);
  EXPECT_TRUE(after("page", "The walk").machine.endpoints[kNic].cached.empty());
  const Snapshot filled = after("page", "Fill and grant");
  ASSERT_EQ(filled.machine.endpoints[kNic].cached.size(), 1u);
  EXPECT_EQ(filled.nic().result.phys.value, 0x2000u);
  const Snapshot second = after("page", "Again, and fast");
  EXPECT_TRUE(second.nic().result.hit);
  EXPECT_EQ(second.pages[0].text, "packet no. 2");
}

TEST_P(EveryEngine, PageProbeReportsTheMsiWindow) {
  const Snapshot probed = after("page", "A kick, an answer");
  const auto fields = request_fields(probed.request().readable, probed.request().written);
  const auto has = [&](const std::string& name, const std::string& meaning) {
    return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
      return field.name == name && field.meaning == meaning;
    });
  };
  EXPECT_TRUE(has("subtype", "MSI"));
  EXPECT_TRUE(has("start", "0xfee00000"));
  EXPECT_TRUE(has("end", "0xfeefffff"));
}

TEST_P(EveryEngine, StayOutWrongPermissionFaultsWithTheRightRecord) {
  const Snapshot refused = after("stay-out", "Writing is not");
  EXPECT_TRUE(refused.nic().faulted());
  EXPECT_FALSE(refused.nic().missed);  // The IOTLB's entry refused it.
  EXPECT_EQ(refused.pages[0].text, "hello, world");
  const Snapshot posted = after("stay-out", "A report");
  ASSERT_EQ(posted.records.size(), 1u);
  const auto fault = protocol::parse_fault(posted.records[0]);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->reason, protocol::FaultReason::kMapping);
  EXPECT_EQ(fault->endpoint, kEndpointIds[kNic]);
  EXPECT_TRUE(fault->write);
  EXPECT_EQ(fault->address->value, 0xfffff000u);
}

TEST_P(EveryEngine, StayOutUnmappedAndUnattachedFaultForDifferentReasons) {
  const Snapshot shot = after("stay-out", "Another reason");
  ASSERT_EQ(shot.records.size(), 3u);
  EXPECT_EQ(protocol::parse_fault(shot.records[1])->reason, protocol::FaultReason::kMapping);
  EXPECT_EQ(protocol::parse_fault(shot.records[1])->address->value, 0xffffe000u);
  EXPECT_EQ(protocol::parse_fault(shot.records[2])->reason, protocol::FaultReason::kDomain);
  EXPECT_EQ(protocol::parse_fault(shot.records[2])->endpoint, kEndpointIds[kDisk]);
  EXPECT_EQ(after("stay-out", "No buffer left").machine.faults_lost, 1u);
}

TEST_P(EveryEngine, StrictIsAnsweredOnlyWhenNobodyIsInside) {
  const Snapshot parked = after("strict", "Removed, but not answered");
  EXPECT_EQ(parked.machine.parked, 1u);
  EXPECT_TRUE(parked.machine.mappings.empty());
  EXPECT_TRUE(parked.machine.endpoints[kNic].cached.empty());
  EXPECT_EQ(parked.machine.waits_for, "NIC lcore");
  const Snapshot locked = after("strict", "Others wait, too");
  EXPECT_EQ(locked.request().token,
            parked.request().token);  // Nothing was written since the UNMAP.
  EXPECT_EQ(locked.request().state, RequestView::State::kTaken);
  EXPECT_EQ(locked.locked_out, 1u);
  EXPECT_EQ(locked.guest.map_requests, 1u);
  EXPECT_EQ(after("strict", "The access ends").machine.parked, 1u);
  const Snapshot done = after("strict", "Nobody is inside");
  EXPECT_EQ(done.machine.parked, 0u);
  EXPECT_EQ(done.request(1).status, protocol::Status::kOk);
  EXPECT_EQ(done.locked_out, 0u);
  EXPECT_EQ(done.guest.map_requests, 2u);
  EXPECT_EQ(done.exposure.windows, 0u);
}

TEST_P(EveryEngine, StrictFaultsAfterCompletionAndIsNeverStale) {
  EXPECT_TRUE(after("strict", "Too late").nic().faulted());
  Player player(lesson("strict"), GetParam());
  for (std::size_t i = 0; i < player.count(); ++i) {
    player.go_to(i);
    EXPECT_EQ(player.frame().snapshot.stale_pages(), 0u) << i;
  }
}

TEST_P(EveryEngine, WindowOnSamecoreTheRogueReadsTheNewOwnersBytes) {
  const Snapshot returned = after("window", "The unmap returns");
  EXPECT_EQ(returned.stale_pages(), 1u);
  EXPECT_EQ(returned.request().state, RequestView::State::kQueued);
  EXPECT_EQ(after("window", "The attack").nic().data, "password=tulip");
  const Snapshot closed = after("window", "The next map closes it");
  EXPECT_EQ(closed.stale_pages(), 0u);
  EXPECT_GT(closed.exposure.longest_ns, closed.costs.think);
  EXPECT_TRUE(after("window", "Too late for the NIC").nic().faulted());
}

TEST_P(EveryEngine, WindowOnSidecoreTheAttackFails) {
  EXPECT_EQ(after("window", "The unmap returns", 2).stale_pages(), 1u);
  const Snapshot polled = after("window", "The engine looks by itself");
  EXPECT_EQ(polled.stale_pages(), 0u);
  EXPECT_EQ(polled.guest.kicks, 0u);
  EXPECT_EQ(polled.guest.kicks_suppressed, 3u);  // PROBE, ATTACH and MAP; none for the UNMAP.
  EXPECT_LT(polled.exposure.longest_ns, 2 * (polled.costs.poll + polled.costs.execute));
  const Snapshot attacked = after("window", "The attack fails");
  EXPECT_TRUE(attacked.nic().faulted());
  EXPECT_EQ(attacked.pages[0].text, "password=tulip");
}

TEST_P(EveryEngine, FastCountsWhatLinuxWouldSend) {
  const Snapshot shot = after("fast", "What you saw");
  ASSERT_EQ(shot.scores.size(), 4u);
  const auto value = [&](std::size_t row, std::size_t measure) {
    return shot.scores[row].measures[measure].value;
  };
  EXPECT_EQ(value(0, 0), 128);  // Strict, samecore: a kick a MAP and a kick an UNMAP.
  EXPECT_EQ(value(1, 0), 65);   // Lazy: UNMAPs ride along; the last is flushed.
  EXPECT_EQ(value(2, 0), 0);
  EXPECT_EQ(value(3, 0), 0);
  EXPECT_EQ(value(2, 1), 128);
  EXPECT_EQ(value(3, 1), 64);  // The UNMAPs are executed before anything has to wait for them.
  EXPECT_LT(value(1, 2), value(0, 2));
  EXPECT_LT(value(3, 2), value(2, 2));
  EXPECT_EQ(value(0, 3), 0);  // Strict exposes nothing.
  EXPECT_EQ(value(2, 3), 0);
}

TEST_P(EveryEngine, BounceNeverMapsTheCallersPage) {
  const Snapshot used = after("bounce", "Used and copied");
  EXPECT_EQ(used.guest.map_requests, 1u);
  EXPECT_EQ(used.guest.unmap_requests, 0u);
  const Snapshot attacked = after("bounce", "Is it safe?");
  EXPECT_TRUE(attacked.nic().succeeded());
  EXPECT_EQ(attacked.pages[0].text, "first packet");
  EXPECT_EQ(attacked.pages[1].text, "password=tulip");
  EXPECT_EQ(attacked.stale_pages(), 0u);
}

TEST_P(EveryEngine, OptimisticKeepsReusesAndBounds) {
  EXPECT_EQ(after("optimistic", "Unmapped, says the driver").stale_pages(), 1u);
  EXPECT_TRUE(after("optimistic", "Still open").nic().succeeded());
  EXPECT_EQ(after("optimistic", "The bet pays").silent_maps, 1u);
  const Snapshot full = after("optimistic", "The quota is full");
  EXPECT_EQ(full.stale_pages(), static_cast<std::uint64_t>(full.settings.integer("quota")));
  EXPECT_EQ(after("optimistic", "One too many").stale_pages(),
            static_cast<std::uint64_t>(full.settings.integer("quota")));
  EXPECT_EQ(after("optimistic", "Old age").stale_pages(), 0u);
  EXPECT_TRUE(after("optimistic", "Closed").nic().faulted());
}

INSTANTIATE_TEST_SUITE_P(Engines, EveryEngine,
                         testing::ValuesIn(engine_choices().begin(), engine_choices().end()),
                         [](const auto& engine) {
                           std::string name = engine.param.store + "_" + engine.param.iotlb;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Lessons, AreSevenWithTextsThatFit) {
  ASSERT_EQ(lessons().size(), 7u);
  for (const Lesson& lesson : lessons()) {
    EXPECT_GE(lesson.steps.size(), 6u) << lesson.id;
    EXPECT_LE(lesson.steps.size(), 16u) << lesson.id;
    EXPECT_FALSE(lesson.plan.empty());
    Player player(lesson, engine_choices()[0]);
    for (std::size_t i = 0; i < player.count(); ++i) {
      player.go_to(i);
      EXPECT_LE(player.frame().text.size(), 330u) << lesson.id << ": " << lesson.steps[i].title;
      EXPECT_LE(lesson.steps[i].title.size(), 34u) << lesson.steps[i].title;
      EXPECT_LE(lesson.steps[i].question.choices.size(), 3u);
    }
  }
}

}  // namespace
}  // namespace violet::lessons
