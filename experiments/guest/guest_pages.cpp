#include "experiments/guest/guest_pages.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/base/check.hpp"

namespace violet {

GuestPages::GuestPages(const GuestMemory& memory, Options options)
    : memory_(memory), options_(options) {
  lists_.fill(kNone);
  stack_.reserve(kStackHigh + 1);
  Page pages = 0;
  for (const auto& region : memory.regions()) {
    const std::uint64_t first = (region.start.value + kPageBytes - 1) >> kPageShift;
    const std::uint64_t end = (region.start.value + region.bytes) >> kPageShift;
    if (end <= first) continue;
    regions_.push_back({first, end - first, pages});
    pages += static_cast<Page>(end - first);
  }
  states_.resize(pages, State::kAllocated);
  orders_.resize(pages, 0);
  links_.resize(pages, Node{kNone, kNone});
  for (auto region = regions_.rbegin(); region != regions_.rend(); ++region) add_region(*region);
  free_pages_ = pages;
}

// Cuts a region into the largest aligned blocks; the lowest ends up first in its list.
void GuestPages::add_region(Region region) {
  std::vector<std::pair<Page, unsigned>> blocks;
  std::uint64_t pfn = region.first_pfn;
  const std::uint64_t end = pfn + region.pages;
  while (pfn < end) {
    const auto aligned =
        pfn == 0 ? kMaxOrder : std::min<unsigned>(kMaxOrder, unsigned(std::countr_zero(pfn)));
    const auto order = std::min<unsigned>(aligned, unsigned(std::bit_width(end - pfn)) - 1);
    blocks.emplace_back(region.first_page + static_cast<Page>(pfn - region.first_pfn), order);
    pfn += std::uint64_t{1} << order;
  }
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    if (options_.poison) {
      for (Page page = 0; page < Page{1} << block->second; ++page) poison(block->first + page);
    }
    push_block(block->first, block->second);
  }
}

const GuestPages::Region& GuestPages::region_of(Page page) const {
  for (const Region& region : regions_) {
    if (page - region.first_page < region.pages) return region;
  }
  VIOLET_CHECK(false && "page of no region");
  return regions_.front();
}

std::uint64_t GuestPages::pfn_of(Page page) const {
  const Region& region = region_of(page);
  return region.first_pfn + (page - region.first_page);
}

GuestPages::Page GuestPages::page_of(GuestPhys at) const {
  const std::uint64_t pfn = at.value >> kPageShift;
  for (const Region& region : regions_) {
    if (pfn - region.first_pfn < region.pages) {
      return region.first_page + static_cast<Page>(pfn - region.first_pfn);
    }
  }
  VIOLET_CHECK(false && "address of no page");
  return kNone;
}

GuestPages::Page GuestPages::buddy_of(Page page, unsigned order) const {
  const Region& region = region_of(page);
  const std::uint64_t pfn = region.first_pfn + (page - region.first_page);
  const std::uint64_t buddy = pfn ^ (std::uint64_t{1} << order);
  const std::uint64_t offset = buddy - region.first_pfn;
  if (buddy < region.first_pfn || offset + (std::uint64_t{1} << order) > region.pages) return kNone;
  return region.first_page + static_cast<Page>(offset);
}

void GuestPages::push_block(Page page, unsigned order) {
  states_[page] = State::kFreeHead;
  orders_[page] = static_cast<std::uint8_t>(order);
  links_[page] = {kNone, lists_[order]};
  if (lists_[order] != kNone) links_[lists_[order]].previous = page;
  lists_[order] = page;
}

void GuestPages::remove_block(Page page, unsigned order) {
  const Node node = links_[page];
  if (node.previous != kNone) links_[node.previous].next = node.next;
  if (node.next != kNone) links_[node.next].previous = node.previous;
  if (lists_[order] == page) lists_[order] = node.next;
  states_[page] = State::kFreeTail;
}

// A block of exactly `order`, split off a larger one when need be.
GuestPages::Page GuestPages::pop_block(unsigned order) {
  unsigned have = order;
  while (have <= kMaxOrder && lists_[have] == kNone) ++have;
  if (have > kMaxOrder) return kNone;
  const Page page = lists_[have];
  remove_block(page, have);
  while (have > order) {
    --have;
    push_block(page + (Page{1} << have), have);
  }
  return page;
}

void GuestPages::add_free(Page page, unsigned order) {
  while (order < kMaxOrder) {
    const Page buddy = buddy_of(page, order);
    if (buddy == kNone || states_[buddy] != State::kFreeHead || orders_[buddy] != order) break;
    remove_block(buddy, order);
    states_[page] = State::kFreeTail;
    page = std::min(page, buddy);
    ++order;
  }
  push_block(page, order);
}

GuestPhys GuestPages::hand_out(Page page, unsigned order) {
  const Page pages = Page{1} << order;
  for (Page i = 0; i < pages; ++i) {
    states_[page + i] = State::kAllocated;
    if (options_.poison) check_poison(page + i);
  }
  free_pages_ -= pages;
  return {pfn_of(page) << kPageShift};
}

void GuestPages::refill_stack() {
  while (stack_.size() < kStackBatch) {
    const Page page = pop_block(0);
    if (page == kNone) break;
    states_[page] = State::kStacked;
    stack_.push_back(page);
  }
  // Lowest on top, so that fresh memory is handed out in ascending order.
  std::reverse(stack_.begin(), stack_.end());
}

std::optional<GuestPhys> GuestPages::allocate_page() {
  if (stack_.empty()) refill_stack();
  if (stack_.empty()) return std::nullopt;
  const Page page = stack_.back();
  stack_.pop_back();
  return hand_out(page, 0);
}

std::optional<GuestPhys> GuestPages::allocate(unsigned order) {
  if (order == 0) return allocate_page();
  if (order > kMaxOrder) return std::nullopt;
  Page page = pop_block(order);
  if (page == kNone && !stack_.empty()) {
    for (const Page stacked : stack_) add_free(stacked, 0);
    stack_.clear();
    page = pop_block(order);
  }
  if (page == kNone) return std::nullopt;
  return hand_out(page, order);
}

void GuestPages::free_page(Page page) {
  states_[page] = State::kStacked;
  stack_.push_back(page);
  if (stack_.size() <= kStackHigh) return;
  // The coldest go back to the buddies.
  for (std::size_t i = 0; i < kStackBatch; ++i) add_free(stack_[i], 0);
  stack_.erase(stack_.begin(), stack_.begin() + kStackBatch);
}

void GuestPages::free(GuestPhys block, unsigned order) {
  const Page page = page_of(block);
  const Page pages = Page{1} << order;
  for (Page i = 0; i < pages; ++i) {
    VIOLET_CHECK(states_[page + i] == State::kAllocated);  // Else a double free.
    if (options_.poison) poison(page + i);
    states_[page + i] = State::kFreeTail;
  }
  free_pages_ += pages;
  if (order == 0) {
    free_page(page);
  } else {
    add_free(page, order);
  }
}

std::optional<GuestPhys> GuestPages::allocate_run(std::uint64_t pages) {
  if (pages == 0 || pages > std::uint64_t{1} << kMaxOrder) return std::nullopt;
  const auto order = static_cast<unsigned>(std::bit_width(pages - 1));
  const auto block = allocate(order);
  if (!block) return std::nullopt;
  for (std::uint64_t i = pages; i < std::uint64_t{1} << order; ++i) {
    free({block->value + (i << kPageShift)});
  }
  return block;
}

void GuestPages::free_run(GuestPhys first, std::uint64_t pages) {
  std::uint64_t pfn = first.value >> kPageShift;
  while (pages > 0) {
    const auto aligned = pfn == 0 ? kMaxOrder : unsigned(std::countr_zero(pfn));
    const auto order =
        std::min({kMaxOrder, aligned, static_cast<unsigned>(std::bit_width(pages)) - 1});
    free({pfn << kPageShift}, order);
    pfn += std::uint64_t{1} << order;
    pages -= std::uint64_t{1} << order;
  }
}

void GuestPages::poison(Page page) {
  std::byte* bytes = memory_.host({pfn_of(page) << kPageShift}, kPageBytes);
  std::memset(bytes, static_cast<int>(kPoison), kPageBytes);
}

void GuestPages::check_poison(Page page) {
  const std::byte* bytes = memory_.host({pfn_of(page) << kPageShift}, kPageBytes);
  // A page equal to itself shifted by one byte is one value throughout.
  const bool intact = bytes[0] == kPoison && std::memcmp(bytes, bytes + 1, kPageBytes - 1) == 0;
  if (!intact) ++poison_violations_;
}

}  // namespace violet
