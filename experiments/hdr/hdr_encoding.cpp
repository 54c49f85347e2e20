#include "experiments/hdr/hdr_encoding.hpp"

#include <zlib.h>

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/base/check.hpp"

namespace violet::results {
namespace {

using Bytes = std::vector<std::uint8_t>;

// The low nibble-pair of a cookie's 0xf0 says the word size; 1 means ZigZag LEB128 words.
constexpr std::uint32_t kPlainCookie = 0x1c849303 | 0x10;
constexpr std::uint32_t kCompressedCookie = 0x1c849304 | 0x10;
constexpr std::uint32_t kWordSizeMask = 0xf0;
constexpr std::size_t kHeaderBytes = 40;
constexpr std::size_t kLongestWord = 9;
constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

template <class T>
void put_big_endian(Bytes& out, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

template <class T>
T get_big_endian(const std::uint8_t* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>((value << 8) | at[i]);
  return value;
}

// LEB128 of at most nine bytes: the ninth holds eight bits.
void put_word(Bytes& out, std::int64_t word) {
  auto bits = (static_cast<std::uint64_t>(word) << 1) ^ static_cast<std::uint64_t>(word >> 63);
  for (std::size_t i = 1; i < kLongestWord && bits > 0x7f; ++i, bits >>= 7) {
    out.push_back(static_cast<std::uint8_t>(bits | 0x80));
  }
  out.push_back(static_cast<std::uint8_t>(bits));
}

// Advances `at`; false at the end of the bytes.
bool get_word(const Bytes& bytes, std::size_t& at, std::int64_t& word) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kLongestWord; ++i) {
    if (at == bytes.size()) return false;
    const std::uint64_t byte = bytes[at++];
    const bool last = i == kLongestWord - 1;
    bits |= (last ? byte : byte & 0x7f) << (7 * i);
    if (last || (byte & 0x80) == 0) break;
  }
  word = static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
  return true;
}

Bytes deflated(const Bytes& plain) {
  uLongf size = compressBound(static_cast<uLong>(plain.size()));
  Bytes out(size);
  const int status = compress(out.data(), &size, plain.data(), static_cast<uLong>(plain.size()));
  VIOLET_CHECK(status == Z_OK);  // The buffer is as large as compressBound() asks.
  out.resize(size);
  return out;
}

// Zlib's inflate with a bound on what may come out.
class Inflater {
 public:
  explicit Inflater(std::string_view in) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    open_ = inflateInit(&stream_) == Z_OK;
  }
  ~Inflater() {
    if (open_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Exactly `count` bytes, or nothing.
  bool read(Bytes& out, std::size_t count) {
    out.resize(count);
    if (!open_) return false;
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(count);
    while (stream_.avail_out > 0) {
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) break;
      if (status != Z_OK) return false;
    }
    return stream_.avail_out == 0;
  }

 private:
  z_stream stream_{};
  bool open_ = false;
};

std::string to_base64(const Bytes& bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) group = (group << 8) | (j < have ? bytes[i + j] : 0u);
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= have ? kAlphabet[(group >> (18 - 6 * j)) & 63] : '=';
    }
  }
  return text;
}

constexpr std::array<std::int8_t, 256> make_digits() {
  std::array<std::int8_t, 256> digits{};
  for (auto& digit : digits) digit = -1;
  for (int i = 0; i < 64; ++i)
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  return digits;
}

bool from_base64(std::string_view text, std::string& bytes) {
  static constexpr auto kDigits = make_digits();
  if (text.empty() || text.size() % 4 != 0) return false;
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const bool padded = i + j >= text.size() - padding;
      const int digit = padded ? 0 : kDigits[static_cast<unsigned char>(text[i + j])];
      if (digit < 0) return false;
      group = (group << 6) | static_cast<std::uint32_t>(digit);
    }
    for (int shift = 16; shift >= 0; shift -= 8) bytes += static_cast<char>(group >> shift);
  }
  bytes.resize(bytes.size() - padding);
  return true;
}

std::int64_t zeros_from(const HdrHistogram& histogram, std::size_t at, std::size_t end) {
  std::size_t last = at;
  while (last < end && histogram.counts()[last] == 0) ++last;
  return static_cast<std::int64_t>(last - at);
}

void put_counts(Bytes& out, const HdrHistogram& histogram) {
  const auto& counts = histogram.counts();
  std::size_t end = counts.size();
  while (end > 1 && counts[end - 1] == 0) --end;
  for (std::size_t i = 0; i < end;) {
    const std::int64_t zeros = zeros_from(histogram, i, end);
    if (zeros > 1) {
      put_word(out, -zeros);
      i += static_cast<std::size_t>(zeros);
    } else {
      put_word(out, static_cast<std::int64_t>(counts[i]));
      ++i;
    }
  }
}

Bytes plain_encoding(const HdrHistogram& histogram) {
  Bytes counts;
  put_counts(counts, histogram);
  const HdrRange& range = histogram.layout().range();
  Bytes out;
  put_big_endian(out, kPlainCookie);
  put_big_endian(out, static_cast<std::uint32_t>(counts.size()));
  put_big_endian(out, std::uint32_t{0});  // Normalizing index offset: none.
  put_big_endian(out, static_cast<std::uint32_t>(range.digits));
  put_big_endian(out, range.lowest);
  put_big_endian(out, range.highest);
  put_big_endian(out, std::bit_cast<std::uint64_t>(1.0));  // Integer-to-double conversion ratio.
  out.insert(out.end(), counts.begin(), counts.end());
  return out;
}

Status fill_counts(const Bytes& words, HdrHistogram& histogram) {
  const HdrLayout& layout = histogram.layout();
  std::size_t index = 0, at = 0;
  std::uint64_t budget = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  while (at < words.size()) {
    std::int64_t word = 0;
    if (!get_word(words, at, word)) return fail("the counts end inside a word");
    const std::uint64_t step = word < 0 ? ~static_cast<std::uint64_t>(word) + 1 : 1;
    if (step > layout.counts() - index) return fail("more counts than the range has buckets");
    if (word > 0) {
      const auto count = static_cast<std::uint64_t>(word);
      if (count > budget) return fail("the counts do not fit in 63 bits");
      budget -= count;
      // Both ends of the bucket, so that min() and max() are its bounds.
      histogram.record_n(layout.lowest_at(index), count);
      histogram.record_n(layout.highest_at(index), 0);
    }
    index += step;
  }
  return {};
}

Result<HdrRange> read_range(const Bytes& header) {
  if ((get_big_endian<std::uint32_t>(&header[0]) & ~kWordSizeMask) !=
      (kPlainCookie & ~kWordSizeMask)) {
    return fail("not a V2 HdrHistogram");
  }
  if (get_big_endian<std::uint64_t>(&header[16]) == 0) return fail("the lowest value is 0");
  const auto digits = get_big_endian<std::uint32_t>(&header[12]);
  if (digits > 5) return fail("{} significant digits", digits);
  return HdrRange{get_big_endian<std::uint64_t>(&header[16]),
                  get_big_endian<std::uint64_t>(&header[24]), static_cast<int>(digits)};
}

}  // namespace

std::string encode(const HdrHistogram& histogram) {
  const Bytes compressed = deflated(plain_encoding(histogram));
  Bytes out;
  put_big_endian(out, kCompressedCookie);
  put_big_endian(out, static_cast<std::uint32_t>(compressed.size()));
  out.insert(out.end(), compressed.begin(), compressed.end());
  return to_base64(out);
}

Result<HdrHistogram> decode(std::string_view base64, std::size_t most_counts) {
  std::string bytes;
  if (!from_base64(base64, bytes)) return fail("not base64");
  const auto* head = reinterpret_cast<const std::uint8_t*>(bytes.data());
  if (bytes.size() < 8 || (get_big_endian<std::uint32_t>(head) & ~kWordSizeMask) !=
                              (kCompressedCookie & ~kWordSizeMask)) {
    return fail("not a compressed V2 HdrHistogram");
  }
  const std::size_t length = get_big_endian<std::uint32_t>(head + 4);
  if (length > bytes.size() - 8)
    return fail("{} bytes announced, {} there", length, bytes.size() - 8);
  Inflater inflater(std::string_view(bytes).substr(8, length));
  Bytes header;
  if (!inflater.read(header, kHeaderBytes)) return fail("the compressed header is damaged");
  VIOLET_TRY(const auto range, read_range(header));
  VIOLET_TRY(const auto layout, HdrLayout::make(range));
  const std::size_t payload = get_big_endian<std::uint32_t>(&header[4]);
  if (layout.counts() > most_counts || payload > layout.counts() * kLongestWord) {
    return fail("{} counts in {} bytes are too many", layout.counts(), payload);
  }
  Bytes words;
  if (!inflater.read(words, payload)) return fail("the compressed counts are damaged");
  HdrHistogram histogram(layout);
  VIOLET_TRY(fill_counts(words, histogram));
  return histogram;
}

}  // namespace violet::results
