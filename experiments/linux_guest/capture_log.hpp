// A capture log is the events of a captured guest as text, one line each in order of time:
// datasets/violet_import.cpp reads it.
//
//     # violet guest log 1
//     <ns> attach domain=1 endpoint=40                  detach alike
//     <ns> map domain=1 virt_start=0x.. virt_end=0x.. phys_start=0x.. flags=3
//     <ns> unmap domain=1 virt_start=0x.. virt_end=0x..           taken out of the table
//     <ns> unmap_done domain=1 virt_start=0x.. virt_end=0x..      answered
//     <ns> access endpoint=40 addr=0x.. bytes=4096 flag=2 result=0
//     <ns> fault endpoint=40 addr=0x..
//     <ns> kick
//
// Threading: a pure function over its arguments and the file system.
// Invariants: times are in ns since the first event; `flag` is 1 for a read of guest memory, 2 for a write; `result`
// is DmaResult.
#pragma once

#include <filesystem>
#include <span>

#include "engine/base/result.hpp"
#include "engine/telemetry/event_bodies.hpp"

namespace violet::linux_guest {

struct CapturedEvents {
  std::span<const Event> engine;
  std::span<const Event> endpoints;
  std::span<const Event> guest;
  double ns_per_tick = 1;
};

Status write_capture_log(const std::filesystem::path& path, const CapturedEvents& events);

}  // namespace violet::linux_guest
