#include "experiments/linux_guest/console.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace violet::linux_guest {
namespace {

constexpr std::string_view kTold = "VIOLET ";

}  // namespace

Result<std::unique_ptr<Console>> Console::open(const std::string& file, Told told,
                                               Silence silence) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorKind::kEnvironment, "pipe: {}", std::strerror(errno));
  }
  FileDescriptor output(ends[0]), input(ends[1]);
  FileDescriptor log(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!log.valid()) {
    return fail(ErrorKind::kEnvironment, "{}: {}", file, std::strerror(errno));
  }
  return std::unique_ptr<Console>(new Console(std::move(output), std::move(input), std::move(log),
                                              std::move(told), std::move(silence)));
}

Console::Console(FileDescriptor output, FileDescriptor input, FileDescriptor file, Told told,
                 Silence silence)
    : output_(std::move(output)),
      input_(std::move(input)),
      file_(std::move(file)),
      on_told_(std::move(told)),
      silence_(std::move(silence)),
      thread_([this] { read(); }) {}

void Console::close() {
  close_input();
  if (thread_.joinable()) thread_.join();
}

// The end is a word, too.
void Console::wait_for_first_word() {
  if (!silence_.noticed) return;
  pollfd slot{output_.get(), POLLIN, 0};
  int ready = 0;
  while ((ready = ::poll(&slot, 1, static_cast<int>(silence_.patience.count()))) < 0 &&
         errno == EINTR) {
  }
  if (ready == 0) silence_.noticed();
}

void Console::read() {
  wait_for_first_word();
  std::array<char, 4096> piece;
  std::string line;
  for (;;) {
    const ssize_t got = ::read(output_.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    copy({piece.data(), static_cast<std::size_t>(got)});
    for (const char c : std::string_view(piece.data(), static_cast<std::size_t>(got))) {
      if (c == '\n') {
        take(line);
        line.clear();
      } else if (line.size() < kLongestLine) {
        line.push_back(c);
      }
    }
  }
  take(line);
}

// A full disk costs the copy, not the guest; a guest that never stops does not cost the disk.
void Console::copy(std::string_view piece) {
  constexpr std::string_view kMore = "\n[the guest said more than this log holds]\n";
  if (copied_ > kMostLogBytes) return;
  const bool last = copied_ + piece.size() > kMostLogBytes;
  if (last) piece = kMore;
  copied_ += last ? kMostLogBytes + 1 - copied_ : piece.size();
  static_cast<void>(!::write(file_.get(), piece.data(), piece.size()));
}

void Console::take(std::string_view line) {
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  const auto equals = line.find('=');
  if (!line.starts_with(kTold) || equals == std::string_view::npos || equals < kTold.size()) return;
  const std::string key(line.substr(kTold.size(), equals - kTold.size()));
  const std::string value(line.substr(equals + 1));
  if (told_.size() >= kMostKeys && !told_.contains(key)) return;
  told_[key] = value;
  if (on_told_) on_told_(key, value);
}

}  // namespace violet::linux_guest
