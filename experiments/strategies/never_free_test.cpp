#include "experiments/strategies/basic_strategy.hpp"

namespace violet {
namespace {

class NeverFree final : public MappedStrategy {
 public:
  using MappedStrategy::MappedStrategy;

 protected:
  // The UNMAP is queued; the address is never used again.
  void retire(const MappedRange&) override {}
};

std::unique_ptr<Strategy> make(const StrategyContext& context) {
  return std::make_unique<NeverFree>(context);
}

}  // namespace

StrategyInfo never_free_strategy() {
  return {{"never-free", "addresses are used once"}, make, AfterUnmap::kUntilNeeded};
}

}  // namespace violet

// Above: the example of README.md, to the letter. Below: that it works, and that it is the README's.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ReadmeExample, IsWhatTheReadmeShows) {
  const std::string source = __FILE__;
  const std::string readme = contents(source.substr(0, source.rfind('/')) + "/README.md");
  const std::string fence = "```cpp\n";
  const auto begin = readme.find(fence);
  ASSERT_NE(begin, std::string::npos);
  const auto end = readme.find("```", begin + fence.size());
  const std::string shown = readme.substr(begin + fence.size(), end - begin - fence.size());
  EXPECT_EQ(shown, contents(source).substr(0, shown.size()));
  EXPECT_GT(shown.size(), 500u);
}

TEST(ReadmeExample, NeverUsesAnAddressTwice) {
  StrategyRig rig(RigOptions{}, [](const StrategyContext& context) {
    return never_free_strategy().make(context);
  });
  const auto buffer = rig.buffer(4096);
  std::set<std::uint64_t> used;
  for (int i = 0; i < 500; ++i) {
    const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
    ASSERT_TRUE(mapping);
    EXPECT_TRUE(used.insert(mapping->iova.value).second);
    rig.strategy->unmap(*mapping, 0);
  }
  rig.strategy->drain();
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

}  // namespace
}  // namespace violet
