// A virtio-iommu device executes the driver's requests against domain stores, invalidates the IOTLB and
// answers; the caller owns the loop and calls poll(). To be read in this order: device.cpp (set-up, the loop,
// one handler a request), lifecycle.cpp (domains, attachments, reset).
//
// Threading: poll(), the transport's calls and the destructor belong to the engine thread; what readers
// do (reader_path.hpp) to the readers. Set-up (create, add_reader, connect) comes first.
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

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/clock.hpp"
#include "engine/base/flat_table.hpp"
#include "engine/base/memory_budget.hpp"
#include "engine/device/config.hpp"
#include "engine/device/config_space.hpp"
#include "engine/device/counters.hpp"
#include "engine/device/deferred.hpp"
#include "engine/device/domain.hpp"
#include "engine/device/parked.hpp"
#include "engine/device/queues.hpp"
#include "engine/device/reader.hpp"
#include "engine/protocol/wire.hpp"
#include "engine/telemetry/phase_clock.hpp"

namespace violet {

using IotlbFactory =
    std::function<std::unique_ptr<IotlbControl>(const IotlbConfig& config, Quiescence& quiescence)>;

class Device {
 public:
  // What a device is made of: parts of the registries, or a test's own.
  struct Parts {
    StoreFactory make_store;
    IotlbFactory make_iotlb;
  };

  // An error says what is wrong with the configuration.
  static Result<std::unique_ptr<Device>> create(const DeviceConfig& config, Parts parts,
                                                Quiescence& quiescence, TickSource ticks = {},
                                                Probe probe = {});
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // --- Set-up ---
  // Null means that the queue does not exist (yet). Requests of an earlier queue are forgotten only by
  // reset(), so a transport that replaces queues resets first.
  void connect(RequestQueue* requests, EventQueue* events) {
    requests_ = requests;
    events_ = events;
  }
  // Called on a reader's thread after it left a fault: for an engine that sleeps between requests. Null
  // to stop. Not while readers run.
  void on_fault(void (*signal)(void* context), void* context) {
    reader_context_.fault_signal = signal;
    reader_context_.fault_context = context;
  }
  // Registers a reader with the quiescence too; the second form is for a thread that already is one
  // and serves several devices. The reader lives as long as the device.
  Result<DeviceReader*> add_reader(std::string name, Probe probe = {});
  Result<DeviceReader*> add_reader(ReaderId id, Probe probe = {});
  Result<EndpointHandle> endpoint(EndpointId id);

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
    return resetting_ || !parked_.empty() || !deferred_.empty() || !retired_.empty() ||
           !garbage_.empty() || has_faults();
  }
  std::size_t requests_in_hand() const { return parked_.size() + deferred_.size(); }

  // --- What there is to see ---
  const DeviceConfig& config() const { return settings_; }
  const DeviceCounters& counters() const { return counters_; }
  // Accesses that were refused, by their readers' count: the engine may not have collected them yet. Any thread.
  std::uint64_t faults_reported() const;
  // Faults for which a reader's ring had no room: they were never posted. Any thread.
  std::uint64_t faults_dropped() const;
  // Names of readers that held up an invalidation beyond the threshold (C5), oldest first. Any thread.
  std::vector<std::string> stalled_readers() const;
  std::size_t memory_used() const { return budget_.used(); }  // As charged; dead domains included.
  std::size_t domain_count() const { return domains_.size(); }
  IotlbControl& iotlb() { return *iotlb_; }
  const IotlbControl& iotlb() const { return *iotlb_; }

 private:
  static constexpr std::size_t kBurst = 32;        // Requests taken from the queue at once.
  static constexpr std::size_t kCompletions = 64;  // Answers published at once.
  static constexpr unsigned kUnparkLimit = 256;    // Parked requests completed in one attempt.
  static constexpr unsigned kRetryLimit = 256;     // Deferred requests tried in one poll.
  static constexpr unsigned kFaultLimit = 32;      // Faults posted in one poll.
  static constexpr unsigned kReclaimFloor = 32;    // Pieces of garbage freed in one poll, at least.
  static constexpr unsigned kReclaimNext = 8;      // Of each further store of that poll.
  static constexpr std::size_t kRetiredFloor = 64;  // Dead domains beyond limits.domains.
  static constexpr std::size_t kMaxStallNames = 1000;
  // What one costs: itself and its store, what the allocator adds for their alignment, its place in the
  // list.
  static constexpr std::size_t kDomainCharge =
      sizeof(Domain) + kStoreObjectBytes + 2 * kCacheLine + sizeof(Domain*);

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

  Device(const DeviceConfig& config, Parts parts, Quiescence& quiescence, TickSource ticks,
         Probe probe);

  // One handler a request.
  Verdict run(const protocol::Attach& request, const Request& raw, UnmapProgress& progress);
  Verdict run(const protocol::Detach& request, const Request& raw, UnmapProgress& progress);
  Verdict run(const protocol::Map& request, const Request& raw, UnmapProgress& progress);
  Verdict run(const protocol::Unmap& request, const Request& raw, UnmapProgress& progress);
  Verdict run(const protocol::Probe& request, const Request& raw, UnmapProgress& progress);
  Verdict run(const protocol::UnknownRequest& request, const Request& raw, UnmapProgress& progress);
  Verdict run(const protocol::ShortRequest& request, const Request& raw, UnmapProgress& progress);
  Verdict reply_behind_zeros(const Request& raw, std::uint32_t at, protocol::Status status);
  protocol::Status check_map(const protocol::Map& request, const Mapping& mapping, Domain*& domain);
  Verdict remove(Domain& domain, IovaRange range, UnmapProgress& progress);
  std::uint32_t removal_share(const Domain& domain) const;
  void set_slicing(Domain& domain, bool on) {
    if (domain.slicing != on) slicing_ += on ? 1u : ~0u;
    domain.slicing = on;
  }
  Verdict removed(Domain& domain, IovaRange range, std::uint64_t mappings, Ticks began = 0);
  std::optional<IovaRange> whole_granules(IovaRange range) const;
  bool splits_at_edge(const Domain& domain, IovaRange range) const;
  bool compatible(const Domain& domain, const Endpoint& endpoint) const;

  // lifecycle.cpp: domains and attachments from creation to the last freed byte, and reset.
  Domain* find_domain(DomainId id) {
    if (last_domain_ != nullptr && last_domain_->id == id) [[likely]]
      return last_domain_;
    Domain** const found = domains_.find(id.value);
    if (found == nullptr) return nullptr;
    return last_domain_ = *found;
  }
  Endpoint* find_endpoint(EndpointId id) {
    Endpoint** const found = endpoint_table_.find(id.value);
    return found != nullptr ? *found : nullptr;
  }
  bool has_room_for_domain(const Endpoint& first) const;
  bool must_wait_for_room(const Endpoint& first) const;
  Domain* create_domain(DomainId id, bool bypass, const Endpoint& first);
  void publish(Endpoint& endpoint, Domain* domain);
  void leave(Endpoint& endpoint);
  void join(Endpoint& endpoint, Domain& domain);
  void retire(Domain* domain) {
    set_slicing(*domain, false);
    retired_.push(domain);
  }
  void destroy(Domain* domain);
  void add_garbage(Domain& domain);
  unsigned free_retired(unsigned executed);
  unsigned collect_garbage(unsigned executed);
  bool reclaim(Domain& domain, std::uint32_t pieces);
  void finish_reset();

  // The loop. What a request does is marked where events are recorded, so that a device without a probe pays
  // for marks at polls alone.
  unsigned work_off(unsigned budget);
  void mark(WorkPhase next) {
    if (phases_ != nullptr) [[unlikely]]
      phases_->enter(next);
  }
  // Idle until there is something to do; returns what the caller does.
  WorkPhase begin_idle() {
    const WorkPhase caller = phases_->current();
    if (caller != WorkPhase::kIdle) phases_->enter(WorkPhase::kIdle);
    return caller;
  }
  void end_idle(WorkPhase caller) {
    if (phases_->current() != caller) phases_->enter(caller);
    phases_ = nullptr;
  }
  unsigned serve_queue(unsigned budget);
  void prefetch(std::span<const Request> burst);
  void serve(const Request& raw);
  template <class R>
  void handle(const R& request, const Request& raw);
  unsigned retry_deferred();
  bool retry(DeferredList::Entry& entry);
  RequestKeys keys_of(const protocol::Attach& request);
  RequestKeys keys_of(const protocol::Detach& request);
  RequestKeys keys_of(const protocol::Map& request) { return keys_of_domain({request.domain}); }
  RequestKeys keys_of(const protocol::Unmap& request) { return keys_of_domain({request.domain}); }
  template <class R>
  RequestKeys keys_of(const R& /*concerns nothing that changes*/) {
    return {};
  }
  RequestKeys keys_of_domain(DomainId domain);
  void settle(std::uint32_t token, const Verdict& verdict);
  void park(const Completion& completion);
  void follow(const Completion& completion);
  void seal();
  unsigned complete_parked();
  bool is_complete(const Parked& parked) {
    return quiescence_.passed(parked.grace) &&
           (parked.invalidation == kNoInvalidation || iotlb_->completed(parked.invalidation));
  }
  void unpark(const Parked& parked);
  void give_back(const Completion& completion, const Parked* parked);
  void flush();
  void watch_for_stall();
  bool name_laggard(Quiescence::Token grace, InvalidationToken invalidation, Ticks since);
  void report_stall(ReaderId reader, Ticks waited);
  bool has_faults() const;
  template <class Post>
  unsigned take_faults(unsigned limit, Post&& post);
  unsigned post_faults();
  void check_rings();
  void need_reset() { needs_reset_ = true; }

  PhaseClock* phases_ = nullptr;  // During a poll whose phases are sampled.
  const DeviceConfig settings_;
  const std::uint64_t granule_mask_;
  const IovaRange input_range_;
  Quiescence& quiescence_;
  TickSource ticks_;
  Probe probe_;
  ConfigSpace config_;
  MemoryBudget budget_;
  DeviceCounters counters_;
  StoreFactory make_store_;
  std::unique_ptr<IotlbControl> iotlb_;

  ReaderContext reader_context_;
  std::vector<std::unique_ptr<DeviceReader>> readers_;
  std::size_t next_reader_ = 0;  // Whose faults were taken last.

  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  FlatTable<Endpoint*> endpoint_table_;
  std::vector<std::unique_ptr<Domain>>
      all_domains_;                // Live, retired and awaiting their last reclaim.
  FlatTable<Domain*> domains_;     // Live ones.
  Domain* last_domain_ = nullptr;  // The answer of the last find_domain().
  std::uint32_t next_tag_ = 1;
  const std::vector<std::byte> zeros_;  // probe_size of them.

  ParkedRing parked_;
  DeferredList deferred_;
  Parked parking_;  // What a handler's kPark is about.
  DomainFifo<&Domain::next_retired> retired_;
  DomainFifo<&Domain::next_garbage> garbage_;

  std::uint32_t removals_left_ = 0;  // Mappings that UNMAPs may still remove in this poll.
  std::uint32_t slicing_ = 0;        // Domains in which an UNMAP is half done.

  RequestQueue* requests_ = nullptr;
  EventQueue* events_ = nullptr;
  bool needs_reset_ = false;
  bool resetting_ = false;
  Quiescence::Token reset_grace_ = 0;
  Ticks reset_since_ = 0;
  bool reset_stall_reported_ = false;
  std::vector<Domain*> retired_at_reset_;  // By a reset whose grace period has not passed.
  std::vector<std::pair<EndpointId, DomainId>> left_at_reset_;  // For their events, after that.
  InvalidationToken last_invalidation_ = kNoInvalidation;

  mutable std::mutex stalls_mutex_;
  std::vector<std::string> stalls_;
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

// A device of a registered store and a registered IOTLB (stores.hpp, iotlbs.hpp). The error says which names
// there are, or what is wrong with the configuration.
Result<std::unique_ptr<Device>> make_device(std::string_view store, std::string_view iotlb,
                                            const DeviceConfig& config, Quiescence& quiescence,
                                            TickSource ticks = {}, Probe probe = {});

}  // namespace violet
