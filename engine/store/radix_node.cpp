#include "engine/store/radix_node.hpp"

#include <algorithm>
#include <new>

#include "engine/base/check.hpp"

namespace violet::radix {

namespace {

[[maybe_unused]] bool all_empty(const Node& node) {
  return std::all_of(node.entries.begin(), node.entries.end(), [](const auto& slot) {
    return slot.load(std::memory_order_relaxed) == kEmpty;
  });
}

}  // namespace

void NodePool::List::push(Node* node) {
  node->next = head_;
  if (head_ == nullptr) tail_ = node;
  head_ = node;
  ++size_;
}

Node* NodePool::List::pop() {
  Node* const node = head_;
  head_ = node->next;
  if (head_ == nullptr) tail_ = nullptr;
  --size_;
  return node;
}

void NodePool::List::append(List& other) {
  if (other.empty()) return;
  other.tail_->next = head_;
  if (head_ == nullptr) tail_ = other.tail_;
  head_ = other.head_;
  size_ += other.size_;
  other = List{};
}

NodePool::~NodePool() {
  for (List* list : {&spare_, &fresh_, &waiting_, &ripe_}) {
    while (!list->empty()) destroy(list->pop());
  }
  VIOLET_CHECK(nodes_ == 0);
}

bool NodePool::allocate_spare() {
  if (!budget_.charge(kNodeCharge)) return false;
  Node* const node = new (std::nothrow) Node;
  if (node == nullptr) {
    budget_.release(kNodeCharge);
    return false;
  }
  ++nodes_;
  spare_.push(node);
  return true;
}

void NodePool::destroy(Node* node) {
  delete node;
  --nodes_;
  budget_.release(kNodeCharge);
}

bool NodePool::reserve(std::size_t count) {
  if (spare_.size() >= count) return true;
  advance_grace_period();
  while (spare_.size() < count && !ripe_.empty()) recycle_ripe();
  std::size_t allocated = 0;
  while (spare_.size() < count && allocate_spare()) ++allocated;
  if (spare_.size() >= count) return true;
  for (; allocated > 0; --allocated) destroy(spare_.pop());
  return false;
}

Node* NodePool::take(unsigned level, Granule base) {
  VIOLET_DCHECK(!spare_.empty());
  Node* const node = spare_.pop();
  VIOLET_DCHECK(all_empty(*node));  // Node.3
  node->parent = nullptr;
  node->base = base;
  node->live = 0;
  node->index = 0;
  node->level = static_cast<std::uint8_t>(level);
  node->lingering = false;
  return node;
}

void NodePool::retire(Node* node) { fresh_.push(node); }

// Opens one grace period for everything retired so far and, when it has passed, makes that ripe.
void NodePool::advance_grace_period() {
  if (!waiting_.empty() && quiescence_.passed(waiting_for_)) ripe_.append(waiting_);
  if (!waiting_.empty() || fresh_.empty()) return;
  waiting_for_ = quiescence_.start();
  waiting_.append(fresh_);
  if (quiescence_.passed(waiting_for_)) ripe_.append(waiting_);
}

// A root that was replaced by its child keeps pointing at it for the readers on their way (Node.3).
void NodePool::recycle_ripe() {
  Node* const node = ripe_.pop();
  node->entries[0].store(kEmpty, std::memory_order_relaxed);
  spare_.push(node);
}

bool NodePool::reclaim(std::uint32_t max_nodes) {
  if (fresh_.empty() && waiting_.empty() && ripe_.empty()) return true;
  advance_grace_period();
  for (; max_nodes > 0 && !ripe_.empty(); --max_nodes) {
    if (spare_.size() < kMaxSpare) {
      recycle_ripe();
    } else {
      destroy(ripe_.pop());
    }
  }
  return fresh_.empty() && waiting_.empty() && ripe_.empty();
}

}  // namespace violet::radix
