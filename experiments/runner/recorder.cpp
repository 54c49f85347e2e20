#include "experiments/runner/recorder.hpp"

#include <pthread.h>

#include <chrono>
#include <condition_variable>

namespace violet {
namespace {

constexpr std::size_t kBatch = 4096;
constexpr double kIntervalS = 0.5;  // Histograms are logged this often, so a kill loses less.

void pin(std::thread& thread, unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(thread.native_handle(), sizeof(set), &set);
}

// What `now` counted beyond `before`, which it contains.
results::HdrHistogram difference(const results::HdrHistogram& now,
                                 const results::HdrHistogram& before) {
  results::HdrHistogram out(now.layout());
  now.for_each([&](const results::HdrBucket& bucket) {
    const std::uint64_t more = bucket.count - before.count_at(bucket.low);
    if (more > 0) out.record_n(bucket.low, more);
  });
  return out;
}

}  // namespace

Recorder::Recorder(Testbed& testbed, results::RunWriter* writer, results::EventTraceWriter* trace,
                   const RecorderOptions& options)
    : testbed_(testbed),
      writer_(writer),
      trace_(trace),
      options_(options),
      rings_(testbed.rings()),
      events_(rings_.size()),
      batch_(kBatch) {}

Recorder::~Recorder() {
  if (thread_.joinable()) static_cast<void>(stop());
}

void Recorder::start() {
  for (const EventRing* ring : rings_) dropped_before_.push_back(ring->dropped());
  thread_ = std::thread([this] { run(); });
  if (options_.cpu) pin(thread_, *options_.cpu);
}

void Recorder::begin_measuring() {
  testbed_.histograms().map_ns.reset();
  testbed_.histograms().unmap_ns.reset();
  testbed_.histograms().lag_ns.reset();
  if (writer_ != nullptr) interval_start_s_ = writer_->elapsed_s();
  measuring_.store(true, std::memory_order_release);  // partner: write_interval()'s acquire
}

Status Recorder::stop() {
  stop_.store(true, std::memory_order_release);  // partner: run()'s acquire
  thread_.join();
  drain();
  write_interval();
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    dropped_ += rings_[i]->dropped() - dropped_before_[i];
  }
  if (error_) return tl::unexpected<Error>(*error_);
  return {};
}

void Recorder::run() {
  auto last_interval = std::chrono::steady_clock::now();
  while (!stop_.load(std::memory_order_acquire)) {  // partner: stop()
    // taste: allow sleep because the recorder wakes by time: lcores must not have to wake it.
    std::this_thread::sleep_for(std::chrono::milliseconds(options_.period_ms));
    drain();
    const auto now = std::chrono::steady_clock::now();
    if (std::chrono::duration<double>(now - last_interval).count() < kIntervalS) continue;
    last_interval = now;
    write_interval();
  }
}

void Recorder::drain() {
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    // Bounded by what the ring holds: a producer that never pauses must not keep us here.
    for (std::size_t left = rings_[i]->capacity(); left > 0;) {
      const std::size_t count = rings_[i]->drain(batch_);
      if (count == 0) break;
      left -= std::min(left, count);
      const std::span<const Event> taken(batch_.data(), count);
      if (events_[i].size() + count <= options_.max_events) {
        events_[i].insert(events_[i].end(), taken.begin(), taken.end());
      } else {
        dropped_ += count;
      }
      if (trace_ == nullptr || traced_ >= options_.max_trace_events) continue;
      traced_ += count;
      note_error(trace_->append(taken));
    }
  }
}

void Recorder::write_interval() {
  // partner: begin_measuring()'s release, which comes after the histograms were emptied
  if (writer_ == nullptr || !measuring_.load(std::memory_order_acquire)) return;
  const double now_s = writer_->elapsed_s();
  auto map = testbed_.histograms().map_ns.snapshot();
  auto unmap = testbed_.histograms().unmap_ns.snapshot();
  const double length_s = now_s - interval_start_s_;
  note_error(writer_->interval("map", interval_start_s_, length_s, difference(map, last_map_)));
  note_error(
      writer_->interval("unmap", interval_start_s_, length_s, difference(unmap, last_unmap_)));
  last_map_ = std::move(map);
  last_unmap_ = std::move(unmap);
  interval_start_s_ = now_s;
}

void Recorder::note_error(const Status& status) {
  if (!status && !error_) error_ = status.error();
}

}  // namespace violet
