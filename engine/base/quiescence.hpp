// A quiescence opens grace periods: when one has passed, every reader has let go of what the engine
// removed before it (C1, C5, C6).
//
// A reader (an endpoint lcore) is online only while it translates and copies. In between it is
// offline, so a run-to-completion lcore that waits for its own UNMAP never waits for itself.
//
// Threading: start(), passed() and laggard() belong to the engine thread; online(), quiescent() and
// offline() to the reader whose id they name. Set-up (add_reader) happens before either runs.
// Invariants: passed(t) is true only when every reader was offline or quiescent at some moment
// after start() returned t. Tokens grow; passed(t) implies passed(s) for s < t. Nothing blocks.
// What the engine wrote before start() is visible to every reader section that begins after the
// grace period that start() opened has passed, and to sections that begin after start().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/base/types.hpp"

namespace violet {

using ReaderId = StrongValue<struct ReaderIdTag, std::uint32_t>;

class Quiescence {
 public:
  using Token = std::uint64_t;

  virtual ~Quiescence() = default;

  // Error when the table of readers is full.
  virtual Result<ReaderId> add_reader(std::string name) = 0;
  virtual std::size_t reader_count() const = 0;
  virtual const std::string& reader_name(ReaderId reader) const = 0;

  // Opens a grace period for everything that was unpublished before the call.
  virtual Token start() = 0;
  virtual bool passed(Token token) = 0;
  // A reader that `token` still waits for, for the report that names it (C5).
  virtual std::optional<ReaderId> laggard(Token token) = 0;

  virtual void online(ReaderId reader) = 0;
  virtual void quiescent(ReaderId reader) = 0;
  virtual void offline(ReaderId reader) = 0;
};

// Keeps a reader online for one burst.
class ReaderSection {
 public:
  ReaderSection(Quiescence& quiescence, ReaderId reader)
      : quiescence_(quiescence), reader_(reader) {
    quiescence_.online(reader_);
  }
  ~ReaderSection() { quiescence_.offline(reader_); }
  ReaderSection(const ReaderSection&) = delete;
  ReaderSection& operator=(const ReaderSection&) = delete;

 private:
  Quiescence& quiescence_;
  ReaderId reader_;
};

// Quiescent-state-based reclamation on plain threads, for tests, simulation and embedding; lcores use
// the adapter over rte_rcu_qsbr in dataplane/eal.
class EpochQuiescence final : public Quiescence {
 public:
  explicit EpochQuiescence(std::size_t max_readers = 64);

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
  struct alignas(kCacheLine) Slot {
    std::atomic<Token> seen{kOffline};
  };
  static constexpr Token kOffline = 0;

  std::optional<ReaderId> first_behind(Token token) const;

  std::atomic<Token> current_{1};
  Token passed_{0};  // Every token up to here has passed; saves the scan.
  std::size_t max_readers_;
  std::unique_ptr<Slot[]> slots_;
  std::vector<std::string> names_;
};

}  // namespace violet
