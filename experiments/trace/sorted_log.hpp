// A sorted log keeps a vector sorted and free of duplicates while additions come nearly in order:
// they are appended and, now and then, sorted into its end.
//
// Threading: owner-only.
// Invariants: up to sorted() items are in order, and no two of them are the same cell.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace violet {

// Order: less(a, b). Combine: add(into, from) when neither is less than the other.
template <class Item, class Less, class Combine>
class SortedLog {
 public:
  static constexpr std::size_t kTail = std::size_t{1} << 14;

  explicit SortedLog(std::vector<Item>& items) : items_(&items) {}

  // Its items were copied from the other one's.
  void adopt(const SortedLog& other) { sorted_ = other.sorted_; }

  // True when it is time to tidy().
  bool add(const Item& item) {
    if (items_->size() > sorted_ && !Less()(items_->back(), item) &&
        !Less()(item, items_->back())) {
      Combine()(items_->back(), item);
      return false;
    }
    items_->push_back(item);
    return items_->size() - sorted_ >= kTail;
  }
  void tidy() {
    if (items_->size() == sorted_) return;
    const auto tail = items_->begin() + static_cast<std::ptrdiff_t>(sorted_);
    if (!std::is_sorted(tail, items_->end(), Less())) std::sort(tail, items_->end(), Less());
    const auto from = std::lower_bound(items_->begin(), tail, *tail, Less());
    std::inplace_merge(from, tail, items_->end(), Less());
    combine(from);
  }
  // After neighbours in time, or in address, were given the same place: `same(a, b)` says whether two items
  // are of the same time. Linear where each time then has one or two runs that are in order.
  template <class Same>
  void resort(Same&& same) {
    for (auto from = items_->begin(); from != items_->end();) {
      const auto to =
          std::find_if(from, items_->end(), [&](const Item& item) { return !same(*from, item); });
      sort_group(from, to);
      from = to;
    }
    if (!items_->empty()) combine(items_->begin());
    sorted_ = items_->size();
  }

 private:
  using Place = typename std::vector<Item>::iterator;

  static void sort_group(Place from, Place to) {
    const Place middle = std::is_sorted_until(from, to, Less());
    if (middle == to) return;
    if (std::is_sorted(middle, to, Less())) {
      std::inplace_merge(from, middle, to, Less());
    } else {
      std::sort(from, to, Less());
    }
  }
  void combine(Place from) {
    auto into = from;
    for (auto next = from + 1; next != items_->end(); ++next) {
      if (Less()(*into, *next)) {
        *++into = *next;
      } else {
        Combine()(*into, *next);
      }
    }
    items_->erase(into + 1, items_->end());
    sorted_ = items_->size();
  }

  std::vector<Item>* items_;
  std::size_t sorted_ = 0;
};

}  // namespace violet
