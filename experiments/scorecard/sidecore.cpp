#include "experiments/scorecard/sidecore.hpp"

#include <array>

#include "dataplane/dma/engine_port.hpp"

namespace violet::scorecard {

Result<std::unique_ptr<Sidecore>> Sidecore::make(Lab& lab, RingFormat format,
                                                 std::uint64_t mappings, Probe probe) {
  std::unique_ptr<Sidecore> made(new Sidecore(*lab.eal));
  VIOLET_TRY(made->rings, Rings::make(format));
  VIOLET_TRY(made->quiescence, RcuQuiescence::create(8));
  VIOLET_TRY(made->engine, make_device("radix", kDefaultIotlb, bench_config(mappings),
                                       *made->quiescence, {}, probe));
  made->engine->connect(&made->rings->requests(), nullptr);
  made->engine->negotiate(made->engine->offered_features());
  VIOLET_TRY(made->port, open_port(*made->engine, kEndpoint, "endpoint", made->rings->memory()));
  made->rings->put_attach(0);
  if (!made->call()) return fail("the bench's engine refused ATTACH");
  return made;
}

Status Sidecore::start(Handler handler) {
  if (handler == Handler::kEngine) {
    place_ = std::make_unique<Placement>(eal_, *engine, rings->requests(), PlacementKind::kSidecore,
                                         InjectedCosts{});
    return place_->start();
  }
  stop_empty_.store(false, std::memory_order_relaxed);
  auto launched = eal_.launch(1, [this] { run_empty(); });
  empty_running_ = launched.has_value();
  return launched;
}

void Sidecore::stop() {
  place_.reset();
  if (!empty_running_) return;
  stop_empty_.store(true, std::memory_order_relaxed);  // Nothing is published with it.
  eal_.join(1);
  empty_running_ = false;
}

void Sidecore::run_empty() {
  std::array<Request, 32> requests;
  std::array<Completion, 32> completions;
  while (!stop_empty_.load(std::memory_order_relaxed)) {
    const std::size_t count = rings->requests().pop(requests);
    for (std::size_t i = 0; i < count; ++i) completions[i] = {requests[i].token, 4, 0, 0};
    if (count > 0) rings->requests().complete(std::span(completions).first(count));
  }
}

bool Sidecore::call() {
  if (place_ || empty_running_) return rings->call(0, [] {});
  return rings->call(0, [this] { engine->poll(64); });
}

bool Sidecore::populate(const Churn& churn) {
  std::array<UsedBuffer, Rings::kSlots> used;
  bool right = true;
  auto pages = churn.live_at_first();
  while (!pages.empty()) {
    const auto burst = pages.first(std::min<std::size_t>(pages.size(), 32));
    for (unsigned slot = 0; slot < burst.size(); ++slot) {
      rings->put_map(slot, Churn::iova(burst[slot]), Churn::phys(burst[slot]));
      rings->add(slot);
    }
    rings->publish();
    for (std::size_t back = 0; back < burst.size();) {
      if (!place_) engine->poll(64);
      back += rings->take(used);
    }
    for (unsigned slot = 0; slot < burst.size(); ++slot) right &= rings->ok(slot);
    pages = pages.subspan(burst.size());
  }
  return right;
}

}  // namespace violet::scorecard
