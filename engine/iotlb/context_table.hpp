// A context id stands for (domain incarnation, generation) in a reader's entries, by 12 bits, as an
// ASID or PCID stands for an address space in a processor's TLB.
//
// The 32-bit tag and the 64-bit generation do not fit in an entry, so the reader keeps them once per
// domain, compares them once per lookup (one line, always in L1), and entries carry the id. A new generation is a new
// id: everything filled under the old one is unreachable at once, without touching it.
//
// Threading: owner-only.
// Invariants:
//   Context.1 at most one (tag, generation) is current under an id.
//   Context.2 an id is given out again only after every slot of the arrays was swept since it was retired, so
//      no entry of its previous use is left: wrap-around is impossible, not unlikely. Retired
//      ids queue in order; renew() takes one from the front and sweeps a kMinRetired-th of the
//      arrays. At most kContexts ids are current, so the queue never holds fewer than
//      kMinRetired + 1, and an id that joins it waits for at least kMinRetired further renewals:
//      a full sweep.
// Limits: kContexts domains at a time for one reader; two tags that share a slot evict each other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/base/check.hpp"
#include "engine/base/types.hpp"

namespace violet {

class ContextTable {
 public:
  static constexpr std::size_t kContexts = 256;
  static constexpr std::uint32_t kIds = 4096;
  static constexpr std::uint32_t kFree = 0;          // Marks free entries; no lookup asks for it.
  static constexpr std::uint32_t kNever = kIds - 1;  // Lookups may ask for it; no entry has it.
  static constexpr std::size_t kMinRetired = (kIds - 2) - kContexts - 1;
  static constexpr std::uint64_t kNoGeneration = ~std::uint64_t{0};  // No counter gets there.

  struct Context {
    DomainTag tag{};
    std::uint32_t id = kFree;
    std::uint64_t generation = kNoGeneration;

    bool is(DomainTag want, std::uint64_t wanted_generation) const {
      return tag == want && generation == wanted_generation;
    }
  };

  ContextTable() {
    for (std::uint32_t id = kFree + 1; id < kNever; ++id) retire(id);
  }

  // Tags are handed out in sequence, so the low bits spread the youngest kContexts perfectly.
  const Context& of(DomainTag tag) const { return contexts_[tag.value % kContexts]; }

  bool live(std::uint32_t id) const { return contexts_[owner_[id]].id == id && id != kFree; }

  // Makes (tag, generation) current under an id that no entry carries. The caller sweeps its arrays:
  // at least a kMinRetired-th of the slots, rounded up, at every call.
  const Context& renew(DomainTag tag, std::uint64_t generation) {
    const std::size_t index = tag.value % kContexts;
    Context& context = contexts_[index];
    if (context.id != kFree) retire(context.id);
    const std::uint16_t id = retired_[head_++ % kIds];
    VIOLET_DCHECK(tail_ - head_ >= kMinRetired);
    owner_[id] = static_cast<std::uint8_t>(index);
    context = {tag, id, generation};
    return context;
  }

  // What was filled under the tag's current id counts as filled at `generation` from now on.
  void advance(DomainTag tag, std::uint64_t generation) {
    Context& context = contexts_[tag.value % kContexts];
    VIOLET_DCHECK(context.tag == tag && context.id != kFree && generation >= context.generation);
    context.generation = generation;
  }

  // Makes everything filled for `tag` unreachable.
  void drop(DomainTag tag) {
    Context& context = contexts_[tag.value % kContexts];
    if (context.tag != tag || context.id == kFree) return;
    retire(context.id);
    context = {};
  }

 private:
  void retire(std::uint32_t id) { retired_[tail_++ % kIds] = static_cast<std::uint16_t>(id); }

  std::array<Context, kContexts> contexts_{};
  std::array<std::uint16_t, kIds> retired_{};  // A ring; head_ and tail_ count without wrapping.
  std::array<std::uint8_t, kIds> owner_{};     // Which context an id was last given to.
  std::uint64_t head_ = 0;
  std::uint64_t tail_ = 0;
};

}  // namespace violet
