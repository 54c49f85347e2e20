// A live mark says that a run goes on and where its shared memory is (telemetry/segment.hpp): the file live.json.
//
// Threading: pure functions over the file system; a LiveMark belongs to the run's thread.
// Invariants: the file is there as long as the run, and goes with it; one that a killed run left is
// recognised by its process: gone, or with another start time because the number was given away again.
// Limits: a viewer must see the run's /proc entry: the same machine, PID namespace and user.
#pragma once

#include <cstdint>
#include <filesystem>

#include "engine/base/result.hpp"

namespace violet::results {

// The process that runs it.
struct LiveProcess {
  std::int64_t pid = 0;
  std::uint64_t start_time = 0;  // Clock ticks since boot: field 22 of /proc/<pid>/stat.
  int fd = -1;                   // Of the segment, in that process.
  bool operator==(const LiveProcess&) const = default;
};

// The run that goes on in the directory. Error when none does; it says whether it died, ended, or never said that it
// was live.
Result<LiveProcess> find_live(const std::filesystem::path& run_directory);
// Whether its process is still the one that wrote live.json.
bool is_running(const LiveProcess& run);

// Says that this process is running the run, until it goes.
class LiveMark {
 public:
  static Result<LiveMark> make(const std::filesystem::path& run_directory, int fd);
  LiveMark(LiveMark&& other) noexcept;
  LiveMark& operator=(LiveMark&& other) noexcept;
  ~LiveMark();

 private:
  explicit LiveMark(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace violet::results
