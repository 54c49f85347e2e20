#include "gui/app/command_line.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace violet::gui {

const std::vector<std::string>& render_views() {
  static const std::vector<std::string> views{"churn",      "latency", "exposure", "engine",
                                              "observe",    "compare", "topology", "explain",
                                              "experiment", "window"};
  return views;
}

std::string help_text() {
  return R"(Look at a Violet run: mapping churn, latency, exposure, engine; compare; lessons; experiments.

usage: violet gui [RUN]                               open the application, with a run
       violet gui --live RUN                          attach to a run that is going on
       violet gui --render VIEW --out FILE RUN        draw a view into a file, without a display

  RUN               a run directory, its name below runs/ (or how it begins), or "latest"
  --live RUN        follow the run of another process; the run does not notice
  --render VIEW     churn, latency, exposure, engine, observe, compare, topology, explain,
                    experiment, window
  --out FILE        .png, .pdf or .svg; the run is printed under the picture
  --cell NAME       the first cell of the run whose label has NAME in it
  --time FROM..TO   what of it, as 1.2s..1.25s or 500us..900us (all that was measured)
  --step L.S        of explain: lesson L at its step S (1.1)
  --size WxH        of the picture or the window, in pixels (1280x720)
  --scale 1|2       pixels of a PNG for each pixel of --size
  --theme dark|light

In the window: W A S D zoom and pan, F fit, Space play, Ctrl+F find, Esc clear,
Ctrl+K every command, ? keys.
Runs are looked for in VIOLET_RUNS, or in runs/ of the checkout.
Exit codes: 0 ok, 1 the run or the picture failed, 2 usage, 5 no display.
)";
}

namespace {

tl::unexpected<Error> usage(const std::string& what) {
  return fail(ErrorKind::kUsage, "{}; see violet gui --help", what);
}

bool parse_number(std::string_view text, int* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

Status parse_size(const std::string& text, CommandLine* line) {
  const std::size_t cross = text.find('x');
  const bool ok = cross != std::string::npos && parse_number(text.substr(0, cross), &line->width) &&
                  parse_number(text.substr(cross + 1), &line->height);
  if (!ok || line->width < 200 || line->height < 150 || line->width > 16384 ||
      line->height > 16384) {
    return usage("--size wants WIDTHxHEIGHT from 200x150 to 16384x16384, and not \"" + text + "\"");
  }
  return {};
}

Status parse_step(const std::string& text, CommandLine* line) {
  const std::size_t dot = text.find('.');
  const bool ok = dot != std::string::npos && parse_number(text.substr(0, dot), &line->lesson) &&
                  parse_number(text.substr(dot + 1), &line->step);
  if (!ok || line->lesson < 1 || line->step < 1) {
    return usage("--step wants LESSON.STEP, as 4.4, and not \"" + text + "\"");
  }
  return {};
}

// "1.25s", "300us": nanoseconds.
bool parse_time(const std::string& text, std::int64_t* ns) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !(value >= 0)) return false;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const double scale = unit == "s"    ? 1e9
                       : unit == "ms" ? 1e6
                       : unit == "us" ? 1e3
                       : unit == "ns" ? 1
                                      : 0;
  if (value * scale > 1e18) return false;
  *ns = static_cast<std::int64_t>(value * scale);
  return scale > 0;
}

Status parse_window(const std::string& text, CommandLine* line) {
  const std::size_t dots = text.find("..");
  const bool ok = dots != std::string::npos && parse_time(text.substr(0, dots), &line->from_ns) &&
                  parse_time(text.substr(dots + 2), &line->to_ns);
  if (!ok || line->to_ns <= line->from_ns) {
    return usage("--time wants FROM..TO with units, as 1.2s..1.25s, and not \"" + text + "\"");
  }
  return {};
}

Status set_option(const std::string& name, const std::string& value, CommandLine* line) {
  if (name == "--live") {
    line->live = true;
    line->run = value;
  } else if (name == "--render") {
    const auto& views = render_views();
    if (std::find(views.begin(), views.end(), value) == views.end()) {
      std::string names;
      for (const std::string& view : views) names += (names.empty() ? "" : ", ") + view;
      return usage("no view is called \"" + value + "\": " + names);
    }
    line->render = value;
  } else if (name == "--out") {
    line->out = value;
  } else if (name == "--cell") {
    line->cell = value;
  } else if (name == "--time") {
    return parse_window(value, line);
  } else if (name == "--step") {
    return parse_step(value, line);
  } else if (name == "--size") {
    line->sized = true;
    return parse_size(value, line);
  } else if (name == "--scale") {
    if (value != "1" && value != "2") return usage("--scale wants 1 or 2");
    line->scale = value == "2" ? 2 : 1;
  } else if (name == "--theme") {
    if (value != "dark" && value != "light") return usage("--theme wants dark or light");
    line->dark = value == "dark";
  } else {
    return usage("no option is called " + name);
  }
  return {};
}

Status check_whole(const CommandLine& line) {
  if (line.render.empty()) {
    return line.out.empty() ? Status{} : usage("--out goes with --render");
  }
  if (line.out.empty()) return usage("--render wants --out FILE");
  const std::string extension = std::filesystem::path(line.out).extension().string();
  if (extension != ".png" && extension != ".pdf" && extension != ".svg") {
    return usage("pictures are written as .png, .pdf or .svg, and not as \"" + line.out + "\"");
  }
  const bool needs_run =
      line.render != "explain" && line.render != "experiment" && line.render != "window";
  if (needs_run && line.run.empty()) return usage("--render " + line.render + " wants a RUN");
  return {};
}

}  // namespace

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name == "--help" || name == "-h") {
      line.help = true;
      return line;
    }
    if (name.empty() || name[0] != '-') {
      if (!line.run.empty())
        return usage("one RUN at a time: \"" + line.run + "\" and \"" + name + "\"");
      line.run = name;
      continue;
    }
    std::string value;
    if (const std::size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    }
    if (value.empty()) return usage(name + " wants a value");
    if (const Status set = set_option(name, value, &line); !set) return tl::unexpected(set.error());
  }
  if (const Status whole = check_whole(line); !whole) return tl::unexpected(whole.error());
  return line;
}

std::filesystem::path runs_folder() {
  if (const char* runs = std::getenv("VIOLET_RUNS"); runs != nullptr && *runs != '\0') return runs;
  const char* root = std::getenv("VIOLET_ROOT");
  return std::filesystem::path(root != nullptr && *root != '\0' ? root : ".") / "runs";
}

std::vector<std::filesystem::path> list_runs(const std::filesystem::path& runs, std::size_t most) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(runs, error)) {
    if (entry.is_directory(error) && !entry.is_symlink(error)) found.push_back(entry.path());
  }
  // Names begin with the time in UTC.
  std::sort(found.begin(), found.end(), std::greater<>());
  if (found.size() > most) found.resize(most);
  return found;
}

Result<std::string> find_run(const std::string& name, const std::filesystem::path& runs) {
  std::error_code error;
  if (std::filesystem::exists(name, error)) return name;
  const std::filesystem::path below = runs / name;
  if (std::filesystem::exists(below, error)) return below.string();
  std::vector<std::string> fitting;
  for (const auto& run : list_runs(runs, ~std::size_t{0})) {
    if (run.filename().string().starts_with(name)) fitting.push_back(run.string());
  }
  if (fitting.size() == 1) return fitting.front();
  if (fitting.size() > 1) {
    return fail(ErrorKind::kUsage, "{} runs in {} begin with \"{}\"; the newest is {}",
                fitting.size(), runs.string(), name,
                std::filesystem::path(fitting.front()).filename().string());
  }
  return fail(ErrorKind::kUsage, "no run is called \"{}\": neither a path nor a name in {}", name,
              runs.string());
}

}  // namespace violet::gui
