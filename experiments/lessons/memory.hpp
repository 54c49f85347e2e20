// The guest's memory as a lesson shows it: a few pages, each with an owner and real bytes.
//
// Threading: owner-only.
// Limits: pages lie one behind the other from kFirstPage on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/types.hpp"

namespace violet::lessons {

inline constexpr std::uint64_t kPageBytes = 4096;

struct PageView {
  GuestPhys phys;
  std::string owner;
  std::string text;  // Its first bytes, up to the first zero.
  bool operator==(const PageView&) const = default;
};

class Memory {
 public:
  static constexpr std::uint64_t kFirstPage = 0x2000;

  // A zeroed page; `pages` of them lie side by side.
  GuestPhys add(std::string owner, std::uint64_t pages = 1) {
    const GuestPhys phys{kFirstPage + bytes_.size()};
    bytes_.resize(bytes_.size() + pages * kPageBytes, 0);
    owners_.resize(owners_.size() + pages, owner);
    return phys;
  }
  void give(GuestPhys phys, std::string owner) { owners_[page(phys)] = std::move(owner); }
  // The new owner zeroes the page and writes.
  void rewrite(GuestPhys phys, std::string owner, std::string_view text) {
    give(phys, std::move(owner));
    const auto first = bytes_.begin() + at(phys);
    std::fill_n(first, kPageBytes, char{0});
    write(phys, text);
  }
  void write(GuestPhys phys, std::string_view text) {
    std::copy(text.begin(), text.end(), bytes_.begin() + at(phys));
  }
  std::string read(GuestPhys phys, std::size_t count) const {
    return {bytes_.begin() + at(phys), bytes_.begin() + at(phys) + static_cast<long>(count)};
  }
  void copy(GuestPhys from, GuestPhys to, std::size_t count) { write(to, read(from, count)); }
  const std::string& owner(GuestPhys phys) const { return owners_[page(phys)]; }
  std::string text(GuestPhys phys) const {
    const std::string first = read({phys.value & ~(kPageBytes - 1)}, 64);
    return first.substr(0, first.find('\0'));
  }
  std::vector<PageView> pages() const {
    std::vector<PageView> views;
    for (std::size_t i = 0; i < owners_.size(); ++i) {
      const GuestPhys phys{kFirstPage + i * kPageBytes};
      views.push_back({phys, owners_[i], text(phys)});
    }
    return views;
  }

 private:
  static long at(GuestPhys phys) { return static_cast<long>(phys.value - kFirstPage); }
  static std::size_t page(GuestPhys phys) { return (phys.value - kFirstPage) / kPageBytes; }

  std::vector<char> bytes_;
  std::vector<std::string> owners_;
};

}  // namespace violet::lessons
