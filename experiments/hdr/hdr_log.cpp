#include "experiments/hdr/hdr_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "engine/base/files.hpp"
#include "experiments/hdr/hdr_encoding.hpp"

namespace violet::results {
namespace {

constexpr std::string_view kStartTime = "#[StartTime: ";
constexpr std::string_view kBaseTime = "#[BaseTime: ";

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

// Takes the next field off the front.
std::string_view next_field(std::string_view& line) {
  const std::size_t comma = line.find(',');
  const std::string_view field = line.substr(0, comma);
  line = comma == std::string_view::npos ? std::string_view() : line.substr(comma + 1);
  return field;
}

Result<HdrLogInterval> parse_interval(std::string_view line, std::size_t most_counts) {
  HdrLogInterval interval{{}, 0, 0, HdrHistogram(HdrLayout::make({1, 2, 0}).value())};
  if (line.starts_with("Tag=")) interval.tag = next_field(line).substr(4);
  const auto start = number(next_field(line));
  const auto length = number(next_field(line));
  const auto max = number(next_field(line));
  if (!start || !length || !max || line.empty()) {
    return fail("expected [Tag=...,]start,length,max,histogram");
  }
  VIOLET_TRY(auto histogram, decode(next_field(line), most_counts));
  if (!line.empty()) return fail("more fields than an interval has");
  interval.start_s = *start;
  interval.length_s = *length;
  interval.histogram = std::move(histogram);
  return interval;
}

// Cuts off a last line that a killed writer left unfinished, so that the next one starts its own.
Status drop_unfinished_line(int fd, const std::filesystem::path& path) {
  VIOLET_TRY(const auto text, read_whole_file(path));
  const std::size_t newline = text.rfind('\n');
  const std::size_t keep = newline == std::string::npos ? 0 : newline + 1;
  if (keep == text.size() || ::ftruncate(fd, static_cast<off_t>(keep)) == 0) return {};
  return fail("{}: cannot be repaired: {}", path.string(), std::strerror(errno));
}

bool is_legend_or_comment(std::string_view line) {
  return line.empty() || line[0] == '#' || line[0] == '"';
}

}  // namespace

Result<HdrLogWriter> HdrLogWriter::open(const std::filesystem::path& path, double start_epoch_s,
                                        std::string_view comment) {
  VIOLET_TRY(auto file, open_own_file(path, O_WRONLY | O_CREAT | O_APPEND));
  const int fd = file.release();
  HdrLogWriter writer(fd, path);
  VIOLET_TRY(drop_unfinished_line(fd, path));
  if (::lseek(fd, 0, SEEK_END) > 0) return writer;
  std::string head = fmt::format("#[{}]\n#[Histogram log format version 1.3]\n", comment);
  head += fmt::format("{}{:.3f} (seconds since epoch)]\n", kStartTime, start_epoch_s);
  head += fmt::format("{}{:.3f} (seconds since epoch)]\n", kBaseTime, start_epoch_s);
  head +=
      "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";
  VIOLET_TRY(writer.write(head));
  return writer;
}

HdrLogWriter::HdrLogWriter(HdrLogWriter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

HdrLogWriter& HdrLogWriter::operator=(HdrLogWriter&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

HdrLogWriter::~HdrLogWriter() {
  if (fd_ >= 0) ::close(fd_);
}

Status HdrLogWriter::write(std::string_view line) { return write_all(fd_, line, path_); }

Status HdrLogWriter::append(std::string_view tag, double start_s, double length_s,
                            const HdrHistogram& histogram) {
  if (tag.find_first_of(", \r\n") != std::string_view::npos) {
    return fail("'{}' cannot be a tag: commas, spaces and line breaks separate fields", tag);
  }
  std::string line = tag.empty() ? std::string() : fmt::format("Tag={},", tag);
  line += fmt::format("{:.3f},{:.3f},{:.3f},{}\n", start_s, length_s,
                      static_cast<double>(histogram.max()) / 1e6, encode(histogram));
  return write(line);
}

Status HdrLogWriter::comment(std::string_view text) {
  std::string line = fmt::format("#[{}", text);
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return write(line + "]\n");
}

Result<HdrLog> parse_hdr_log(std::string_view text, std::string_view name,
                             std::size_t most_counts) {
  HdrLog log;
  std::size_t number_of_line = 0;
  while (!text.empty()) {
    ++number_of_line;
    const std::size_t end = text.find('\n');
    const bool last = end == std::string_view::npos;
    std::string_view line = text.substr(0, end);
    text = last ? std::string_view() : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with(kStartTime)) {
      const std::string_view rest = line.substr(kStartTime.size());
      log.start_epoch_s = number(rest.substr(0, rest.find_first_of(" ]"))).value_or(0);
    }
    if (is_legend_or_comment(line)) continue;
    auto interval = parse_interval(line, most_counts);
    if (interval) {
      log.intervals.push_back(std::move(*interval));
    } else if (last) {
      log.cut_short = true;  // Every whole line ends in a line break.
    } else {
      return fail("{}:{}: {}", name, number_of_line, interval.error().message);
    }
  }
  return log;
}

Result<HdrLog> read_hdr_log(const std::filesystem::path& path) {
  VIOLET_TRY(const auto text, read_whole_file(path));
  return parse_hdr_log(text, path.string());
}

}  // namespace violet::results
