// A command line says which run violet_gui opens, attaches to or draws. It is read without Qt, so
// that --help costs nothing.
//
// Threading: pure functions.
// Exit codes of the program: 0 ok, 1 a run or picture failed, 2 usage, 5 no display.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.hpp"

namespace violet::gui {

struct CommandLine {
  bool help = false;
  std::string run;     // As given; empty: none.
  bool live = false;   // `run` is attached to while it goes on.
  std::string render;  // The view's name; empty: open the window.
  std::string out;
  std::string cell;                     // Part of a cell's label; empty: the first.
  int lesson = 1, step = 1;             // Of explain.
  std::int64_t from_ns = 0, to_ns = 0;  // The window of time; both 0: what was measured.
  int width = 1280, height = 720;
  bool sized = false;  // --size was given.
  double scale = 1;
  std::optional<bool> dark;  // Not given: as remembered.
};

// Views that --render draws.
const std::vector<std::string>& render_views();

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);
std::string help_text();

// A path as it is; otherwise the name of a run, a unique beginning of one, or "latest", below
// `runs`.
// Without a name: nothing.
Result<std::string> find_run(const std::string& name, const std::filesystem::path& runs);
// VIOLET_RUNS, or runs/ of VIOLET_ROOT, or runs/.
std::filesystem::path runs_folder();
// Newest first, for the menu of recent runs.
std::vector<std::filesystem::path> list_runs(const std::filesystem::path& runs, std::size_t most);

}  // namespace violet::gui
