#include "datasets/line_source.hpp"

#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>

#include "datasets/byte_map.hpp"

namespace violet::datasets {
namespace {

constexpr std::size_t kTextBuffer = 1 << 18;
constexpr std::size_t kPackedBuffer = 1 << 17;

}  // namespace

LineSource::LineSource(LineSource&&) noexcept = default;
LineSource::~LineSource() = default;

void LineSource::Freer::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

Result<LineSource> LineSource::open(const std::string& path) {
  LineSource source;
  source.path_ = path;
  std::error_code wrong;
  if (std::filesystem::is_directory(path, wrong)) {
    return fail(ErrorKind::kUsage, "{}: is a directory; give a file", path);
  }
  source.file_.reset(std::fopen(path.c_str(), "rb"));
  if (!source.file_) return fail(ErrorKind::kUsage, "{}: {}", path, std::strerror(errno));
  const auto size = std::filesystem::file_size(path, wrong);
  source.file_bytes_ = wrong ? 0 : size;  // a pipe has none
  source.text_.resize(kTextBuffer);
  char magic[4];
  const auto got = source.read_file(magic, sizeof magic);
  if (has_zstd_magic(std::as_bytes(std::span(magic, got)))) {
    source.zstd_.reset(ZSTD_createDCtx());
    source.packed_.resize(kPackedBuffer);
    std::memcpy(source.packed_.data(), magic, got);
    source.packed_end_ = got;
    source.frame_open_ = true;
  } else {
    std::memcpy(source.text_.data(), magic, got);
    source.end_ = source.text_bytes_ = got;
  }
  return source;
}

std::size_t LineSource::read_file(char* to, std::size_t room) {
  const auto got = std::fread(to, 1, room, file_.get());
  bytes_read_ += got;
  if (got < room && std::ferror(file_.get()) != 0 && damage_.empty()) {
    damage_ = fmt::format("{}: cannot read on at offset {}, after line {}: {}", path_, bytes_read_,
                          line_number_, std::strerror(errno));
  }
  return got;
}

bool LineSource::fill_packed() {
  ZSTD_outBuffer out{text_.data() + end_, text_.size() - end_, 0};
  while (out.pos == 0 && damage_.empty()) {
    if (packed_at_ == packed_end_) {
      packed_at_ = 0;
      packed_end_ = read_file(packed_.data(), packed_.size());
    }
    ZSTD_inBuffer in{packed_.data(), packed_end_, packed_at_};
    const bool no_input = in.pos == in.size;
    if (no_input && !frame_open_) return false;
    const auto left = ZSTD_decompressStream(zstd_.get(), &out, &in);
    packed_at_ = in.pos;
    if (ZSTD_isError(left)) {
      damage_ = fmt::format("{}: damaged zstd data near offset {} of the file, after line {} ({})",
                            path_, bytes_read_ - (packed_end_ - packed_at_), line_number_,
                            ZSTD_getErrorName(left));
    } else if (no_input && out.pos == 0 && left != 0) {
      damage_ = fmt::format("{}: truncated zstd data: the file ends at offset {}, after line {}",
                            path_, bytes_read_, line_number_);
    } else {
      frame_open_ = left != 0;
    }
  }
  end_ += out.pos;
  text_bytes_ += out.pos;
  return out.pos > 0;
}

bool LineSource::fill() {
  if (at_ > 0) {
    std::memmove(text_.data(), text_.data() + at_, end_ - at_);
    end_ -= at_;
    at_ = 0;
  }
  if (zstd_) return fill_packed();
  const auto got = read_file(text_.data() + end_, text_.size() - end_);
  end_ += got;
  text_bytes_ += got;
  return got > 0;
}

// Drops the rest of a line whose beginning was given as a cut line.
void LineSource::skip_rest_of_line() {
  skipping_ = false;
  for (;;) {
    const auto* newline =
        static_cast<const char*>(std::memchr(text_.data() + at_, '\n', end_ - at_));
    if (newline != nullptr) {
      at_ = static_cast<std::size_t>(newline - text_.data()) + 1;
      return;
    }
    at_ = end_;
    if (!fill()) return;
  }
}

bool LineSource::next(Line& line) {
  if (skipping_) skip_rest_of_line();
  std::size_t length = 0;
  const char* newline = nullptr;
  for (;;) {
    const char* from = text_.data() + at_;
    newline = static_cast<const char*>(std::memchr(from + length, '\n', end_ - at_ - length));
    length = newline != nullptr ? static_cast<std::size_t>(newline - from) : end_ - at_;
    if (newline != nullptr || length > kMaxLine || !fill()) break;
  }
  if (newline == nullptr && length == 0) return false;
  ++line_number_;
  line.ended = newline != nullptr;
  line.cut = length > kMaxLine;
  line.text = {text_.data() + at_, std::min(length, kMaxLine)};
  if (!line.cut && line.text.ends_with('\r')) line.text.remove_suffix(1);
  at_ += length + (newline != nullptr ? 1 : 0);
  // What was given must stay in the buffer until the next call, so the rest is skipped then.
  skipping_ = newline == nullptr && line.cut;
  return true;
}

}  // namespace violet::datasets
