#include <vector>

#include "datasets/trace_reader.hpp"
#include "datasets/trace_tally.hpp"

namespace violet::datasets {
namespace {

// What a live or dead handle was mapped as.
struct Lifetime {
  std::uint64_t page;
  std::uint32_t bytes;
  std::uint16_t endpoint;
  bool live;
};

class Validator {
 public:
  explicit Validator(std::size_t endpoints) : endpoints_(endpoints) {}

  // The rule that `record` breaks, or nullptr.
  const char* check(const TraceRecord& record) {
    if (const char* wrong = check_fields(record)) return wrong;
    const char* wrong = record.op == TraceOp::kMap     ? check_map(record)
                        : record.op == TraceOp::kUnmap ? check_unmap(record)
                                                       : check_access(record);
    if (wrong != nullptr) return wrong;
    time_ns_ = record.time_ns;
    seen_[static_cast<std::size_t>(record.op)] = true;
    tally_.add(record);
    return nullptr;
  }
  const TraceTally& tally() const { return tally_; }

 private:
  const char* check_fields(const TraceRecord& record) const {
    if (record.op < TraceOp::kMap || record.op > TraceOp::kAccess) return "unknown op";
    if ((record.flags & ~kKnownFlags) != 0) return "unknown flag bits";
    if ((record.flags & kAssumedLength) != 0 && record.op != TraceOp::kAccess) {
      return "only an access has an assumed length";
    }
    if (record.chained() &&
        (record.op == TraceOp::kAccess || !seen_[static_cast<std::size_t>(record.op)])) {
      return "chained to nothing";
    }
    if (record.time_ns < time_ns_) return "time goes back";
    if (record.endpoint >= endpoints_) return "endpoint outside the table";
    if (record.bytes == 0) return "no bytes";
    if (record.op != TraceOp::kAccess && record.offset != 0) return "offset without an access";
    return nullptr;
  }
  const char* check_map(const TraceRecord& record) {
    if (record.handle != lifetimes_.size()) return "handles are not dense";
    if (record.page + record.bytes < record.page) return "buffer wraps around the address space";
    lifetimes_.push_back({record.page, record.bytes, record.endpoint, true});
    return nullptr;
  }
  const char* check_handle(const TraceRecord& record) const {
    if (record.handle >= lifetimes_.size()) return "handle was never mapped";
    if (!lifetimes_[record.handle].live) return "handle is not mapped any more";
    if (lifetimes_[record.handle].page != record.page) return "page is not the one that was mapped";
    return nullptr;
  }
  const char* check_unmap(const TraceRecord& record) {
    if (const char* wrong = check_handle(record)) return wrong;
    auto& lifetime = lifetimes_[record.handle];
    if (lifetime.bytes != record.bytes) return "length is not the one that was mapped";
    if (lifetime.endpoint != record.endpoint) return "endpoint is not the one it was mapped for";
    lifetime.live = false;
    return nullptr;
  }
  const char* check_access(const TraceRecord& record) const {
    if (const char* wrong = check_handle(record)) return wrong;
    const auto& lifetime = lifetimes_[record.handle];
    if (record.offset >= lifetime.bytes || record.bytes > lifetime.bytes - record.offset) {
      return "access reaches outside its buffer";
    }
    if ((record.flags & (kDeviceReads | kDeviceWrites)) == 0) return "access without a direction";
    return nullptr;
  }

  std::size_t endpoints_;
  std::uint64_t time_ns_ = 0;
  bool seen_[4] = {};
  std::vector<Lifetime> lifetimes_;
  TraceTally tally_;
};

}  // namespace

Status validate_trace(const Trace& trace) {
  Validator validator(trace.endpoints().size());
  const auto records = trace.records();
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (const char* wrong = validator.check(records[i])) {
      return fail("{}: record {} (offset {}): {}", trace.path(), i,
                  sizeof(TraceHeader) + i * sizeof(TraceRecord), wrong);
    }
  }
  TraceHeader counted = trace.header();
  validator.tally().fill(counted);
  if (counted != trace.header()) {
    return fail("{}: offset 32: the header's counts are not those of its records", trace.path());
  }
  if (trace.header().mode > TraceMode::kLazy)
    return fail("{}: offset 84: unknown mode", trace.path());
  return {};
}

}  // namespace violet::datasets
