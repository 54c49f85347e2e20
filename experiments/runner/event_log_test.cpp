#include "experiments/runner/event_log.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace violet {
namespace {

TEST(EventLog, KeepsTheOrderAndRefusesWhatDoesNotFit) {
  const auto made = EventLog::make(10);
  ASSERT_TRUE(made);
  EventLog& log = **made;
  std::vector<Event> batch(4);
  for (std::uint64_t i = 0; i < 4; ++i) batch[i].at = i;
  EXPECT_TRUE(log.append(batch));
  EXPECT_TRUE(log.append(batch));
  EXPECT_FALSE(log.append(batch));
  EXPECT_TRUE(log.append(std::span(batch).first(2)));
  EXPECT_FALSE(log.append(std::span(batch).first(1)));
  EXPECT_TRUE(log.append({}));
  ASSERT_EQ(log.events().size(), 10u);
  EXPECT_EQ(log.events()[7].at, 3u);
  EXPECT_EQ(log.events()[9].at, 1u);
}

TEST(EventLog, AddressesThatCannotBeHadAreAnErrorOfTheEnvironment) {
  const auto made = EventLog::make((std::size_t{1} << 60) / sizeof(Event));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::kEnvironment);
}

}  // namespace
}  // namespace violet
