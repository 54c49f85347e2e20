// A console reads what a guest says on its serial port, line by line, and copies it into a file.
//
// Threading: owner-only; the lines come on a thread of the console's own.
// Invariants: a line "VIOLET key=value" is in told(), the last one of a key wins; everything is in the file, as far as
// it has room; a guest that says nothing at all for a while is noticed once.
// Limits: a line longer than kLongestLine is cut there; keys beyond kMostKeys are ignored; of what is said beyond
// kMostLogBytes the file has only that there was more.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/result.hpp"

namespace violet::linux_guest {

// Noticed once, on the console's thread, when nothing came within `patience`.
struct Silence {
  std::function<void()> noticed = {};
  std::chrono::milliseconds patience = std::chrono::seconds(8);
};

class Console {
 public:
  static constexpr std::size_t kLongestLine = 64 << 10;
  static constexpr std::size_t kMostKeys = 1000;
  static constexpr std::size_t kMostLogBytes = 64 << 20;
  // key and value of a line that the guest means for us.
  using Told = std::function<void(const std::string& key, const std::string& value)>;

  // Error when there is no pipe to be had or the file cannot be written.
  static Result<std::unique_ptr<Console>> open(const std::string& file, Told told,
                                               Silence silence = {});
  ~Console() { close(); }
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // The writing end, for the guest; ours is to be closed once it has its own.
  int input() const { return input_.get(); }
  void close_input() { input_ = {}; }
  // Reads to the end: every writing end must be closed by then.
  void close();
  // After close().
  const std::map<std::string, std::string>& told() const { return told_; }

 private:
  Console(FileDescriptor output, FileDescriptor input, FileDescriptor file, Told told,
          Silence silence);
  void wait_for_first_word();
  void read();
  void copy(std::string_view piece);
  void take(std::string_view line);

  FileDescriptor output_;
  FileDescriptor input_;
  FileDescriptor file_;
  Told on_told_;
  Silence silence_;
  std::map<std::string, std::string> told_;
  std::size_t copied_ = 0;  // Bytes in the file.
  std::thread thread_;
};

}  // namespace violet::linux_guest
