// A virtio-iommu device: executes the driver's requests against domain stores, invalidates the IOTLBs
// and answers; the caller owns the loop and calls poll().
//
// Threading: poll(), the transport's calls and the destructor belong to the engine thread; the
// readers' half (translation.hpp) to the readers. Set-up (create, add_reader, connect) comes first.
// Invariants, besides those of the parts:
//   C1 UNMAP, DETACH and ATTACH are answered only when nothing they removed can still be used: removed
//      from the store or unpublished, then invalidated, then a grace period opened; answered when that
//      period has passed and the invalidation is complete. Reset ends under the same condition.
//   C2 a MAP over addresses whose invalidation is still in flight is answered after that UNMAP.
//   C5 poll() waits for nobody. What must wait is parked (parked.hpp) or deferred (deferred.hpp), and
//      later requests overtake it unless they concern the same domain or endpoint.
//   Every token of the queue is given back once, or dropped by a reset.
// Limits: poll() is bounded by its budget, kBurst, kCompletions, unmap_slice and the limits of
// DeviceConfig. MAP and UNMAP allocate nothing but what their store does.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/clock.hpp"
#include "engine/base/memory_budget.hpp"
#include "engine/device/config.hpp"
#include "engine/device/config_space.hpp"
#include "engine/device/counters.hpp"
#include "engine/device/deferred.hpp"
#include "engine/device/domain.hpp"
#include "engine/device/id_table.hpp"
#include "engine/device/parked.hpp"
#include "engine/device/queues.hpp"
#include "engine/device/translation.hpp"
#include "engine/protocol/wire.hpp"

namespace violet {

// A reader that holds up an invalidation beyond the threshold (C5).
struct StallReport {
  ReaderId reader;
  const std::string& name;
  Ticks waited;
};

template <DomainStore S, Iotlb I>
class Device {
 public:
  using Path = TranslationPath<S, I>;
  using Reader = typename Path::Reader;
  using EndpointHandle = typename Path::EndpointHandle;
  using StallCallback = void (*)(void* context, const StallReport& report);

  // An error says what is wrong with the configuration.
  static Result<std::unique_ptr<Device>> create(const DeviceConfig& config, Quiescence& quiescence,
                                                TickSource ticks = {}, Probe probe = {});
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // --- Set-up ---
  // Null means that the queue does not exist (yet). Requests of an earlier queue are forgotten only by
  // reset(), so a transport that replaces queues resets first.
  void connect(RequestQueue* requests, EventQueue* events) {
    requests_ = requests;
    events_ = events;
  }
  // Called on a reader's thread after it left a fault: for an engine that sleeps between requests.
  void on_fault(void (*signal)(void* context), void* context) { path_.on_fault(signal, context); }
  void on_stall(StallCallback callback, void* context) {
    stall_callback_ = callback;
    stall_context_ = context;
  }
  // Registers a reader with the quiescence too; the second form is for a thread that already is one
  // and serves several devices.
  Result<Reader*> add_reader(std::string name, Probe probe = {}) {
    auto id = quiescence_.add_reader(std::move(name));
    if (!id) return tl::unexpected<Error>(id.error());
    return path_.add_reader(*id, probe);
  }
  Result<Reader*> add_reader(ReaderId id, Probe probe = {}) { return path_.add_reader(id, probe); }
  Result<EndpointHandle> endpoint(EndpointId id) {
    if (const Endpoint<S>* found = find_endpoint(id)) return found;
    return fail(ErrorKind::kUsage, "the device has no endpoint {}", id.value);
  }

  // --- The transport, between polls ---
  std::uint64_t offered_features() const { return config_.offered(); }
  std::uint64_t negotiated_features() const { return config_.negotiated(); }
  bool negotiate(std::uint64_t features) { return config_.negotiate(features); }
  void read_config(std::size_t offset, std::span<std::byte> out) const {
    config_.read(offset, out);
  }
  void write_config(std::size_t offset, std::span<const std::byte> bytes) {
    config_.write(offset, bytes);
  }
  // Detaches everything, forgets every mapping and every request in hand. The driver may be told
  // that the reset is done once resetting() is false, which poll() brings about (C1).
  void reset();
  // The same, and config.bypass returns to its boot value (D6).
  void system_reset() {
    config_.system_reset();
    reset();
  }
  bool resetting() const { return resetting_; }
  // The driver broke a ring, or used up the device: DEVICE_NEEDS_RESET. Only a reset clears it.
  bool needs_reset() const { return needs_reset_; }

  // --- The engine ---
  // Executes at most `budget` new requests and goes on with earlier ones. Returns the amount of work
  // done; 0 when there was none.
  unsigned poll(unsigned budget);
  // Something is unfinished that only further polls can finish, even if no request arrives.
  bool wants_poll() const {
    return resetting_ || !parked_.empty() || !deferred_.empty() || !dying_.empty() ||
           !garbage_.empty() || path_.has_faults();
  }
  std::size_t requests_in_hand() const { return parked_.size() + deferred_.size(); }

  // --- The readers: see translation.hpp ---
  Path& path() { return path_; }
  TranslateResult translate(Reader& reader, EndpointHandle endpoint, Iova iova,
                            Access access) noexcept {
    return path_.translate(reader, endpoint, iova, access);
  }
  TranslateResult translate_quietly(Reader& reader, EndpointHandle endpoint, Iova iova,
                                    Access access) noexcept {
    return path_.translate_quietly(reader, endpoint, iova, access);
  }
  template <class Ask, class Take>
  [[gnu::always_inline]] void translate_burst(Reader& reader, EndpointHandle endpoint,
                                              std::size_t count, Ask&& ask, Take&& take) noexcept {
    path_.translate_burst(reader, endpoint, count, ask, take);
  }
  // Keeps a reader online for a burst.
  class Section {
   public:
    Section(Device& device, Reader& reader) : path_(device.path_), reader_(reader) {
      path_.online(reader_);
    }
    ~Section() { path_.offline(reader_); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;
    // Lets go of every result so far.
    void quiescent() { path_.quiescent(reader_); }

   private:
    Path& path_;
    Reader& reader_;
  };

  // --- What there is to see ---
  const DeviceConfig& config() const { return settings_; }
  const DeviceCounters& counters() const { return counters_; }
  std::uint64_t faults_dropped() const {
    return path_.faults_dropped();
  }                                                           // A reader's ring was full.
  std::size_t memory_used() const { return budget_.used(); }  // As charged; dead domains included.
  std::size_t domain_count() const { return domains_.size(); }
  I& iotlb() { return iotlb_; }

 private:
  using D = Domain<S>;
  using E = Endpoint<S>;
  using Deferred = DeferredList<E>;
  using Keys = RequestKeys<E>;

  static constexpr std::size_t kBurst = 32;        // Requests taken from the queue at once.
  static constexpr std::size_t kCompletions = 64;  // Answers published at once.
  static constexpr unsigned kUnparkLimit = 256;    // Parked requests completed in one attempt.
  static constexpr unsigned kRetryLimit = 256;     // Deferred requests tried in one poll.
  static constexpr unsigned kFaultLimit = 32;      // Faults posted in one poll.
  static constexpr unsigned kReclaimFloor = 32;    // Pieces of garbage freed in one poll, at least.
  static constexpr unsigned kReclaimNext = 8;      // Of each further store of that poll.
  static constexpr std::size_t kDeadFloor = 64;    // Dead domains beyond limits.domains.
  // What one costs: itself, what the allocator adds for its alignment, its place in the list.
  static constexpr std::size_t kDomainCharge = sizeof(D) + 2 * kCacheLine + sizeof(D*);

  // What a handler decided about a request.
  struct Verdict {
    enum Kind : std::uint8_t {
      kReply,   // Answer now.
      kSilent,  // Give back with used length 0, nothing written.
      kFollow,  // Answer after everything that is parked now.
      kPark,    // Answer after the grace period of this batch and parking_.invalidation.
      kRetry,   // Not executed, or not to its end: again at the next poll.
    };
    Kind kind = kReply;
    protocol::Status status = protocol::Status::kOk;
    std::uint32_t used = sizeof(protocol::Tail);
    std::uint32_t tail_offset = 0;
  };
  static Verdict reply(protocol::Status status) { return {Verdict::kReply, status}; }

  Device(const DeviceConfig& config, Quiescence& quiescence, TickSource ticks, Probe probe);

  // handlers.hpp: one a request.
  Verdict run(const protocol::AttachRequest& request, ReplyTo to, UnmapProgress& progress);
  Verdict run(const protocol::DetachRequest& request, ReplyTo to, UnmapProgress& progress);
  Verdict run(const protocol::MapRequest& request, ReplyTo to, UnmapProgress& progress);
  Verdict run(const protocol::UnmapRequest& request, ReplyTo to, UnmapProgress& progress);
  Verdict run(const protocol::ProbeRequest& request, ReplyTo to, UnmapProgress& progress);
  Verdict run(const protocol::UnknownRequest& request, ReplyTo to, UnmapProgress& progress);
  Verdict run(const protocol::ShortRequest& request, ReplyTo to, UnmapProgress& progress);
  protocol::Status check_map(const protocol::MapRequest& request, D*& domain);
  Verdict remove(D& domain, IovaRange range, UnmapProgress& progress);
  std::uint32_t removal_share(const D& domain) const;
  void set_slicing(D& domain, bool on) {
    if (domain.slicing != on) slicing_ += on ? 1u : ~0u;
    domain.slicing = on;
  }
  Verdict removed(D& domain, IovaRange range, std::uint64_t mappings, Ticks began = 0);
  std::optional<IovaRange> whole_granules(IovaRange range) const;
  bool splits_at_edge(const D& domain, IovaRange range) const;
  bool compatible(const D& domain, const E& endpoint) const;

  // lifecycle.hpp: domains and attachments from creation to the last freed byte, and reset.
  D* find_domain(DomainId id);
  E* find_endpoint(EndpointId id);
  bool has_room_for_domain(const E& first) const;
  bool must_wait_for_room(const E& first) const;
  D* create_domain(DomainId id, bool bypass, const E& first);
  void publish(E& endpoint, D* domain);
  void leave(E& endpoint);
  void join(E& endpoint, D& domain);
  void condemn(D* domain) {
    set_slicing(*domain, false);
    dying_.push(domain);
  }
  void destroy(D* domain);
  void add_garbage(D& domain);
  unsigned bury(unsigned executed);
  unsigned collect_garbage(unsigned executed);
  bool reclaim(D& domain, std::uint32_t pieces);
  void finish_reset();

  // engine.hpp: the loop.
  unsigned serve_queue(unsigned budget);
  void prefetch(std::span<const Request> burst);
  void serve(const Request& request);
  template <class R>
  void handle(const R& request, ReplyTo to);
  unsigned retry_deferred();
  bool retry(typename Deferred::Entry& entry);
  Keys keys_of(const protocol::AttachRequest& request);
  Keys keys_of(const protocol::DetachRequest& request);
  Keys keys_of(const protocol::MapRequest& request) { return keys_of_domain(request.domain); }
  Keys keys_of(const protocol::UnmapRequest& request) { return keys_of_domain(request.domain); }
  template <class R>
  Keys keys_of(const R& /*concerns nothing that changes*/) {
    return {};
  }
  Keys keys_of_domain(DomainId domain);
  void settle(ReplyTo to, const Verdict& verdict);
  void park(const Completion& completion);
  void follow(const Completion& completion);
  void seal();
  unsigned complete_parked();
  bool is_complete(const Parked<D>& parked) {
    return quiescence_.passed(parked.grace) &&
           (parked.invalidation == kNoInvalidation || iotlb_.completed(parked.invalidation));
  }
  void unpark(const Parked<D>& parked);
  void give_back(const Completion& completion, const Parked<D>* parked);
  void flush();
  void watch_for_stall();
  bool name_laggard(Quiescence::Token grace, InvalidationToken invalidation, Ticks since);
  void report_stall(ReaderId reader, Ticks waited);
  unsigned post_faults();
  void check_rings();
  void need_reset() { needs_reset_ = true; }

  const DeviceConfig settings_;
  const std::uint64_t granule_mask_;
  const IovaRange input_range_;
  Quiescence& quiescence_;
  TickSource ticks_;
  Probe probe_;
  ConfigSpace config_;
  MemoryBudget budget_;
  DeviceCounters counters_;
  I iotlb_;
  Path path_;

  std::vector<std::unique_ptr<E>> endpoints_;
  IdTable<E*> endpoint_table_;
  std::vector<std::unique_ptr<D>> all_domains_;  // Live, dying and awaiting their last reclaim.
  IdTable<D*> domains_;                          // Live ones.
  D* last_domain_ = nullptr;                     // The answer of the last find_domain().
  std::uint32_t next_tag_ = 1;
  const std::vector<std::byte> zeros_;  // probe_size of them.

  ParkedRing<D> parked_;
  Deferred deferred_;
  Parked<D> parking_;  // What a handler's kPark is about.
  DomainFifo<S, &D::next_dying> dying_;
  DomainFifo<S, &D::next_garbage> garbage_;

  std::uint32_t removals_left_ = 0;  // Mappings that UNMAPs may still remove in this poll.
  std::uint32_t slicing_ = 0;        // Domains in which an UNMAP is half done.

  RequestQueue* requests_ = nullptr;
  EventQueue* events_ = nullptr;
  bool needs_reset_ = false;
  bool resetting_ = false;
  Quiescence::Token reset_grace_ = 0;
  Ticks reset_since_ = 0;
  bool reset_stall_reported_ = false;
  std::vector<D*> condemned_;  // By a reset whose grace period has not passed.
  std::vector<std::pair<EndpointId, DomainId>> left_at_reset_;  // For their events, after that.
  InvalidationToken last_invalidation_ = kNoInvalidation;

  StallCallback stall_callback_ = nullptr;
  void* stall_context_ = nullptr;
  std::uint64_t stall_reported_ = ~std::uint64_t{0};  // ParkedRing::front_number().

  struct Unmapped {
    DomainId domain;
    IovaRange range;
  };
  std::array<Request, kBurst> burst_;
  std::array<Completion, kCompletions> completions_;
  std::size_t completion_count_ = 0;
  std::array<Unmapped, kCompletions> unmapped_;  // Of those, the UNMAPs, for their events.
  std::size_t unmapped_count_ = 0;
};

}  // namespace violet

#include "engine/device/engine.hpp"
#include "engine/device/handlers.hpp"
#include "engine/device/lifecycle.hpp"
