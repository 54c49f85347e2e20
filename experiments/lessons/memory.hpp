// The memory of a lesson is the guest's: pages of the guest's own allocator, each with an owner and real bytes.
//
// Threading: owner-only.
// Invariants: pages() lists what was named, in that order; the ring and the driver's heap lie beside it and are not
// shown.
// Limits: kBytes in all. A lesson's single pages lie one behind the other from kFirstPage on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.hpp"
#include "experiments/guest/guest_pages.hpp"
#include "experiments/lessons/views.hpp"

namespace violet::lessons {

class Memory {
 public:
  static constexpr std::uint64_t kFirstPage = 0x2000;
  // From the page before the first, which the ring has, to a round end: no lonely page there comes before the rest.
  static constexpr std::uint64_t kBytes = (std::uint64_t{8} << 20) - kPageBytes;

  Memory() {
    VIOLET_CHECK(guest_.allocate({kPageBytes}, kBytes, GuestMemory::Backing::kAnonymous));
    allocator_ = std::make_unique<GuestPages>(guest_);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  const GuestMemory& guest() const { return guest_; }
  GuestPages& allocator() { return *allocator_; }

  // A zeroed page; `pages` of them lie side by side.
  GuestPhys add(std::string owner, std::uint64_t pages = 1) {
    const auto phys = allocator_->allocate_run(pages);
    VIOLET_CHECK(phys.has_value());
    name(*phys, pages, std::move(owner));
    return *phys;
  }
  // Names pages that somebody else allocated; nothing happens when one of them has a name.
  void name_unnamed(GuestPhys phys, std::uint64_t pages, const std::string& owner) {
    for (const Page& page : pages_) {
      if (page.phys.value - phys.value < pages * kPageBytes) return;
    }
    name(phys, pages, owner);
  }
  void give(GuestPhys phys, std::string owner) { at(phys).owner = std::move(owner); }
  // The new owner zeroes the page and writes.
  void rewrite(GuestPhys phys, std::string owner, std::string_view text) {
    give(phys, std::move(owner));
    std::fill_n(bytes(phys, kPageBytes), kPageBytes, char{0});
    write(phys, text);
  }
  void write(GuestPhys phys, std::string_view text) {
    std::copy(text.begin(), text.end(), bytes(phys, text.size()));
  }
  std::string read(GuestPhys phys, std::size_t count) const { return {bytes(phys, count), count}; }
  std::string text(GuestPhys phys) const {
    const std::string first = read({phys.value & ~(kPageBytes - 1)}, 64);
    return first.substr(0, first.find('\0'));
  }
  std::vector<PageView> pages() const {
    std::vector<PageView> views;
    for (const Page& page : pages_) views.push_back({page.phys, page.owner, text(page.phys)});
    return views;
  }

 private:
  struct Page {
    GuestPhys phys;
    std::string owner;
  };

  char* bytes(GuestPhys phys, std::size_t count) const {
    std::byte* host = guest_.host(phys, count);
    VIOLET_CHECK(host != nullptr);
    return reinterpret_cast<char*>(host);
  }
  void name(GuestPhys phys, std::uint64_t pages, const std::string& owner) {
    for (std::uint64_t i = 0; i < pages; ++i) {
      pages_.push_back({{phys.value + i * kPageBytes}, owner});
    }
  }
  Page& at(GuestPhys phys) {
    const auto found = std::find_if(pages_.begin(), pages_.end(), [&](const Page& page) {
      return phys.value - page.phys.value < kPageBytes;
    });
    VIOLET_CHECK(found != pages_.end());
    return *found;
  }

  GuestMemory guest_;
  std::unique_ptr<GuestPages> allocator_;
  std::vector<Page> pages_;
};

}  // namespace violet::lessons
