// An RCU quiescence waits for grace periods of lcores by DPDK's rte_rcu_qsbr.
//
// Threading: as quiescence.hpp says. A reader that is offline costs the engine one load per check.
// Limits: max_readers at construction.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/base/quiescence.hpp"

struct rte_rcu_qsbr;

namespace violet {

class RcuQuiescence final : public Quiescence {
 public:
  // Error when EAL has not started or its heap is too small.
  static Result<std::unique_ptr<RcuQuiescence>> create(std::uint32_t max_readers);
  ~RcuQuiescence() override;

  Result<ReaderId> add_reader(std::string name) override;
  std::size_t reader_count() const override { return names_.size(); }
  const std::string& reader_name(ReaderId reader) const override { return names_[reader.value]; }
  Token start() override;
  bool passed(Token token) override;
  std::optional<ReaderId> laggard(Token token) override;
  void online(ReaderId reader) override;
  void quiescent(ReaderId reader) override;
  void offline(ReaderId reader) override;

 private:
  RcuQuiescence(rte_rcu_qsbr* qsbr, std::uint32_t max_readers);

  rte_rcu_qsbr* qsbr_;
  std::uint32_t max_readers_;
  std::vector<std::string> names_;
};

}  // namespace violet
