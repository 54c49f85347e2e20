// A text cursor reads one line of a log from left to right: literals and numbers, no allocation, no exception. After
// the first failure the cursor stays where it is and keeps the reason.
//
// Threading: owner-only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace violet::datasets {

// The most seconds of a time stamp, so that its nanoseconds fit in 64 bits.
inline constexpr std::uint64_t kMaxSeconds = 9'000'000'000;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

class TextCursor {
 public:
  explicit TextCursor(std::string_view text)
      : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}

  bool ok() const { return reason_ == nullptr; }
  const char* reason() const { return reason_; }
  std::uint64_t column() const { return static_cast<std::uint64_t>(at_ - begin_) + 1; }
  bool at_end() const { return at_ == end_; }
  std::string_view rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }

  bool fail(const char* reason) {
    if (reason_ == nullptr) reason_ = reason;
    return false;
  }
  bool take(std::string_view literal) {
    if (!rest().starts_with(literal)) return false;
    at_ += literal.size();
    return true;
  }
  bool expect(std::string_view literal, const char* reason) {
    return ok() && (take(literal) || fail(reason));
  }
  void skip_spaces() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t')) ++at_;
  }

  bool decimal(std::uint64_t& value) { return number<10>(value); }
  bool hex(std::uint64_t& value) { return number<16>(value); }  // its digits alone
  // A 32-bit id as printf("%d") or printf("%u") writes it.
  bool id(std::uint32_t& value) {
    const bool negative = ok() && take("-");
    std::uint64_t magnitude = 0;
    if (!number<10>(magnitude)) return false;
    if (magnitude > (negative ? 0x80000000U : 0xffffffffU)) return fail("number outside 32 bits");
    value = static_cast<std::uint32_t>(negative ? 0 - magnitude : magnitude);
    return true;
  }
  // Up to the next blank or the end.
  std::string_view word() {
    const char* from = at_;
    while (at_ != end_ && *at_ != ' ' && *at_ != '\t') ++at_;
    return {from, static_cast<std::size_t>(at_ - from)};
  }
  bool expect_end() {
    return ok() && (at_end() || fail("more text after the last field (two lines in one?)"));
  }

 private:
  // Digits of base 10 or 16 only: no sign, no prefix, no locale.
  template <unsigned kBase>
  bool number(std::uint64_t& value) {
    if (!ok()) return false;
    const char* from = at_;
    std::uint64_t result = 0;
    for (; at_ != end_; ++at_) {
      const unsigned digit = digit_of(*at_);
      if (digit >= kBase) break;
      if (result > (~std::uint64_t{0} - digit) / kBase) return fail("number outside 64 bits");
      result = result * kBase + digit;
    }
    if (at_ == from) return fail(at_end() ? "the line ends early" : "a number is missing");
    value = result;
    return true;
  }
  static unsigned digit_of(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
    return 16;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  const char* reason_ = nullptr;
};

}  // namespace violet::datasets
