#include "gui/app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <QString>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>

namespace violet::gui {

const std::vector<std::string>& render_views() {
  static const std::vector<std::string> views{"churn",      "latency", "exposure", "engine",
                                              "observe",    "compare", "topology", "explain",
                                              "experiment", "window"};
  return views;
}

namespace {

tl::unexpected<Error> usage(const std::string& what) {
  return fail(ErrorKind::kUsage, "{}; see violet gui --help", what);
}

bool parse_number(std::string_view text, int* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

// What follows reads the value of one option; what it returns is CLI11's: empty, or what is wrong.

std::string set_size(const std::string& text, CommandLine& line) {
  const std::size_t cross = text.find('x');
  line.sized = true;
  const bool ok = cross != std::string::npos && parse_number(text.substr(0, cross), &line.width) &&
                  parse_number(text.substr(cross + 1), &line.height);
  if (!ok || line.width < 200 || line.height < 150 || line.width > 16384 || line.height > 16384) {
    return "--size wants WIDTHxHEIGHT from 200x150 to 16384x16384, and not \"" + text + "\"";
  }
  return {};
}

std::string set_step(const std::string& text, CommandLine& line) {
  const std::size_t dot = text.find('.');
  const bool ok = dot != std::string::npos && parse_number(text.substr(0, dot), &line.lesson) &&
                  parse_number(text.substr(dot + 1), &line.step);
  if (ok && line.lesson >= 1 && line.step >= 1) return {};
  return "--step wants LESSON.STEP, as 4.4, and not \"" + text + "\"";
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

std::string set_window(const std::string& text, CommandLine& line) {
  const std::size_t dots = text.find("..");
  const bool ok = dots != std::string::npos && parse_time(text.substr(0, dots), &line.from_ns) &&
                  parse_time(text.substr(dots + 2), &line.to_ns);
  if (ok && line.to_ns > line.from_ns) return {};
  return "--time wants FROM..TO with units, as 1.2s..1.25s, and not \"" + text + "\"";
}

std::string set_view(const std::string& text, CommandLine& line) {
  line.render = text;
  const auto& views = render_views();
  if (std::find(views.begin(), views.end(), text) != views.end()) return {};
  return "no view is called \"" + text + "\": " + CLI::detail::join(views, ", ");
}

std::string set_scale(const std::string& text, CommandLine& line) {
  line.scale = text == "2" ? 2 : 1;
  return text == "1" || text == "2" ? "" : "--scale wants 1 or 2, and not \"" + text + "\"";
}

std::string set_theme(const std::string& text, CommandLine& line) {
  line.dark = text == "dark";
  if (text == "dark" || text == "light") return {};
  return "--theme wants dark or light, and not \"" + text + "\"";
}

std::string views_in_two_lines() {
  std::string text = CLI::detail::join(render_views(), ", ");
  const std::size_t space = text.find(' ', text.size() / 2);
  return text.replace(space, 1, 1, '\n');
}

// CLI11's help with the three ways of calling in place of its own usage line.
class HelpLayout : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return R"(
usage: violet gui [RUN]                           open the window, with a run or without
       violet gui --live RUN                      open it on a run that is still going on
       violet gui --render VIEW --out FILE RUN    write a picture; this needs no display
)";
  }
  std::string make_positionals(const CLI::App*) const override { return {}; }
};

constexpr const char* kFooter =
    "RUN is \"latest\", the path of a run's folder, or the name of one in runs/ or "
    "VIOLET_RUNS\n"
    "(its beginning is enough). In the window: Ctrl+K finds a command by its name, ? shows the "
    "keys.\n"
    "Example: violet gui --render latency --cell strategy=strict --time 1.2s..1.25s --out l.png "
    "latest\n"
    "Exit codes: 0 ok, 1 the run could not be opened whole or the picture not be written,\n"
    "2 the command line is wrong, 5 there is no display.";

class Parser {
 public:
  Parser() {
    app_.allow_extras();  // To name them in our own words.
    layout_->column_width(22);
    app_.formatter(layout_);
    app_.footer(kFooter);
    app_.set_help_flag("-h,--help", "this text");
    app_.add_option("RUN", line_.run);
    app_.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    live_ = app_.add_option("--live", live_run_,
                            "watch a run while another process makes it; it does not notice");
    live_->option_text("RUN");
    add("--render", "VIEW", views_in_two_lines(), set_view);
    auto* out =
        app_.add_option("--out", line_.out,
                        "where to, as .png, .pdf or .svg; the run is named under the picture")
            ->option_text("FILE");
    auto* cell =
        app_.add_option("--cell", line_.cell,
                        "which cell: the first whose label has NAME in it (the first of all)")
            ->option_text("NAME");
    for (CLI::Option* option : {live_, out, cell}) {
      option->check([this, name = option->get_name()](const std::string& text) {
        return text.empty() ? problem_ = name + " wants a value" : std::string();
      });
    }
    add("--time", "FROM..TO",
        "which part of it, as 1.2s..1.25s or 500us..900us (all that was measured)", set_window);
    add("--step", "L.S", "of explain: step S of lesson L (1.1)", set_step);
    add("--size", "WxH", "of the picture or the window, in pixels (1280x720)", set_size);
    add("--scale", "1|2", "pixels of a .png for each pixel of --size (1)", set_scale);
    add("--theme", "dark|light", "(the one of last time; for pictures dark)", set_theme);
  }
  // The options write into the object.
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  std::string help() const { return app_.help(); }

  Result<CommandLine> parse(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the end.
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
      line_.help = true;
      return line_;
    } catch (const CLI::ArgumentMismatch& error) {
      const std::string what = error.what();
      return usage(what.substr(0, what.find(':')) + " wants a value");
    } catch (const CLI::ParseError& error) {
      return usage(problem_.empty() ? error.what() : problem_);
    }
    VIOLET_TRY(check_whole());
    return line_;
  }

 private:
  using Setter = std::string (*)(const std::string&, CommandLine&);

  void add(const std::string& name, const std::string& value, const std::string& help, Setter set) {
    const auto read = [this, set](const std::string& text) {
      problem_ = set(text, line_);
      if (!problem_.empty()) throw CLI::ValidationError(problem_);
    };
    app_.add_option_function<std::string>(name, read, help)->option_text(value);
  }

  Status check_whole() {
    for (const std::string& extra : app_.remaining()) {
      if (extra.starts_with("-"))
        return usage("no option is called " + extra.substr(0, extra.find('=')));
      return usage("one RUN at a time: \"" + line_.run + "\" and \"" + extra + "\"");
    }
    if (live_->count() > 0) {
      if (!line_.run.empty()) {
        return usage("one RUN at a time: \"" + live_run_ + "\" and \"" + line_.run + "\"");
      }
      line_.live = true;
      line_.run = live_run_;
    }
    if (line_.render.empty()) {
      return line_.out.empty() ? Status{} : usage("--out goes with --render");
    }
    if (line_.out.empty()) return usage("--render wants --out FILE");
    const std::string extension = std::filesystem::path(line_.out).extension().string();
    if (extension != ".png" && extension != ".pdf" && extension != ".svg") {
      return usage("pictures are written as .png, .pdf or .svg, and not as \"" + line_.out + "\"");
    }
    const bool needs_run =
        line_.render != "explain" && line_.render != "experiment" && line_.render != "window";
    if (needs_run && line_.run.empty()) return usage("--render " + line_.render + " wants a RUN");
    return {};
  }

  CommandLine line_;
  std::string live_run_, problem_;
  CLI::App app_{
      "The application: what a run did over time, cells compared, lessons, and plans to run."};
  std::shared_ptr<HelpLayout> layout_ = std::make_shared<HelpLayout>();
  CLI::Option* live_ = nullptr;
};

}  // namespace

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  return Parser().parse(arguments);
}

std::string help_text() { return Parser().help(); }

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

// Qt has no name for a file whose own is not UTF-8.
static Result<std::string> nameable(std::string path) {
  const QString shown = QString::fromStdString(path);
  if (shown.toStdString() == path) return path;
  return fail(ErrorKind::kUsage,
              "{}: the path of the run is not UTF-8, and the application cannot open it: give the "
              "folder another name, or reach it through a link",
              shown.toStdString());
}

Result<std::string> find_run(const std::string& name, const std::filesystem::path& runs) {
  std::error_code error;
  if (std::filesystem::exists(name, error)) return nameable(name);
  const std::filesystem::path below = runs / name;
  if (std::filesystem::exists(below, error)) return nameable(below.string());
  std::vector<std::string> fitting;
  for (const auto& run : list_runs(runs, ~std::size_t{0})) {
    if (run.filename().string().starts_with(name)) fitting.push_back(run.string());
  }
  if (fitting.size() == 1) return nameable(fitting.front());
  if (fitting.size() > 1) {
    return fail(ErrorKind::kUsage, "{} runs in {} begin with \"{}\"; the newest is {}",
                fitting.size(), runs.string(), name,
                std::filesystem::path(fitting.front()).filename().string());
  }
  return fail(ErrorKind::kUsage, "no run is called \"{}\": neither a path nor a name in {}", name,
              runs.string());
}

}  // namespace violet::gui
