#include "experiments/results/live_mark.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "engine/base/files.hpp"
#include "engine/base/foreign_json.hpp"
#include "experiments/results/manifest.hpp"

namespace violet::results {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFileName = "live.json";
constexpr const char* kLiveSchema = "violet.live";
constexpr int kLiveVersion = 1;
constexpr std::uint64_t kMostBytes = 1 << 16;

// Nothing when there is no such process, or only what is left of it until its parent asks (a zombie).
std::optional<std::uint64_t> start_time_of(std::int64_t pid) {
  const auto text = read_whole_file(fmt::format("/proc/{}/stat", pid));
  if (!text) return std::nullopt;
  // "pid (name) state ppid ...": the name may hold anything, so the fields are counted from its end.
  const std::size_t name_end = text->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text->substr(name_end + 1));
  std::string state, skipped;
  fields >> state;
  if (state == "Z" || state == "X") return std::nullopt;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  std::uint64_t start_time = 0;
  if (!(fields >> start_time)) return std::nullopt;
  return start_time;
}

Result<LiveProcess> parse(const std::string& text, const fs::path& path) {
  nlohmann::json json;
  static_cast<void>(parse_json(text, path.string(), json));  // Nothing is no object either.
  const auto whole = [&](const char* key) {
    return json.is_object() && json.contains(key) && json[key].is_number_unsigned();
  };
  if (!json.is_object() || json.value("schema", nlohmann::json()) != kLiveSchema) {
    return fail("{}: does not say where a run is", path.string());
  }
  if (json.value("version", nlohmann::json()) != kLiveVersion) {
    return fail("{}: not version {}, the only one that this program reads", path.string(),
                kLiveVersion);
  }
  if (!whole("pid") || !whole("start_time") || !whole("fd")) {
    return fail("{}: pid, start_time or fd is missing", path.string());
  }
  const auto pid = json["pid"].get<std::uint64_t>();
  const auto fd = json["fd"].get<std::uint64_t>();
  if (pid == 0 || pid > 0x7fffffff || fd > 0x7fffffff) {
    return fail("{}: no process {} with a file {}", path.string(), pid, fd);
  }
  return LiveProcess{static_cast<std::int64_t>(pid), json["start_time"].get<std::uint64_t>(),
                     static_cast<int>(fd)};
}

}  // namespace

bool is_running(const LiveProcess& run) { return start_time_of(run.pid) == run.start_time; }

Result<LiveProcess> find_live(const fs::path& run_directory) {
  const fs::path path = run_directory / kFileName;
  std::error_code error;
  if (!fs::exists(path, error)) {
    return fail("{}: no run goes on here (there is no {})", run_directory.string(), kFileName);
  }
  VIOLET_TRY(const auto text, read_whole_file(path, kMostBytes, Links::kRefused));
  VIOLET_TRY(const auto run, parse(text, path));
  if (is_running(run)) return run;
  // A run that ends takes the file with it. One that was killed on its way out has said how it ended.
  const auto manifest = read_manifest(run_directory);
  if (manifest && manifest->outcome != "running") {
    return fail("{}: the run is over ({}): open it without --live", run_directory.string(),
                manifest->outcome);
  }
  return fail(
      "{}: the run died: its process {} is gone and did not say that the run was over; what it "
      "recorded opens without --live, and --resume measures the rest",
      run_directory.string(), run.pid);
}

Result<LiveMark> LiveMark::make(const fs::path& run_directory, int fd) {
  const auto start_time = start_time_of(::getpid());
  if (!start_time) return fail("/proc/{}/stat: cannot be read", ::getpid());
  const nlohmann::json json = {{"schema", kLiveSchema},
                               {"version", kLiveVersion},
                               {"pid", ::getpid()},
                               {"start_time", *start_time},
                               {"fd", fd}};
  const fs::path path = run_directory / kFileName;
  VIOLET_TRY(replace_file(path, json.dump(2) + "\n"));
  return LiveMark(path);
}

LiveMark::LiveMark(LiveMark&& other) noexcept : path_(std::exchange(other.path_, {})) {}

LiveMark& LiveMark::operator=(LiveMark&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

LiveMark::~LiveMark() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove(path_, ignored);
}

}  // namespace violet::results
