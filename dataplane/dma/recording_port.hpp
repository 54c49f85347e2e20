// A recording port leaves an event for everything that goes through it, not for one translation in
// kTranslateSampling: what a capture of a guest consists of.
//
// Threading: that of the port beneath; the probe's ring is that lcore's.
// Invariants: one kAccess an op, after its burst has run, with what became of it. Left out and counted in
// polls() is what a device that polls does all the time: to read a word by itself that has not changed since
// it read it last. Probes of addresses leave nothing: they are no DMA.
// Limits: so many words are remembered as a device has queues.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "dataplane/dma/dma_port.hpp"
#include "engine/base/clock.hpp"
#include "engine/telemetry/counter.hpp"
#include "engine/telemetry/event_ring.hpp"

namespace violet {

class RecordingPort final : public DmaPort {
 public:
  RecordingPort(std::unique_ptr<DmaPort> port, EndpointId endpoint, Probe probe)
      : port_(std::move(port)), endpoint_(endpoint), probe_(probe) {}

  std::size_t run(std::span<DmaOp> ops) override {
    const Ticks began = now_ticks();
    const std::size_t good = port_->run(ops);
    if (is_poll(ops)) {
      polls_.add();
      return good;
    }
    const Ticks ended = now_ticks();
    for (const DmaOp& op : ops) {
      probe_.record(
          AccessEvent{endpoint_, op.iova, op.bytes, op.access, static_cast<std::uint8_t>(op.result)}
              .event(ended, ended - began));
    }
    return good;
  }
  bool probe(Iova iova, Access access) override { return port_->probe(iova, access); }
  IotlbReaderStats stats() const override { return port_->stats(); }
  void refresh_regions() override { port_->refresh_regions(); }
  std::uint64_t polls() const { return polls_.value(); }

 private:
  static constexpr std::size_t kWords = 8;
  struct Word {
    Iova iova{~std::uint64_t{0}};
    std::uint64_t value = 0;
    std::uint32_t bytes = 0;
    bool operator==(const Word&) const = default;
  };

  bool is_poll(std::span<const DmaOp> ops) {
    if (ops.size() != 1) return false;
    const DmaOp& op = ops.front();
    Word word{op.iova, 0, op.bytes};
    if (op.access != Access::kRead || op.result != DmaResult::kOk ||
        op.bytes > sizeof(word.value)) {
      return false;
    }
    std::memcpy(&word.value, op.buffer, op.bytes);
    for (Word& known : words_) {
      if (known.iova != word.iova) continue;
      const bool same = known == word;
      known = word;
      return same;
    }
    words_[next_word_++ % kWords] = word;
    return false;
  }

  std::unique_ptr<DmaPort> port_;
  EndpointId endpoint_;
  Probe probe_;
  std::array<Word, kWords> words_;
  std::size_t next_word_ = 0;
  Counter polls_;
};

}  // namespace violet
