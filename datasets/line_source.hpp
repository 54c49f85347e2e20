// A line source reads a text file, plain or zstd, line by line in constant memory.
//
// Threading: owner-only.
// Invariants: a line is given without its \n or \r\n; a last line without \n is a line.
// Limits: of a line longer than kMaxLine only its beginning is given, marked `cut`.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.hpp"

struct ZSTD_DCtx_s;

namespace violet::datasets {

class LineSource {
 public:
  static constexpr std::size_t kMaxLine = 64 * 1024;

  struct Line {
    std::string_view text;  // valid until the next call of next()
    bool cut = false;
    bool ended = true;  // false for a last line without \n
  };

  static Result<LineSource> open(const std::string& path);
  LineSource(LineSource&&) noexcept;
  LineSource& operator=(LineSource&&) = delete;
  ~LineSource();

  // False at the end of what can be read; damage() then says whether that is the end of the file.
  bool next(Line& line);

  // Empty, or what is wrong with the file itself, with its place: a truncated or corrupt zstd stream.
  const std::string& damage() const { return damage_; }
  std::uint64_t line_number() const { return line_number_; }  // of the last line given, from 1
  std::uint64_t bytes_read() const { return bytes_read_; }    // of the file as it is stored
  std::uint64_t file_bytes() const { return file_bytes_; }
  std::uint64_t text_bytes() const { return text_bytes_; }

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct Freer {
    void operator()(ZSTD_DCtx_s* context) const;
  };

  LineSource() = default;
  bool fill();         // makes room and reads more text; false when there is none
  bool fill_packed();  // the same through zstd
  std::size_t read_file(char* to, std::size_t room);
  void skip_rest_of_line();

  std::string path_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::unique_ptr<ZSTD_DCtx_s, Freer> zstd_;
  std::vector<char> packed_;
  std::size_t packed_at_ = 0, packed_end_ = 0;
  bool frame_open_ = false;  // inside a zstd frame
  bool skipping_ = false;    // the rest of a cut line is still to come
  std::vector<char> text_;
  std::size_t at_ = 0, end_ = 0;
  std::uint64_t line_number_ = 0, bytes_read_ = 0, file_bytes_ = 0, text_bytes_ = 0;
  std::string damage_;
};

}  // namespace violet::datasets
