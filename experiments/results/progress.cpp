#include "experiments/results/progress.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "engine/base/files.hpp"
#include "experiments/results/table.hpp"
#include "experiments/results/table_json.hpp"

namespace violet::results {
namespace {

constexpr double kRedraw_s = 0.1;
constexpr int kPatienceMs = 1000;

double steady_s() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

}  // namespace

Result<ProgressMode> progress_mode_from(std::string_view name) {
  if (name == "auto") return ProgressMode::kAuto;
  if (name == "always") return ProgressMode::kAlways;
  if (name == "never") return ProgressMode::kNever;
  if (name == "json") return ProgressMode::kJson;
  return fail(ErrorKind::kUsage, "--progress: expected auto, always, never or json, found '{}'",
              name);
}

double Eta::remaining_s() const {
  const double left = std::max(0.0, total_s() - done_s_);
  return done_s_ > 0 ? left * took_s_ / done_s_ : left;
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(std::llround(std::max(0.0, seconds)));
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

Progress Progress::on_stderr(ProgressMode mode) {
  Setup setup;
  setup.mode = mode;
  setup.terminal = ::isatty(STDERR_FILENO) != 0;
  const unsigned width = style_for(STDERR_FILENO).width;
  if (width != 0) setup.width = width;
  // Progress that cannot be written is no reason to stop measuring, nor to wait: a reader that does not read is
  // waited for once, and from then on only told what it has room for.
  setup.sink = [stuck = false](std::string_view text) mutable {
    pollfd slot{STDERR_FILENO, POLLOUT, 0};
    const bool room = ::poll(&slot, 1, stuck ? 0 : kPatienceMs) > 0;
    stuck = stuck || !room;
    if (room) (void)write_all(STDERR_FILENO, text, "stderr");
  };
  setup.clock = steady_s;
  return Progress(std::move(setup));
}

Progress::Progress(Setup setup)
    : setup_(std::move(setup)),
      silent_(setup_.mode == ProgressMode::kNever ||
              (setup_.mode == ProgressMode::kAuto && !setup_.terminal)) {}

void Progress::start(std::string_view what, std::size_t steps, double expected_s,
                     std::string_view directory) {
  what_ = printable(what);
  directory_ = directory;
  steps_ = steps;
  finished_ = 0;
  eta_ = Eta(expected_s);
  eta_.may_follow(following_s_);
  if (setup_.mode == ProgressMode::kJson) emit_json("start", what);
}

void Progress::begin_step(std::string_view label, double expected_s, std::string_view cell,
                          std::uint32_t repetition) {
  label_ = printable(label);
  cell_ = cell;
  repetition_ = repetition;
  step_expected_s_ = expected_s;
  step_began_s_ = setup_.clock();
  if (setup_.mode == ProgressMode::kJson) {
    emit_json("step", label);
  } else if (setup_.terminal) {
    draw(true);
  }
}

void Progress::tick() {
  if (setup_.terminal && setup_.mode != ProgressMode::kJson) draw(false);
}

void Progress::add_step(double expected_s) {
  ++steps_;
  eta_.expect(expected_s);
}

void Progress::may_follow(std::size_t steps, double each_s) {
  following_ = steps;
  following_s_ = static_cast<double>(steps) * each_s;
  eta_.may_follow(following_s_);
}

void Progress::end_step() {
  ++finished_;
  eta_.done(step_expected_s_, setup_.clock() - step_began_s_);
  step_expected_s_ = 0;
  if (setup_.mode == ProgressMode::kJson) {
    emit_json("done", label_);
  } else {
    draw(!setup_.terminal || finished_ == steps_ + following_);
  }
}

void Progress::note(std::string_view text) {
  if (setup_.mode == ProgressMode::kJson) return emit_json("note", text);
  write_line(printable(text));
}

void Progress::finish(std::string_view text) {
  if (setup_.mode == ProgressMode::kJson) return emit_json("finish", text);
  write_line(printable(text));
}

std::string Progress::bar_line() const {
  const double running = step_expected_s_ > 0 ? setup_.clock() - step_began_s_ : 0;
  const double left = std::max(0.0, eta_.remaining_s() - running);
  return fmt::format("{} {}/{} {:3.0f}%  {} left  {}", what_, finished_, steps_ + following_,
                     100 * eta_.share(), duration_text(left), label_);
}

void Progress::draw(bool even_if_soon) {
  if (silent_) return;
  if (!setup_.terminal) {
    setup_.sink(bar_line() + "\n");
    return;
  }
  const double now = setup_.clock();
  if (!even_if_soon && now - drawn_s_ < kRedraw_s) return;
  drawn_s_ = now;
  // The last column stays free: some terminals wrap when it is written.
  setup_.sink("\r" + first_columns(bar_line(), setup_.width - 1) + "\033[K");
  line_open_ = true;
}

void Progress::write_line(const std::string& text) {
  if (silent_) return;
  setup_.sink((line_open_ ? "\r\033[K" : "") + text + "\n");
  line_open_ = false;
}

void Progress::emit_json(std::string_view event, std::string_view text) {
  nlohmann::ordered_json json = {{"schema", "violet.progress"}, {"version", 1}};
  json["event"] = event;
  json["text"] = text;
  json["finished"] = finished_;
  json["steps"] = steps_ + following_;
  json["share"] = eta_.share();
  json["remaining_s"] = eta_.remaining_s();
  if (event == "start" && !directory_.empty()) json["directory"] = directory_;
  if ((event == "step" || event == "done") && !cell_.empty()) {
    json["cell"] = cell_;
    json["repetition"] = repetition_;
  }
  setup_.sink(dump(json, -1));
}

}  // namespace violet::results
