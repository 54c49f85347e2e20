// The guest of a lesson: the Linux driver's request stream and what a strategy does at map and
// unmap, small enough to be shown whole. The model that experiments run, with its magazines and
// per-CPU queues, is experiments/guest; this one keeps the same order of requests and kicks.
//
// Threading: owner-only.
// Invariants: U1 requests are queued without a kick; sync() kicks and then spins until all of them
// are back. U2 lazy: an UNMAP is queued without a kick, and its address is used again only after a
// flush. U3 an address is never handed out while a request about it is unanswered.
// Limits: one domain, addresses handed out downwards from 4 GiB, the newest freed one first.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/lessons/stage.hpp"

namespace violet::lessons {

enum class Strategy : std::uint8_t { kStrict, kLazy, kBounce, kOptimistic, kDirect };
const char* strategy_name(Strategy strategy);

// What the driver holds about one range of I/O addresses.
struct BufferView {
  enum class Use : std::uint8_t {
    kMapping,    // MAP queued, not answered.
    kLive,       // Mapped and in use.
    kUnmapping,  // UNMAP queued; strict waits for it.
    kParked,     // Lazy: in the flush queue.
    kKept,       // Optimistic: unmapped for the caller, still mapped for the device.
    kSlot,       // Bounce and direct: mapped by design, not in use.
    kGone
  };
  IovaRange range;
  GuestPhys phys;
  std::uint64_t bytes = kPageBytes;
  Permissions permissions = Permissions::kNone;
  Use use = Use::kMapping;
  std::uint32_t map_token = 0;
  std::optional<std::uint32_t> unmap_token;
  std::optional<Ticks> returned_at;   // The caller's unmap came back.
  std::optional<GuestPhys> original;  // Bounce: the buffer that this slot stands for.

  // Unmapped for the caller; a device that reaches it reaches what is not its own any more.
  bool given_back() const {
    return use == Use::kParked || use == Use::kKept || (use == Use::kUnmapping && returned_at);
  }
};

struct GuestNumbers {
  std::uint64_t kicks = 0;
  std::uint64_t exits = 0;  // Kicks that left the guest.
  std::uint64_t waits = 0;  // Times the driver spun for answers.
  std::uint64_t map_requests = 0;
  std::uint64_t unmap_requests = 0;
  std::uint64_t bytes_copied = 0;  // By the processor.
  std::uint64_t reuses = 0;        // Maps that found their mapping still there.
  std::uint64_t flushes = 0;
};

struct Exposure {
  std::uint64_t windows = 0;  // Unmaps after which the page was reachable for a time.
  std::uint64_t longest_ns = 0;
  std::uint64_t total_ns = 0;  // Pages times nanoseconds.
  std::uint64_t always_mapped_bytes = 0;
};

struct GuestOptions {
  Strategy strategy = Strategy::kStrict;
  std::size_t keep_quota = 256;               // Optimistic: mappings kept at most...
  std::uint64_t keep_ns = 5'000'000;          // ...and for how long.
  std::uint64_t flush_timer_ns = 10'000'000;  // Lazy.
  std::size_t flush_entries = 255;
};

class Guest {
 public:
  static constexpr std::uint32_t kDomain = 1;

  Guest(Stage& stage, const GuestOptions& options) : stage_(stage), options_(options) {}

  const GuestOptions& options() const { return options_; }
  const GuestNumbers& numbers() const { return numbers_; }
  const std::vector<BufferView>& buffers() const { return buffers_; }
  const BufferView* find(Iova iova) const;
  bool given_back(Iova iova) const;
  Exposure exposure() const;

  // --- One request each, queued without a kick.
  void add_probe(unsigned endpoint);
  void add_attach(unsigned endpoint, std::uint32_t domain = kDomain);
  Iova add_map(GuestPhys phys, std::uint64_t bytes, Permissions permissions);
  void add_unmap(Iova iova);
  // Tells the device: an exit on samecore; a polling sidecore has switched notifications off.
  void kick();
  void start_waiting();  // Kicks and begins to spin.
  // Reads the used ring.
  void reap();
  bool sync();

  // --- What a strategy does.
  void attach(unsigned endpoint);
  Iova map(GuestPhys phys, std::uint64_t bytes, Permissions permissions);
  void unmap(Iova iova);
  void unmap_returns(Iova iova);  // The caller has its page back.
  void flush();
  void tick();  // Timers.
  // Direct: all memory, once.
  void map_everything(std::uint64_t bytes);

 private:
  BufferView& at(Iova iova);
  Iova allocate(std::uint64_t bytes);
  void forget(BufferView& buffer);
  std::optional<Iova> reuse(GuestPhys phys, std::uint64_t bytes, Permissions permissions);
  Iova bounce_map(GuestPhys phys, std::uint64_t bytes, Permissions permissions);
  void bounce_unmap(BufferView& slot);
  void copy(GuestPhys from, GuestPhys to, std::uint64_t bytes);
  void keep(BufferView& buffer);
  void tear_down(std::size_t down_to, std::optional<Ticks> older_than);
  std::size_t kept() const;

  Stage& stage_;
  GuestOptions options_;
  GuestNumbers numbers_;
  std::vector<BufferView> buffers_;
  struct Free {
    std::uint64_t bytes;
    Iova iova;
  };
  std::vector<Free> free_;
  std::uint64_t next_ = std::uint64_t{1} << 32;
  struct Window {
    Ticks from;
    Iova iova;
    std::optional<std::uint32_t> token;  // The UNMAP that ends it...
    std::optional<Ticks> until;          // ...or the map that used the mapping again.
  };
  static bool open(const Window& window) { return !window.token && !window.until; }
  std::vector<Window> windows_;
};

}  // namespace violet::lessons
