// An event log holds the events of one ring and one repetition in memory, in order. It reserves
// addresses for all that it may hold and takes memory as it fills: a vector that doubles would copy
// hundreds of megabytes while the rings overflow.
//
// Threading: owner-only.
// Limits: `capacity` events; what is beyond is refused.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "engine/base/mapped_memory.hpp"
#include "engine/base/result.hpp"
#include "engine/telemetry/event.hpp"

namespace violet {

class EventLog {
 public:
  // An error where a process may not have so many addresses (ulimit -v).
  static Result<std::unique_ptr<EventLog>> make(std::size_t capacity) {
    auto mapped = MappedMemory::map(capacity * sizeof(Event), PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    if (!mapped) {
      return fail(ErrorKind::kEnvironment,
                  "{} MiB of addresses for the events of a ring cannot be had: {}; raise ulimit -v",
                  capacity * sizeof(Event) >> 20, mapped.error().message);
    }
    // Fewer page faults; without it everything works.
    const std::span<std::byte> bytes = mapped->bytes();
    static_cast<void>(::madvise(bytes.data(), bytes.size(), MADV_HUGEPAGE));
    return std::unique_ptr<EventLog>(new EventLog(capacity, *std::move(mapped)));
  }
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // False when they do not fit: none is taken then.
  bool append(std::span<const Event> events) {
    if (events.size() > capacity_ - size_) return false;
    std::copy(events.begin(), events.end(), events_ + size_);
    size_ += events.size();
    return true;
  }
  std::span<const Event> events() const { return {events_, size_}; }

 private:
  EventLog(std::size_t capacity, MappedMemory memory)
      : capacity_(capacity),
        memory_(std::move(memory)),
        events_(reinterpret_cast<Event*>(memory_.bytes().data())) {}

  std::size_t capacity_;
  std::size_t size_ = 0;
  MappedMemory memory_;
  Event* events_ = nullptr;
};

}  // namespace violet
