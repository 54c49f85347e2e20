// off: no protection. The endpoints reach all memory untranslated and nothing is ever sent per buffer.
#include "experiments/strategies/basic_strategy.hpp"

namespace violet {
namespace {

class Off final : public BasicStrategy {
 public:
  using BasicStrategy::BasicStrategy;

  Status start() override {
    if (context_.settings.text("bypass") == "global") {
      return context_.driver.set_global_bypass(true);
    }
    const DeviceFacts& facts = context_.driver.facts();
    if (!facts.has(protocol::kBypassConfig)) {
      return fail("the device has no BYPASS_CONFIG, so there are no bypass domains");
    }
    for (const EndpointId endpoint : context_.endpoints) {
      VIOLET_TRY(context_.driver.attach(facts.first_domain, endpoint, true));
    }
    return {};
  }

  std::uint64_t always_mapped_bytes() const override { return context_.memory.total_bytes(); }

 private:
  bool do_map(std::span<DmaMapping> out, unsigned, bool) override {
    for (DmaMapping& mapping : out) {
      mapping.iova = {mapping.buffer.phys.value};
      mapping.granted = Permissions::kReadWrite;
      mapping.persistent = true;
    }
    return true;
  }
  void do_unmap(std::span<const DmaMapping>, unsigned, bool) override {}
};

std::unique_ptr<Strategy> make_off(const StrategyContext& context) {
  return std::make_unique<Off>(context);
}

}  // namespace

StrategyInfo off_strategy() {
  return {
      {"off",
       "no protection: the device bypasses translation",
       {{.name = "bypass",
         .initial = std::string("global"),
         .choices = {"global", "domain"},
         .help = "global: config.bypass and no ATTACH; domain: endpoints in a bypass domain, as "
                 "iommu.passthrough=1"}}},
      make_off,
      AfterUnmap::kBuffers,
      false,
      no_choice_of_allocator("no address is translated")};
}

}  // namespace violet
